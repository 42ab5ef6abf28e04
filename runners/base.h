/* SPDX-License-Identifier: MIT */
/* The initrd of a run: a cached base, or the caller's own with our segment behind it. */
#pragma once

#include <stdint.h>

#include "lib/err.h"
#include "lib/macro.h"
#include "runners/qemu.h"
#include "runners/runner.h"

struct base {
	int fd;		   /* owned; memory of this run, or -1: path is a file of the cache */
	char path[4096];   /* for QEMU; /proc/self/fd/N when fd is not -1 */
	uint64_t file;	   /* bytes that the boot loader puts into memory */
	uint64_t unpacked; /* bytes that the files take in the guest */
};

/* Finds or makes it, for f's kernel and shares. 0 or a negative errno with a sentence. */
int base_make(const struct vm_spec *s, const struct qemu_facts *f, struct base *b,
	      struct err *e) must_check nonnull(1, 2, 3, 4);
void base_free(struct base *b) nonnull(1);
