/* SPDX-License-Identifier: MIT */
/* $XDG_CACHE_HOME/execvm (or ~/.cache/execvm): what can be made again. */
#pragma once

#include <stddef.h>

#include "lib/err.h"
#include "lib/macro.h"

/*
 * The path of a name in the cache directory; the directory (and those above the name) is made when
 * missing. Returns 0 or a negative errno.
 */
int cache_path(const char *name, char *out, size_t size, struct err *e) must_check nonnull(1, 2, 4);

/* The host's boot id, as text without newline, into out (37 bytes). "" when unknown. */
void cache_boot_id(char out[37]) nonnull(1);
