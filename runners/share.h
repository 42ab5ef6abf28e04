/* SPDX-License-Identifier: MIT */
/*
 * Directories of the host in a machine: which of the two ways each takes, and the file servers.
 *
 *	9p        QEMU itself; everywhere, without privileges
 *	virtiofs  virtiofsd beside QEMU; faster, and open files can be removed; root only
 */
#pragma once

#include "lib/err.h"
#include "lib/macro.h"
#include "runners/companion.h"
#include "runners/kernel.h"
#include "runners/qemu.h"
#include "runners/runner.h"

/*
 * Fills f->virtiofsd (a path, or NULL for 9p) for this run: $EXECVM_VIRTIOFSD, or the one of Debian's
 * QEMU. -ENODEV with a sentence when the kernel can do neither.
 */
int share_plan(const struct vm_spec *s, struct qemu_facts *f, struct err *e) must_check
	nonnull(1, 2, 3);

/*
 * Starts a file server for each share, its words going to err_fd, and fills f->share_fd with QEMU's
 * ends: close-on-exec, to be closed by the caller. Nothing to do for 9p.
 */
int share_start(const struct vm_spec *s, struct qemu_facts *f, int err_fd, struct companions *c,
		struct err *e) must_check nonnull(1, 2, 4, 5);
