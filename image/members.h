/* SPDX-License-Identifier: MIT */
/* The members of a tar that is a box of files: where each one's contents are. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "archive/scratch.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/macro.h"

#define MEMBERS_MAX 65536u

struct member {
	char *name; /* owned; clean: no slash in front, no "." */
	char *link; /* owned: it is what is under this name; or NULL */
	struct span span;
};

struct members {
	struct member *v; /* owned; in the order of the tar */
	size_t n, cap;
};

/* box: a plain tar. */
int members_read(const struct span *box, struct members *m, struct err *e) must_check
	nonnull(1, 2, 3);
void members_free(struct members *m) nonnull(1);
#define cleanup_members __attribute__((cleanup(members_free)))

/* The last one of that name, through links; NULL when there is none. */
const struct member *members_find(const struct members *m, const char *name) must_check
	nonnull(1, 2);

/* Adds its contents to b, at most max bytes. A missing one is an error that names it. */
int members_load(const struct members *m, const char *name, size_t max, struct buf *b,
		 struct err *e) must_check nonnull(1, 2, 4, 5);
