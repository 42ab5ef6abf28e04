/* SPDX-License-Identifier: MIT */
/*
 * What is said between the host and one guest, from hello to DISCONNECT: bytes of the wire in,
 * streams fed, bytes for the wire out. It does not wait and knows no deadline; relay.c does.
 *
 *   BOOTING    until the guest's hello. Nothing is read from stdin, so a start can be repeated.
 *   SETTING    boot@execvm with the clock of now, what is copied in, the command's exec@execvm.
 *   RUNNING    the command's streams and signals, until the guest closes its session.
 *   COLLECTING what is copied out.
 *   FINISHING  everything the guest had is here and CLOSE is answered. A machine that can write to
 *              an image is asked to write it back, and has to say that it has.
 *   ENDING     DISCONNECT is said; relay.c ends a disposable machine itself.
 *
 * A process in the guest is a job (job.h). There is one at a time: copies in, the command, copies
 * out.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/macro.h"
#include "lib/mux.h"
#include "lib/wire.h"
#include "runners/copy.h"
#include "runners/job.h"
#include "runners/record.h"
#include "runners/runner.h"
#include "runners/tty.h"

enum session_phase { BOOTING, SETTING, RUNNING, COLLECTING, FINISHING, ENDING };

struct session {
	/* given */
	const struct vm_spec *spec;
	const char *machine; /* JSON of the machine half, or NULL: the command line has it */
	size_t machine_len;
	struct record *record; /* digests of copies go there; borrowed */
	/* found out */
	enum session_phase phase;
	struct wire_failure failure; /* a stage of the boot failed; stage is "" when none did */
	struct err uncollected;	     /* why something could not be copied out; code 0 = nothing */
	bool written_back;	     /* the guest said so */
	bool unfinished;	     /* the answer to finish@execvm is awaited */
	bool collect_nothing;	     /* the command's time ran out */
	/* processes in the guest */
	struct job command;
	struct job copied; /* the one that a copy has there */
	struct copy copy;
	bool times_next;	      /* of the last one that went in */
	size_t copied_in, copied_out; /* how many are done or under way */
	bool copy_refused;	      /* one that goes in, for a reason that is the run's own */
	struct job *now;	      /* whose turn it is; NULL = nobody's */
	struct tty tty;
	/* what is to be said, and what was */
	struct mux mux;
	uint64_t pending; /* signals for the command: bit N = signal N */
	bool winch;	  /* the size of the terminal has changed */
	bool finish_sent;
	unsigned asked, answered, finish_number; /* global requests of ours, in order */
};

/* spec, machine and the command's process are set. closed: mask of 0, 1, 2 that the caller had closed. */
int session_open(struct session *s, int closed, struct err *e) must_check nonnull(1, 3);
void session_close(struct session *s) nonnull(1);

/* Takes n bytes of the wire. -errno with a sentence when the guest broke the rules. */
int session_input(struct session *s, const void *p, size_t n, struct err *e) must_check
	nonnull(1, 2, 4);

/* Says what can be said now: to be called before the output is written. */
int session_speak(struct session *s, struct err *e) must_check nonnull(1, 2);

/*
 * Input of the process whose turn it is: the descriptor to poll, or -1 when none is to be read (or
 * the guest has no room for it); then session_feed() reads once.
 */
int session_input_fd(const struct session *s) must_check nonnull(1);
int session_feed(struct session *s, struct err *e) must_check nonnull(1, 2);

/* Readable when the host's half of a copy has ended, which is waited for; -1 = it is not. */
int session_copy_fd(const struct session *s) must_check nonnull(1);

/* Something waits for room in the output. */
bool session_stalled(const struct session *s) must_check nonnull(1);

/* Everything that was to be copied out was dealt with. */
bool session_collected(const struct session *s) must_check nonnull(1);

/* Asks whether the guest is there. */
void session_ask(struct session *s) nonnull(1);

/* Can the machine change an image or a directory of the host? */
bool session_writable(const struct session *s) must_check nonnull(1);

/*
 * Does nothing that still happens in the machine matter to anybody? How the command ended is known;
 * the machine can change nothing, is connected to nothing, and nobody looks at its log.
 */
bool session_disposable(const struct session *s) must_check nonnull(1);
