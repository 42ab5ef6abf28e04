/* SPDX-License-Identifier: MIT */
/* The last bytes of a stream that is passed on. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/macro.h"

struct tail {
	int fd;	      /* owned: where it is read; -1 when it has ended */
	struct buf b; /* owned: at least the last max bytes */
	size_t max;
	uint64_t bytes; /* that have come */
};
#define TAIL_INIT                                                                                  \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/*
 * Reads a piece, passes it on to out, keeps it. Closes fd at its end. What is passed on is so little
 * that it does not wait when out has room at all.
 */
void tail_move(struct tail *t, int out) nonnull(1);

/* There is nothing more to come. */
void tail_end(struct tail *t) nonnull(1);

/* The last max bytes. *n is how many there are. */
const char *tail_bytes(const struct tail *t, size_t *n) must_check nonnull(1, 2);

void tail_free(struct tail *t) nonnull(1);
