/* SPDX-License-Identifier: MIT */
/*
 * The store: $XDG_DATA_HOME/execvm/images (default ~/.local/share/…).
 *	sha256-HEX.sqfs   a root, under its own digest
 *	sha256-HEX.json   a record, under its own digest, which is the image's
 *	names/NAME        the digest of an image and a newline; '/' is '+'
 *
 * Files are written without a name and get one when they are complete and on the disk, so whatever
 * ends the program, nothing half-made is left. Names change under an exclusive lock on the directory,
 * which is short; who reads takes a shared one. The file system must have O_TMPFILE.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "image/name.h"
#include "image/record.h"
#include "lib/argv.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/macro.h"

struct store {
	char *path; /* owned, absolute */
	int dir, names;
};
#define STORE_INIT                                                                                 \
	{                                                                                          \
		.dir = -1, .names = -1                                                             \
	}

/* An image that is in the store. */
struct stored {
	char name[NAME_SIZE]; /* "" when it was found by its digest */
	char digest[DIGEST_TEXT];
	struct record record;
	uint64_t size; /* bytes of the root */
};

/* make: it is made if it is not there. Without, a store that is not there is empty. */
int store_open(struct store *s, bool make, struct err *e) must_check nonnull(1, 3);
void store_close(struct store *s) nonnull(1);
#define cleanup_store __attribute__((cleanup(store_close)))

/* A file without a name, for a root. The descriptor is the caller's. */
int store_new_file(const struct store *s, struct err *e) must_check nonnull(1, 2);

/*
 * root, from store_new_file() and complete, becomes the root of an image of this config (record->root
 * is set here), and each of names a name of it, one after the other. digest is the image's.
 */
int store_add(const struct store *s, int root, struct record *record, const struct argv *names,
	      char digest[DIGEST_TEXT], struct err *e) must_check nonnull(1, 3, 4, 5, 6);

/* "'x': no such image (execvm image ls)" when it is not there. */
int store_find(const struct store *s, const char *ref, struct stored *out, struct err *e) must_check
	nonnull(1, 2, 3, 4);

/* Every name, sorted. A negative return of fn stops. */
int store_each(const struct store *s, int (*fn)(void *ctx, const struct stored *st, struct err *e),
	       void *ctx, struct err *e) must_check nonnull(1, 2, 4);

/*
 * Takes the name away (a digest: that of the one name that has it), and what no name needs any more.
 * name gets the name, deleted the digest of the image if that is gone, else "".
 */
int store_remove(const struct store *s, const char *ref, char name[NAME_SIZE],
		 char deleted[DIGEST_TEXT], struct err *e) must_check nonnull(1, 2, 3, 4, 5);

/* The path of the root. -ENOMEM. */
int store_root_path(const struct store *s, const struct stored *st, struct buf *out) must_check
	nonnull(1, 2, 3);

/* Opens the root for reading. */
int store_open_root(const struct store *s, const char *root, struct err *e) must_check
	nonnull(1, 2, 3);

void stored_free(struct stored *st) nonnull(1);
#define cleanup_stored __attribute__((cleanup(stored_free)))
