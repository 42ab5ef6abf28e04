/* SPDX-License-Identifier: MIT */
/* Files with more names than one, and the first that was seen of each: (device, inode). */
#pragma once

#include <sys/types.h>

#include "lib/macro.h"

struct inodes {
	void *root; /* tsearch(3); zero at the start */
};

/* The name that was added for it, or NULL. Valid as long as l is. */
const char *inodes_first(const struct inodes *l, dev_t dev, ino_t ino) must_check nonnull(1);

/* Adds a copy of name. What is there already is not to be added. Returns 0 or -ENOMEM. */
int inodes_put(struct inodes *l, dev_t dev, ino_t ino, const char *name) must_check nonnull(1, 4);

void inodes_clear(struct inodes *l) nonnull(1);
