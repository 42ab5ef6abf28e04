/* SPDX-License-Identifier: MIT */
/*
 * The words of the command line: what --add and --make say, and rules that rename members. Paths of
 * the guest become relative to its root, without ".", "//" and a slash at either end; "" is the
 * root. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "initrd/tree.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/macro.h"

/* Adds the path in that form to out. ".." is -EINVAL, what is too long -ENAMETOOLONG. */
int spec_path(const char *text, struct buf *out, struct err *e) must_check nonnull(1, 2, 3);

/* One entry that is described by a word. */
struct spec {
	char *guest; /* owned; never the root */
	char *from;  /* owned; FILE: the host's path; SYMLINK: the target; else NULL */
	enum tree_type type;
	bool has_mode; /* mode was said */
	uint32_t mode; /* 07777; else the default of the type */
	uint32_t uid, gid;
	uint32_t major, minor; /* CHAR, BLOCK */
};

/* HOST=GUEST[,mode=OCTAL][,uid=N][,gid=N]; GUEST begins at the first "=/". */
int spec_add(const char *word, struct spec *s, struct err *e) must_check nonnull(1, 2, 3);

/*
 * GUEST=TYPE[,mode=OCTAL][,uid=N][,gid=N] where TYPE is dir, fifo, char:MAJOR:MINOR,
 * block:MAJOR:MINOR or symlink:TARGET.
 */
int spec_make(const char *word, struct spec *s, struct err *e) must_check nonnull(1, 2, 3);

void spec_free(struct spec *s) nonnull(1);
#define cleanup_spec __attribute__((cleanup(spec_free)))

/* OLD=NEW: members at and below OLD move to NEW. Whole components match, the first rule counts. */
struct spec_rename {
	char *from; /* owned, as all paths here; "" matches everything */
	char *to;   /* owned; "" is the root */
	bool used;
};

int spec_rename(const char *word, struct spec_rename *rule, struct err *e) must_check
	nonnull(1, 2, 3);
void spec_rename_free(struct spec_rename *rule) nonnull(1);

/* Adds the path of a member, given as text, to out: in the form of spec_path(), renamed. */
int spec_member(const char *text, struct spec_rename *rules, size_t n, struct buf *out,
		struct err *e) must_check nonnull(1, 4, 5);
