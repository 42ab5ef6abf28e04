/* SPDX-License-Identifier: MIT */
/* Open addressing, linear probing, at most three quarters full. */
#include "initrd/table.h"

#include <errno.h>
#include <stdlib.h>

#define CAP_FIRST 256u

/* FNV-1a. */
uint64_t table_hash(const void *p, size_t n)
{
	const unsigned char *at = p;
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ at[i]) * 0x100000001b3u;
	return h;
}

void *table_find(const struct table *t, uint64_t hash, bool (*same)(const void *, const void *),
		 const void *key)
{
	if (!t->cap)
		return NULL;
	for (size_t i = hash & (t->cap - 1); t->slot[i].value; i = (i + 1) & (t->cap - 1)) {
		if (t->slot[i].hash == hash && same(t->slot[i].value, key))
			return t->slot[i].value;
	}
	return NULL;
}

static void put(struct table_slot *slot, size_t cap, uint64_t hash, void *value)
{
	size_t i = hash & (cap - 1);

	while (slot[i].value)
		i = (i + 1) & (cap - 1);
	slot[i] = (struct table_slot){ hash, value };
}

static int grow(struct table *t)
{
	size_t cap = t->cap ? t->cap * 2 : CAP_FIRST;
	struct table_slot *slot = calloc(cap, sizeof(*slot));

	if (!slot)
		return -ENOMEM;
	for (size_t i = 0; i < t->cap; i++) {
		if (t->slot[i].value)
			put(slot, cap, t->slot[i].hash, t->slot[i].value);
	}
	free(t->slot);
	t->slot = slot;
	t->cap = cap;
	return 0;
}

int table_add(struct table *t, uint64_t hash, void *value)
{
	if (t->n >= t->cap / 4 * 3) {
		int r = grow(t);

		if (r < 0)
			return r;
	}
	put(t->slot, t->cap, hash, value);
	t->n++;
	return 0;
}

void table_free(struct table *t)
{
	free(t->slot);
	*t = (struct table){ 0 };
}
