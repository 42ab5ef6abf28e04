/* SPDX-License-Identifier: MIT */
/* A directory of the host, entry by entry. */
#pragma once

#include <sys/stat.h>

#include "lib/err.h"
#include "lib/macro.h"

/* path is DIR/rel; target is what a symlink says, else NULL. A negative return stops the walk. */
typedef int walk_fn(void *ctx, const char *path, const char *rel, const struct stat *st,
		    const char *target, struct err *e);

/* Calls fn for everything below dir, a directory before what is in it, else in no special order. */
int walk(const char *dir, walk_fn *fn, void *ctx, struct err *e) must_check nonnull(1, 2, 4);
