/* SPDX-License-Identifier: MIT */
/* $XDG_CACHE_HOME/execvm (or ~/.cache/execvm): what can be made again. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/macro.h"

/*
 * The path of a name in the cache directory; the directory (and those above the name) is made when
 * missing, for its owner alone. Returns 0 or a negative errno.
 */
int cache_path(const char *name, char *out, size_t size, struct err *e) must_check nonnull(1, 2, 4);

/* The host's boot id, as text without newline, into out (37 bytes). "" when unknown. */
void cache_boot_id(char out[37]) nonnull(1);

/*
 * One word that holds until the host's next boot. cache_recall() is false when nothing of this
 * name was remembered since then, and value is "". cache_remember() is true when it was this call
 * that put the word there in place of another one or of nothing: of several processes at once,
 * one. What cannot be kept (no home, a full disk) is not: nothing depends on it.
 */
bool cache_recall(const char *name, char *value, size_t size) must_check nonnull(1, 2);
bool cache_remember(const char *name, const char *value) nonnull(1, 2);
