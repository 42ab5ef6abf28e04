/* SPDX-License-Identifier: MIT */
/*
 * A squashfs from entries, by mksquashfs(1) at the other end of a pipe: nothing is unpacked here.
 * The same entries in the same order give the same bytes.
 *
 * What squashfs has no room for (access control lists, file flags, extended attributes other than
 * user.*, trusted.* and security.*) is left out and counted; what would come out wrong (owners and
 * device numbers that are too large) is an error. Times are cut to what it has: 1970 to 2106.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "image/watch.h"
#include "lib/err.h"
#include "lib/macro.h"

#define SQUASH_DATA_MAX ((uint64_t)1 << 40) /* bytes of all contents, zeros counted */

struct archive;
struct archive_entry;

/* The root directory itself. */
struct squash_root {
	unsigned mode; /* 07777 */
	uint32_t uid, gid, mtime;
};
#define SQUASH_ROOT_INIT                                                                           \
	{                                                                                          \
		.mode = 0755                                                                       \
	}

struct squash {
	struct archive *tar; /* owned */
	int pipe;	     /* owned */
	int said;	     /* owned: what mksquashfs says */
	int out;	     /* borrowed */
	struct squash_root root;
	bool lost_owner;  /* of the root directory */
	bool as_caller;	  /* no user namespace: see squash.c */
	pid_t pid;	  /* -1 = none */
	int broken;	  /* errno of a write to it, positive */
	uint64_t data;	  /* bytes */
	unsigned dropped; /* entries that lost something */
	char dropped_first[200];
};
#define SQUASH_INIT                                                                                \
	{                                                                                          \
		.pipe = -1, .said = -1, .out = -1, .pid = -1                                       \
	}

/* Takes over what an entry for the root says. */
int squash_root_from(struct squash_root *r, struct archive_entry *en, struct err *e) must_check
	nonnull(1, 2, 3);

/* Into the file out, which is borrowed, empty and open for reading and writing. */
int squash_open(struct squash *s, int out, const struct squash_root *root, struct err *e) must_check
	nonnull(1, 3, 4);

/* The entry under this path; en is changed. Exactly its size of contents has to follow. */
int squash_entry(struct squash *s, struct archive_entry *en, const char *path,
		 struct err *e) must_check nonnull(1, 2, 3, 4);

/* A hard link to a path that is there; en is used up. */
int squash_link(struct squash *s, struct archive_entry *en, const char *path, const char *to,
		struct err *e) must_check nonnull(1, 2, 3, 4, 5);

/* A directory that nobody has described: 0755, 0:0, 1970. */
int squash_made_dir(struct squash *s, const char *path, struct err *e) must_check nonnull(1, 2, 3);

/* p = NULL: zeros. */
int squash_data(struct squash *s, const void *p, uint64_t n, struct err *e) must_check
	nonnull(1, 4);

/*
 * Sets owners and time of the root directory of a squashfs whose inodes are not compressed:
 * mksquashfs (4.5.1) takes its caller's and the present time when it reads a tar, whatever its
 * options say. Returns 1 when an owner has nothing else in it: then there is no number for him, and
 * the directory stays root's.
 */
int squash_set_root(int fd, const struct squash_root *root, struct err *e) must_check nonnull(2, 3);

/* Everything was given: waits for the end. */
int squash_end(struct squash *s, struct err *e) must_check nonnull(1, 2);

/* The sentence of a write to libarchive that failed; why mksquashfs has ended, if it has. */
int squash_write_err(struct squash *s, struct err *e) nonnull(1, 2);

/* Says what was left out. */
void squash_warn(const struct squash *s, const struct watch *w) nonnull(1, 2);

/* Ends mksquashfs if it still runs. */
void squash_free(struct squash *s) nonnull(1);
#define cleanup_squash __attribute__((cleanup(squash_free)))
