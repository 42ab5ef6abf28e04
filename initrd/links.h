/* SPDX-License-Identifier: MIT */
/* Which file of a host tree was seen under which name first: (device, inode), all bits of both. */
#pragma once

#include <sys/types.h>

#include "initrd/table.h"
#include "lib/macro.h"

struct link {
	dev_t dev;
	ino_t ino;
	char *path; /* owned */
};

struct links {
	struct table table; /* of struct link, owned */
};

/* The path that was added for it, or NULL. */
const char *links_find(const struct links *l, dev_t dev, ino_t ino) must_check nonnull(1);

/* Returns 0 or -ENOMEM. What is there already is not to be added. */
int links_add(struct links *l, dev_t dev, ino_t ino, const char *path) must_check nonnull(1, 4);

void links_free(struct links *l) nonnull(1);
#define cleanup_links __attribute__((cleanup(links_free)))
