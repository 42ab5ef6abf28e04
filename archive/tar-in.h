/* SPDX-License-Identifier: MIT */
/*
 * A plain tar in a file, read by libarchive, whose every warning is an error here: it warns of what
 * it has cut or lost. Contents that nobody reads are stepped over, not read.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "archive/scratch.h"
#include "lib/err.h"
#include "lib/macro.h"

struct archive_entry;
struct tar_in;

/* Of the span, whose descriptor is borrowed. NULL with a sentence. */
struct tar_in *tar_in_new(const struct span *s, struct err *e) must_check nonnull(1, 2);

/*
 * The next entry: 1 and *en, borrowed until the next call; 0 at the end. Names are bytes; a locale
 * is set meanwhile by utf8_enter().
 */
int tar_in_next(struct tar_in *t, struct archive_entry **en, struct err *e) must_check
	nonnull(1, 2, 3);

/*
 * The next bytes of its contents and where they belong; between them are holes. Returns 1, or 0 at
 * their end.
 */
int tar_in_data(struct tar_in *t, const void **p, size_t *n, uint64_t *offset,
		struct err *e) must_check nonnull(1, 2, 3, 4, 5);

/* Where the entry's contents begin in the span, when they lie there in one piece. */
uint64_t tar_in_offset(const struct tar_in *t) must_check nonnull(1);

/* At the end: did the archive have its mark of the end, or does it just stop? */
bool tar_in_complete(const struct tar_in *t) must_check nonnull(1);

void tar_in_free(struct tar_in *t);

static inline void cleanup_tar_in_fn(struct tar_in **t)
{
	tar_in_free(*t);
}
#define cleanup_tar_in __attribute__((cleanup(cleanup_tar_in_fn)))
