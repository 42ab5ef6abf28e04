/* SPDX-License-Identifier: MIT */
/*
 * A stream whose last bytes can be put back: what reads archives reads on behind their end, and the
 * next one begins there. Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/err.h"
#include "lib/macro.h"

#define INPUT_PIECE ((size_t)128 << 10) /* bytes that are read at a time */
#define INPUT_KEEP ((size_t)64 << 10)	/* bytes given out that can always be put back */

struct input {
	/* Up to n more bytes; 0 at the end; a negative errno with a sentence. */
	ssize_t (*more)(void *ctx, void *p, size_t n, struct err *e);
	void *ctx;
	struct err *e; /* where a sentence goes */
	char *buf;     /* owned */
	size_t n, at;  /* bytes in buf; those before at were given out */
	uint64_t base; /* offset of buf[0] in the stream */
};

/* Offset of buf[at]: of what comes next. */
static inline uint64_t input_offset(const struct input *in)
{
	return in->base + in->at;
}

/* Has bytes at buf + at. Returns how many; 0 when the stream is over. */
ssize_t input_fill(struct input *in) must_check nonnull(1);

/* From this offset on everything is given out again. */
int input_back(struct input *in, uint64_t offset) must_check nonnull(1);

/* Steps over zeros. Returns 1 when something follows, 0 at the end. */
int input_skip_zeros(struct input *in) must_check nonnull(1);

/* Does a compressed stream begin here? 1, 0 or a negative errno. */
int input_compressed(struct input *in) must_check nonnull(1);

void input_free(struct input *in) nonnull(1);
#define cleanup_input __attribute__((cleanup(input_free)))
