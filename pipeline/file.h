/* SPDX-License-Identifier: MIT */
/* stdin to a file. */
#pragma once

#include <stdint.h>

#include "lib/err.h"
#include "lib/macro.h"
#include "lib/output.h"

/* Writes all of stdin, and says how much that was meanwhile. The file has no name afterwards. */
int file_fill(struct output *o, const char *name, uint64_t *bytes, struct err *e) must_check
	nonnull(1, 2, 3, 4);
