/* SPDX-License-Identifier: MIT */
/*
 * The caller's terminal, when the command has one of its own: what is typed goes there as it is,
 * what comes from there is shown as it is; both ends do not do the same work twice. Restored on
 * every way out, and never touched while somebody else is in the foreground.
 */
#pragma once

#include <stdbool.h>
#include <termios.h>

#include "lib/err.h"
#include "lib/macro.h"
#include "lib/wire.h"

struct tty_end {
	int fd;	      /* 0, or a copy of 1 that is ours; -1 = none */
	bool in, out; /* which half is to be raw; neither: this end is not used */
	bool known;   /* before and ours are set */
	bool held;    /* the modes are ours now */
	struct termios before, ours;
};

struct tty {
	struct tty_end
		end[2]; /* stdin, with stdout when that is the same terminal; or stdout alone */
};
#define TTY_INIT                                                                                   \
	{                                                                                          \
		.end = { { .fd = -1 }, { .fd = -1 } }                                              \
	}

/*
 * From here on the command's terminal does what this one did. in: stdin is read. Input of a
 * terminal that is not read, and output of one that is not written, stay as they are. Who is in the
 * background and wants input is stopped here until it is in the foreground, as by ssh and docker;
 * who is continued in the background, or cannot be stopped, goes on and touches nothing.
 */
int tty_take(struct tty *t, bool in, struct err *e) must_check nonnull(1, 3);

/* After a stop: the shell may have set its own modes, and we may be in the background. */
void tty_again(struct tty *t) nonnull(1);

/* There is something that tty_again() could take back. */
bool tty_away(const struct tty *t) must_check nonnull(1);

/* SIGTSTP, which is blocked: restores, stops, and takes the terminal again when continued. */
void tty_stop(struct tty *t) nonnull(1);

/* As before, after what was written has gone out. May be called twice. */
void tty_restore(struct tty *t) nonnull(1);

/*
 * The size of the first of the descriptors 1, 0, 2 that is a terminal and knows it; 80 by 24 without
 * one. A 0 is no size: a serial line does not know its own.
 */
void tty_size(struct wire_winsize *w) nonnull(1);
