/* SPDX-License-Identifier: MIT */
/*
 * Warm start: a run goes on from a machine that was frozen when it had booted, mounted its root and
 * waited for its first word. What shaped that machine is its name; what a run has of its own (disks,
 * directories, network, command) comes afterwards.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/macro.h"
#include "runners/base.h"
#include "runners/freeze.h"
#include "runners/qemu.h"
#include "runners/runner.h"
#include "runners/template-store.h"

struct template
{
	struct template_files files;
	struct buf shape; /* what shaped it, as text */
	char id[TEMPLATE_ID];
	bool insist; /* given: also when it did not work before */
	bool used;   /* it had been there before this run */
};
#define TEMPLATE_INIT                                                                              \
	{                                                                                          \
		.files = TEMPLATE_FILES_INIT                                                       \
	}

/* Why a run of this plan cannot go on from a frozen machine, or NULL. Static text. */
const char *template_refusal(const struct vm_spec *s, const struct qemu_facts *f) must_check
	nonnull(1, 2);

/* The set of devices that the machine of this plan has. */
bool template_is_large(const struct vm_spec *s, const struct qemu_facts *f) must_check
	nonnull(1, 2);

/* What is frozen for a run of s: its machine without what is the run's own. Borrows from s. */
void template_spec(const struct vm_spec *s, struct vm_spec *frozen) nonnull(1, 2);

/*
 * Finds the template for a run, or makes it (once: who comes at the same time waits). f is that of
 * the run, with kernel, initrd and accelerator decided. On success f is ready for machine_start()
 * with QEMU_RESTORE. limit bounds the making.
 */
int template_take(const struct vm_spec *s, struct qemu_facts *f, const struct base *b,
		  const struct freeze_limit *limit, struct template *t, struct err *e) must_check
	nonnull(1, 2, 3, 4, 5, 6);

/*
 * Is the root still the file that the template has in memory? To be asked when QEMU has opened it:
 * what had its name may have been replaced meanwhile.
 */
bool template_holds(const struct template *t, const struct vm_spec *s) must_check nonnull(1, 2);

/* A run could not go on from it: it is removed; and not made again until the host boots, if it never did any good. */
void template_failed(struct template *t) nonnull(1);

void template_free(struct template *t) nonnull(1);
