/* SPDX-License-Identifier: MIT */
/*
 * One directory is open at a time: the way down is by name and O_NOFOLLOW, the way up by "..", and
 * both have to end at the inode that was meant. So depth costs memory and no descriptors, and a
 * directory that somebody moves or replaces meanwhile is an error and not another tree. Names are
 * sorted, so those of a directory are in memory while it is being read.
 *
 * There are up to two archives: the one that is wanted and the canonical one, which goes into the
 * digest. Both get what was read once, so that the digest is of what was sent.
 */
#include "archive/pack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/inodes.h"
#include "archive/name.h"
#include "archive/stop.h"
#include "lib/argv.h"
#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/io.h"

#define PIECE ((size_t)128 << 10) /* bytes read at a time */

/* A directory on the way from the top to here. */
struct level {
	struct argv names; /* sorted */
	size_t next;
	size_t rel; /* length of its own path */
	dev_t dev;
	ino_t ino;
};

struct pack {
	const struct pack_opts *o;
	struct tar_out out;    /* in use when an archive is wanted */
	struct tar_out canon;  /* in use when a digest of a tree is wanted */
	struct digest content; /* of a top that is a regular file */
	bool single;	       /* it is one */
	bool digest;	       /* somebody wants to know it */
	const char *top;       /* as the caller names it */
	struct buf rel;	       /* path below it of the current member; empty: the top itself */
	size_t top_rel;	       /* how much of that stands for the top in the archive */
	struct buf path;       /* of the member, for sentences and names */
	struct buf name;
	struct buf to;
	struct level *levels; /* owned */
	size_t depth, room;
	struct inodes links;
	char *piece; /* owned, PIECE bytes */
};

static void pack_free(struct pack *p)
{
	tar_free(&p->out);
	tar_free(&p->canon);
	while (p->depth)
		argv_free(&p->levels[--p->depth].names);
	free(p->levels);
	inodes_clear(&p->links);
	buf_free(&p->rel);
	buf_free(&p->path);
	buf_free(&p->name);
	buf_free(&p->to);
	free(p->piece);
}
#define cleanup_pack __attribute__((cleanup(pack_free)))

bool pack_name_valid(const char *name)
{
	return *name && strlen(name) <= NAME_MAX && !strchr(name, '/') && strcmp(name, "..");
}

/* "TOP/rel"; "TOP" for the top itself. */
static int join(struct buf *b, const char *top, const char *rel, size_t n)
{
	bool slash = n && *top && top[strlen(top) - 1] != '/';

	b->len = 0;
	return buf_addf(b, "%s%s%.*s", top, slash ? "/" : "", (int)n, n ? rel : "");
}

/* The member's path, for sentences. */
static const char *shown(struct pack *p)
{
	size_t from = p->top_rel;

	from += from && from < p->rel.len; /* the slash */
	if (join(&p->path, p->top, p->rel.p + from, p->rel.len - from) < 0)
		return p->top;
	return name_shown(p->path.p);
}

/* What differs between machines and days is not in it. */
static void canonical(struct tar_member *m, int64_t mtime)
{
	m->mtime = mtime;
	m->uid = 0;
	m->gid = 0;
	if (S_ISLNK(m->mode))
		m->mode = S_IFLNK | 0777;
	else if (S_ISDIR(m->mode) || (m->mode & S_IXUSR))
		m->mode = (m->mode & S_IFMT) | 0755;
	else
		m->mode = (m->mode & S_IFMT) | 0644;
}

static int header_to(struct pack *p, struct tar_out *t, const char *top, struct tar_member m,
		     const char *first, struct err *e)
{
	if (join(&p->name, top, p->rel.p, p->rel.len) < 0 ||
	    (first && join(&p->to, top, first, strlen(first)) < 0))
		return err_memory(e);
	if (p->name.len > NAME_PATH_MAX)
		return err_set(e, ENAMETOOLONG, "%s: a path of more than %d bytes", shown(p),
			       NAME_PATH_MAX);
	m.path = p->name.p;
	m.hardlink = first ? p->to.p : NULL;
	return tar_member(t, &m, e);
}

enum which { TO_OUT = 1, TO_CANON = 2, TO_BOTH = 3 };

/* target is that of a symlink, first another name of the same file; or NULL. */
static int header(struct pack *p, const struct stat *st, const char *target, const char *first,
		  enum which which, struct err *e)
{
	bool out = p->out.a && which & TO_OUT && (!p->o->dirs_only || S_ISDIR(st->st_mode));
	const struct pack_opts *o = p->o;
	struct tar_member m = {
		.mode = st->st_mode & (S_IFMT | 07777),
		.mtime = st->st_mtime,
		.target = target,
		.size = S_ISREG(st->st_mode) && !first ? (uint64_t)st->st_size : 0,
		.uid = o->owners ? st->st_uid : 0,
		.gid = o->owners ? st->st_gid : 0,
	};
	int r = 0;

	if (out && o->reproducible) {
		canonical(&m, o->mtime);
	} else if (out && (m.mtime < 0 || m.mtime > TAR_MTIME_MAX)) {
		if (o->warn)
			o->warn("%s: time %jd cannot be said, the nearest is taken", shown(p),
				(intmax_t)m.mtime);
		m.mtime = m.mtime < 0 ? 0 : TAR_MTIME_MAX;
	}
	if (out)
		r = header_to(p, &p->out, o->name, m, first, e);
	if (r == 0 && p->canon.a && which & TO_CANON) {
		canonical(&m, 0);
		r = header_to(p, &p->canon, ".", m, first, e);
	}
	return r;
}

static int data(struct pack *p, size_t n, struct err *e)
{
	int r = 0;

	if (p->single && p->digest)
		digest_add(&p->content, p->piece, n);
	if (p->out.a)
		r = tar_data(&p->out, p->piece, n, e);
	if (r == 0 && p->canon.a)
		r = tar_data(&p->canon, p->piece, n, e);
	return r;
}

static int changed(struct pack *p, struct err *e)
{
	return err_set(e, EBUSY, "%s: changed while it was read", shown(p));
}

static int interrupted(struct err *e)
{
	return err_set(e, EINTR, "interrupted");
}

static int contents(struct pack *p, int fd, const struct stat *st, struct err *e)
{
	struct stat now;
	uint64_t left = (uint64_t)st->st_size;
	int r = 0;

	while (r == 0 && left) {
		size_t want = left < PIECE ? (size_t)left : PIECE;
		ssize_t n = io_read_full(fd, p->piece, want);

		if (n < 0)
			return err_code(e, (int)-n, "read %s", shown(p));
		if ((size_t)n < want)
			return changed(p, e);
		left -= want;
		r = stop_asked(p->o->stop_fd) ? interrupted(e) : data(p, want, e);
	}
	if (r < 0)
		return r;
	/* Files of /proc say 0 bytes and have some: that is not to be an empty file. */
	if (io_read_full(fd, p->piece, 1) != 0 || fstat(fd, &now) < 0 ||
	    now.st_size != st->st_size || now.st_mtim.tv_sec != st->st_mtim.tv_sec ||
	    now.st_mtim.tv_nsec != st->st_mtim.tv_nsec)
		return changed(p, e);
	return 0;
}

static bool same_inode(const struct stat *a, dev_t dev, ino_t ino)
{
	return a->st_dev == dev && a->st_ino == ino;
}

/* A mode without the owner's r keeps out the owner, but not from giving it to himself for a moment. */
static int open_own(int dirfd, const char *name, mode_t mode)
{
	cleanup_close int at = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	char path[32];
	int fd = -1;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", at);
	if (at >= 0 && chmod(path, (mode & 07777) | S_IRUSR) == 0) {
		fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (chmod(path, mode & 07777) < 0 && fd >= 0)
			close(take_fd(&fd));
	}
	return fd;
}

static int regular(struct pack *p, int dirfd, const char *name, const struct stat *seen,
		   struct err *e)
{
	/* O_NONBLOCK: it may have become a fifo. */
	cleanup_close int fd =
		openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	const char *first = NULL;
	struct stat st;
	int r;

	if (fd < 0 && errno == EACCES && p->o->own)
		fd = open_own(dirfd, name, seen->st_mode);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, "open %s", shown(p));
	if (!S_ISREG(st.st_mode) || !same_inode(&st, seen->st_dev, seen->st_ino))
		return changed(p, e);
	if (st.st_nlink > 1 && !p->single) {
		first = inodes_first(&p->links, st.st_dev, st.st_ino);
		if (!first && inodes_put(&p->links, st.st_dev, st.st_ino, p->rel.p) < 0)
			return err_memory(e);
	}
	r = header(p, &st, NULL, first, TO_BOTH, e);
	return r < 0 || first || p->o->dirs_only ? r : contents(p, fd, &st, e);
}

static int symlink_at(struct pack *p, int dirfd, const char *name, const struct stat *st,
		      struct err *e)
{
	char target[PATH_MAX + 1];
	ssize_t n = readlinkat(dirfd, name, target, sizeof(target) - 1);

	if (n < 0)
		return err_sys(e, "read link %s", shown(p));
	target[n] = '\0';
	return header(p, st, target, NULL, TO_BOTH, e);
}

/* One member, whatever it is; of a directory what is in it comes later. */
static int member(struct pack *p, int dirfd, const char *name, const struct stat *st, struct err *e)
{
	switch (st->st_mode & S_IFMT) {
	case S_IFREG:
		return regular(p, dirfd, name, st, e);
	case S_IFLNK:
		return symlink_at(p, dirfd, name, st, e);
	case S_IFDIR:
		return header(p, st, NULL, NULL, p->o->dirs_last ? TO_CANON : TO_BOTH, e);
	case S_IFIFO:
		return header(p, st, NULL, NULL, TO_BOTH, e);
	case S_IFSOCK:
		if (!p->rel.len)
			return err_set(e, EINVAL, "%s: a socket", shown(p));
		if (p->o->warn)
			p->o->warn("%s: a socket, left out", shown(p));
		return 0;
	default:
		return err_set(e, EINVAL, "%s: a device", shown(p));
	}
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_names(struct pack *p, int fd, struct argv *names, struct err *e)
{
	cleanup_dir DIR *d = NULL;
	cleanup_close int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct dirent *de;

	d = again < 0 ? NULL : fdopendir(again);
	if (!d)
		return err_sys(e, "open %s", shown(p));
	again = -1; /* d has it */
	while (errno = 0, (de = readdir(d))) {
		if (strcmp(de->d_name, ".") && strcmp(de->d_name, "..") &&
		    argv_push(names, de->d_name) < 0)
			return err_memory(e);
	}
	if (errno)
		return err_sys(e, "read %s", shown(p));
	if (names->n)
		qsort(names->v, names->n, sizeof(*names->v), by_bytes);
	return 0;
}

/* Into the directory name of *fd, which becomes that of the new level. */
static int go_down(struct pack *p, int *fd, const char *name, const struct stat *seen,
		   struct err *e)
{
	cleanup_close int next = openat(*fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct level *l;
	struct stat st;

	if (next < 0 || fstat(next, &st) < 0)
		return err_sys(e, "open %s", shown(p));
	if (!same_inode(&st, seen->st_dev, seen->st_ino))
		return changed(p, e);
	if (p->depth == p->room) {
		size_t room = p->room ? 2 * p->room : 16;

		l = reallocarray(p->levels, room, sizeof(*l));
		if (!l)
			return err_memory(e);
		p->levels = l;
		p->room = room;
	}
	l = &p->levels[p->depth++];
	*l = (struct level){ .rel = p->rel.len, .dev = st.st_dev, .ino = st.st_ino };
	if (*fd >= 0)
		close(*fd);
	*fd = take_fd(&next);
	return read_names(p, *fd, &l->names, e);
}

static int go_up(struct pack *p, int *fd, struct err *e)
{
	const struct level *l = &p->levels[p->depth - 1];
	struct stat st;
	int up;

	p->rel.len = l->rel;
	if (p->o->dirs_last) {
		if (fstat(*fd, &st) < 0)
			return err_sys(e, "%s", shown(p));
		if (header(p, &st, NULL, NULL, TO_OUT, e) < 0)
			return -e->code;
	}
	argv_free(&p->levels[--p->depth].names);
	if (!p->depth)
		return 0;
	l = &p->levels[p->depth - 1];
	p->rel.len = l->rel;
	up = openat(*fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (up < 0)
		return err_sys(e, "open %s", shown(p));
	close(*fd);
	*fd = up;
	if (fstat(up, &st) < 0 || !same_inode(&st, l->dev, l->ino))
		return changed(p, e);
	return 0;
}

/* The next name of the directory that is open. */
static int next_member(struct pack *p, int *fd, struct err *e)
{
	struct level *l = &p->levels[p->depth - 1];
	const char *name = l->names.v[l->next++];
	struct stat st;
	int r;

	p->rel.len = l->rel;
	if (buf_addf(&p->rel, "%s%s", l->rel ? "/" : "", name) < 0)
		return err_memory(e);
	if (stop_asked(p->o->stop_fd))
		return interrupted(e);
	if (fstatat(*fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "%s", shown(p));
	r = member(p, *fd, name, &st, e);
	return r == 0 && S_ISDIR(st.st_mode) ? go_down(p, fd, name, &st, e) : r;
}

static int all_members(struct pack *p, int dirfd, const char *path, const struct stat *st,
		       struct err *e)
{
	cleanup_close int fd = dirfd == AT_FDCWD ? AT_FDCWD : fcntl(dirfd, F_DUPFD_CLOEXEC, 3);
	int r = member(p, dirfd, path, st, e);

	if (r == 0 && S_ISDIR(st->st_mode))
		r = go_down(p, &fd, path, st, e);
	while (r == 0 && p->depth) {
		const struct level *l = &p->levels[p->depth - 1];

		r = l->next < l->names.n ? next_member(p, &fd, e) : go_up(p, &fd, e);
	}
	return r;
}

static int begin(struct pack *p, struct err *e)
{
	int r = 0;

	p->piece = malloc(PIECE);
	if (!p->piece || buf_adds(&p->rel, "") < 0)
		return err_memory(e);
	digest_init(&p->content);
	if (p->o->out >= 0)
		r = tar_open(&p->out, p->o->out, p->o->compression, e);
	if (r == 0 && p->digest && !p->single)
		r = tar_open(&p->canon, -1, TAR_PLAIN, e);
	return r;
}

/* The pin is looked at before the end is written: who reads it must not take it for whole. */
static int finish(struct pack *p, char text[DIGEST_TEXT], struct err *e)
{
	int r = 0;

	if (p->canon.a)
		r = tar_close(&p->canon, e);
	if (r == 0 && p->digest)
		digest_end(p->single ? &p->content : &p->canon.digest, text);
	if (r == 0 && p->o->pin && strcmp(p->o->pin, text))
		r = err_set(e, EKEYREJECTED, "%s: is %s, not what --pin says", name_shown(p->top),
			    text);
	return r == 0 && p->out.a ? tar_close(&p->out, e) : r;
}

int pack(int dirfd, const char *path, const struct pack_opts *o, char digest[DIGEST_TEXT],
	 struct err *e)
{
	cleanup_pack struct pack p = { .o = o, .top = path, .digest = o->digest || o->pin };
	struct stat st;
	int r;

	if (!*path || fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return *path ? err_sys(e, "%s", name_shown(path))
			     : err_set(e, ENOENT, "'': no such file");
	p.single = S_ISREG(st.st_mode);
	r = begin(&p, e);
	if (r == 0)
		r = all_members(&p, dirfd, path, &st, e);
	return r < 0 ? r : finish(&p, digest, e);
}

/* What tar(1) makes of a path: never absolute, nothing above the directory that it is unpacked in. */
static int member_name(struct pack *p, const char *path, struct err *e)
{
	size_t n = strlen(path), from = 0, at = 0;

	while (path[at]) {
		size_t len = strcspn(path + at, "/");

		if (len == 2 && !memcmp(path + at, "..", 2))
			from = at + len;
		at += len;
		at += strspn(path + at, "/");
	}
	from += strspn(path + from, "/");
	while (n > from && path[n - 1] == '/')
		n--;
	if (from && p->o->warn)
		p->o->warn("%s: '%.*s' is left out of the names", name_shown(path), (int)from,
			   path);
	p->top = path;
	p->rel.len = 0;
	if (buf_addf(&p->rel, "%.*s", n > from ? (int)(n - from) : 1,
		     n > from ? path + from : ".") < 0)
		return err_memory(e);
	p->top_rel = p->rel.len;
	return 0;
}

/* One archive whose top is nothing: each path is a name below it. */
int pack_list(int dirfd, char *const *paths, size_t n, const struct pack_opts *o, struct err *e)
{
	struct pack_opts own = *o;
	cleanup_pack struct pack p = { .o = &own, .top = "" };
	int r;

	own.name = "";
	own.digest = own.dirs_last = own.dirs_only = false;
	own.pin = NULL;
	r = begin(&p, e);
	for (size_t i = 0; i < n && r == 0; i++) {
		struct stat st;

		if (!*paths[i])
			return err_set(e, ENOENT, "'': no such file");
		if (fstatat(dirfd, paths[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
			return err_sys(e, "%s", name_shown(paths[i]));
		r = member_name(&p, paths[i], e);
		if (r == 0)
			r = all_members(&p, dirfd, paths[i], &st, e);
	}
	return r < 0 ? r : tar_close(&p.out, e);
}
