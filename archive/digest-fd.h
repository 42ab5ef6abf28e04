/* SPDX-License-Identifier: MIT */
/* --digest-fd: a descriptor of the caller that is told the digest at the end. */
#pragma once

#include "archive/digest.h"
#include "lib/err.h"
#include "lib/macro.h"

/*
 * The number in text, of a descriptor that can be written to; to be called before anything is
 * opened that could have the number.
 */
int digest_fd_parse(const char *text, int *fd, struct err *e) must_check nonnull(1, 2, 3);

/* Writes the digest and a newline. */
int digest_fd_tell(int fd, const char *digest, struct err *e) must_check nonnull(2, 3);
