/* SPDX-License-Identifier: MIT */
/*
 * gzip by zlib itself, because libarchive (3.6.2) does not look at its checksum; the others by
 * libarchive. The format is chosen here and not by libarchive's guess, which takes some plain tars
 * for lzma.
 */
#include "archive/decompress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "late/archive.h"
#include "lib/cleanup.h"

#define PIECE ((size_t)256 << 10) /* bytes read and written at a time */
#define GZIP_ONLY (15 + 16)	  /* inflateInit2(): largest window, gzip header */

static const struct {
	const char *magic;
	size_t n;
	int filter; /* of libarchive; ARCHIVE_FILTER_GZIP is left to zlib */
} formats[] = {
	{ "\x1f\x8b", 2, ARCHIVE_FILTER_GZIP },
	{ "BZh", 3, ARCHIVE_FILTER_BZIP2 },
	{ "\xfd\x37zXZ\0", 6, ARCHIVE_FILTER_XZ },
	{ "\x28\xb5\x2f\xfd", 4, ARCHIVE_FILTER_ZSTD },
	{ "\x04\x22\x4d\x18", 4, ARCHIVE_FILTER_LZ4 },
	{ "LZIP", 4, ARCHIVE_FILTER_LZIP },
};

/* The stream, with a piece of it in memory. */
struct source {
	const struct decompress *u;
	char *piece; /* owned */
	size_t n;
	bool given; /* the first piece was */
	struct err *e;
};

static void source_free(struct source *s)
{
	free(s->piece);
}
#define cleanup_source __attribute__((cleanup(source_free)))

static int more(struct source *s)
{
	ssize_t k = s->u->read(s->u->read_ctx, s->piece, PIECE, s->e);

	s->n = k > 0 ? (size_t)k : 0;
	return k < 0 ? (int)k : 0;
}

static int format_of(const void *p, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		if (n >= formats[i].n && !memcmp(p, formats[i].magic, formats[i].n))
			return (int)i;
	}
	return -1;
}

bool decompress_needed(const void *p, size_t n)
{
	return format_of(p, n) >= 0;
}

static int as_it_is(struct source *s)
{
	int r = 0;

	while (r == 0 && s->n) {
		r = s->u->write(s->u->write_ctx, s->piece, s->n, s->e);
		if (r == 0)
			r = more(s);
	}
	return r;
}

/* One member; what follows it stays in the piece. */
static int gunzip_member(struct source *s, z_stream *z, char *out)
{
	int state = Z_OK, r = 0;

	while (r == 0 && state != Z_STREAM_END) {
		if (!z->avail_in) {
			r = more(s);
			if (r == 0 && !s->n)
				r = err_set(s->e, EINVAL, "gzip: truncated");
			z->next_in = (Bytef *)s->piece;
			z->avail_in = (uInt)s->n;
		}
		if (r < 0)
			return r;
		z->next_out = (Bytef *)out;
		z->avail_out = (uInt)PIECE;
		state = inflate(z, Z_NO_FLUSH);
		if (state == Z_MEM_ERROR)
			return err_set(s->e, ENOMEM, "out of memory");
		if (state != Z_OK && state != Z_STREAM_END && state != Z_BUF_ERROR)
			return err_set(s->e, EINVAL, "gzip: %s", z->msg ? z->msg : "damaged");
		if (PIECE - z->avail_out)
			r = s->u->write(s->u->write_ctx, out, PIECE - z->avail_out, s->e);
	}
	return r;
}

/* Members in a row, as of pigz and `cat a.gz b.gz`; zeros may be behind them, as on a tape. */
static int gunzip(struct source *s)
{
	cleanup_free char *out = malloc(PIECE);
	z_stream z = { .next_in = (Bytef *)s->piece, .avail_in = (uInt)s->n };
	int r = 0;

	if (!out || inflateInit2(&z, GZIP_ONLY) != Z_OK)
		return err_set(s->e, ENOMEM, "out of memory");
	do {
		r = gunzip_member(s, &z, out);
		while (r == 0) {
			while (z.avail_in && !*z.next_in)
				z.next_in++, z.avail_in--;
			if (z.avail_in)
				break;
			r = more(s);
			z.next_in = (Bytef *)s->piece;
			z.avail_in = (uInt)s->n;
			if (!s->n)
				break;
		}
		inflateReset(&z);
	} while (r == 0 && z.avail_in);
	inflateEnd(&z);
	return r;
}

static la_ssize_t read_source(struct archive *a, void *ctx, const void **p)
{
	struct source *s = ctx;
	int r = s->given ? more(s) : 0;

	if (r < 0) {
		archive_set_error(a, -r, "%s", s->e->msg);
		return -1;
	}
	s->given = true;
	*p = s->piece;
	return (la_ssize_t)s->n;
}

/* What libarchive says, or what a callback of ours had to say before. */
static int arc_err(struct archive *a, struct err *e)
{
	const char *text = archive_error_string(a);

	if (e->code)
		return -e->code;
	return err_set(e, archive_errno(a) > 0 ? archive_errno(a) : EINVAL, "%s",
		       text ? text : "damaged");
}

static void free_archive(struct archive **a)
{
	if (*a)
		archive_read_free(*a);
}

static int by_libarchive(struct source *s, int filter)
{
	__attribute__((cleanup(free_archive))) struct archive *a = NULL;
	cleanup_free char *out = malloc(PIECE);
	struct archive_entry *entry;
	la_ssize_t k;
	int r = late_archive(s->e);

	if (r < 0)
		return r;
	a = archive_read_new();
	if (!a || !out)
		return err_set(s->e, ENOMEM, "out of memory");
	s->e->code = 0;
	if (archive_read_support_filter_by_code(a, filter) != ARCHIVE_OK ||
	    archive_read_support_format_raw(a) != ARCHIVE_OK ||
	    archive_read_open2(a, s, NULL, read_source, NULL, NULL) != ARCHIVE_OK)
		return arc_err(a, s->e);
	r = archive_read_next_header(a, &entry);
	if (r == ARCHIVE_EOF)
		return 0; /* nothing is in it */
	if (r != ARCHIVE_OK)
		return arc_err(a, s->e);
	r = 0;
	while (r == 0 && (k = archive_read_data(a, out, PIECE)) != 0)
		r = k < 0 ? arc_err(a, s->e) : s->u->write(s->u->write_ctx, out, (size_t)k, s->e);
	return r;
}

int decompress(const struct decompress *u, struct err *e)
{
	cleanup_source struct source s = { .u = u, .piece = malloc(PIECE), .e = e };
	int format, r;

	if (!s.piece)
		return err_memory(e);
	r = more(&s);
	if (r < 0)
		return r;
	format = format_of(s.piece, s.n);
	if (format < 0)
		return as_it_is(&s);
	return formats[format].filter == ARCHIVE_FILTER_GZIP
		       ? gunzip(&s)
		       : by_libarchive(&s, formats[format].filter);
}
