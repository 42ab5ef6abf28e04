/* SPDX-License-Identifier: MIT */
/*
 * --in and --out: a tar stream between a program of ours (execvm pack, execvm unpack) and busybox's
 * tar in the guest. The relay only carries bytes; who reads what a guest has made is a process of
 * its own.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "archive/digest.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/macro.h"
#include "runners/runner.h"

/*
 * busybox's tar makes links last, which changes the times of their directories: a directory that
 * goes in is followed by its directories alone.
 */
enum copy_kind { COPY_IN, COPY_TIMES, COPY_OUT };

/* The host's half of one copy. */
struct copy {
	const struct vm_copy *what; /* borrowed; NULL = none goes on */
	enum copy_kind kind;
	pid_t pid;		  /* 0 = it was waited for */
	int pidfd;		  /* owned: readable when it has ended */
	int fd;			  /* owned: our end of its pipe; -1 = closed */
	int said, digested;	  /* owned: what it has said, and its digest, in memory */
	struct buf process;	  /* JSON of the guest's half */
	struct buf words;	  /* what the guest's half says */
	char digest[DIGEST_TEXT]; /* of what was copied; "" until copy_end() */
};
#define COPY_INIT                                                                                  \
	{                                                                                          \
		.pidfd = -1, .fd = -1, .said = -1, .digested = -1                                  \
	}

/* Starts the host's half and makes the words of the guest's. s is the run that it belongs to. */
int copy_begin(struct copy *c, const struct vm_spec *s, const struct vm_copy *what,
	       enum copy_kind kind, struct err *e) must_check nonnull(1, 2, 3, 5);

/* Does COPY_TIMES have to follow? */
bool copy_has_times(const struct vm_copy *what) must_check nonnull(1);

/* Our end of the pipe: nothing more goes through it. */
void copy_close(struct copy *c) nonnull(1);

/* The pipe is closed, and the host's half has ended: copy_end() does not wait. */
bool copy_has_ended(const struct copy *c) must_check nonnull(1);

/*
 * What the host's half has come to. 0 with c->digest (not of COPY_TIMES), or a negative errno with
 * what it said.
 */
int copy_end(struct copy *c, struct err *e) must_check nonnull(1, 2);

/* The same where it is of no use any more: nothing of it stays on this side. */
void copy_stop(struct copy *c) nonnull(1);
