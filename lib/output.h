/* SPDX-License-Identifier: MIT */
/*
 * A file that is there when it is complete, and not before: it is written without a name (or, where
 * the file system has no such files, under another one) and takes its own at the end. A process that
 * is killed leaves nothing, unless that is between the two system calls that replace a file: then
 * .execvm-PID-N stays beside it, complete. Where there are no files without names (NFS), an
 * incomplete .execvm-XXXXXX may stay.
 */
#pragma once

#include "lib/err.h"
#include "lib/macro.h"

struct output {
	int fd;	    /* to be written to */
	char *path; /* owned; NULL: fd is no file of ours */
	char *dir;  /* owned: of path */
	char *temp; /* owned; the other name, while it has one */
};
#define OUTPUT_INIT                                                                                \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/* "-" is stdout. What exists and is no regular file (a fifo, a device) is written to as it is. */
int output_open(struct output *o, const char *path, struct err *e) must_check nonnull(1, 2, 3);

/* Whether it could be opened. Nothing changes, and no fifo or device notices. */
int output_check(const char *path, struct err *e) must_check nonnull(1, 2);

/* It is complete: it takes its name, in place of what had it. */
int output_commit(struct output *o, struct err *e) must_check nonnull(1, 2);

/* Leaves nothing behind unless it was committed. */
void output_free(struct output *o) nonnull(1);
#define cleanup_output __attribute__((cleanup(output_free)))
