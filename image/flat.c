/* SPDX-License-Identifier: MIT */
/*
 * Names are nodes, in a balanced tree by parent and name (tsearch(3): no input makes it slow) and
 * in lists: the children of each, and all in the order in which they came. What an entry has made
 * is an inode, which names point to; inodes are in the order of reading, so the second reading finds
 * its own by bisection.
 */
#include "image/flat.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/msg.h"

#define NO_INODE UINT32_MAX
#define WH ".wh."
#define WH_AUFS ".wh..wh."
#define WH_OPAQUE ".wh..wh..opq"

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

static int no_memory(struct err *e)
{
	return err_set(e, ENOMEM, "out of memory");
}

/* Nodes. */

static int compare(const void *a, const void *b)
{
	const struct flat_node *x = a, *y = b;

	if (x->parent != y->parent)
		return (uintptr_t)x->parent < (uintptr_t)y->parent ? -1 : 1;
	return strcmp(x->name, y->name);
}

static struct flat_node *child_of(const struct flat *f, struct flat_node *dir, const char *name)
{
	const struct flat_node key = { .parent = dir, .name = name };
	struct flat_node *const *found = tfind(&key, &f->by_name, compare);

	return found ? *found : NULL;
}

static bool is_dir(const struct flat *f, const struct flat_node *n)
{
	return n->inode == NO_INODE || f->inode[n->inode].type == FLAT_DIR;
}

static struct flat_node *node_new(struct flat *f, struct flat_node *dir, const char *name,
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
		no_memory(e);
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
		no_memory(e);
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
static void drop_tree(struct flat *f, struct flat_node *top)
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
static void hide(struct flat *f, struct flat_node *n)
{
	struct flat_node *next;

	for (struct flat_node *c = n->child; c; c = next) {
		next = c->behind;
		hide(f, c);
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
static int clean_path(const char *path, struct buf *b, struct err *e)
{
	size_t n;

	b->len = 0;
	if (strlen(path) > FLAT_PATH_MAX)
		return err_set(e, ENAMETOOLONG, "'%.60s…': longer than %u bytes", path,
			       FLAT_PATH_MAX);
	if (buf_adds(b, "") < 0)
		return no_memory(e);
	for (const char *at = path; *at; at += n) {
		n = strcspn(at, "/");
		if (n == 2 && !memcmp(at, "..", 2))
			return err_set(e, EINVAL, "'%.150s': leads out of its directory", path);
		if (n > FLAT_NAME_MAX)
			return err_set(e, ENAMETOOLONG, "'%.60s…': a name longer than %u bytes", at,
				       FLAT_NAME_MAX);
		if (n && !(n == 1 && *at == '.') &&
		    (buf_adds(b, b->len ? "/" : "") < 0 || buf_add(b, at, n) < 0))
			return no_memory(e);
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
		return no_memory(e);
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
	struct flat_node *n = child_of(f, dir, name);

	if (n && !is_dir(f, n) && f->inode[n->inode].type == FLAT_SYMLINK) {
		*found = n;
		return 1;
	}
	if (n && !is_dir(f, n)) {
		if (make && n->layer == f->layer)
			return err_set(e, ENOTDIR, "'%.100s': '%.100s' is no directory", path,
				       name);
		if (make)
			drop_tree(f, n);
		n = NULL;
	}
	if (!n && make) {
		n = node_new(f, dir, name, e);
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
static int find_parent(struct flat *f, const char *path, bool make, struct flat_node **dir,
		       const char **last, struct err *e)
{
	const char *slash = strrchr(path, '/');
	unsigned followed = 0;
	size_t at = 0;

	*last = slash ? slash + 1 : path;
	*dir = &f->root;
	f->rest.len = 0;
	if (buf_add(&f->rest, path, slash ? (size_t)(slash - path) : 0) < 0)
		return no_memory(e);
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
		if (r > 0) {
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

/* Entries. */

static int inode_new(struct flat *f, const struct flat_entry *en, uint32_t index, uint32_t *out,
		     struct err *e)
{
	char *target = en->type == FLAT_SYMLINK ? strdup(en->target) : NULL;

	if (f->ninodes == f->inodes_cap) {
		uint32_t cap = f->inodes_cap ? 2 * f->inodes_cap : 1024;
		struct inode *more = reallocarray(f->inode, cap, sizeof(*more));

		if (!more) {
			free(target);
			return no_memory(e);
		}
		f->inode = more;
		f->inodes_cap = cap;
	}
	if (en->type == FLAT_SYMLINK && !target)
		return no_memory(e);
	*out = f->ninodes++;
	f->inode[*out] = (struct inode){ f->layer, index, en->type, target, NULL, NULL };
	return 0;
}

/* The name, meaning this inode; what had it goes, unless both are directories. */
static int put(struct flat *f, struct flat_node *dir, const char *name, uint32_t inode,
	       struct err *e)
{
	struct flat_node *n = child_of(f, dir, name);

	if (n && !(is_dir(f, n) && f->inode[inode].type == FLAT_DIR)) {
		drop_tree(f, n);
		n = NULL;
	}
	if (!n)
		n = node_new(f, dir, name, e);
	if (!n)
		return -e->code;
	n->inode = inode;
	n->layer = f->layer;
	return 0;
}

static int add_link(struct flat *f, const struct flat_entry *en, struct err *e)
{
	struct flat_node *dir, *to = NULL;
	const char *last;
	uint32_t inode;
	int r = clean_path(en->target, &f->link, e);

	if (r == 0 && !f->path.len)
		return err_set(e, EINVAL, "'%.100s': the root as a hard link", en->path);
	if (r == 0 && f->link.len)
		r = find_parent(f, f->link.p, false, &dir, &last, e);
	if (r < 0)
		return r;
	if (f->link.len && dir)
		to = child_of(f, dir, last);
	if (!to)
		return err_set(e, ENOENT, "'%.100s': a hard link to '%.100s', which is not there",
			       en->path, en->target);
	if (is_dir(f, to))
		return err_set(e, EINVAL, "'%.100s': a hard link to '%.100s', which is a directory",
			       en->path, en->target);
	inode = to->inode;
	r = find_parent(f, f->path.p, true, &dir, &last, e);
	if (r < 0)
		return r;
	/* A name of it already. It says so anew: this layer has it. */
	to = child_of(f, dir, last);
	if (to && to->inode == inode) {
		to->layer = f->layer;
		return 0;
	}
	return put(f, dir, last, inode, e);
}

static int add_own(struct flat *f, const struct flat_entry *en, uint32_t index, struct err *e)
{
	struct flat_node *dir;
	const char *last;
	uint32_t inode = NO_INODE;
	int r;

	if (!f->path.len && en->type != FLAT_DIR)
		return err_set(e, ENOTDIR, "'%.100s': the root is not a directory", en->path);
	r = inode_new(f, en, index, &inode, e);
	if (r < 0)
		return r;
	if (!f->path.len) {
		f->root.inode = inode;
		return 1;
	}
	r = find_parent(f, f->path.p, true, &dir, &last, e);
	return r < 0 ? r : put(f, dir, last, inode, e);
}

static bool begins(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

/* Does the path say that something is hidden? 1 and it is done, 0, or why that cannot be. */
static int whiteout(struct flat *f, struct err *e)
{
	const char *last = f->path.p;
	struct flat_node *dir;
	int r;

	for (const char *slash; (slash = strchr(last, '/')); last = slash + 1) {
		if (begins(last, WH_AUFS))
			return 1;
		if (begins(last, WH))
			return err_set(e, EINVAL, "'%.150s': below a whiteout", f->path.p);
	}
	if (!begins(last, WH))
		return 0;
	if (begins(last, WH_AUFS) && strcmp(last, WH_OPAQUE) != 0)
		return 1;
	r = find_parent(f, f->path.p, false, &dir, &last, e);
	if (r < 0)
		return r;
	if (!strcmp(last, WH_OPAQUE)) {
		struct flat_node *next;

		for (struct flat_node *c = dir ? dir->child : NULL; c; c = next) {
			next = c->behind;
			hide(f, c);
		}
		return 1;
	}
	last += strlen(WH);
	if (!*last || !strcmp(last, ".") || !strcmp(last, ".."))
		return err_set(e, EINVAL, "'%.150s': a whiteout of nothing that has a name",
			       f->path.p);
	dir = dir ? child_of(f, dir, last) : NULL;
	if (dir)
		hide(f, dir);
	return 1;
}

int flat_add(struct flat *f, const struct flat_entry *en, struct err *e)
{
	uint32_t index = f->index++;
	int r;

	if (++f->entries > FLAT_ENTRIES_MAX)
		return err_set(e, E2BIG, "more than %u entries", FLAT_ENTRIES_MAX);
	if ((en->type == FLAT_SYMLINK || en->type == FLAT_LINK) && (!en->target || !*en->target))
		return err_set(e, EINVAL, "'%.150s': a link to nothing", en->path);
	if (en->type == FLAT_SYMLINK && strlen(en->target) > FLAT_PATH_MAX)
		return err_set(e, ENAMETOOLONG, "'%.150s': a symlink longer than %u bytes",
			       en->path, FLAT_PATH_MAX);
	r = clean_path(en->path, &f->path, e);
	if (r == 0 && f->whiteouts)
		r = whiteout(f, e);
	if (r != 0)
		return r < 0 ? r : 0;
	return en->type == FLAT_LINK ? add_link(f, en, e) : add_own(f, en, index, e);
}

int flat_next_layer(struct flat *f, struct err *e)
{
	if (f->layer + 1 == FLAT_LAYERS_MAX)
		return err_set(e, E2BIG, "more than %u layers", FLAT_LAYERS_MAX);
	f->layer++;
	f->index = 0;
	return 0;
}

/* The result. */

void flat_finish(struct flat *f)
{
	for (struct flat_node *n = &f->root; n; n = n->all_behind) {
		struct inode *i;

		if (n->inode == NO_INODE)
			continue;
		i = &f->inode[n->inode];
		if (i->last)
			i->last->next_name = n;
		else
			i->names = n;
		i->last = n;
	}
}

const struct flat_node *flat_first(const struct flat *f, unsigned layer, uint32_t index)
{
	uint32_t low = 0, high = f->ninodes;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		const struct inode *i = &f->inode[mid];

		if (i->layer == layer && i->index == index)
			return i->names;
		if (i->layer < layer || (i->layer == layer && i->index < index))
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

const struct flat_node *flat_next(const struct flat_node *n)
{
	return n->next_name;
}

const struct flat_node *flat_made(const struct flat *f, const struct flat_node *n)
{
	n = n ? n->all_behind : f->root.all_behind;
	while (n && n->inode != NO_INODE)
		n = n->all_behind;
	return n;
}

int flat_path(const struct flat_node *n, struct buf *b)
{
	size_t at = n->path_len;

	b->len = 0;
	if (buf_reserve(b, at + 1) < 0)
		return -ENOMEM;
	b->p[at] = '\0';
	b->len = at;
	for (; n->parent; n = n->parent) {
		size_t len = strlen(n->name);

		ASSERT(at >= len);
		at -= len;
		memcpy(b->p + at, n->name, len);
		if (at)
			b->p[--at] = '/';
	}
	return 0;
}

struct flat *flat_new(bool whiteouts)
{
	struct flat *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->whiteouts = whiteouts;
	f->root.name = "";
	f->root.inode = NO_INODE;
	f->all_last = &f->root;
	return f;
}

static void keep(void *node)
{
	(void)node;
}

void flat_free(struct flat *f)
{
	struct flat_node *next;

	if (!f)
		return;
	tdestroy(f->by_name, keep);
	for (struct flat_node *n = f->root.all_behind; n; n = next) {
		next = n->all_behind;
		free(n);
	}
	for (uint32_t i = 0; i < f->ninodes; i++)
		free(f->inode[i].target);
	free(f->inode);
	buf_free(&f->path);
	buf_free(&f->link);
	buf_free(&f->rest);
	free(f);
}
