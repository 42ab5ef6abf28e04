/* SPDX-License-Identifier: MIT */
/*
 * Between two stages: what one wrote goes to the other and is counted. Both ends stay pipes, so the
 * pages move and the bytes are not copied; where the other end is no pipe they are.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/macro.h"

#define PUMP_PIPE ((size_t)1 << 20) /* bytes that a pipe is asked to hold */

struct pump {
	int from, to;	/* owned; -1 when it has ended */
	bool full;	/* it waits for room in to, not for bytes in from */
	bool copies;	/* to is something that pages cannot be moved to */
	bool refused;	/* nobody reads to any more */
	uint64_t bytes; /* that have gone through */
};
#define PUMP_INIT                                                                                  \
	{                                                                                          \
		.from = -1, .to = -1                                                               \
	}

/* A pipe of the size that a pump likes, if the system lets us. 0 or a negative errno. */
int pump_pipe(int *r, int *w) must_check nonnull(1, 2);

/*
 * Something of a pipe that is neither of its ends: *handle is owned by the caller. With it can be seen
 * whether anybody reads there.
 */
int pump_handle(int fd, int *handle) must_check nonnull(2);
bool pump_has_reader(int handle) must_check;

/* to becomes fd, which stays the caller's. 0 or a negative errno. */
int pump_to(struct pump *p, int fd) must_check nonnull(1);

/*
 * Moves what can be moved without waiting. When the end of from is there, or nobody reads to any
 * more, both are closed. Returns 0, or a negative errno when to cannot be written to: they are closed
 * then, too.
 */
int pump_move(struct pump *p) must_check nonnull(1);

/* Nobody reads to any more: who writes to from is to hear of it. */
void pump_refuse(struct pump *p) nonnull(1);

void pump_close(struct pump *p) nonnull(1);
