/* SPDX-License-Identifier: MIT */
/* SHA-256 (FIPS 180-4), by nettle, in the form that images and records name: "sha256:" and hex. */
#pragma once

#include <nettle/sha2.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/macro.h"

#define DIGEST_PREFIX "sha256:"
#define DIGEST_TEXT (7 + 2 * SHA256_DIGEST_SIZE + 1) /* bytes, with the NUL */

struct digest {
	struct sha256_ctx ctx;
};

void digest_init(struct digest *d) nonnull(1);
void digest_add(struct digest *d, const void *p, size_t n) nonnull(1);

/* The digest of all that was added; *d is as after digest_init(). */
void digest_end(struct digest *d, char out[DIGEST_TEXT]) nonnull(1, 2);

/* Of what fd has from its position to its end. path is for the sentence. */
int digest_fd(int fd, const char *path, char out[DIGEST_TEXT], struct err *e) must_check
	nonnull(2, 3, 4);

/* Of a regular file. */
int digest_file(const char *path, char out[DIGEST_TEXT], struct err *e) must_check nonnull(1, 2, 3);

/* Is it one: the prefix and 64 lower-case hex digits, nothing behind them? */
bool digest_valid(const char *text) must_check nonnull(1);
