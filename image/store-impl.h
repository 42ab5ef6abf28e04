/* SPDX-License-Identifier: MIT */
/* What the parts of the store share: store.c, store-add.c, store-remove.c. */
#pragma once

#include "image/store.h"

#define ROOT_SUFFIX ".sqfs"
#define RECORD_SUFFIX ".json"
#define FILE_NAME_SIZE (DIGEST_TEXT + sizeof(ROOT_SUFFIX))

int store_lock(const struct store *s, bool exclusive, struct err *e) must_check nonnull(1, 3);
void store_unlock(const struct store *s) nonnull(1);

/* "sha256-HEX.sqfs" of "sha256:HEX", and back: is the file one of these? */
void store_file_name(const char *digest, const char *suffix, char out[FILE_NAME_SIZE])
	nonnull(1, 2, 3);
bool store_file_digest(const char *name, const char *suffix, char digest[DIGEST_TEXT]) must_check
	nonnull(1, 2, 3);

/* What is in a directory of the store, but for names that begin with a dot. */
int store_list(const struct store *s, int dir, struct argv *out, struct err *e) must_check
	nonnull(1, 3, 4);

/* The rest is called under a lock. */

/* What a name says. -ENOENT when it is not there. */
int store_name_digest(const struct store *s, const char *file, char digest[DIGEST_TEXT],
		      struct err *e) must_check nonnull(1, 2, 3, 4);
int store_read_record(const struct store *s, const char *digest, struct record *rec,
		      struct err *e) must_check nonnull(1, 2, 3, 4);

/* Name and digest of what a reference means, without the rest. */
int store_resolve(const struct store *s, const char *ref, struct stored *st,
		  struct err *e) must_check nonnull(1, 2, 3, 4);

/* Removes records that no name has and roots that no record has. Nothing when something is damaged. */
int store_collect(const struct store *s, struct err *e) must_check nonnull(1, 2);
