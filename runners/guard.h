/* SPDX-License-Identifier: MIT */
/*
 * A process that outlives this one, for what a KILL of it would leave behind somewhere else: a
 * container, a job of a cluster, a command on another host.
 */
#pragma once

#include <sys/types.h>

#include "lib/err.h"
#include "lib/macro.h"

struct guard {
	pid_t pid; /* 0 = there is none */
	int fd;	   /* as long as this is open somewhere it waits */
};
#define GUARD_INIT                                                                                 \
	{                                                                                          \
		0, -1                                                                              \
	}

/*
 * Starts it. When this process has gone without guard_dismiss(), it runs argv (borrowed), with
 * nothing on stdin, stdout and stderr, at once and once more a little later: what was being started
 * when we were killed may not have been there the first time.
 */
int guard_start(struct guard *g, char *const *argv, struct err *e) must_check nonnull(1, 2, 3);

/* Nothing is left behind: it ends. */
void guard_dismiss(struct guard *g) nonnull(1);

/* Runs argv as the guard would, now, and waits for it. What it says and how it ends is ignored. */
void guard_undo(char *const *argv) nonnull(1);
