/* SPDX-License-Identifier: MIT */
/*
 * What is said between the host and one guest, from hello to DISCONNECT: bytes of the wire in,
 * streams fed, bytes for the wire out. It does not wait and knows no deadline; relay.c does.
 *
 *   BOOTING   until the guest's hello. Nothing is read from stdin, so a start can be repeated.
 *   SETTING   boot@execvm with the clock of now, two channels, the payload's pieces, exec@execvm.
 *   RUNNING   streams and signals, until the guest closes the session.
 *   FINISHING everything the guest had is here and CLOSE is answered. A machine that can write to
 *             an image is asked to write it back, and has to say that it has.
 *   ENDING    DISCONNECT is said.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/macro.h"
#include "lib/mux.h"
#include "lib/wire.h"
#include "runners/runner.h"
#include "runners/sink.h"
#include "runners/stream.h"
#include "runners/tty.h"

enum session_phase { BOOTING, SETTING, RUNNING, FINISHING, ENDING };

struct session {
	/* given */
	const struct vm_spec *spec;
	const char *machine; /* JSON of the machine half, or NULL: the command line has it */
	size_t machine_len;
	const char *process; /* JSON of the process half, or NULL: the command line has it */
	size_t process_len;
	/* found out */
	enum session_phase phase;
	bool has_exit; /* the status record: all output came before it */
	struct wire_exit exit;
	struct wire_failure failure; /* stage is "" when there is none */
	bool exec_failure;	     /* it was the command that could not start */
	bool written_back;	     /* the guest said so */
	bool unfinished;	     /* the answer to finish@execvm is awaited */
	/* streams */
	struct stream in;
	bool in_done; /* no more is read from stdin */
	struct sink out, err;
	struct tty tty;
	/* what is to be said, and what was */
	struct mux mux;
	uint64_t pending; /* signals for the command: bit N = signal N */
	bool winch;	  /* the size of the terminal has changed */
	int opened;	  /* channels that the guest has accepted */
	size_t piece_at;  /* of the process half: bytes sent */
	bool stalled;	  /* something waits for room in the output */
	bool exec_sent, closed, finish_sent;
	unsigned asked, answered, finish_number; /* global requests of ours, in order */
};

/* spec, machine and process are set. closed: mask of 0, 1, 2 that the caller had closed. */
int session_open(struct session *s, int closed, struct err *e) must_check nonnull(1, 3);
void session_close(struct session *s) nonnull(1);

/* Takes n bytes of the wire. -errno with a sentence when the guest broke the rules. */
int session_input(struct session *s, const void *p, size_t n, struct err *e) must_check
	nonnull(1, 2, 4);

/* Says what can be said now: to be called before the output is written. */
int session_speak(struct session *s, struct err *e) must_check nonnull(1, 2);

/* stdin is to be read (and the guest has room for it); then session_stdin() reads once. */
bool session_wants_stdin(const struct session *s) must_check nonnull(1);
int session_stdin(struct session *s, struct err *e) must_check nonnull(1, 2);

/* Asks whether the guest is there. */
void session_ask(struct session *s) nonnull(1);

/* Can the machine change an image or a directory of the host? */
bool session_writable(const struct session *s) must_check nonnull(1);
