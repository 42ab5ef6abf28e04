/* SPDX-License-Identifier: MIT */
/* The caller's terminal: raw mode, window size, restored on every way out. */
#pragma once

#include <stdbool.h>
#include <termios.h>

#include "lib/err.h"
#include "lib/macro.h"
#include "lib/wire.h"

struct tty {
	int fd; /* borrowed; -1 = nothing was changed */
	struct termios saved;
};
#define TTY_INIT                                                                                   \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/* Every key goes to the guest as it is. Nothing happens when fd is no terminal. */
int tty_raw(struct tty *t, int fd, struct err *e) must_check nonnull(1, 3);

/* As before, after what was written has gone out. May be called twice. */
void tty_restore(struct tty *t) nonnull(1);
#define cleanup_tty __attribute__((cleanup(tty_restore)))

/* The size of the first of the descriptors 1, 0, 2 that is a terminal; 80 by 24 without one. */
void tty_size(struct wire_winsize *w) nonnull(1);
