/* SPDX-License-Identifier: MIT */
/* A ring of bytes in fixed memory: what one side has and the other cannot take yet. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/macro.h"

struct ring {
	uint8_t *p; /* owned */
	size_t size, head, len;
};

/* Memory for size bytes; untouched pages cost nothing. Returns 0 or -ENOMEM. */
int ring_init(struct ring *r, size_t size) must_check nonnull(1);
void ring_free(struct ring *r) nonnull(1);

/* Adds n bytes; the caller knows that they fit (window <= size). */
void ring_put(struct ring *r, const void *p, size_t n) nonnull(1);

/* The oldest bytes, in one piece: *p and how many, 0 = empty. */
size_t ring_peek(const struct ring *r, const void **p) must_check nonnull(1, 2);
void ring_drop(struct ring *r, size_t n) nonnull(1);
