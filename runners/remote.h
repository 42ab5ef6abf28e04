/* SPDX-License-Identifier: MIT */
/*
 * A command on another host, where nothing of ours is installed and /bin/sh is all that can be
 * counted on. Pure.
 */
#pragma once

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/macro.h"
#include "runners/runner.h"

/*
 * Adds a script for sh -c, whose arguments are the command: goes to the plan's directory, sets its
 * variables (when env is set) and umask, runs "$@" as a child and exits with its status: a signal is
 * 128+N then for whoever looks at the shell. It survives the signals that are meant for the command.
 */
int remote_script(const struct vm_spec *s, bool env, struct buf *out, struct err *e) must_check
	nonnull(1, 3, 4);

/* Adds the word so that a POSIX shell takes it for this very word. */
int remote_quote(const char *word, struct buf *out) must_check nonnull(1, 2);

/*
 * Adds a line that makes sh run the script with the words as its arguments, name as $0. It means that
 * to every login shell: those of POSIX, csh and fish.
 */
int remote_line(const char *script, const char *name, char *const *words,
		struct buf *out) must_check nonnull(1, 2, 3, 4);
