/* SPDX-License-Identifier: MIT */
/*
 * What an archive of somebody else becomes on this file system: one file, or one directory, at a
 * place that the caller names. Members are written one after the other. Nothing outside is changed,
 * whatever the names are:
 *
 * - a name is taken apart here and each directory on the way is opened by itself with O_NOFOLLOW,
 *   so neither "..", nor a symlink that the archive has brought, nor one that was there leads out;
 * - what is written is a new inode, aside, and takes its name by rename(2): nothing is written
 *   through a symlink or into a file that has another name outside;
 * - a hard link leads to a name that is found in the same way;
 * - a directory that was there keeps its mode.
 *
 * Names below are relative to the top: components, one '/' between them, "" is the top itself.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/macro.h"

enum dest_kind { DEST_FILE, DEST_DIR, DEST_SYMLINK, DEST_FIFO, DEST_LINK };

struct dest_member {
	enum dest_kind kind;
	const char *rel;
	const char *target; /* of a symlink; of a hard link the other name, below the top */
	mode_t mode;	    /* 01777 */
	struct timespec mtime;
};

/* A member that has not got its name yet. */
struct dest_part {
	int dir;		  /* borrowed; -1: none */
	int fd;			  /* owned; of a file */
	char name[NAME_MAX + 1];  /* what it will be called */
	char aside[NAME_MAX + 1]; /* what it is called; "": it has its name already */
};

struct dest {
	const char *target;	  /* borrowed: as the caller names it */
	int parent;		  /* owned: the directory that the result is in */
	struct buf name;	  /* of the result in it; empty: that of the archive's top */
	struct buf shown;	  /* for sentences */
	struct buf said;	  /* the same, of the member */
	int root;		  /* owned; of a tree, else -1 */
	bool merge;		  /* it was there before */
	char aside[NAME_MAX + 1]; /* what the result is called until the end; "": nothing yet */
	int file;		  /* owned: the result when it is a regular file, else -1 */
	int dir;		  /* owned: the directory of the last member, or -1 */
	struct buf dir_rel;	  /* its path */
	void *made;		  /* tsearch(3): directories that are ours, deepest first */
	struct dest_part part;
};
#define DEST_INIT                                                                                  \
	{                                                                                          \
		.parent = -1, .root = -1, .file = -1, .dir = -1, .part = {.dir = -1, .fd = -1 }    \
	}

/* Where the result goes. Ends target in '/', it gets the archive's own name below that. */
int dest_open(struct dest *d, const char *target, struct err *e) must_check nonnull(1, 2, 3);

/* The archive's top is called so ("." if it has no name), and is a directory or not. */
int dest_top(struct dest *d, const char *name, bool tree, struct err *e) must_check
	nonnull(1, 2, 4);

/* Makes a member. Of a file, contents are to follow, into part.fd; dest_done() ends it. */
int dest_member(struct dest *d, const struct dest_member *m, struct err *e) must_check
	nonnull(1, 2, 3);

/* The member is complete: it gets mode, time and name. */
int dest_done(struct dest *d, const struct dest_member *m, struct err *e) must_check
	nonnull(1, 2, 3);

/* All members are there: directories get their modes and times. */
int dest_settle(struct dest *d, struct err *e) must_check nonnull(1, 2);

/* The result gets its name. */
int dest_commit(struct dest *d, struct err *e) must_check nonnull(1, 2);

/* Takes away what has not got its name. */
void dest_free(struct dest *d) nonnull(1);
#define cleanup_dest __attribute__((cleanup(dest_free)))

/* The path of a member for sentences; valid until the next call. */
const char *dest_shown(struct dest *d, const char *rel) must_check nonnull(1, 2);

/* For dest.c and dest-member.c. */
struct dest_thing {
	enum dest_kind kind;
	const char *target; /* of a symlink */
	int from_dir;	    /* of a hard link: the other name */
	const char *from;
	int fd; /* out, of a file */
};
int dest_make_aside(int dir, const char *name, struct dest_thing *t,
		    char aside[NAME_MAX + 1]) must_check nonnull(2, 3, 4);
int dest_make(int dir, const char *name, struct dest_thing *t) must_check nonnull(2, 3);
/* The first n bytes of rel are a directory of ours, which gets this mode and time at the end. */
int dest_mine(struct dest *d, const char *rel, size_t n, mode_t mode,
	      const struct timespec *mtime) must_check nonnull(1, 2, 5);
bool dest_is_mine(struct dest *d, const char *rel) must_check nonnull(1, 2);
