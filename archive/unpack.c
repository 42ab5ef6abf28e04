/* SPDX-License-Identifier: MIT */
/*
 * libarchive takes the archive apart; what the names may be is decided here, and dest.c does it.
 * libarchive's own writer (archive_write_disk) is not used: it works by path and from the current
 * directory, and its checks are made before the call that they are for.
 *
 * libarchive takes the end of the input between two members for the end of the archive. Whether the
 * end was written is seen from the position: zeros were read behind the last member.
 */
#include "archive/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/dest.h"
#include "archive/name.h"
#include "archive/pack.h"
#include "archive/stop.h"
#include "late/archive.h"
#include "lib/cleanup.h"
#include "lib/locale.h"

#define PIECE ((size_t)128 << 10)   /* bytes read at a time; whole blocks */
#define TAIL_MAX ((size_t)16 << 20) /* zeros behind the end: what a record is filled up with */

struct unpack {
	const struct unpack_opts *o;
	int in;
	struct archive *a; /* owned */
	struct err *e;
	char *piece;	 /* owned: what was read last */
	size_t n;	 /* bytes in it */
	uint64_t base;	 /* where it begins in the input */
	bool begun;	 /* the top is known */
	bool tree;	 /* it is a directory */
	struct buf top;	 /* its name; "." when the archive is of "." */
	struct buf rel;	 /* of the member, below the top */
	struct buf link; /* of the other name of a hard link */
	uint64_t entries, size;
	struct dest dest;
};

static void unpack_free(struct unpack *u)
{
	if (u->a)
		archive_read_free(u->a);
	dest_free(&u->dest);
	free(u->piece);
	buf_free(&u->top);
	buf_free(&u->rel);
	buf_free(&u->link);
}
#define cleanup_unpack __attribute__((cleanup(unpack_free)))

static int arc_err(struct unpack *u)
{
	const char *text = archive_error_string(u->a);

	if (u->e->code)
		return -u->e->code;
	return err_set(u->e, EINVAL, "archive: %s", text ? text : "cannot be read");
}

static int interrupted(struct err *e)
{
	return err_set(e, EINTR, "interrupted");
}

/* Fills the piece, so that no block is in two; looks for the end of everything meanwhile. */
static int fill(struct unpack *u)
{
	struct pollfd p[2] = {
		{ .fd = u->in, .events = POLLIN },
		{ .fd = u->o->stop_fd, .events = POLLIN },
	};

	u->base += u->n;
	u->n = 0;
	while (u->n < PIECE) {
		ssize_t k;

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return err_sys(u->e, "poll");
		if (p[1].revents)
			return interrupted(u->e);
		k = p[0].revents ? read(u->in, u->piece + u->n, PIECE - u->n) : -1;
		if (k < 0 && p[0].revents && errno != EINTR && errno != EAGAIN)
			return err_sys(u->e, "read archive");
		if (k == 0)
			break;
		u->n += k > 0 ? (size_t)k : 0;
	}
	return 0;
}

static la_ssize_t on_read(struct archive *a, void *ctx, const void **p)
{
	struct unpack *u = ctx;

	if (fill(u) < 0) {
		archive_set_error(a, u->e->code, "%s", u->e->msg);
		return -1;
	}
	*p = u->piece;
	return (la_ssize_t)u->n;
}

/* What is below the top, into b; the first member says what the top is. */
static int below_top(struct unpack *u, const char *path, struct buf *b)
{
	size_t n;
	int r = name_normal(path, b, u->e);

	if (r < 0)
		return r;
	n = strcspn(b->p, "/");
	if (!u->begun && (n ? buf_add(&u->top, b->p, n) : buf_adds(&u->top, ".")) < 0)
		return err_set(u->e, ENOMEM, "out of memory");
	if (!strcmp(u->top.p, "."))
		return 0;
	if (n != u->top.len || memcmp(b->p, u->top.p, n))
		return err_set(u->e, EINVAL, "'%s': not below the one top of the archive",
			       name_shown(path));
	n += b->p[n] == '/';
	memmove(b->p, b->p + n, b->len - n + 1);
	b->len -= n;
	return 0;
}

static int kind_of(struct unpack *u, struct archive_entry *en, enum dest_kind *kind)
{
	if (archive_entry_hardlink(en)) {
		*kind = DEST_LINK;
		return 0;
	}
	switch (archive_entry_filetype(en)) {
	case AE_IFREG:
		*kind = DEST_FILE;
		return 0;
	case AE_IFDIR:
		*kind = DEST_DIR;
		return 0;
	case AE_IFLNK:
		*kind = DEST_SYMLINK;
		return 0;
	case AE_IFIFO:
		*kind = DEST_FIFO;
		return 0;
	case AE_IFCHR:
	case AE_IFBLK:
		return err_set(u->e, EPERM, "'%s': a device",
			       name_shown(archive_entry_pathname(en)));
	default:
		return err_set(u->e, EINVAL, "'%s': of no known type",
			       name_shown(archive_entry_pathname(en)));
	}
}

/* The member is one of what there may be so many. */
static int count(struct unpack *u, struct archive_entry *en, enum dest_kind kind)
{
	la_int64_t size = kind == DEST_FILE ? archive_entry_size(en) : 0;

	if (u->entries == u->o->max_entries)
		return err_set(u->e, EFBIG, "more than %ju members", (uintmax_t)u->o->max_entries);
	u->entries++;
	if (size < 0 || (uint64_t)size > u->o->max_size - u->size)
		return err_set(u->e, EFBIG, "'%s': more than %ju bytes in all",
			       name_shown(archive_entry_pathname(en)), (uintmax_t)u->o->max_size);
	u->size += (uint64_t)size;
	return 0;
}

/* Turns the header into what is to be made. */
static int convert(struct unpack *u, struct archive_entry *en, struct dest_member *m)
{
	const char *path = archive_entry_pathname(en), *link = archive_entry_hardlink(en);
	int r;

	if (!path || !*path)
		return err_set(u->e, EINVAL, "a member without a name");
	r = kind_of(u, en, &m->kind);
	if (r == 0)
		r = count(u, en, m->kind);
	if (r == 0)
		r = below_top(u, path, &u->rel);
	if (r < 0)
		return r;
	if (!u->begun) {
		u->tree = u->rel.len || m->kind == DEST_DIR;
		if (!u->tree && !strcmp(u->top.p, "."))
			return err_set(u->e, EINVAL, "'%s': a file without a name",
				       name_shown(path));
		r = dest_top(&u->dest, u->top.p, u->tree, u->e);
		u->begun = true;
	} else if (!u->tree || (!u->rel.len && m->kind != DEST_DIR)) {
		r = err_set(u->e, EINVAL, "'%s': the top of the archive is a file already",
			    name_shown(path));
	}
	m->target = archive_entry_symlink(en);
	if (r == 0 && m->kind == DEST_LINK) {
		r = below_top(u, link, &u->link);
		m->target = u->link.p;
		if (r == 0 && (!u->link.len || !u->rel.len))
			r = err_set(u->e, EINVAL, "'%s': a hard link to no file", name_shown(path));
	}
	if (r == 0 && m->kind == DEST_SYMLINK && (!m->target || !*m->target))
		r = err_set(u->e, EINVAL, "'%s': a symlink to nothing", name_shown(path));
	m->rel = u->rel.p;
	/* The owner becomes the caller: what runs as the owner would be another thing. */
	m->mode = archive_entry_perm(en) & 01777;
	m->mtime = (struct timespec){ archive_entry_mtime(en), archive_entry_mtime_nsec(en) };
	if (m->mtime.tv_nsec < 0 || m->mtime.tv_nsec > 999999999)
		m->mtime.tv_nsec = 0;
	return r;
}

static int write_at(int fd, const char *p, size_t n, off_t at)
{
	while (n) {
		ssize_t k = pwrite(fd, p, n, at);

		if (k < 0 && errno != EINTR)
			return -errno;
		if (k > 0) {
			p += k;
			n -= (size_t)k;
			at += k;
		}
	}
	return 0;
}

/* Holes stay holes. */
static int contents(struct unpack *u, const struct dest_member *m, la_int64_t size)
{
	int fd = u->dest.part.fd;

	for (;;) {
		const void *p;
		size_t n;
		la_int64_t at;
		int r = archive_read_data_block(u->a, &p, &n, &at);

		if (r == ARCHIVE_EOF)
			break;
		if (r != ARCHIVE_OK)
			return arc_err(u);
		if (at < 0 || at > size || n > (uint64_t)(size - at))
			return err_set(u->e, EINVAL, "%s: more data than it says",
				       dest_shown(&u->dest, m->rel));
		if (stop_asked(u->o->stop_fd))
			return interrupted(u->e);
		r = write_at(fd, p, n, at);
		if (r < 0)
			return err_code(u->e, -r, "write %s", dest_shown(&u->dest, m->rel));
	}
	return ftruncate(fd, size) < 0 ? err_sys(u->e, "write %s", dest_shown(&u->dest, m->rel))
				       : 0;
}

static int member(struct unpack *u, struct archive_entry *en)
{
	struct dest_member m = { 0 };
	int r = convert(u, en, &m);

	if (r == 0)
		r = dest_member(&u->dest, &m, u->e);
	if (r == 0 && m.kind == DEST_FILE)
		r = contents(u, &m, archive_entry_size(en));
	return r == 0 ? dest_done(&u->dest, &m, u->e) : r;
}

static int all_members(struct unpack *u)
{
	struct archive_entry *en;
	int r = 0;

	while (r == 0) {
		int k;

		if (stop_asked(u->o->stop_fd))
			return interrupted(u->e);
		k = archive_read_next_header(u->a, &en);
		if (k == ARCHIVE_EOF)
			break;
		if (k != ARCHIVE_OK)
			return !u->base && !u->n ? err_set(u->e, EINVAL, "archive: empty input")
						 : arc_err(u);
		r = member(u, en);
	}
	if (r == 0 && !u->begun)
		r = err_set(u->e, EINVAL, "archive: nothing in it");
	if (r == 0 && archive_filter_bytes(u->a, -1) <= archive_read_header_position(u->a))
		r = err_set(u->e, EINVAL, "archive: cut off, its end is missing");
	return r;
}

/* Zeros may follow; they are read so that who writes them is not killed for it. */
static int tail(struct unpack *u)
{
	uint64_t end = (uint64_t)archive_filter_bytes(u->a, -1);
	size_t at = end > u->base ? (size_t)(end - u->base) : 0;
	size_t zeros = 0;
	int r = 0;

	while (r == 0) {
		for (; at < u->n; at++, zeros++) {
			if (u->piece[at])
				return err_set(u->e, EINVAL,
					       "archive: something follows behind its end");
		}
		if (zeros > TAIL_MAX)
			return err_set(u->e, EINVAL, "archive: no end behind its end");
		if (u->n < PIECE)
			break;
		r = fill(u);
		at = 0;
	}
	return r;
}

static int digest_of(struct unpack *u, char digest[DIGEST_TEXT])
{
	struct dest *d = &u->dest;
	const struct pack_opts o = {
		.name = ".",
		.out = -1,
		.stop_fd = u->o->stop_fd,
		.digest = true,
		.own = true,
	};

	if (d->file >= 0) {
		if (lseek(d->file, 0, SEEK_SET) < 0)
			return err_sys(u->e, "%s", dest_shown(d, ""));
		return digest_fd(d->file, dest_shown(d, ""), digest, u->e);
	}
	return pack(d->parent, d->aside[0] ? d->aside : d->name.p, &o, digest, u->e);
}

static int begin(struct unpack *u, const char *target)
{
	int r = late_archive(u->e);

	if (r == 0)
		r = dest_open(&u->dest, target, u->e);
	if (r < 0)
		return r;
	u->piece = malloc(PIECE);
	u->a = archive_read_new();
	if (!u->piece || !u->a)
		return err_set(u->e, ENOMEM, "out of memory");
	if (archive_read_support_format_tar(u->a) != ARCHIVE_OK ||
	    archive_read_open(u->a, u, NULL, on_read, NULL) != ARCHIVE_OK)
		return arc_err(u);
	return 0;
}

int unpack(int in, const char *target, const struct unpack_opts *o, char digest[DIGEST_TEXT],
	   struct err *e)
{
	cleanup_utf8 struct utf8_locale l = { 0 };
	cleanup_unpack struct unpack u = { .o = o, .in = in, .e = e, .dest = DEST_INIT };
	int r;

	e->code = 0;
	utf8_enter(&l);
	r = begin(&u, target);
	if (r == 0)
		r = all_members(&u);
	if (r == 0)
		r = tail(&u);
	/* Before directories get modes that may keep us out. */
	if (r == 0 && o->digest)
		r = digest_of(&u, digest);
	if (r == 0)
		r = dest_settle(&u.dest, e);
	if (r == 0 && stop_asked(o->stop_fd))
		r = interrupted(e);
	return r == 0 ? dest_commit(&u.dest, e) : r;
}
