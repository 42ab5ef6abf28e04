/* SPDX-License-Identifier: MIT */
/*
 * A machine that has booted and waits for its first word is written down: what its memory is, in
 * a file that QEMU maps, and what its devices are, in another. Another QEMU goes on from there.
 */
#pragma once

#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/macro.h"
#include "runners/base.h"
#include "runners/qemu.h"
#include "runners/runner.h"

/* How long it may take: no more than ms, and until the descriptor stop (or -1) can be read. */
struct freeze_limit {
	uint64_t ms;
	int stop;
};

/*
 * Boots the machine of s and f (start == QEMU_FREEZE) and freezes it into two empty files. *log gets the end of what the guest and QEMU said. No process is left.
 */
int freeze_make(const struct vm_spec *s, struct qemu_facts *f, const struct base *b, int memory,
		int state, const struct freeze_limit *limit, struct buf *log,
		struct err *e) must_check nonnull(1, 2, 3, 6, 7, 8);

/*
 * Makes a QEMU that was started with QEMU_RESTORE go on from the descriptor f->state_fd of its own,
 * and waits until it does. control is our end of its monitor.
 */
int freeze_resume(int control, int state, const struct freeze_limit *limit,
		  struct err *e) must_check nonnull(3, 4);
