/* SPDX-License-Identifier: MIT */
/*
 * stdin that is a regular file at the host, and so for the command: stdin-file@execvm. Its bytes
 * have come as data and are in memory, or they are on a disk of its own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/macro.h"
#include "lib/wire.h"

struct infile {
	bool said; /* there is one */
	struct wire_file is;
	int fd;	       /* the description that the command has, too; -1 = none */
	uint64_t have; /* bytes that came as data */
	struct err
		why; /* why there is none, to be said when the command is to start; code 0 = nothing */
};
#define INFILE_INIT                                                                                \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/* What the host says of it. */
void infile_open(struct infile *in, const struct wire_file *is) nonnull(1, 2);

/* The next n bytes of it. */
void infile_data(struct infile *in, const void *p, size_t n) nonnull(1, 2);

/* All of it is there: fd can only be read, and its offset is where the host's was. */
int infile_ready(struct infile *in, struct err *e) must_check nonnull(1, 2);

void infile_free(struct infile *in) nonnull(1);
