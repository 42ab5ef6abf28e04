/* SPDX-License-Identifier: MIT */
/* Whole reads and writes on blocking descriptors: EINTR and short counts end here. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "lib/buf.h"
#include "lib/err.h"

/* Writes all n bytes, and waits where O_NONBLOCK would not. Returns 0 or a negative errno. */
int io_write_all(int fd, const void *p, size_t n) must_check;

/* Reads until n bytes are there or the file ends. Returns the count or a negative errno. */
ssize_t io_read_full(int fd, void *p, size_t n) must_check;

/* Adds all that fd still has to b; -EFBIG when that would be more than max bytes. */
int io_read_fd(int fd, size_t max, struct buf *b) must_check nonnull(3);

/* Adds the whole file to b. The sentence names the path. */
int io_read_file(const char *path, size_t max, struct buf *b, struct err *e) must_check
	nonnull(1, 3, 4);

/* Writes text into an existing file (as of /proc and /sys), in one write. */
int io_write_file(const char *path, const char *text, struct err *e) must_check nonnull(1, 2, 3);

/*
 * Copies from in to out until in ends, in the kernel where it can. Returns the count of bytes, or
 * a negative errno.
 */
off_t io_copy(int in, int out) must_check;
