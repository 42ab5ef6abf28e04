/* SPDX-License-Identifier: MIT */
/*
 * stdin that is a regular file. A command that runs here would have the file itself: with its size,
 * where it can seek, and what it has not read it leaves to the next. So has a command in a machine:
 * the guest gets the file as it was when the run began, and at the end the caller's offset is put
 * where the command has left its own.
 *
 * The caller's description is read through one of our own, and so nothing is taken from it before.
 * What cannot be read that way (it was opened for writing, too; it may not be opened again; its size
 * says nothing, as in /proc) is a stream of bytes like a pipe.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/macro.h"

/* More than this is a disk of the machine; up to it, a disk takes longer than sending the bytes. */
#define STDIN_MEMORY_MAX ((uint64_t)4 << 20)

#define STDIN_SERIAL "stdin" /* of that disk: no name of a run's own ones */

enum stdin_way { STDIN_STREAM, STDIN_MEMORY, STDIN_DISK };

struct stdin_file {
	enum stdin_way way;
	int fd;		   /* owned: a description of our own, not STDIN_STREAM */
	uint64_t size, at; /* bytes; the caller's offset */
	struct timespec mtime;
	int head, image; /* owned, STDIN_DISK: see stdin_file_disk() */
	/* found out */
	bool moved; /* the command has left its offset at: */
	uint64_t to;
};
#define STDIN_FILE_INIT                                                                            \
	{                                                                                          \
		.fd = -1, .head = -1, .image = -1                                                  \
	}

/* What is stdin? Nothing is read. */
void stdin_file_look(struct stdin_file *in) nonnull(1);

/* STDIN_MEMORY: the bytes. False: they are not as many as was said, or cannot be read. */
bool stdin_file_load(const struct stdin_file *in, struct buf *out) must_check nonnull(1, 2);

/*
 * STDIN_DISK: in->image is the text of a VMDK image of an erofs file system: in->head, in->fd, zeros.
 * It names them by /proc/self/fd/N, for a process that has the same numbers.
 */
int stdin_file_disk(struct stdin_file *in, struct err *e) must_check nonnull(1, 2);

/*
 * The command has ended: the caller's offset is moved, unless somebody else has moved it. -EIO with a
 * sentence when a file that was read as a disk is shorter now: the command may have had zeros.
 */
int stdin_file_end(const struct stdin_file *in, struct err *e) must_check nonnull(1, 2);

/* What it owns is closed; it is a stream. */
void stdin_file_free(struct stdin_file *in) nonnull(1);
