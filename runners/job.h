/* SPDX-License-Identifier: MIT */
/*
 * One process in the guest, from the opening of its channels to their end: what it is told, its
 * streams, how it ended. A run has one for the command and one for each copy, one after the other.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/macro.h"
#include "lib/mux.h"
#include "lib/wire.h"
#include "runners/sink.h"
#include "runners/stdin-file.h"
#include "runners/stream.h"

enum job_state {
	JOB_IDLE,
	JOB_OPENING,  /* channels were asked for */
	JOB_STARTING, /* they are there: pieces, exec@execvm */
	JOB_RUNNING,
	JOB_CLOSED, /* the guest has sent all that it will; CLOSE is answered */
};

struct job {
	struct mux *mux; /* borrowed */
	enum job_state state;
	/* given */
	const char *process; /* JSON, borrowed; NULL: the kernel's command line has it */
	size_t process_len;
	struct stream in;
	struct stdin_file *file; /* in as a file; borrowed, NULL: it is a stream */
	struct sink out, err;
	/* found out */
	bool in_done;  /* no more is read from in */
	bool has_exit; /* the status record: all output came before it */
	struct wire_exit exit;
	struct wire_failure failure; /* it could not start; stage is "" otherwise */
	/* what was said of it */
	int opened; /* channels that the guest has accepted */
	bool file_said;
	struct buf file_bytes; /* what is sent of it */
	size_t file_at;	       /* and how much was */
	size_t piece_at;       /* bytes of process that were sent */
	bool exec_sent;
	bool stalled; /* something waits for room in the output */
};

/* Opens the channels. Streams and process are set. */
int job_open(struct job *j, struct err *e) must_check nonnull(1, 2);

/* Says what can be said now. */
int job_speak(struct job *j, struct err *e) must_check nonnull(1, 2);

/* in is to be read, and the guest has room; then job_read() reads once. 1 = that was the end. */
bool job_wants_input(const struct job *j) must_check nonnull(1);
int job_read(struct job *j, struct err *e) must_check nonnull(1, 2);

/* The end of in, said to the guest. */
int job_end_input(struct job *j, struct err *e) must_check nonnull(1, 2);

/* Events of its channels. job_has() says whether a channel is one of them. */
bool job_has(const struct job *j, int ch) must_check nonnull(1);
int job_event(struct job *j, const struct mux_event *ev, struct err *e) must_check nonnull(1, 2, 3);

/* Everything that it wrote has gone where it was to go, or was lost there. */
bool job_is_over(const struct job *j) must_check nonnull(1);

/* What it owns is freed. */
void job_close(struct job *j) nonnull(1);
