/* SPDX-License-Identifier: MIT */
/*
 * What the runners share that start one program here: it is the command (local, wrap), or it has
 * the command run somewhere else and passes on its streams and its status (docker, ssh, slurm).
 */
#pragma once

#include <stdbool.h>

#include "lib/argv.h"
#include "lib/err.h"
#include "lib/macro.h"
#include "lib/proc.h"
#include "runners/runner.h"

#define CLIENT_KEEP 2u

struct client {
	struct argv argv; /* owned: the program, and all of its words */
	struct argv env;  /* owned: its environment */
	struct argv
		undo;	 /* owned: run when somebody else than the command ended it; may be empty */
	bool command;	 /* it is the command itself: 127 and 126 are about it */
	bool elsewhere;	 /* it passes on the streams of a command that runs somewhere else */
	int out, err;	 /* borrowed: its stdout and stderr; -1 = ours */
	const char *cwd; /* borrowed; NULL = ours */
	bool set_umask;
	unsigned umask;
	int keep[CLIENT_KEEP]; /* borrowed: descriptors that it gets besides 0, 1, 2 */
	size_t nkeep;
	/* Instead of kill(2), for a program that does not pass signals on. */
	void (*deliver)(void *ctx, pid_t pid, int sig);
	void *ctx;
	struct proc_supervised end; /* how it ended, when client_run() says 0 */
};

#define CLIENT_INIT                                                                                \
	{                                                                                          \
		.out = -1, .err = -1                                                               \
	}

/* Our environment with what the plan says on top. 0 or -ENOMEM. */
int client_environment(const struct vm_spec *s, struct argv *env) must_check nonnull(1, 2);

/*
 * Runs it, or prints its words when that is all that was asked for (--dry-run). Signals, time and
 * KILL as runners have them: a second TERM kills, and whatever ends this process in the middle, undo
 * is run. Returns the exit code; a sentence in *e is about a program that could not be started.
 */
int client_run(const struct vm_spec *s, struct client *c, const struct proc_signals *entry,
	       int closed, struct err *e) must_check nonnull(1, 2, 3, 5);

/* Does nobody read our stdout any more? What it is says whether that can be known: a pipe, a socket. */
bool client_reader_gone(void) must_check;

/* Is the text in what such a program said for itself? */
bool client_said(int log, const char *text) must_check nonnull(2);

/*
 * What a program that passes on a command's streams said for itself, into a log: the last line that
 * does not have skip in it (NULL = none has) becomes the sentence "NAME: LINE". False when
 * there is none: then nothing but the command has failed.
 */
bool client_reason(int log, const char *name, const char *skip, struct err *e) must_check
	nonnull(2, 4);

void client_free(struct client *c) nonnull(1);
#define cleanup_client __attribute__((cleanup(client_free)))
