/* SPDX-License-Identifier: MIT */
/* libarchive's reader of tar, on a part of a file. */
#include "archive/tar-in.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "late/archive.h"
#include "lib/cleanup.h"

#define PIECE ((size_t)128 << 10) /* bytes read at a time */
#define BLOCK 512u		  /* of a tar */

struct tar_in {
	struct archive *a; /* owned */
	struct span span;
	uint64_t at;	/* of the next piece */
	struct err err; /* of a callback */
	char piece[PIECE];
};

/* What libarchive says, or what a callback had to say before. */
static int tar_err(struct tar_in *t, struct err *e)
{
	const char *text = archive_error_string(t->a);

	if (t->err.code) {
		*e = t->err;
		return -e->code;
	}
	return err_set(e, archive_errno(t->a) > 0 ? archive_errno(t->a) : EINVAL, "%s",
		       text ? text : "not a tar");
}

static la_ssize_t read_piece(struct archive *a, void *ctx, const void **p)
{
	struct tar_in *t = ctx;
	ssize_t k = span_read(&t->span, t->at, t->piece, PIECE, &t->err);

	if (k < 0) {
		archive_set_error(a, t->err.code, "%s", t->err.msg);
		return -1;
	}
	t->at += (uint64_t)k;
	*p = t->piece;
	return k;
}

static la_int64_t skip_bytes(struct archive *a, void *ctx, la_int64_t n)
{
	struct tar_in *t = ctx;
	uint64_t left = t->span.size > t->at ? t->span.size - t->at : 0;

	(void)a;
	if (n < 0 || (uint64_t)n > left)
		n = (la_int64_t)left;
	t->at += (uint64_t)n;
	return n;
}

struct tar_in *tar_in_new(const struct span *s, struct err *e)
{
	struct tar_in *t;

	if (late_archive(e) < 0)
		return NULL;
	t = malloc(sizeof(*t));
	if (t)
		*t = (struct tar_in){ .a = archive_read_new(), .span = *s };
	if (!t || !t->a) {
		free(t);
		err_memory(e);
		return NULL;
	}
	if (archive_read_support_format_tar(t->a) != ARCHIVE_OK ||
	    archive_read_set_read_callback(t->a, read_piece) != ARCHIVE_OK ||
	    archive_read_set_skip_callback(t->a, skip_bytes) != ARCHIVE_OK ||
	    archive_read_set_callback_data(t->a, t) != ARCHIVE_OK ||
	    archive_read_open1(t->a) != ARCHIVE_OK) {
		tar_err(t, e);
		tar_in_free(t);
		return NULL;
	}
	return t;
}

int tar_in_next(struct tar_in *t, struct archive_entry **en, struct err *e)
{
	int r = archive_read_next_header(t->a, en);

	if (r == ARCHIVE_EOF)
		return 0;
	return r == ARCHIVE_OK ? 1 : tar_err(t, e);
}

int tar_in_data(struct tar_in *t, const void **p, size_t *n, uint64_t *offset, struct err *e)
{
	la_int64_t at;
	int r;

	do
		r = archive_read_data_block(t->a, p, n, &at);
	while (r == ARCHIVE_OK && !*n);
	if (r == ARCHIVE_EOF)
		return 0;
	if (r != ARCHIVE_OK)
		return tar_err(t, e);
	*offset = (uint64_t)at;
	return 1;
}

uint64_t tar_in_offset(const struct tar_in *t)
{
	return (uint64_t)archive_filter_bytes(t->a, 0);
}

bool tar_in_complete(const struct tar_in *t)
{
	static const char zero[BLOCK];
	uint64_t end = (uint64_t)archive_filter_bytes(t->a, 0);
	char last[BLOCK];
	struct err ignored;

	return end >= BLOCK &&
	       span_read(&t->span, end - BLOCK, last, BLOCK, &ignored) == (ssize_t)BLOCK &&
	       !memcmp(last, zero, BLOCK);
}

void tar_in_free(struct tar_in *t)
{
	if (!t)
		return;
	archive_read_free(t->a);
	free(t);
}
