/* SPDX-License-Identifier: MIT */
/*
 * The legacy format of lz4, the only one that the kernel reads: a magic number, then blocks of up to
 * 8 MiB with their compressed length in front, both little-endian (lz4's lz4_Frame_format.md). liblz4
 * makes the blocks; libarchive would write frames.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/macro.h"

#define LZ4_LEGACY_BLOCK ((size_t)8 << 20)

/* Where the bytes go. Returns 0 or a negative errno. */
typedef int lz4_sink(void *ctx, const void *p, size_t n, struct err *e);

struct lz4 {
	char *in, *out; /* owned: a block, and its compressed form */
	size_t have;	/* bytes in the block */
	bool begun;	/* the magic number is written */
	lz4_sink *to;
	void *ctx;
};

/* NULL when there is no memory. */
struct lz4 *lz4_new(lz4_sink *to, void *ctx) must_check nonnull(1);
void lz4_free(struct lz4 *z); /* z may be NULL */

int lz4_add(struct lz4 *z, const void *p, size_t n, struct err *e) must_check nonnull(1, 2, 4);

/* The last block. Nothing may be added afterwards. */
int lz4_end(struct lz4 *z, struct err *e) must_check nonnull(1, 2);
