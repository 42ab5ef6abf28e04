/* SPDX-License-Identifier: MIT */
/*
 * LZ4 frames into the legacy format, the only one that the kernel reads: magic, then blocks with
 * their length in front, each at most 8 MiB unpacked. The compressed blocks stay as they are. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/macro.h"

/* Where the bytes go. Returns 0 or a negative errno. */
typedef int lz4_sink(void *ctx, const void *p, size_t n, struct err *e);

struct lz4 {
	enum { LZ4_START, LZ4_HEAD, LZ4_SIZE, LZ4_BLOCK, LZ4_END } state;
	uint8_t field[16]; /* of a header or a length, until it is complete */
	size_t have;
	uint32_t left; /* bytes of the block that are still to come */
};

/*
 * Takes the next n bytes of one frame; sizes, checksums and dependent blocks are not expected in
 * it. -EINVAL for a frame that is not like that.
 */
int lz4_legacy(struct lz4 *z, const void *p, size_t n, lz4_sink *to, void *ctx,
	       struct err *e) must_check nonnull(1, 2, 4, 6);

/* Is the frame complete? */
static inline bool lz4_done(const struct lz4 *z)
{
	return z->state == LZ4_END;
}
