/* SPDX-License-Identifier: MIT */
/* What entries mean, and what is left in the end. */
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "image/flat-impl.h"
#include "lib/msg.h"

#define WH ".wh."
#define WH_AUFS ".wh..wh."
#define WH_OPAQUE ".wh..wh..opq"

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
			return flat_no_memory(e);
		}
		f->inode = more;
		f->inodes_cap = cap;
	}
	if (en->type == FLAT_SYMLINK && !target)
		return flat_no_memory(e);
	*out = f->ninodes++;
	f->inode[*out] = (struct inode){ f->layer, index, en->type, target, NULL, NULL };
	return 0;
}

/* The name, meaning this inode; what had it goes, unless both are directories. */
static int put(struct flat *f, struct flat_node *dir, const char *name, uint32_t inode,
	       struct err *e)
{
	struct flat_node *n = flat_child(f, dir, name);

	if (n && !(flat_is_dir(f, n) && f->inode[inode].type == FLAT_DIR)) {
		flat_drop(f, n);
		n = NULL;
	}
	if (!n)
		n = flat_node_new(f, dir, name, e);
	if (!n)
		return -e->code;
	n->inode = inode;
	n->layer = f->layer;
	return 0;
}

static int add_link(struct flat *f, const struct flat_entry *en, struct err *e)
{
	struct flat_node *dir = NULL, *to = NULL;
	const char *last = NULL;
	uint32_t inode;
	int r = flat_clean(en->target, &f->link, e);

	if (r == 0 && !f->path.len)
		return err_set(e, EINVAL, "'%.100s': the root as a hard link", en->path);
	if (r == 0 && f->link.len)
		r = flat_parent(f, f->link.p, false, &dir, &last, e);
	if (r < 0)
		return r;
	if (f->link.len && dir)
		to = flat_child(f, dir, last);
	if (!to)
		return err_set(e, ENOENT, "'%.100s': a hard link to '%.100s', which is not there",
			       en->path, en->target);
	if (flat_is_dir(f, to))
		return err_set(e, EINVAL, "'%.100s': a hard link to '%.100s', which is a directory",
			       en->path, en->target);
	inode = to->inode;
	r = flat_parent(f, f->path.p, true, &dir, &last, e);
	if (r < 0)
		return r;
	/* A name of it already. It says so anew: this layer has it. */
	to = flat_child(f, dir, last);
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
	r = flat_parent(f, f->path.p, true, &dir, &last, e);
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
	r = flat_parent(f, f->path.p, false, &dir, &last, e);
	if (r < 0)
		return r;
	if (!strcmp(last, WH_OPAQUE)) {
		struct flat_node *next;

		for (struct flat_node *c = dir ? dir->child : NULL; c; c = next) {
			next = c->behind;
			flat_hide(f, c);
		}
		return 1;
	}
	last += strlen(WH);
	if (!*last || !strcmp(last, ".") || !strcmp(last, ".."))
		return err_set(e, EINVAL, "'%.150s': a whiteout of nothing that has a name",
			       f->path.p);
	dir = dir ? flat_child(f, dir, last) : NULL;
	if (dir)
		flat_hide(f, dir);
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
	r = flat_clean(en->path, &f->path, e);
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
