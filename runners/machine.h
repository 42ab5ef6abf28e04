/* SPDX-License-Identifier: MIT */
/* A QEMU that runs, what serves it, and our ends of what leads to it. */
#pragma once

#include <sys/types.h>

#include "lib/err.h"
#include "lib/macro.h"
#include "runners/base.h"
#include "runners/companion.h"
#include "runners/passt.h"
#include "runners/qemu.h"
#include "runners/runner.h"

struct machine {
	pid_t pid;	    /* of QEMU, not reaped; 0 = it was not started */
	int wire, log, err; /* owned, O_NONBLOCK; err is what QEMU and its companions say */
	int control;	    /* owned: QEMU's monitor (QMP), or -1 */
	struct companions beside;
	struct passt net;
};
#define MACHINE_INIT                                                                               \
	{                                                                                          \
		.wire = -1, .log = -1, .err = -1, .control = -1, .beside = COMPANIONS_INIT,        \
		.net = PASST_INIT                                                                  \
	}

/*
 * Starts what s and f describe. Descriptors of *f are set on the way and are QEMU's own. On failure
 * nothing runs; what passt said is still in m->net.text.
 */
int machine_start(const struct vm_spec *s, struct qemu_facts *f, const struct base *b,
		  struct machine *m, struct err *e) must_check nonnull(1, 2, 3, 4, 5);

/* Kills QEMU and reaps it, if it still runs. */
void machine_kill(struct machine *m) nonnull(1);

/* Ends what served it and closes our ends. QEMU has been reaped. */
void machine_free(struct machine *m) nonnull(1);
