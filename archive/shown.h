/* SPDX-License-Identifier: MIT */
/* A path for a sentence: of a long one the end, so that there is room for the reason. */
#pragma once

#include <string.h>

#include "lib/macro.h"

#define SHOWN_MAX 150 /* bytes */

static inline must_check const char *shown_end(const char *path)
{
	size_t n = strlen(path);

	return n > SHOWN_MAX ? path + (n - SHOWN_MAX) : path;
}
