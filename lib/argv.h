/* SPDX-License-Identifier: MIT */
/* An owned list of strings, NULL-terminated at every moment, so that it can be given to execve. */
#pragma once

#include <stddef.h>

#include "lib/buf.h"
#include "lib/macro.h"

struct argv {
	char **v;   /* owned, each string too; NULL while nothing was ever added */
	size_t n;   /* strings, without the NULL */
	size_t cap; /* pointers allocated */
};

/* Adds a copy of s. Returns 0 or -ENOMEM. */
int argv_push(struct argv *a, const char *s) must_check nonnull(1, 2);
int argv_pushf(struct argv *a, const char *fmt, ...) must_check printf_like(2, 3) nonnull(1, 2);

/* Adds copies of the n strings of v. Returns 0 or -ENOMEM. */
int argv_push_all(struct argv *a, char *const *v, size_t n) must_check nonnull(1);

/* Number of strings before the NULL. */
size_t argv_count(char *const *v) must_check nonnull(1);

/* Adds v to b as a shell would have to be given it, in one line. Only ever for showing. */
int argv_quote(struct buf *b, char *const *v) must_check nonnull(1, 2);

void argv_free(struct argv *a) nonnull(1);

#define cleanup_argv __attribute__((cleanup(argv_free)))
