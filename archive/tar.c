/* SPDX-License-Identifier: MIT */
/*
 * libarchive's gnutar writer, every warning of which is an error. It has no buffer: that is here,
 * so that where the archive stands is known when it has to be broken off.
 */
#include "archive/tar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "late/archive.h"
#include "lib/io.h"

#define BUFFER ((size_t)128 << 10) /* bytes written at a time */
#define BLOCK 512		   /* of tar */
#define ZEROS_MAX (64 << 20)	   /* bytes written to nowhere */

static int tar_err(struct tar_out *t, struct err *e)
{
	const char *text = archive_error_string(t->a);

	if (t->err.code) {
		*e = t->err;
		return -e->code;
	}
	return err_set(e, EINVAL, "write archive: %s", text ? text : "no reason given");
}

static int flush(struct tar_out *t)
{
	int r = io_write_all(t->fd, t->buffer, t->n);

	t->n = 0;
	return r;
}

static int put(struct tar_out *t, const void *p, size_t n)
{
	int r = n > BUFFER - t->n ? flush(t) : 0;

	t->written += n;
	if (r < 0)
		return r;
	if (n > BUFFER)
		return io_write_all(t->fd, p, n);
	memcpy(t->buffer + t->n, p, n);
	t->n += n;
	return 0;
}

static la_ssize_t on_write(struct archive *a, void *ctx, const void *p, size_t n)
{
	struct tar_out *t = ctx;
	int r = 0;

	if (t->discard)
		return (la_ssize_t)n;
	if (t->fd < 0)
		digest_add(&t->digest, p, n);
	else
		r = put(t, p, n);
	if (r == 0)
		return (la_ssize_t)n;
	err_code(&t->err, -r, "write archive");
	archive_set_error(a, -r, "%s", t->err.msg);
	return -1;
}

static const char *const compressions[] = {
	[TAR_PLAIN] = "none", [TAR_GZIP] = "gzip", [TAR_BZIP2] = "bzip2",
	[TAR_XZ] = "xz",      [TAR_ZSTD] = "zstd",
};

const char *tar_compression_name(enum tar_compression c)
{
	return compressions[c];
}

int tar_compression(const char *text, enum tar_compression *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(compressions); i++) {
		if (!strcmp(text, compressions[i])) {
			*c = (enum tar_compression)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* gzip without a time: the same bytes whenever it is done. */
static int add_filter(struct archive *a, enum tar_compression c)
{
	switch (c) {
	case TAR_PLAIN:
		return archive_write_add_filter_none(a);
	case TAR_GZIP:
		return archive_write_add_filter_gzip(a) == ARCHIVE_OK
			       ? archive_write_set_filter_option(a, "gzip", "timestamp", NULL)
			       : ARCHIVE_FATAL;
	case TAR_BZIP2:
		return archive_write_add_filter_bzip2(a);
	case TAR_XZ:
		return archive_write_add_filter_xz(a);
	case TAR_ZSTD:
		return archive_write_add_filter_zstd(a);
	}
	return ARCHIVE_FATAL;
}

int tar_open(struct tar_out *t, int fd, enum tar_compression c, struct err *e)
{
	int r = late_archive(e);

	if (r < 0)
		return r;
	t->compressed = c != TAR_PLAIN;
	t->a = archive_write_new();
	t->entry = archive_entry_new();
	t->fd = fd;
	t->buffer = fd < 0 ? NULL : malloc(BUFFER);
	digest_init(&t->digest);
	if (!t->a || !t->entry || (fd >= 0 && !t->buffer))
		return err_memory(e);
	if (archive_write_set_format_gnutar(t->a) != ARCHIVE_OK ||
	    add_filter(t->a, c) != ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(t->a, 0) != ARCHIVE_OK ||
	    archive_write_set_bytes_in_last_block(t->a, 1) != ARCHIVE_OK ||
	    archive_write_open(t->a, t, NULL, on_write, NULL) != ARCHIVE_OK)
		return tar_err(t, e);
	return 0;
}

int tar_member(struct tar_out *t, const struct tar_member *m, struct err *e)
{
	struct archive_entry *en = t->entry;

	t->left = m->size;
	archive_entry_clear(en);
	archive_entry_copy_pathname(en, m->path);
	archive_entry_set_mode(en, m->mode);
	archive_entry_set_mtime(en, m->mtime, 0);
	archive_entry_set_uid(en, m->uid);
	archive_entry_set_gid(en, m->gid);
	archive_entry_set_size(en, (la_int64_t)m->size);
	if (m->hardlink)
		archive_entry_copy_hardlink(en, m->hardlink);
	else if (m->target)
		archive_entry_copy_symlink(en, m->target);
	return archive_write_header(t->a, en) == ARCHIVE_OK ? 0 : tar_err(t, e);
}

int tar_data(struct tar_out *t, const void *p, size_t n, struct err *e)
{
	t->left -= n;
	return archive_write_data(t->a, p, n) == (la_ssize_t)n ? 0 : tar_err(t, e);
}

int tar_close(struct tar_out *t, struct err *e)
{
	int r;

	if (archive_write_close(t->a) != ARCHIVE_OK)
		return tar_err(t, e);
	t->closed = true;
	r = t->fd < 0 ? 0 : flush(t);
	return r < 0 ? err_code(e, -r, "write archive") : 0;
}

/*
 * What was begun ends in a way that no reader takes for the end: that of busybox does not miss the
 * end when the input is over between two members, GNU's does not when less than a block follows.
 * So either data is missing, or something follows that is no header. What is compressed lacks its
 * end.
 */
static void break_off(struct tar_out *t)
{
	char block[2 * BLOCK] = { 0 };
	size_t pad = (BLOCK - t->written % BLOCK) % BLOCK;

	if (t->compressed || t->fd < 0 || !t->buffer || !t->written || t->closed || t->err.code)
		return;
	memset(block + pad, '-', BLOCK);
	if (t->left || put(t, block, pad + BLOCK) == 0)
		(void)!flush(t);
}

void tar_free(struct tar_out *t)
{
	break_off(t);
	if (t->a) {
		/*
		 * It writes what the member lacks, and the end: to nowhere. One that has failed does
		 * not, but leaks a few bytes (3.6.2), which a long member is worth.
		 */
		t->discard = true;
		if (t->left > ZEROS_MAX)
			archive_write_fail(t->a);
		archive_write_free(t->a);
	}
	if (t->entry)
		archive_entry_free(t->entry);
	free(t->buffer);
	t->a = NULL;
	t->entry = NULL;
	t->buffer = NULL;
}
