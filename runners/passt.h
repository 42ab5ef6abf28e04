/* SPDX-License-Identifier: MIT */
/* passt(1) as the router of one machine. */
#pragma once

#include <sys/types.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/macro.h"
#include "runners/runner.h"

struct passt {
	pid_t pid;	  /* 0 = there is none */
	int link;	  /* owned; QEMU's end of the link, or -1 */
	int err;	  /* owned; our end of its stderr, or -1 */
	struct buf text;  /* what it said there */
	char failure[40]; /* how it ended, if not because the machine did */
};
#define PASST_INIT                                                                                 \
	{                                                                                          \
		.link = -1, .err = -1                                                              \
	}

/*
 * Starts it, with the published ports, and waits until it answers. On failure nothing runs, the
 * sentence has its last line, and text all of them.
 */
int passt_start(const struct vm_spec *s, struct passt *p, struct err *e) must_check
	nonnull(1, 2, 3);

/* Ends it and collects what it has said. To be called on every way out. */
void passt_stop(struct passt *p) nonnull(1);
void passt_free(struct passt *p) nonnull(1);

#define cleanup_passt __attribute__((cleanup(passt_free)))
