/* SPDX-License-Identifier: MIT */
/* A plan, carried out. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/macro.h"
#include "lib/proc.h"
#include "pipeline/pipeline.h"
#include "pipeline/stage.h"
#include "pipeline/tail.h"

/* How a stage went. */
struct stage_result {
	int status;	/* exit code; -1: it was not carried out */
	bool failed;	/* it counts for the pipeline's status */
	uint64_t bytes; /* that went to the next stage, or into the file */
	uint64_t ms;	/* from the start of the pipeline to its end */
};

struct run {
	const struct pipeline *plan;
	const struct proc_signals *entry;
	int closed;	 /* mask of 0, 1, 2 that were closed at entry */
	bool no_stdin;	 /* the first stage reads nothing: the pipeline itself came from there */
	bool count;	 /* what goes from stage to stage is counted: somebody will be told */
	bool count_last; /* what the last one writes is, too */
	size_t tail; /* bytes of each stage's stderr that are kept; 0 = stderr is passed on as it is */
	bool progress; /* a line on stderr, when it takes long */
	/* Results. */
	struct stage_result result[PIPELINE_STAGES];
	struct tail tails[PIPELINE_STAGES]; /* owned */
	struct stage_told *told;	    /* owned: a page shared with the stages */
};

/*
 * Starts all stages at once and waits for all of them. Returns the pipeline's status: that of the last
 * stage that failed, or 0; 125 with a sentence in *e when it could not be started, and then nothing
 * is left running.
 */
int run_pipeline(struct run *r, struct err *e) must_check nonnull(1, 2);

void run_free(struct run *r) nonnull(1);
