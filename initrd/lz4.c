/* SPDX-License-Identifier: MIT */
/*
 * A frame is: magic 0x184D2204, FLG, BD, header checksum, blocks, a zero. A block is a length (its
 * highest bit says "not compressed") and that many bytes. The legacy format has no such bit, so a
 * block that was left alone becomes one sequence of literals, which is a valid compressed block.
 */
#include "initrd/lz4.h"

#include <errno.h>
#include <string.h>

#define FRAME_HEAD 7u /* magic, FLG, BD, checksum */
#define FRAME_MAGIC 0x184d2204u
#define LEGACY_MAGIC 0x184c2102u
#define FLG_PLAIN 0x60		      /* version 1, independent blocks, nothing else */
#define BLOCK_MAX ((uint32_t)4 << 20) /* the largest of a frame; legacy allows twice that */
#define BLOCK_STORED 0x80000000u

static uint32_t le32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int put32(uint32_t v, lz4_sink *to, void *ctx, struct err *e)
{
	const uint8_t b[4] = { (uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16),
			       (uint8_t)(v >> 24) };

	return to(ctx, b, sizeof(b), e);
}

/* Length and token of n literals: 15 in the token, then 255s and what remains. */
static int put_literals(uint32_t n, lz4_sink *to, void *ctx, struct err *e)
{
	uint8_t ext[BLOCK_MAX / 255 / 64 + 1];
	uint32_t more = n < 15 ? 0 : (n - 15) / 255;
	uint8_t token = (uint8_t)((n < 15 ? n : 15) << 4);
	uint8_t rest = (uint8_t)((n - 15) % 255);
	int r = put32(1 + (n < 15 ? 0 : more + 1) + n, to, ctx, e);

	if (r == 0)
		r = to(ctx, &token, 1, e);
	if (n < 15)
		return r;
	memset(ext, 255, sizeof(ext));
	while (r == 0 && more) {
		uint32_t k = more < sizeof(ext) ? more : (uint32_t)sizeof(ext);

		r = to(ctx, ext, k, e);
		more -= k;
	}
	return r < 0 ? r : to(ctx, &rest, 1, e);
}

/* A header or a length is complete in field. */
static int field(struct lz4 *z, lz4_sink *to, void *ctx, struct err *e)
{
	uint32_t v = le32(z->field);

	z->have = 0;
	if (z->state == LZ4_HEAD) {
		if (v != FRAME_MAGIC || z->field[4] != FLG_PLAIN)
			return err_set(e, EINVAL, "lz4: not a frame of independent blocks");
		z->state = LZ4_SIZE;
		return put32(LEGACY_MAGIC, to, ctx, e);
	}
	if (!v) {
		z->state = LZ4_END;
		return 0;
	}
	z->left = v & ~BLOCK_STORED;
	if (!z->left || z->left > BLOCK_MAX)
		return err_set(e, EINVAL, "lz4: a block of %u bytes", z->left);
	z->state = LZ4_BLOCK;
	return v & BLOCK_STORED ? put_literals(z->left, to, ctx, e) : put32(z->left, to, ctx, e);
}

int lz4_legacy(struct lz4 *z, const void *p, size_t n, lz4_sink *to, void *ctx, struct err *e)
{
	const uint8_t *at = p;
	int r = 0;

	if (z->state == LZ4_START)
		z->state = LZ4_HEAD;
	while (r == 0 && n) {
		size_t want, k;

		if (z->state == LZ4_END)
			return err_set(e, EINVAL, "lz4: bytes behind the frame");
		if (z->state == LZ4_BLOCK) {
			k = n < z->left ? n : z->left;
			r = to(ctx, at, k, e);
			z->left -= (uint32_t)k;
			if (!z->left)
				z->state = LZ4_SIZE;
		} else {
			want = (z->state == LZ4_HEAD ? FRAME_HEAD : 4) - z->have;
			k = n < want ? n : want;
			memcpy(z->field + z->have, at, k);
			z->have += k;
			if (k == want)
				r = field(z, to, ctx, e);
		}
		at += k;
		n -= k;
	}
	return r;
}
