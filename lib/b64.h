/* SPDX-License-Identifier: MIT */
/* Base64 (RFC 4648): both alphabets, padding optional on input. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "lib/buf.h"
#include "lib/macro.h"

/* Bytes that n bytes of text can decode to, at most. */
static inline size_t b64_decoded_max(size_t n)
{
	return n / 4 * 3 + 3;
}

/*
 * Decodes n characters into out (which may be the same memory). Returns the count of bytes or
 * -EINVAL: a foreign character, a wrong length, padding that does not fit, bits left over that are
 * not zero.
 */
ssize_t b64_decode(const char *text, size_t n, void *out) must_check nonnull(1, 3);

/* Adds the base64url text of n bytes, without padding. Returns 0 or -ENOMEM. */
int b64_encode(const void *p, size_t n, struct buf *out) must_check nonnull(3);

/* The same in the alphabet that is usual elsewhere, with padding: for others to read. */
int b64_encode_padded(const void *p, size_t n, struct buf *out) must_check nonnull(3);
