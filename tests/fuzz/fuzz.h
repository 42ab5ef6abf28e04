/* SPDX-License-Identifier: MIT */
/* What every fuzzer needs: the entry point, a check that is always on, memory of the exact size. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond)                                                                                \
	((cond) ? (void)0                                                                          \
		: (fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #cond), abort()))

/* A copy that ends where the data ends, so that a sanitizer sees one byte too far. */
static inline char *fuzz_copy(const void *data, size_t size)
{
	char *p = malloc(size ? size : 1);

	CHECK(p);
	if (size)
		memcpy(p, data, size);
	return p;
}
