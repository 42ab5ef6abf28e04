/* SPDX-License-Identifier: MIT */
/* A name that nothing else has: by it a run is found again where it runs. */
#pragma once

#include <stddef.h>

#include "lib/err.h"
#include "lib/macro.h"

/* prefix and 16 random hex digits. */
int token_make(const char *prefix, char *out, size_t size, struct err *e) must_check
	nonnull(1, 2, 4);
