/* SPDX-License-Identifier: MIT */
/*
 * What goes into a run by its digest, and the record of one: enough to say the same again. A
 * strict run takes nothing that is not named by its digest.
 */
#pragma once

#include <stdbool.h>

#include "archive/digest.h"
#include "lib/err.h"
#include "lib/macro.h"
#include "lib/output.h"
#include "lib/proc.h"
#include "runners/runner.h"

/* The clock of a strict machine starts here: the first moment that FAT and zip can say. */
#define RECORD_EPOCH 315532800u /* 1980-01-01T00:00:00Z */
#define RECORD_RTC "1980-01-01T00:00:00"

/* Digests; "" = not known, or nothing is there. */
struct record {
	char kernel[DIGEST_TEXT], initrd[DIGEST_TEXT], root[DIGEST_TEXT];
	char disk[VM_DISKS][DIGEST_TEXT];
	char in[VM_COPIES][DIGEST_TEXT], out[VM_COPIES][DIGEST_TEXT];
	struct output to; /* owned: where it is written; OUTPUT_INIT before record_open() */
};

/* What a strict run may not have, by the name of the option. Pure. */
int record_check_strict(const struct vm_spec *s, struct err *e) must_check nonnull(1, 2);

/*
 * Digests of the files of a run, where they are wanted: they are pinned, the run is strict or is to
 * be recorded. -EKEYREJECTED for a file that is not what its pin says; in a strict run also for one
 * without a pin, with the one that it would need. kernel and initrd are the paths that were found
 * or made.
 */
int record_inputs(const struct vm_spec *s, const char *kernel, const char *initrd, struct record *r,
		  struct err *e) must_check nonnull(1, 2, 3, 4, 5);

/* Opens s->record, if there is one: what cannot be written down is an error before the run. */
int record_open(const struct vm_spec *s, struct record *r, struct err *e) must_check
	nonnull(1, 2, 3);

/* Writes it there, whole or not at all. st is how the command ended. */
int record_write(const struct vm_spec *s, const char *kernel, struct record *r,
		 const struct proc_status *st, struct err *e) must_check nonnull(1, 2, 3, 4, 5);
