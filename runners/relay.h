/* SPDX-License-Identifier: MIT */
/* The caller's side of a machine: stdio, signals and status, from QEMU's start to its end. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/macro.h"
#include "lib/proc.h"
#include "runners/companion.h"
#include "runners/record.h"
#include "runners/runner.h"
#include "runners/stdin-file.h"

/* Milliseconds of CLOCK_MONOTONIC since the run began; 0 = has not happened. */
struct relay_times {
	uint64_t qemu, contact, command, command_end, gone;
};

struct relay {
	/* given */
	const struct vm_spec *spec;
	const struct proc_signals *entry;
	int closed; /* mask of 0, 1, 2 that the caller had closed */
	pid_t qemu;
	int wire, log, qemu_err;	 /* our ends; borrowed */
	const struct companions *beside; /* who must not end before QEMU; borrowed */
	uint64_t contact_ms;		 /* no contact in this time: the machine is lost */
	const char *machine;		 /* JSON of the machine half, or NULL: see session.h */
	size_t machine_len;
	const char *process;
	size_t process_len;
	struct stdin_file *stdin_file; /* stdin as a file, or NULL; borrowed */
	struct record *record;	       /* digests of what is copied go there; borrowed */
	uint64_t start_ns;	       /* clock_ns() at the begin of the run */
	/* found out */
	struct relay_times times;
	bool has_status; /* of the command, which then is: */
	struct proc_status status;
	bool begun;	/* the command may have started: the guest was asked to start it */
	bool told;	/* why the command cannot run is known, and is not the machine's fault */
	bool contact;	/* the guest has spoken: nothing was read from stdin before */
	bool lost;	/* the machine ended without a word */
	bool qemu_gone; /* reaped */
	struct proc_status qemu_status;
	const char *beside_ended; /* one of them that did; static text */
	struct buf log_tail;	  /* the end of the kernel log */
	struct buf qemu_text;	  /* what QEMU said on its stderr */
};

/*
 * Runs until the machine is gone and all output is written. *code is the exit code: with 0 the
 * command's own, with -errno and a sentence the one that goes with that (124 to 127, 128+N). QEMU is
 * ended on every way out.
 */
int relay_run(struct relay *r, int *code, struct err *e) must_check nonnull(1, 2, 3);

void relay_free(struct relay *r) nonnull(1);
