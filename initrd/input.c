/* SPDX-License-Identifier: MIT */
/* One buffer: what was given out last, then what comes next. */
#include "initrd/input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void input_free(struct input *in)
{
	free(in->buf);
	in->buf = NULL;
}

ssize_t input_fill(struct input *in)
{
	ssize_t k;

	if (in->at < in->n)
		return (ssize_t)(in->n - in->at);
	if (!in->buf) {
		in->buf = malloc(INPUT_KEEP + INPUT_PIECE);
		if (!in->buf)
			return err_code(in->e, ENOMEM, "read archive");
	}
	if (in->n > INPUT_KEEP) {
		size_t gone = in->n - INPUT_KEEP;

		memmove(in->buf, in->buf + gone, INPUT_KEEP);
		in->base += gone;
		in->at -= gone;
		in->n = INPUT_KEEP;
	}
	k = in->more(in->ctx, in->buf + in->n, INPUT_PIECE, in->e);
	if (k > 0)
		in->n += (size_t)k;
	return k;
}

/* At least want bytes, unless the stream is over; want is small. */
static ssize_t peek(struct input *in, size_t want)
{
	ssize_t k = input_fill(in);

	while (k > 0 && in->n - in->at < want) {
		/* As if the rest had been given out, and put back. */
		size_t rest = in->n - in->at;

		in->at = in->n;
		k = input_fill(in);
		in->at -= rest;
	}
	return k < 0 ? k : (ssize_t)(in->n - in->at);
}

int input_back(struct input *in, uint64_t offset)
{
	if (offset < in->base || offset > in->base + in->n)
		return err_set(in->e, EINVAL, "the end of the archive cannot be found");
	in->at = (size_t)(offset - in->base);
	return 0;
}

int input_skip_zeros(struct input *in)
{
	for (;;) {
		ssize_t k = input_fill(in);

		if (k <= 0)
			return (int)k;
		while (in->at < in->n && !in->buf[in->at])
			in->at++;
		if (in->at < in->n)
			return 1;
	}
}

int input_compressed(struct input *in)
{
	static const struct {
		char magic[6];
		size_t n;
	} known[] = {
		{ { '\x1f', '\x8b' }, 2 },		   /* gzip */
		{ { '\x1f', '\x9d' }, 2 },		   /* compress */
		{ { 'B', 'Z', 'h' }, 3 },		   /* bzip2 */
		{ { '\x5d', 0, 0 }, 3 },		   /* lzma */
		{ { '\xfd', '7', 'z', 'X', 'Z', 0 }, 6 },  /* xz */
		{ { 'L', 'Z', 'I', 'P' }, 4 },		   /* lzip */
		{ { '\x28', '\xb5', '\x2f', '\xfd' }, 4 }, /* zstd */
		{ { '\x04', '\x22', '\x4d', '\x18' }, 4 }, /* lz4 */
		{ { '\x02', '\x21', '\x4c', '\x18' }, 4 }, /* lz4, legacy */
	};
	ssize_t k = peek(in, sizeof(known[0].magic));

	if (k < 0)
		return (int)k;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if ((size_t)k >= known[i].n &&
		    !memcmp(in->buf + in->at, known[i].magic, known[i].n))
			return 1;
	}
	return 0;
}
