/* SPDX-License-Identifier: MIT */
#include "initrd/links.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"

static uint64_t hash(dev_t dev, ino_t ino)
{
	const uint64_t key[2] = { dev, ino };

	return table_hash(key, sizeof(key));
}

static bool same(const void *value, const void *key)
{
	const struct link *a = value, *b = key;

	return a->dev == b->dev && a->ino == b->ino;
}

const char *links_find(const struct links *l, dev_t dev, ino_t ino)
{
	const struct link key = { .dev = dev, .ino = ino };
	const struct link *found = table_find(&l->table, hash(dev, ino), same, &key);

	return found ? found->path : NULL;
}

int links_add(struct links *l, dev_t dev, ino_t ino, const char *path)
{
	cleanup_free struct link *one = calloc(1, sizeof(*one));
	cleanup_free char *copy = strdup(path);

	if (!one || !copy || table_add(&l->table, hash(dev, ino), one) < 0)
		return -ENOMEM;
	*one = (struct link){ dev, ino, take_ptr(&copy) };
	one = NULL;
	return 0;
}

void links_free(struct links *l)
{
	for (size_t i = 0; i < l->table.cap; i++) {
		struct link *one = l->table.slot[i].value;

		if (one)
			free(one->path);
		free(one);
	}
	table_free(&l->table);
}
