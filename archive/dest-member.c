/* SPDX-License-Identifier: MIT */
/*
 * One member of a tree: the way to its directory, and the new inode. The directory of the last one
 * stays open, because the next one is usually in it or below.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/dest.h"
#include "lib/cleanup.h"

/* One step: the directory name of at, whose path is the first n bytes of rel. */
static int step(struct dest *d, int at, const char *name, const char *rel, size_t n, bool make,
		struct err *e)
{
	const int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	const struct timespec now = { .tv_nsec = UTIME_OMIT };
	int fd = openat(at, name, flags);

	if (fd < 0 && errno == ENOENT && make) {
		if (mkdirat(at, name, 0700) < 0)
			return err_sys(e, "make %s", dest_shown(d, rel));
		if (dest_mine(d, rel, n, 0755, &now) < 0)
			return err_memory(e);
		fd = openat(at, name, flags);
	}
	if (fd < 0 && errno == ENOTDIR)
		return err_set(e, ENOTDIR, "%s: what is in front is not a directory",
			       dest_shown(d, rel));
	return fd < 0 ? err_sys(e, "%s", dest_shown(d, rel)) : fd;
}

/* From the last directory when that is on the way, else from the top. */
static int start(struct dest *d, const char *rel, size_t n, size_t *done)
{
	const struct buf *last = &d->dir_rel;

	*done = 0;
	if (d->dir < 0 || last->len > n || (last->len && memcmp(last->p, rel, last->len)) ||
	    (last->len && last->len < n && rel[last->len] != '/'))
		return fcntl(d->root, F_DUPFD_CLOEXEC, 3);
	*done = last->len;
	return take_fd(&d->dir);
}

/* d->dir becomes the directory that the first n bytes of rel name. */
static int walk(struct dest *d, const char *rel, size_t n, bool make, struct err *e)
{
	size_t at;
	cleanup_close int fd = start(d, rel, n, &at);

	if (fd < 0)
		return err_sys(e, "%s", dest_shown(d, ""));
	if (d->dir >= 0)
		close(take_fd(&d->dir));
	while (at < n) {
		char name[NAME_MAX + 1];
		size_t from = at + (rel[at] == '/'), k = strcspn(rel + from, "/");
		int next;

		if (k > NAME_MAX)
			return err_code(e, ENAMETOOLONG, "%s", dest_shown(d, rel));
		memcpy(name, rel + from, k);
		name[k] = '\0';
		at = from + k;
		next = step(d, fd, name, rel, at, make, e);
		if (next < 0)
			return next;
		close(fd);
		fd = next;
	}
	d->dir_rel.len = 0;
	if (buf_add(&d->dir_rel, rel, n) < 0)
		return err_memory(e);
	d->dir = take_fd(&fd);
	return 0;
}

/* The directory of rel, and its name there. */
static int place(struct dest *d, const char *rel, bool make, int *dir, const char **name,
		 struct err *e)
{
	const char *slash = strrchr(rel, '/');
	int r;

	if (!*rel) {
		*dir = d->parent;
		*name = d->name.p;
		return 0;
	}
	r = walk(d, rel, slash ? (size_t)(slash - rel) : 0, make, e);
	*dir = d->dir;
	*name = slash ? slash + 1 : rel;
	return r;
}

static int directory(struct dest *d, const struct dest_member *m, struct err *e)
{
	const char *name;
	struct stat st;
	int dir, r;

	/* The top is there already; made when it is ours. */
	if (*m->rel) {
		r = place(d, m->rel, true, &dir, &name, e);
		if (r < 0)
			return r;
		if (mkdirat(dir, name, 0700) == 0)
			return dest_mine(d, m->rel, strlen(m->rel), m->mode, &m->mtime) < 0
				       ? err_memory(e)
				       : 0;
		if (errno != EEXIST || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return err_sys(e, "make %s", dest_shown(d, m->rel));
		if (!S_ISDIR(st.st_mode))
			return err_set(e, ENOTDIR, "%s: not a directory, the archive has one",
				       dest_shown(d, m->rel));
	}
	if (!dest_is_mine(d, m->rel))
		return 0;
	return dest_mine(d, m->rel, strlen(m->rel), m->mode, &m->mtime) < 0 ? err_memory(e) : 0;
}

/* The other name of a hard link; the directory that it is in comes back. */
static int other(struct dest *d, const struct dest_member *m, const char **name, struct err *e)
{
	struct stat st;
	int dir, copy;
	int r = place(d, m->target, false, &dir, name, e);

	if (r == 0 && fstatat(dir, *name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		r = err_sys(e, "%s", dest_shown(d, m->target));
	else if (r == 0 && !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
		r = err_set(e, EPERM, "%s: not a file", dest_shown(d, m->target));
	if (r < 0)
		return err_wrap(e, "hard link");
	copy = fcntl(dir, F_DUPFD_CLOEXEC, 3);
	return copy < 0 ? err_sys(e, "hard link") : copy;
}

int dest_member(struct dest *d, const struct dest_member *m, struct err *e)
{
	struct dest_thing t = { .kind = m->kind, .target = m->target, .from_dir = -1, .fd = -1 };
	cleanup_close int from = -1;
	struct dest_part *p = &d->part;
	const char *name;
	int r;

	if (m->kind == DEST_DIR)
		return directory(d, m, e);
	if (m->kind == DEST_LINK) {
		from = other(d, m, &t.from, e);
		if (from < 0)
			return from;
		t.from_dir = from;
	}
	r = place(d, m->rel, true, &p->dir, &name, e);
	if (r < 0)
		return r;
	if (strlen(name) > NAME_MAX)
		return err_code(e, ENAMETOOLONG, "%s", dest_shown(d, m->rel));
	memcpy(p->name, name, strlen(name) + 1);
	p->aside[0] = '\0';
	/* In a tree that nobody sees yet the name is free, but for what comes twice. */
	r = d->merge || !*m->rel ? -EEXIST : dest_make(p->dir, name, &t);
	if (r == -EEXIST)
		r = dest_make_aside(p->dir, name, &t, p->aside);
	p->fd = t.fd;
	return r < 0 ? err_code(e, -r, "make %s", dest_shown(d, m->rel)) : 0;
}

static int set_attributes(struct dest *d, const struct dest_member *m)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, m->mtime };
	const struct dest_part *p = &d->part;
	const char *name = p->aside[0] ? p->aside : p->name;

	switch (m->kind) {
	case DEST_FILE:
		return fchmod(p->fd, m->mode) < 0 || futimens(p->fd, times) < 0 ? -errno : 0;
	case DEST_FIFO:
		if (fchmodat(p->dir, name, m->mode, 0) < 0)
			return -errno;
		return utimensat(p->dir, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
	case DEST_SYMLINK:
		return utimensat(p->dir, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
	case DEST_DIR:	/* at the end */
	case DEST_LINK: /* those of the other name */
		break;
	}
	return 0;
}

/* The name of the top comes with dest_commit(). */
static int take_name(struct dest *d, const struct dest_member *m)
{
	struct dest_part *p = &d->part;

	if (!*m->rel) {
		memcpy(d->aside, p->aside, sizeof(d->aside));
		d->file = take_fd(&p->fd);
	} else if (p->aside[0]) {
		if (renameat(p->dir, p->aside, p->dir, p->name) < 0)
			return -errno;
		/* Are both the same file already, rename(2) leaves both names. */
		unlinkat(p->dir, p->aside, 0);
	}
	p->aside[0] = '\0';
	if (p->fd >= 0)
		close(take_fd(&p->fd));
	return 0;
}

int dest_done(struct dest *d, const struct dest_member *m, struct err *e)
{
	int r = m->kind == DEST_DIR ? 0 : set_attributes(d, m);

	if (r == 0 && m->kind != DEST_DIR)
		r = take_name(d, m);
	return r < 0 ? err_code(e, -r, "make %s", dest_shown(d, m->rel)) : 0;
}
