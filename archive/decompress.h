/* SPDX-License-Identifier: MIT */
/*
 * One compressed stream -> its bytes: gzip, bzip2, xz, zstd, lz4 and lzip, by what it begins with;
 * anything else comes out as it is. Never by a program of the host. What is compressed twice comes
 * out compressed once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/err.h"
#include "lib/macro.h"

/* Where bytes come from and go to. A negative return stops, with a sentence. */
struct decompress {
	/* At most n more bytes to p, fewer only at the end. */
	ssize_t (*read)(void *ctx, void *p, size_t n, struct err *e);
	void *read_ctx;
	int (*write)(void *ctx, const void *p, size_t n, struct err *e);
	void *write_ctx;
};

/* The whole stream. Checksums of the format are checked, and it must be complete. */
int decompress(const struct decompress *u, struct err *e) must_check nonnull(1, 2);

/* Does what begins with these n bytes have to be decompressed? */
bool decompress_needed(const void *p, size_t n) must_check nonnull(1);
#define DECOMPRESS_MAGIC_MAX 6u /* bytes that this looks at */
