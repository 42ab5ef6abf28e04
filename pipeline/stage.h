/* SPDX-License-Identifier: MIT */
/* What the process of a stage does. */
#pragma once

#include <stdint.h>

#include "lib/err.h"
#include "lib/macro.h"
#include "lib/proc.h"
#include "pipeline/pipeline.h"

/* What a stage's process leaves to the one that started it: memory of both. */
struct stage_told {
	uint64_t bytes; /* File: written */
	bool own;	/* there is a sentence of our own */
	char msg[ERR_MSG_MAX];
};

/*
 * Runs the stage with 0 and 1 as they are, and returns its exit code. verdict is for a File: a byte
 * there means that everything before it went well, an end that it did not.
 */
int stage_run(const struct stage *s, const struct proc_signals *entry, int closed, int verdict,
	      struct stage_told *told) must_check nonnull(1, 2, 5);
