/* SPDX-License-Identifier: MIT */
/*
 * A session is a process: a channel for stdin and stdout, one for stderr, and between them the
 * pipes or the terminal of the child.
 *
 * What comes for stdin goes straight into the pipe, and into the ring when the pipe is full; only
 * what has left the ring is given back to the host as window, so a ring of one window is always
 * enough. stdout and stderr are read only when their channel has window, straight into the mux's
 * output.
 *
 * Where stdin is a file (stdin-file@execvm) there is no pipe for it. What comes before the start is
 * the file; where the child has left its offset is said at the end.
 *
 * The end of a command, in this order: the child is reaped; what is in its pipes at that moment is
 * sent (all that it wrote itself is there; what orphans add later is not its output); EOF on both
 * streams; exit@execvm; CLOSE. The host's CLOSE says that it has every byte.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "init/infile.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/macro.h"
#include "lib/mux.h"
#include "lib/payload.h"
#include "lib/proc.h"
#include "lib/ring.h"
#include "lib/wire.h"

/* A stream of the child that goes to the host. */
struct source {
	int fd;	      /* -1 = closed */
	int ch;	      /* -1 = none */
	bool limited; /* the child has ended: only left bytes more */
	size_t left;
};

struct session {
	bool used;
	int ch;
	pid_t pid;
	bool started, ended, exit_said;
	struct proc_status status;
	/* stdin */
	int in;		  /* -1 = closed */
	bool in_eof;	  /* the host has sent all */
	bool in_line;	  /* the last byte was no newline */
	bool in_eow_owed; /* the child reads no more: the host is still to be told */
	struct ring ring;
	struct infile file; /* instead of all that: stdin is a file */
	struct source out, err;
	/* what it is told, until it starts */
	struct buf text;
	bool has_pty;
	struct wire_pty pty;
};

/* An empty slot. */
void session_init(struct session *s) nonnull(1);

/* Empties the slot and closes what was open. */
void session_free(struct session *s) nonnull(1);

/* stdin: n bytes came; all came; the pipe takes more; its reader is gone. */
void session_data(struct session *s, struct mux *m, const uint8_t *p, size_t n) nonnull(1, 2, 3);
void session_eof(struct session *s, struct mux *m) nonnull(1, 2);
void session_pump(struct session *s, struct mux *m) nonnull(1, 2);
void session_in_broken(struct session *s, struct mux *m) nonnull(1, 2);
void session_in_close(struct session *s, struct mux *m) nonnull(1, 2);

/* stdout and stderr: sends what is there and what the channels take. */
void session_send(struct session *s, struct mux *m) nonnull(1, 2);

/* The host reads no more of this channel: the command finds out by SIGPIPE. */
void session_eow(struct session *s, struct mux *m, int ch) nonnull(1, 2);

/* The child was reaped. */
void session_ended(struct session *s, struct mux *m, const struct proc_status *st) nonnull(1, 2, 3);

/* The child was never born: nothing is sent but CLOSE. */
void session_failed(struct session *s, struct mux *m) nonnull(1, 2);

/* A piece of the payload. -EINVAL when it may not come now, or is too much. */
int session_piece(struct session *s, const void *p, size_t n) must_check nonnull(1, 2);

/* stdin is a file. -EINVAL when that may not be said now; what else is wrong the start says. */
int session_file(struct session *s, const struct wire_file *f) must_check nonnull(1, 2);

/*
 * Starts the child: what the pieces say, or, without any, fallback (NULL = nothing was said). Does
 * not return before the program runs. On failure *stage has the step that failed.
 */
int session_start(struct session *s, const struct payload_process *fallback, const char **stage,
		  struct err *e) must_check nonnull(1, 3, 4);

int session_winsize(struct session *s, const struct wire_winsize *size) must_check nonnull(1, 2);
