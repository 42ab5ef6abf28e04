/* SPDX-License-Identifier: MIT */
/*
 * Where a channel leads: stdout or stderr of the caller, or a pipe of our own. What the guest sends
 * goes straight to the stream, and into a ring of one window when the stream does not take it. The
 * window is given back when bytes have left. Words that are for a sentence are kept instead.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/macro.h"
#include "lib/mux.h"
#include "lib/ring.h"
#include "runners/stream.h"

struct sink {
	struct mux *mux; /* borrowed; NULL = what is fed comes from no channel */
	struct stream to;
	struct ring ring;
	struct buf
		*words; /* borrowed; the first SINK_WORDS bytes go there, and no others anywhere */
	int ch;		/* channel that feeds it; -1 = not open */
	bool broken;	/* nothing more goes there */
	bool eow_owed;	/* the guest is still to be told so */
	bool peer_closed; /* the guest has closed the channel */
	bool eof;	  /* the guest has sent all: when it is written, a reader is told */
	int fd;		  /* 1 or 2, or a pipe's end */
	int error;	  /* errno that broke it, other than EPIPE */
	const char *name; /* for messages; static */
};

#define SINK_WORDS 4096u

/* fd is 1 or 2, or a pipe's end, which is borrowed. 0 or -ENOMEM. */
int sink_open(struct sink *k, struct mux *mux, int fd, bool closed, const char *name) must_check
	nonnull(1, 5);
void sink_close(struct sink *k) nonnull(1);

/* A sink that keeps the begin of what comes. */
void sink_keep(struct sink *k, struct mux *mux, struct buf *words) nonnull(1, 2, 3);

/* Takes n bytes of the channel: at most one window waits, which the mux has seen to. */
void sink_data(struct sink *k, const uint8_t *p, size_t n) nonnull(1, 2);

/* Nothing more comes. A reader of stdout sees the end once all is written, not when we end. */
void sink_eof(struct sink *k) nonnull(1);

/* The stream may take more: what waits is written. */
void sink_pump(struct sink *k) nonnull(1);
