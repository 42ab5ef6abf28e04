/* SPDX-License-Identifier: MIT */
/*
 * What the archive will hold, merged from all sources. Paths here have no leading slash and are as
 * spec_path() makes them; "" is the root, which has no entry. Pure.
 *
 * Every source has a number, in the order in which they were named. An entry gives way to one of an
 * equal or higher number. A directory over a directory keeps what is in it. Refused, because what
 * would come out cannot be meant: anything but a directory over a directory that has entries; a
 * directory over a symlink; an entry below something that is no directory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "initrd/content.h"
#include "initrd/table.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/macro.h"

/* What the kernel takes. It drops or cuts anything beyond these without a word. */
#define TREE_PATH_MAX 4095u	  /* bytes of a path */
#define TREE_NAME_MAX 255u	  /* bytes between two slashes */
#define TREE_TARGET_MAX 4095u	  /* bytes of what a symlink says */
#define TREE_FILE_MAX UINT32_MAX  /* bytes of a file: the field has 32 bits */
#define TREE_MAJOR_MAX 4095u	  /* 12 bits of a dev_t */
#define TREE_MINOR_MAX 1048575u	  /* 20 bits */
#define TREE_LINKS_MAX 40u	  /* symlinks on one way, as path lookup has it */
#define TREE_TRAILER "TRAILER!!!" /* the name that ends an archive */

enum tree_type {
	TREE_DIR,
	TREE_FILE,
	TREE_SYMLINK,
	TREE_CHAR,
	TREE_BLOCK,
	TREE_FIFO,
	TREE_SOCKET,
};

/* An inode. Its names are hard links of each other. */
struct tree_node {
	enum tree_type type;
	uint32_t mode; /* 07777 */
	uint32_t uid, gid;
	uint32_t mtime;
	uint32_t major, minor;	/* CHAR, BLOCK */
	char *target;		/* SYMLINK: owned */
	struct content content; /* FILE */
	size_t names;		/* entries that have it */
	bool placed;		/* for tree_sort() */
	uint32_t ino;		/* since tree_sort() */
};

struct tree_entry {
	char *path; /* owned */
	struct tree_node *node;
	size_t children; /* entries right below this directory */
	unsigned source;
	bool made; /* a parent that no source has mentioned */
	bool last; /* since tree_sort(): the last name of its node, with which the data goes */
};

struct tree {
	struct tree_entry **v; /* owned */
	size_t n, cap;
	struct table by_path;
	uint32_t mtime; /* of parents that are made */
};

/* A node of that type, belonging to root. Returns NULL without memory. */
struct tree_node *tree_node_new(enum tree_type type, uint32_t mode) must_check;
void tree_node_free(struct tree_node *node);

static inline void cleanup_node_fn(struct tree_node **node)
{
	tree_node_free(*node);
}
#define cleanup_node __attribute__((cleanup(cleanup_node_fn)))

/* Can the kernel take a path of this form? 0, -EINVAL or -ENAMETOOLONG. */
int tree_check(const char *path, struct err *e) must_check nonnull(1, 2);

/*
 * Puts *node at path, makes missing parents. Takes *node over (it becomes NULL) unless a negative
 * errno comes back. Returns 1 when what is there comes from a later source and stays.
 */
int tree_put(struct tree *t, const char *path, struct tree_node **node, unsigned source,
	     struct err *e) must_check nonnull(1, 2, 3, 5);

/* Makes path another name of what is at to; a symlink is copied. -ENOENT when nothing is there. */
int tree_link(struct tree *t, const char *path, const char *to, unsigned source,
	      struct err *e) must_check nonnull(1, 2, 3, 5);

/* NULL when there is none. */
struct tree_entry *tree_find(const struct tree *t, const char *path) must_check nonnull(1, 2);

/*
 * Adds to out where path ends up when the symlinks of the tree are followed, with last also that of
 * the last component. What does not exist is taken as it is. -ELOOP, -ENAMETOOLONG, -ENOMEM.
 */
int tree_resolve(const struct tree *t, const char *path, bool last, struct buf *out,
		 struct err *e) must_check nonnull(1, 2, 4, 5);

/* Sorts by bytes and numbers the inodes in that order. Nothing may be put afterwards. */
void tree_sort(struct tree *t) nonnull(1);

/* "a directory", for messages. */
const char *tree_type_name(enum tree_type type) must_check;

void tree_free(struct tree *t) nonnull(1);
