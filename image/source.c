/* SPDX-License-Identifier: MIT */
/* From what is given to what can be read twice. */
#include "image/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/decompress.h"
#include "lib/cleanup.h"
#include "lib/io.h"

#define PIECE ((size_t)256 << 10)
#define PIPE_BYTES (1 << 20) /* of a pipe that an archive comes from */

/* A stream on its way through decompress(). */
struct passing {
	int fd;		  /* it comes from here, or */
	struct span span; /* from here */
	uint64_t at;
	struct digest packed, plain;
	bool digests; /* somebody wants them */
	struct scratch *scratch;
	const struct watch *watch;
	const char *what;
};

static ssize_t read_fd(void *ctx, void *p, size_t n, struct err *e)
{
	struct passing *s = ctx;
	ssize_t k = io_read_full(s->fd, p, n);

	if (k < 0)
		return err_code(e, (int)-k, "read");
	s->at += (uint64_t)k;
	watch_progress(s->watch, s->what, s->at);
	return k;
}

static ssize_t read_span(void *ctx, void *p, size_t n, struct err *e)
{
	struct passing *s = ctx;
	ssize_t k = span_read(&s->span, s->at, p, n, e);

	if (k > 0) {
		digest_add(&s->packed, p, (size_t)k);
		s->at += (uint64_t)k;
		watch_progress(s->watch, s->what, s->at);
	}
	return k;
}

static int write_plain(void *ctx, const void *p, size_t n, struct err *e)
{
	struct passing *s = ctx;

	if (s->digests)
		digest_add(&s->plain, p, n);
	return scratch_write(s->scratch, p, n, e);
}

static int open_scratch(struct scratch *scratch, struct err *e)
{
	return scratch->fd >= 0 ? 0 : scratch_open(scratch, e);
}

/* What is left of a regular file, when it is not packed. Returns 1 when it is that. */
static int use_file(int fd, struct span *out)
{
	char magic[DECOMPRESS_MAGIC_MAX];
	off_t at = lseek(fd, 0, SEEK_CUR);
	struct stat st;
	ssize_t n;

	if (at < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < at)
		return 0;
	n = pread(fd, magic, sizeof(magic), at);
	if (n < 0 || decompress_needed(magic, (size_t)n))
		return 0;
	*out = (struct span){ fd, (uint64_t)at, (uint64_t)(st.st_size - at) };
	return 1;
}

int source_open(int fd, struct scratch *scratch, struct span *out, const struct watch *w,
		struct err *e)
{
	struct passing s = { .fd = fd, .scratch = scratch, .watch = w, .what = "reading" };
	const struct decompress u = { read_fd, &s, write_plain, &s };
	int r;

	if (use_file(fd, out))
		return 0;
	/* Fewer turns between us and who writes; what cannot be had is not needed. */
	fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES);
	r = open_scratch(scratch, e);
	if (r == 0)
		r = decompress(&u, e);
	return r < 0 ? r : scratch_end(scratch, out, e);
}

static int check(struct digest *d, const char *want, const char *what, struct err *e)
{
	char is[DIGEST_TEXT];

	digest_end(d, is);
	if (!*want || !strcmp(is, want))
		return 0;
	return err_set(e, EINVAL, "damaged: %s is %s, not %s", what, is, want);
}

/* What is left of it, for its digest alone. */
static int read_rest(struct passing *s, struct err *e)
{
	cleanup_free char *piece = malloc(PIECE);
	ssize_t n;

	if (!piece)
		return err_memory(e);
	while ((n = read_span(s, piece, PIECE, e)) > 0)
		;
	if (n == 0 && s->at < s->span.size)
		return err_set(e, EINVAL, "the archive is cut");
	return (int)n;
}

int source_layer(const struct span *packed, const char *blob, const char *diff_id,
		 struct scratch *scratch, struct span *out, const struct watch *w, struct err *e)
{
	struct passing s = {
		.span = *packed,
		.digests = true,
		.scratch = scratch,
		.watch = w,
		.what = "unpacking a layer",
	};
	const struct decompress u = { read_span, &s, write_plain, &s };
	char magic[DECOMPRESS_MAGIC_MAX];
	ssize_t n = span_read(packed, 0, magic, sizeof(magic), e);
	bool plain;
	int r;

	if (n < 0)
		return (int)n;
	plain = !decompress_needed(magic, (size_t)n);
	digest_init(&s.packed);
	digest_init(&s.plain);
	if (plain) {
		*out = *packed;
		r = read_rest(&s, e);
		s.plain = s.packed;
	} else {
		r = open_scratch(scratch, e);
		if (r == 0)
			r = decompress(&u, e);
		if (r == 0)
			r = scratch_end(scratch, out, e);
		/* What follows the packed stream is part of the blob. */
		if (r == 0)
			r = read_rest(&s, e);
	}
	if (r == 0)
		r = check(&s.packed, blob, "the blob", e);
	return r < 0 ? r : check(&s.plain, diff_id, "the layer", e);
}
