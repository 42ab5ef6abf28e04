/* SPDX-License-Identifier: MIT */
/*
 * Frozen machines on disk: a directory each in $XDG_CACHE_HOME/execvm/templates, named by the
 * digest of what shaped the machine.
 *
 *	about.json  what shaped it, in full; size and time of the other two
 *	memory      the guest's memory, sparse; mapped by QEMU
 *	state       the devices, as QEMU wrote them
 *	ID.new      one that is being made
 *	ID.old      one that is being removed
 *	ID.bad      a word until the host's next boot: it was made and did not work
 *	lock        a byte of it is locked by who makes one
 *
 * One that has its name is complete. What was opened stays whole when it is removed.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/macro.h"

#define TEMPLATE_ID 13				   /* bytes: 12 hex digits and a NUL */
#define TEMPLATE_LIMIT_DEFAULT ((uint64_t)2 << 30) /* bytes on disk of all of them */

/* The files of one. */
struct template_files {
	int dir, memory, state; /* owned, or -1 */
};
#define TEMPLATE_FILES_INIT                                                                        \
	{                                                                                          \
		.dir = -1, .memory = -1, .state = -1                                               \
	}

void template_close(struct template_files *f) nonnull(1);

/* The name that a shape has. */
void template_id(const char *shape, char id[TEMPLATE_ID]) nonnull(1, 2);

/* The word's name for cache_recall(). */
#define TEMPLATE_BAD 40u
void template_bad(const char *id, char name[TEMPLATE_BAD]) nonnull(1, 2);

/*
 * Opens the one of this shape for a run, which makes it the last used. -ENOENT: there is none, or
 * it was not what it was when it was made and has been removed.
 */
int template_open(const char *shape, struct template_files *f, struct err *e) must_check
	nonnull(1, 2, 3);

/*
 * Who gets the lock makes it. Waits for another, at most wait_ms and until the descriptor stop (or
 * -1) can be read. Returns a descriptor that holds it, -EAGAIN or -EINTR.
 */
int template_lock(const char *id, uint64_t wait_ms, int stop, struct err *e) must_check
	nonnull(1, 4);

/* Two empty files for one that is being made, under the lock; what another left there is removed. */
int template_begin(const char *id, struct template_files *f, struct err *e) must_check
	nonnull(1, 2, 3);

/* It is complete: *about (an object) gets what belongs to the files and is written; it has its name. */
int template_commit(const char *id, struct template_files *f, const char *shape, json_t *about,
		    struct err *e) must_check nonnull(1, 2, 3, 4, 5);
void template_abort(const char *id) nonnull(1);

/* Removes the one that these files are of; another that has its name by now stays. */
void template_drop(const char *id, const struct template_files *f) nonnull(1, 2);

struct template_entry {
	char id[TEMPLATE_ID];
	uint64_t bytes; /* on disk */
	int64_t used;	/* seconds since 1970 */
	json_t *about;	/* owned */
};

struct template_list {
	struct template_entry *at; /* owned; last used first */
	size_t n;
};

/* All that are complete. */
int template_ls(struct template_list *l, struct err *e) must_check nonnull(1, 2);
void template_list_free(struct template_list *l) nonnull(1);

/* By its id or the beginning of one. -ENOENT, -EINVAL when several begin so. */
int template_rm(const char *id, char removed[TEMPLATE_ID], struct err *e) must_check
	nonnull(1, 2, 3);

/*
 * Removes the least recently used until all are at most limit bytes, and what was left half-made.
 * keep (or NULL) stays. *n and *bytes get what was removed.
 */
int template_prune(uint64_t limit, const char *keep, size_t *n, uint64_t *bytes,
		   struct err *e) must_check nonnull(3, 4, 5);

/* $EXECVM_TEMPLATE_LIMIT, or the default. */
int template_limit(uint64_t *limit, struct err *e) must_check nonnull(1, 2);
