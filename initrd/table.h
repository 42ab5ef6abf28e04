/* SPDX-License-Identifier: MIT */
/* A hash table of pointers; hash and comparison are the caller's. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/macro.h"

struct table_slot {
	uint64_t hash;
	void *value; /* borrowed; NULL = free */
};

struct table {
	struct table_slot *slot; /* owned */
	size_t n;		 /* slots in use */
	size_t cap;		 /* a power of two, or 0 */
};

uint64_t table_hash(const void *p, size_t n) must_check;

/* The value with that hash for which same(value, key) holds, or NULL. */
void *table_find(const struct table *t, uint64_t hash, bool (*same)(const void *, const void *),
		 const void *key) must_check nonnull(1, 3);

/* Adds a value that is not there yet; not NULL. Returns 0 or -ENOMEM. */
int table_add(struct table *t, uint64_t hash, void *value) must_check nonnull(1, 3);

void table_free(struct table *t) nonnull(1);
