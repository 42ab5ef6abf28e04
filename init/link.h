/* SPDX-License-Identifier: MIT */
/* The guest's end of the wire: the port, the mux and the bytes in between. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/macro.h"
#include "lib/mux.h"

#define LINK_IN ((size_t)256 << 10)

struct link {
	int fd; /* O_NONBLOCK */
	struct mux mux;
	size_t at, len; /* in[at..len) was read and not used yet */
	uint8_t in[LINK_IN];
};

/*
 * The next event out of what was read. 1 = *ev, 0 = more must be read first, negative: the peer
 * broke the rules.
 */
int link_event(struct link *l, struct mux_event *ev, struct err *e) must_check nonnull(1, 2, 3);

/* Reads what is there and fits into in[]. 1 = something, 0 = nothing now, negative: the wire is lost. */
int link_fill(struct link *l, struct err *e) must_check nonnull(1, 2);

/* Writes what the port takes. 0 = all is out, 1 = some waits, negative: the wire is lost. */
int link_flush(struct link *l, struct err *e) must_check nonnull(1, 2);

/* Flushes and waits for room, at most timeout_ms in all. 0 or a negative errno. */
int link_drain(struct link *l, int timeout_ms, struct err *e) must_check nonnull(1, 3);

/*
 * Handles events until one of kind comes, waiting at most timeout_ms (-1 = for ever). Others are
 * dropped. 0, -ETIMEDOUT, or the wire's error.
 */
int link_await(struct link *l, enum mux_event_kind kind, int timeout_ms, struct mux_event *ev,
	       struct err *e) must_check nonnull(1, 4, 5);
