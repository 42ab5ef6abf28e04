/* SPDX-License-Identifier: MIT */
/* A tree of tsearch(3). */
#include "archive/inodes.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

struct link {
	dev_t dev;
	ino_t ino;
	char *name; /* owned */
};

static void link_free(void *p)
{
	struct link *l = p;

	free(l->name);
	free(l);
}

static int by_inode(const void *a, const void *b)
{
	const struct link *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return 0;
}

const char *inodes_first(const struct inodes *l, dev_t dev, ino_t ino)
{
	const struct link key = { .dev = dev, .ino = ino };
	struct link *const *found = tfind(&key, &l->root, by_inode);

	return found ? (*found)->name : NULL;
}

int inodes_put(struct inodes *l, dev_t dev, ino_t ino, const char *name)
{
	struct link *new = malloc(sizeof(*new));

	if (!new)
		return -ENOMEM;
	*new = (struct link){ .dev = dev, .ino = ino, .name = strdup(name) };
	if (new->name && tsearch(new, &l->root, by_inode))
		return 0;
	link_free(new);
	return -ENOMEM;
}

void inodes_clear(struct inodes *l)
{
	tdestroy(l->root, link_free);
	l->root = NULL;
}
