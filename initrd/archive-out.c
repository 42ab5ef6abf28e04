/* SPDX-License-Identifier: MIT */
/*
 * libarchive as a writer. The newc writer's output is read back by newc.c on its way to the
 * compressor, which is a writer of its own ("raw"), so that padding is inside and not behind the
 * compressed bytes. Inode numbers and link counts are ours: libarchive's own resolver copies those
 * of the source.
 */
#include "initrd/archive.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/sysmacros.h>

#include "initrd/archive-impl.h"
#include "initrd/behind.h"
#include "initrd/lz4.h"
#include "initrd/newc.h"
#include "late/archive.h"

#define PIECE ((size_t)128 << 10)
#define BLOCK 512 /* what an archive is padded to */

struct arc_out {
	struct archive *newc;	     /* owned */
	struct archive *compressor;  /* owned; NULL when there is none */
	struct archive_entry *entry; /* owned: filled anew for each */
	bool discard;		     /* what comes is not wanted any more */
	struct lz4 *lz4;	     /* owned; NULL when it is not that */
	struct newc check;
	struct behind *file; /* owned */
	uint64_t plain;	     /* bytes of the archive */
	uint64_t written;    /* bytes of the file */
	struct err err;	     /* of a callback */
	char piece[PIECE];   /* of contents, on their way to a compressor */
};

static int out_file(void *ctx, const void *p, size_t n, struct err *e)
{
	struct arc_out *o = ctx;
	int r = behind_write(o->file, p, n);

	if (r < 0)
		return err_code(e, -r, "write archive");
	o->written += n;
	return 0;
}

static la_ssize_t callback_end(struct arc_out *o, struct archive *a, int r, size_t n)
{
	if (r < 0)
		archive_set_error(a, -r, "%s", o->err.msg);
	return r < 0 ? -1 : (la_ssize_t)n;
}

static la_ssize_t out_compressed(struct archive *a, void *ctx, const void *p, size_t n)
{
	struct arc_out *o = ctx;
	int r;

	if (o->discard)
		return (la_ssize_t)n;
	r = out_file(o, p, n, &o->err);
	return callback_end(o, a, r, n);
}

static la_ssize_t out_newc(struct archive *a, void *ctx, const void *p, size_t n)
{
	struct arc_out *o = ctx;
	ssize_t k;
	int r;

	if (o->discard)
		return (la_ssize_t)n;
	k = newc_feed(&o->check, p, n, o->plain, &o->err);
	r = k < 0 ? (int)k : 0;
	if (k >= 0 && (size_t)k < n)
		r = err_set(&o->err, EINVAL, "the archive that was written is not valid");
	o->plain += n;
	if (r == 0 && o->lz4)
		r = lz4_add(o->lz4, p, n, &o->err);
	else if (r == 0 && !o->compressor)
		r = out_file(o, p, n, &o->err);
	else if (r == 0 && archive_write_data(o->compressor, p, n) != (la_ssize_t)n)
		r = o->err.code ? -o->err.code : arc_err(o->compressor, &o->err);
	return callback_end(o, a, r, n);
}

static int add_compressor(struct archive *a, enum initrd_compress compress)
{
	switch (compress) {
	case INITRD_NONE:
		return ARCHIVE_OK;
	case INITRD_GZIP:
		if (archive_write_add_filter_gzip(a) != ARCHIVE_OK)
			return ARCHIVE_FATAL;
		/* No time of the build in it. */
		return archive_write_set_filter_option(a, "gzip", "timestamp", NULL);
	case INITRD_ZSTD:
		return archive_write_add_filter_zstd(a);
	case INITRD_LZ4:
		break; /* lz4.c: libarchive has no legacy format */
	}
	return ARCHIVE_FATAL;
}

static int open_compressor(struct arc_out *o, enum initrd_compress compress)
{
	struct archive *a = archive_write_new();

	o->compressor = a;
	if (!a)
		return err_code(&o->err, ENOMEM, "compress");
	archive_entry_set_pathname(o->entry, "initrd");
	archive_entry_set_filetype(o->entry, AE_IFREG);
	if (archive_write_set_format_raw(a) != ARCHIVE_OK ||
	    add_compressor(a, compress) != ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(a, 0) != ARCHIVE_OK ||
	    archive_write_open(a, o, NULL, out_compressed, NULL) != ARCHIVE_OK ||
	    archive_write_header(a, o->entry) != ARCHIVE_OK)
		return arc_err(a, &o->err);
	return 0;
}

static int open_newc(struct arc_out *o)
{
	struct archive *a = archive_write_new();

	o->newc = a;
	if (!a)
		return err_code(&o->err, ENOMEM, "write archive");
	if (archive_write_set_format_cpio_newc(a) != ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(a, 0) != ARCHIVE_OK ||
	    archive_write_open(a, o, NULL, out_newc, NULL) != ARCHIVE_OK)
		return arc_err(a, &o->err);
	return 0;
}

struct arc_out *arc_out_new(int fd, enum initrd_compress compress, struct err *e)
{
	struct arc_out *o;
	int r;

	if (late_archive(e) < 0)
		return NULL;
	o = calloc(1, sizeof(*o));
	if (!o) {
		err_code(e, ENOMEM, "write archive");
		return NULL;
	}
	o->check.strict = true;
	o->file = behind_new(fd);
	o->entry = archive_entry_new();
	r = o->file && o->entry ? 0 : err_code(&o->err, ENOMEM, "write archive");
	if (r == 0 && compress == INITRD_LZ4) {
		o->lz4 = lz4_new(out_file, o);
		r = o->lz4 ? 0 : err_code(&o->err, ENOMEM, "compress");
	} else if (r == 0 && compress != INITRD_NONE) {
		r = open_compressor(o, compress);
	}
	if (r == 0)
		r = open_newc(o);
	if (r < 0) {
		*e = o->err;
		arc_out_free(o);
		return NULL;
	}
	return o;
}

static mode_t type_bits(enum tree_type type)
{
	switch (type) {
	case TREE_DIR:
		return AE_IFDIR;
	case TREE_FILE:
		return AE_IFREG;
	case TREE_SYMLINK:
		return AE_IFLNK;
	case TREE_CHAR:
		return AE_IFCHR;
	case TREE_BLOCK:
		return AE_IFBLK;
	case TREE_FIFO:
		return AE_IFIFO;
	case TREE_SOCKET:
		return AE_IFSOCK;
	}
	return 0;
}

static int out_err(struct arc_out *o, struct archive *a, struct err *e)
{
	arc_err(a, &o->err);
	*e = o->err;
	return -e->code;
}

int arc_out_entry(struct arc_out *o, const struct tree_entry *en, struct err *e)
{
	const struct tree_node *node = en->node;
	struct archive_entry *entry = archive_entry_clear(o->entry);
	bool device = node->type == TREE_CHAR || node->type == TREE_BLOCK;

	archive_entry_copy_pathname(entry, en->path);
	archive_entry_set_mode(entry, type_bits(node->type) | (mode_t)node->mode);
	archive_entry_set_ino64(entry, node->ino);
	archive_entry_set_dev(entry, 0);
	archive_entry_set_nlink(entry, (unsigned)node->names);
	archive_entry_set_uid(entry, node->uid);
	archive_entry_set_gid(entry, node->gid);
	archive_entry_set_mtime(entry, node->mtime, 0);
	archive_entry_set_size(entry, 0);
	if (device)
		archive_entry_set_rdev(entry, makedev(node->major, node->minor));
	if (node->type == TREE_SYMLINK)
		archive_entry_copy_symlink(entry, node->target);
	if (node->type == TREE_FILE && en->last)
		archive_entry_set_size(entry, (la_int64_t)node->content.size);
	if (archive_write_header(o->newc, entry) != ARCHIVE_OK)
		return out_err(o, o->newc, e);
	return 0;
}

/*
 * libarchive hands on what it is given. But what a compressor reads must not lie where its output
 * goes.
 */
void *arc_out_room(struct arc_out *o, size_t *n)
{
	if (!o->compressor && !o->lz4)
		return behind_room(o->file, n);
	*n = sizeof(o->piece);
	return o->piece;
}

int arc_out_data(struct arc_out *o, const void *p, size_t n, struct err *e)
{
	if (archive_write_data(o->newc, p, n) != (la_ssize_t)n)
		return out_err(o, o->newc, e);
	return 0;
}

/* libarchive pads what it writes in blocks, which would cost a copy of everything. */
static int pad(struct arc_out *o, struct err *e)
{
	static const char zeros[BLOCK];
	size_t n = (BLOCK - o->plain % BLOCK) % BLOCK;

	return out_newc(o->newc, o, zeros, n) < 0 ? out_err(o, o->newc, e) : 0;
}

int arc_out_end(struct arc_out *o, struct initrd_info *info, struct err *e)
{
	int r;

	if (archive_write_close(o->newc) != ARCHIVE_OK)
		return out_err(o, o->newc, e);
	r = newc_end(&o->check, e);
	if (r == 0)
		r = pad(o, e);
	if (r < 0)
		return r;
	if (o->compressor && archive_write_close(o->compressor) != ARCHIVE_OK)
		return out_err(o, o->compressor, e);
	if (o->lz4) {
		r = lz4_end(o->lz4, e);
		if (r < 0)
			return r;
	}
	r = behind_end(o->file);
	if (r < 0)
		return err_code(e, -r, "write archive");
	if (info)
		*info = (struct initrd_info){
			.file = o->written,
			.unpacked = o->check.unpacked,
			.entries = o->check.entries,
			.has_init = o->check.has_init,
		};
	return 0;
}

void arc_out_free(struct arc_out *o)
{
	if (!o)
		return;
	/*
	 * What is not complete is completed, into nothing: after archive_write_fail() the
	 * compressors would keep their memory. The compressor goes first: after a failure it may
	 * still point into the last block of the other one.
	 */
	o->discard = true;
	if (o->compressor)
		archive_write_free(o->compressor);
	if (o->newc)
		archive_write_free(o->newc);
	if (o->entry)
		archive_entry_free(o->entry);
	lz4_free(o->lz4);
	behind_free(o->file);
	free(o);
}
