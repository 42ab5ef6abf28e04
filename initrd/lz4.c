/* SPDX-License-Identifier: MIT */
/* The legacy format of lz4. */
#include "initrd/lz4.h"

#include <endian.h>
#include <errno.h>
#include <lz4.h>
#include <stdlib.h>
#include <string.h>

#define LEGACY_MAGIC 0x184c2102u

struct lz4 *lz4_new(lz4_sink *to, void *ctx)
{
	struct lz4 *z = calloc(1, sizeof(*z));

	if (!z)
		return NULL;
	z->to = to;
	z->ctx = ctx;
	z->in = malloc(LZ4_LEGACY_BLOCK);
	z->out = malloc((size_t)LZ4_compressBound((int)LZ4_LEGACY_BLOCK));
	if (z->in && z->out)
		return z;
	lz4_free(z);
	return NULL;
}

void lz4_free(struct lz4 *z)
{
	if (!z)
		return;
	free(z->in);
	free(z->out);
	free(z);
}

static int put32(struct lz4 *z, uint32_t v, struct err *e)
{
	v = htole32(v);
	return z->to(z->ctx, &v, sizeof(v), e);
}

static int block(struct lz4 *z, struct err *e)
{
	int bound = LZ4_compressBound((int)LZ4_LEGACY_BLOCK);
	int n = LZ4_compress_default(z->in, z->out, (int)z->have, bound);
	int r = n > 0 ? put32(z, (uint32_t)n, e)
		      : err_set(e, EINVAL, "lz4: a block is not compressed");

	z->have = 0;
	return r < 0 ? r : z->to(z->ctx, z->out, (size_t)n, e);
}

static int begin(struct lz4 *z, struct err *e)
{
	if (z->begun)
		return 0;
	z->begun = true;
	return put32(z, LEGACY_MAGIC, e);
}

int lz4_add(struct lz4 *z, const void *p, size_t n, struct err *e)
{
	const char *at = p;
	int r = begin(z, e);

	while (r == 0 && n) {
		size_t room = LZ4_LEGACY_BLOCK - z->have;
		size_t k = n < room ? n : room;

		memcpy(z->in + z->have, at, k);
		z->have += k;
		at += k;
		n -= k;
		if (z->have == LZ4_LEGACY_BLOCK)
			r = block(z, e);
	}
	return r;
}

int lz4_end(struct lz4 *z, struct err *e)
{
	int r = begin(z, e);

	return r == 0 && z->have ? block(z, e) : r;
}
