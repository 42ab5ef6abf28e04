/* SPDX-License-Identifier: MIT */
/*
 * The caller's stdin, stdout and stderr, read and written without ever waiting and without ever
 * changing their flags: the file descriptions belong to the caller, and O_NONBLOCK set on them
 * would be seen by everybody who shares them. See stream.c for how.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/macro.h"

struct stream {
	int fd;	       /* what to read, write and poll; -1 = closed */
	bool owned;    /* fd is a description of our own, O_NONBLOCK */
	bool socket;   /* MSG_DONTWAIT does it */
	bool pollable; /* not a regular file, which is always ready */
	bool tty;
};

/* For fd 0, 1 or 2. closed: the caller had closed it; everything then is EBADF. */
void stream_open(struct stream *s, int fd, bool writing, bool closed) nonnull(1);
void stream_close(struct stream *s) nonnull(1);

/*
 * Both return a count (reading: 0 = the end), or a negative errno, -EAGAIN for "not now". They are
 * called after poll said so, or for what is not pollable.
 */
ssize_t stream_read(const struct stream *s, void *p, size_t n) must_check nonnull(1, 2);
ssize_t stream_write(const struct stream *s, const void *p, size_t n) must_check nonnull(1, 2);
