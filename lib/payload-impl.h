/* SPDX-License-Identifier: MIT */
/* What decoding and encoding of a payload share. */
#pragma once

#include "lib/payload.h"

/* Limits of setrlimit(2) by the names that a payload has for them, sorted. */
struct payload_limit {
	const char *name;
	int resource;
};
extern const struct payload_limit payload_limits[PAYLOAD_RLIMITS];
