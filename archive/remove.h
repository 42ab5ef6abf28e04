/* SPDX-License-Identifier: MIT */
/* A tree of ours is taken away. */
#pragma once

#include "lib/macro.h"

/*
 * Removes the directory name of parent and all below it, however deep; no symlink is followed.
 * Returns 0 or a negative errno, after which something is left.
 */
int remove_tree(int parent, const char *name) must_check nonnull(2);
