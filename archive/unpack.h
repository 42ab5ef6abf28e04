/* SPDX-License-Identifier: MIT */
/* A tar archive of somebody who is not trusted becomes one file or one directory. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "archive/digest.h"
#include "lib/err.h"
#include "lib/macro.h"

#define UNPACK_NO_LIMIT UINT64_MAX

struct unpack_opts {
	int stop_fd;	      /* readable: end with -EINTR; -1 = none */
	bool digest;	      /* *digest is filled: that of pack() for the result */
	uint64_t max_size;    /* bytes of contents in all */
	uint64_t max_entries; /* members */
};

/*
 * Reads in, an archive that is not compressed, to its end and makes target of its one top: a file
 * has its name when it is complete and not before; so has a directory, or what is in it is merged
 * into the one that is there. Ends target in '/', it is the directory that gets the top under its
 * own name. After an error nothing is left but, in a directory that was there, members that were
 * complete. Needs no chdir and changes no umask.
 */
int unpack(int in, const char *target, const struct unpack_opts *o, char digest[DIGEST_TEXT],
	   struct err *e) must_check nonnull(2, 3, 4, 5);
