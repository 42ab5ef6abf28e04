/* SPDX-License-Identifier: MIT */
/*
 * A file without a name in $TMPDIR (else /var/tmp) for streams that have to be read more than once.
 * Blocks of zeros are holes in it. It is gone when it is closed, however that happens.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/err.h"
#include "lib/macro.h"

#define SCRATCH_MAX ((uint64_t)1 << 40) /* bytes in one, holes counted */

struct scratch {
	int fd;
	uint64_t end; /* where the next piece begins */
	uint64_t at;  /* bytes of the current one */
};
#define SCRATCH_INIT                                                                               \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/* Bytes of a file; the descriptor is borrowed. */
struct span {
	int fd;
	uint64_t offset, size;
};

int scratch_open(struct scratch *s, struct err *e) must_check nonnull(1, 2);

/* Adds to the current piece. ctx is the scratch. */
int scratch_write(void *ctx, const void *p, size_t n, struct err *e) must_check nonnull(1, 4);

/* The current piece is complete: what it is. The next one begins behind it. */
int scratch_end(struct scratch *s, struct span *out, struct err *e) must_check nonnull(1, 2, 3);

void scratch_close(struct scratch *s) nonnull(1);
#define cleanup_scratch __attribute__((cleanup(scratch_close)))

/* At most n bytes from where at is in the span; fewer only at its end. */
ssize_t span_read(const struct span *s, uint64_t at, void *p, size_t n, struct err *e) must_check
	nonnull(1, 3, 5);
