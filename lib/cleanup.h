/* SPDX-License-Identifier: MIT */
/*
 * Scope cleanup: an owned local is declared with one of these, always initialised, and is released
 * on every way out of its scope. Ownership leaves with take_fd() or take_ptr().
 */
#pragma once

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/macro.h"

static inline void cleanup_free_fn(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close_fn(const int *fd)
{
	if (*fd >= 0)
		close(*fd); /* never retried: on Linux the descriptor is gone, EINTR or not */
}

static inline void cleanup_file_fn(FILE **f)
{
	if (*f)
		fclose(*f);
}

static inline void cleanup_dir_fn(DIR **d)
{
	if (*d)
		closedir(*d);
}

#define cleanup_free __attribute__((cleanup(cleanup_free_fn)))
#define cleanup_close __attribute__((cleanup(cleanup_close_fn)))
#define cleanup_file __attribute__((cleanup(cleanup_file_fn)))
#define cleanup_dir __attribute__((cleanup(cleanup_dir_fn)))

/* Gives the descriptor away: *fd becomes -1, the caller owns what comes back. */
static inline must_check int take_fd(int *fd)
{
	int out = *fd;

	*fd = -1;
	return out;
}

/* Gives the pointer away: *p becomes NULL. p is the address of a pointer. */
#define take_ptr(p)                                                                                \
	({                                                                                         \
		typeof(*(p)) taken_ = *(p);                                                        \
		*(p) = NULL;                                                                       \
		taken_;                                                                            \
	})
