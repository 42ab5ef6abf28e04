/* SPDX-License-Identifier: MIT */
/* The names of the flattener: looking for them, making them, taking them away. */
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "image/flat-impl.h"
#include "lib/cleanup.h"

int flat_no_memory(struct err *e)
{
	return err_memory(e);
}

/* Nodes. */

static int compare(const void *a, const void *b)
{
	const struct flat_node *x = a, *y = b;

	if (x->parent != y->parent)
		return (uintptr_t)x->parent < (uintptr_t)y->parent ? -1 : 1;
	return strcmp(x->name, y->name);
}

struct flat_node *flat_child(const struct flat *f, struct flat_node *dir, const char *name)
{
	const struct flat_node key = { .parent = dir, .name = name };
	struct flat_node *const *found = tfind(&key, &f->by_name, compare);

	return found ? *found : NULL;
}

bool flat_is_dir(const struct flat *f, const struct flat_node *n)
{
	return n->inode == NO_INODE || f->inode[n->inode].type == FLAT_DIR;
}

struct flat_node *flat_node_new(struct flat *f, struct flat_node *dir, const char *name,
				struct err *e)
{
	size_t n = strlen(name), len = dir->path_len + (dir->path_len ? 1 : 0) + n;
	struct flat_node *node;

	if (len > FLAT_PATH_MAX) {
		err_set(e, ENAMETOOLONG, "'%.60s…': longer than %u bytes", name, FLAT_PATH_MAX);
		return NULL;
	}
	node = calloc(1, sizeof(*node) + n + 1);
	if (!node) {
		flat_no_memory(e);
		return NULL;
	}
	memcpy(node + 1, name, n + 1);
	node->parent = dir;
	node->name = (const char *)(node + 1);
	node->path_len = len;
	node->inode = NO_INODE;
	node->layer = f->layer;
	if (!tsearch(node, &f->by_name, compare)) {
		free(node);
		flat_no_memory(e);
		return NULL;
	}
	node->behind = dir->child;
	if (node->behind)
		node->behind->before = node;
	dir->child = node;
	node->all_before = f->all_last;
	f->all_last->all_behind = node;
	f->all_last = node;
	return node;
}

static void node_drop(struct flat *f, struct flat_node *n)
{
	tdelete(n, &f->by_name, compare);
	if (n->before)
		n->before->behind = n->behind;
	else
		n->parent->child = n->behind;
	if (n->behind)
		n->behind->before = n->before;
	n->all_before->all_behind = n->all_behind;
	if (n->all_behind)
		n->all_behind->all_before = n->all_before;
	else
		f->all_last = n->all_before;
	free(n);
}

/* With all that is below it. Never the root. */
void flat_drop(struct flat *f, struct flat_node *top)
{
	struct flat_node *n = top, *up;

	do {
		while (n->child)
			n = n->child;
		up = n->parent;
		if (n == top)
			up = NULL;
		node_drop(f, n);
		n = up;
	} while (n);
}

/* What a whiteout does: all that comes from layers below goes. Depth is bounded by the path's. */
void flat_hide(struct flat *f, struct flat_node *n)
{
	struct flat_node *next;

	for (struct flat_node *c = n->child; c; c = next) {
		next = c->behind;
		flat_hide(f, c);
	}
	if (n->layer == f->layer)
		return;
	if (!n->child) {
		node_drop(f, n);
	} else { /* it is a parent of something new, no more */
		n->inode = NO_INODE;
		n->layer = f->layer;
	}
}

/* Paths. */

/* Without slashes at the ends, empty components and "."; ".." is refused. */
int flat_clean(const char *path, struct buf *b, struct err *e)
{
	size_t n;

	b->len = 0;
	if (strlen(path) > FLAT_PATH_MAX)
		return err_set(e, ENAMETOOLONG, "'%.60s…': longer than %u bytes", path,
			       FLAT_PATH_MAX);
	if (buf_adds(b, "") < 0)
		return flat_no_memory(e);
	for (const char *at = path; *at; at += n) {
		n = strcspn(at, "/");
		if (n == 2 && !memcmp(at, "..", 2))
			return err_set(e, EINVAL, "'%.150s': leads out of its directory", path);
		if (n > FLAT_NAME_MAX)
			return err_set(e, ENAMETOOLONG, "'%.60s…': a name longer than %u bytes", at,
				       FLAT_NAME_MAX);
		if (n && !(n == 1 && *at == '.') &&
		    (buf_adds(b, b->len ? "/" : "") < 0 || buf_add(b, at, n) < 0))
			return flat_no_memory(e);
		n += at[n] == '/';
	}
	return 0;
}

/* In place of what a symlink names in front of the rest of the path. */
static int follow(struct flat *f, const struct flat_node *link, size_t at, const char *path,
		  unsigned *followed, struct err *e)
{
	cleanup_buf struct buf whole = { 0 };
	const char *target = f->inode[link->inode].target;

	if (++*followed > FLAT_FOLLOW_MAX)
		return err_set(e, ELOOP, "'%.150s': more than %u symlinks on the way", path,
			       FLAT_FOLLOW_MAX);
	if (buf_adds(&whole, target) < 0 || buf_addc(&whole, '/') < 0 ||
	    buf_adds(&whole, f->rest.p + at) < 0)
		return flat_no_memory(e);
	buf_free(&f->rest);
	f->rest = whole;
	whole = (struct buf){ 0 };
	return *target == '/';
}

/*
 * One component down from dir. Returns 1 when it was a symlink, which is *found then; *found is
 * NULL when nothing is there and nothing was to be made.
 */
static int step(struct flat *f, struct flat_node *dir, const char *name, bool make,
		struct flat_node **found, const char *path, struct err *e)
{
	struct flat_node *n = flat_child(f, dir, name);

	if (n && !flat_is_dir(f, n) && f->inode[n->inode].type == FLAT_SYMLINK) {
		*found = n;
		return 1;
	}
	if (n && !flat_is_dir(f, n)) {
		if (make && n->layer == f->layer)
			return err_set(e, ENOTDIR, "'%.100s': '%.100s' is no directory", path,
				       name);
		if (make)
			flat_drop(f, n);
		n = NULL;
	}
	if (!n && make) {
		n = flat_node_new(f, dir, name, e);
		if (!n)
			return -e->code;
	}
	*found = n;
	return 0;
}

/*
 * The directory that a clean path, not the root's, is in, through symlinks, and its last component.
 * *dir is NULL when it is not there and was not to be made.
 */
int flat_parent(struct flat *f, const char *path, bool make, struct flat_node **dir,
		const char **last, struct err *e)
{
	const char *slash = strrchr(path, '/');
	unsigned followed = 0;
	size_t at = 0;

	*last = slash ? slash + 1 : path;
	*dir = &f->root;
	f->rest.len = 0;
	if (buf_add(&f->rest, path, slash ? (size_t)(slash - path) : 0) < 0)
		return flat_no_memory(e);
	while (*dir && f->rest.p[at]) {
		char name[FLAT_NAME_MAX + 1];
		struct flat_node *next = NULL;
		size_t n = strcspn(f->rest.p + at, "/");
		int r;

		if (n > FLAT_NAME_MAX)
			return err_set(e, ENAMETOOLONG, "'%.100s': a symlink on the way", path);
		memcpy(name, f->rest.p + at, n);
		name[n] = '\0';
		at += n;
		at += f->rest.p[at] == '/';
		if (!n || !strcmp(name, "."))
			continue;
		if (!strcmp(name, "..")) {
			*dir = (*dir)->parent ? (*dir)->parent : *dir;
			continue;
		}
		r = step(f, *dir, name, make, &next, path, e);
		if (r > 0 && next) {
			r = follow(f, next, at, path, &followed, e);
			if (r > 0)
				*dir = &f->root;
			at = 0;
			next = *dir;
		}
		if (r < 0)
			return r;
		*dir = next;
	}
	return 0;
}
