/* SPDX-License-Identifier: MIT */
/*
 * What the halves of the flattener share: flat.c, which knows what entries mean, and flat-tree.c, which
 * has the names.
 *
 * Names are nodes, in a balanced tree by parent and name (tsearch(3): no input makes it slow) and
 * in lists: the children of each, and all in the order in which they came. What an entry has made
 * is an inode, which names point to; inodes are in the order of reading, so the second reading finds
 * its own by bisection.
 */
#pragma once

#include "image/flat.h"

#define NO_INODE UINT32_MAX

struct inode {
	unsigned layer;
	uint32_t index; /* of the entry in its layer */
	enum flat_type type;
	char *target;			/* owned; of a symlink */
	struct flat_node *names, *last; /* set by flat_finish() */
};

struct flat_node {
	struct flat_node *parent;
	const char *name; /* behind the node */
	uint32_t inode;	  /* NO_INODE: a directory that no layer has */
	unsigned layer;	  /* that gave the name its present meaning */
	size_t path_len;
	struct flat_node *child, *before, *behind; /* the first one; siblings */
	struct flat_node *all_before, *all_behind;
	struct flat_node *next_name;
};

struct flat {
	bool whiteouts;
	unsigned layer;
	uint32_t index;	  /* of the next entry in its layer */
	uint32_t entries; /* of all layers */
	struct inode *inode;
	uint32_t ninodes, inodes_cap;
	void *by_name; /* tsearch's */
	struct flat_node root;
	struct flat_node *all_last;
	struct buf path, link, rest; /* scratch */
};

int flat_no_memory(struct err *e) nonnull(1);

/* NULL when there is none. */
struct flat_node *flat_child(const struct flat *f, struct flat_node *dir,
			     const char *name) must_check nonnull(1, 2, 3);
bool flat_is_dir(const struct flat *f, const struct flat_node *n) must_check nonnull(1, 2);

/* A directory that was made, until it gets an inode. NULL with a sentence. */
struct flat_node *flat_node_new(struct flat *f, struct flat_node *dir, const char *name,
				struct err *e) must_check nonnull(1, 2, 3, 4);

/* Takes a name away with all that is below it. Never the root. */
void flat_drop(struct flat *f, struct flat_node *top) nonnull(1, 2);

/* What a whiteout does: all that comes from layers below goes. */
void flat_hide(struct flat *f, struct flat_node *n) nonnull(1, 2);

/* Without slashes at the ends, empty components and "."; ".." is refused. */
int flat_clean(const char *path, struct buf *b, struct err *e) must_check nonnull(1, 2, 3);

/*
 * The directory that a clean path, not the root's, is in, through symlinks, and its last component.
 * *dir is NULL when it is not there and was not to be made.
 */
int flat_parent(struct flat *f, const char *path, bool make, struct flat_node **dir,
		const char **last, struct err *e) must_check nonnull(1, 2, 4, 5, 6);
