/* SPDX-License-Identifier: MIT */
/*
 * Reads the newc format as the kernel does (Documentation/driver-api/early-userspace/
 * buffer-format.rst), a piece at a time: what the archive writer has made is read back with it
 * before anybody else sees it, and initrds are measured with it. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/err.h"
#include "lib/macro.h"

#define NEWC_HEAD 110u	    /* bytes of a header */
#define NEWC_NAME_MAX 4096u /* with its NUL: PATH_MAX; longer ones the kernel skips */
#define NEWC_PAGE 4096u	    /* memory is taken in these */

enum newc_state { NEWC_GAP, NEWC_HEADER, NEWC_NAME, NEWC_SKIP };

struct newc {
	bool strict;	   /* our own: sorted names, each once, all readable */
	uint64_t entries;  /* without the trailers */
	uint64_t unpacked; /* bytes of contents, in whole pages */
	bool has_init;	   /* a file or symlink /init */
	/* private */
	enum newc_state state;
	bool open; /* entries without their trailer so far */
	char head[NEWC_HEAD];
	size_t have; /* of head, or of name */
	uint32_t mode;
	uint64_t body;	    /* bytes of the current body */
	uint64_t name_size; /* with the NUL */
	uint64_t left;	    /* bytes to skip */
	char name[NEWC_NAME_MAX + 1];
	char before[NEWC_NAME_MAX + 1]; /* strict: the name before */
};

/*
 * Takes the next n bytes, which are at this offset of the file (or of what was unpacked from it).
 * Returns the count of those taken: fewer than n when something other than an archive or zeros
 * begins where an archive might. -EINVAL for what is no archive.
 */
ssize_t newc_feed(struct newc *c, const void *p, size_t n, uint64_t offset,
		  struct err *e) must_check nonnull(1, 2, 5);

/* The file is at its end. -EINVAL when the archive is not. */
int newc_end(const struct newc *c, struct err *e) must_check nonnull(1, 2);
