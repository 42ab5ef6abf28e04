/* SPDX-License-Identifier: MIT */
/*
 * Bytes that a thread of its own writes to a file, behind the back of whoever makes them: reading a
 * tree and writing its archive take about as long as each other. What fits into one piece is written
 * at the end, without a thread.
 */
#pragma once

#include <stddef.h>

#include "lib/macro.h"

struct behind;

/* fd is borrowed, and nobody else's until the end. NULL without memory. */
struct behind *behind_new(int fd) must_check;

/* Where the next bytes are best put before they are given to behind_write(); *n of them fit. */
void *behind_room(struct behind *b, size_t *n) must_check nonnull(1, 2);

/*
 * Takes n bytes, without a copy when they are where behind_room() has said; waits only while all
 * pieces are full. Returns 0, or the negative errno of a write that has failed, once and for all.
 */
int behind_write(struct behind *b, const void *p, size_t n) must_check nonnull(1);

/* Everything is written, or it could not be: 0 or a negative errno. Nothing may follow. */
int behind_end(struct behind *b) must_check nonnull(1);

/* Without behind_end(): what has not been written yet need not be. b may be NULL. */
void behind_free(struct behind *b);
