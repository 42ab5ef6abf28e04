/* SPDX-License-Identifier: MIT */
/* Growable bytes with their length. All growth is checked; -ENOMEM, never overflow. */
#pragma once

#include <stddef.h>

#include "lib/macro.h"

struct buf {
	char *p;    /* owned; NULL while empty; p[len] is always NUL once anything was added */
	size_t len; /* bytes in use */
	size_t cap; /* bytes allocated */
};

/* Room for n more bytes (and a NUL) behind len. Returns 0 or -ENOMEM. */
int buf_reserve(struct buf *b, size_t n) must_check nonnull(1);

/* Adds n bytes of p. Returns 0 or -ENOMEM. */
int buf_add(struct buf *b, const void *p, size_t n) must_check nonnull(1);
int buf_adds(struct buf *b, const char *s) must_check nonnull(1, 2);
int buf_addc(struct buf *b, char c) must_check nonnull(1);
int buf_addf(struct buf *b, const char *fmt, ...) must_check printf_like(2, 3) nonnull(1, 2);

/* Releases the memory; b is empty and usable afterwards. */
void buf_free(struct buf *b) nonnull(1);

#define cleanup_buf __attribute__((cleanup(buf_free)))
