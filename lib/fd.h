/* SPDX-License-Identifier: MIT */
/*
 * Descriptors. Everything opens with close-on-exec; a descriptor survives exec only through
 * fd_move() or fd_keep(). -1 = none.
 */
#pragma once

#include <stdbool.h>

#include "lib/macro.h"

/* from becomes to and survives exec; from is closed unless it is to. Async-signal-safe. */
int fd_move(int from, int to) must_check;

/* fd survives exec (or no longer). Async-signal-safe. */
int fd_keep(int fd, bool keep) must_check;

int fd_nonblock(int fd) must_check;

/* Two ends, close-on-exec, plus extra flags (O_NONBLOCK). */
int fd_pipe(int *r, int *w, int flags) must_check nonnull(1, 2);

/*
 * Puts /dev/null on each of 0, 1, 2 that is closed, so that nothing else lands there. Returns a
 * mask of those that were (bit 0 = stdin, …), or a negative errno.
 */
int fd_fill_std(void) must_check;
