/* SPDX-License-Identifier: MIT */
/* A line on a terminal that says how far a pipeline is. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/macro.h"

struct run;

struct progress {
	bool shown;    /* there is a line */
	uint64_t next; /* ms of the run: not sooner than that */
};

#define PROGRESS_EACH_MS 500

/* Bytes that each of the n stages has passed on, and the time; a terminal that stands still is let be. */
void progress_show(struct progress *p, const struct run *r, size_t n, uint64_t ms) nonnull(1, 2);

/* Nothing of it stays. */
void progress_clear(struct progress *p) nonnull(1);
