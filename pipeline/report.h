/* SPDX-License-Identifier: MIT */
/* How every stage went, as lines of JSON. */
#pragma once

#include "lib/err.h"
#include "lib/macro.h"
#include "pipeline/run.h"

/* Adds one line for each stage: execvm-pipeline(1) says what is in it. */
int report_lines(const struct run *r, struct buf *out, struct err *e) must_check nonnull(1, 2, 3);

/* Adds the line that is there instead of all of them when nothing was run. */
int report_refusal(const struct err *why, struct buf *out, struct err *e) must_check
	nonnull(1, 2, 3);
