/* SPDX-License-Identifier: MIT */
/* The merged tree: one table by path, every entry's parent in it. */
#include "initrd/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"

static const char *const type_name[] = {
	[TREE_DIR] = "a directory",	 [TREE_FILE] = "a file",
	[TREE_SYMLINK] = "a symlink",	 [TREE_CHAR] = "a character device",
	[TREE_BLOCK] = "a block device", [TREE_FIFO] = "a fifo",
	[TREE_SOCKET] = "a socket",
};
_Static_assert(ARRAY_SIZE(type_name) == TREE_SOCKET + 1, "a name for each type");

const char *tree_type_name(enum tree_type type)
{
	return type_name[type];
}

struct tree_node *tree_node_new(enum tree_type type, uint32_t mode)
{
	struct tree_node *node = calloc(1, sizeof(*node));

	if (node) {
		node->type = type;
		node->mode = mode & 07777;
	}
	return node;
}

void tree_node_free(struct tree_node *node)
{
	if (!node)
		return;
	content_free(&node->content);
	free(node->target);
	free(node);
}

/* Gives up one name. */
static void node_drop(struct tree_node *node)
{
	if (--node->names == 0)
		tree_node_free(node);
}

/* A path that need not end with a NUL. */
struct name {
	const char *p;
	size_t n;
};

static bool same_path(const void *value, const void *key)
{
	const struct tree_entry *en = value;
	const struct name *name = key;

	return !strncmp(en->path, name->p, name->n) && !en->path[name->n];
}

static struct tree_entry *find(const struct tree *t, const char *path, size_t n)
{
	const struct name key = { path, n };

	return table_find(&t->by_path, table_hash(path, n), same_path, &key);
}

struct tree_entry *tree_find(const struct tree *t, const char *path)
{
	return find(t, path, strlen(path));
}

/* A new entry without node. */
static struct tree_entry *add(struct tree *t, const char *path, size_t n)
{
	cleanup_free struct tree_entry *en = calloc(1, sizeof(*en));
	cleanup_free char *copy = strndup(path, n);

	if (t->n == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 256;
		struct tree_entry **v = reallocarray(t->v, cap, sizeof(struct tree_entry *));

		if (!v)
			return NULL;
		t->v = v;
		t->cap = cap;
	}
	if (!en || !copy || table_add(&t->by_path, table_hash(path, n), en) < 0)
		return NULL;
	en->path = take_ptr(&copy);
	t->v[t->n++] = en;
	return take_ptr(&en);
}

/* Length of the parent's path; 0 = the root. */
static size_t parent_len(const char *path, size_t n)
{
	while (n && path[n - 1] != '/')
		n--;
	return n ? n - 1 : 0;
}

static int not_below(const struct tree_entry *en, const char *path, struct err *e)
{
	if (en->node->type == TREE_SYMLINK)
		return err_set(e, ELOOP, "/%s: /%s is a symlink to '%s'", path, en->path,
			       en->node->target);
	return err_set(e, ENOTDIR, "/%s: /%s is %s", path, en->path, type_name[en->node->type]);
}

/* Makes the directories of the first n bytes of path that are missing. */
static int make_parents(struct tree *t, const char *path, size_t n, struct err *e)
{
	size_t at = 0;

	while (at < n) {
		size_t len = at + strcspn(path + at, "/");
		struct tree_entry *en = find(t, path, len);
		struct tree_entry *up = at ? find(t, path, at - 1) : NULL;

		if (en && en->node->type != TREE_DIR)
			return not_below(en, path, e);
		if (!en) {
			struct tree_node *node = tree_node_new(TREE_DIR, 0755);

			en = node ? add(t, path, len) : NULL;
			if (!en) {
				tree_node_free(node);
				return err_code(e, ENOMEM, "/%s", path);
			}
			node->names = 1;
			node->mtime = t->mtime;
			en->node = node;
			en->made = true;
			if (up)
				up->children++;
		}
		at = len + 1;
	}
	return 0;
}

/* 0 = may be replaced, 1 = stays, else the reason why neither. */
static int gives_way(const struct tree_entry *en, enum tree_type type, unsigned source,
		     struct err *e)
{
	enum tree_type was = en->node->type;

	if (!en->made && en->source > source)
		return 1;
	if (was == TREE_DIR && type != TREE_DIR && en->children)
		return err_set(e, EISDIR, "/%s: %s in place of a directory that has entries",
			       en->path, type_name[type]);
	if (was == TREE_SYMLINK && type == TREE_DIR)
		return err_set(e, EEXIST, "/%s: a directory in place of a symlink to '%s'",
			       en->path, en->node->target);
	return 0;
}

int tree_check(const char *path, struct err *e)
{
	const size_t trailer = strlen(TREE_TRAILER);

	if (!*path)
		return err_set(e, EINVAL, "the root itself has no entry");
	/* Not as a directory either: it would have an entry. */
	if (!strncmp(path, TREE_TRAILER, trailer) && (!path[trailer] || path[trailer] == '/'))
		return err_set(e, EINVAL, "/%s: the name ends an archive", path);
	if (strlen(path) > TREE_PATH_MAX)
		return err_set(e, ENAMETOOLONG, "/%.60s...: longer than %u bytes", path,
			       TREE_PATH_MAX);
	for (const char *at = path; *at;) {
		size_t n = strcspn(at, "/");

		if (n > TREE_NAME_MAX)
			return err_set(e, ENAMETOOLONG, "/%.60s...: a name longer than %u bytes",
				       path, TREE_NAME_MAX);
		at += n;
		at += *at == '/';
	}
	return 0;
}

/* The entry for a node of that type, with no node in it. NULL: *r is what to return. */
static struct tree_entry *place(struct tree *t, const char *path, enum tree_type type,
				unsigned source, int *r, struct err *e)
{
	size_t n = strlen(path), up = parent_len(path, n);
	struct tree_entry *en, *parent;

	*r = tree_check(path, e);
	if (*r)
		return NULL;
	en = find(t, path, n);
	*r = en ? gives_way(en, type, source, e) : make_parents(t, path, up, e);
	if (*r)
		return NULL;
	if (en) {
		node_drop(take_ptr(&en->node));
	} else {
		en = add(t, path, n);
		if (!en) {
			*r = err_code(e, ENOMEM, "/%s", path);
			return NULL;
		}
		parent = up ? find(t, path, up) : NULL;
		if (parent)
			parent->children++;
	}
	en->source = source;
	en->made = false;
	return en;
}

int tree_put(struct tree *t, const char *path, struct tree_node **node, unsigned source,
	     struct err *e)
{
	struct tree_entry *en;
	int r = 0;

	en = place(t, path, (*node)->type, source, &r, e);
	if (!en) {
		if (r > 0)
			tree_node_free(take_ptr(node));
		return r;
	}
	en->node = take_ptr(node);
	en->node->names++;
	return 0;
}

static struct tree_node *copy_symlink(const struct tree_node *node)
{
	cleanup_node struct tree_node *copy = tree_node_new(TREE_SYMLINK, node->mode);

	if (!copy)
		return NULL;
	copy->uid = node->uid;
	copy->gid = node->gid;
	copy->mtime = node->mtime;
	copy->target = strdup(node->target);
	return copy->target ? take_ptr(&copy) : NULL;
}

int tree_link(struct tree *t, const char *path, const char *to, unsigned source, struct err *e)
{
	const struct tree_entry *old = tree_find(t, to);
	cleanup_node struct tree_node *copy = NULL;
	struct tree_entry *en;
	struct tree_node *node;
	int r = 0;

	if (!old)
		return err_set(e, ENOENT, "/%s: a hard link to /%s, which is not there", path, to);
	node = old->node;
	if (node->type == TREE_DIR)
		return err_set(e, EISDIR, "/%s: a hard link to /%s, a directory", path, to);
	if (!strcmp(path, to))
		return 0;
	/* The kernel makes no hard links of symlinks: each has to bring its target. */
	if (node->type == TREE_SYMLINK) {
		copy = copy_symlink(node);
		if (!copy)
			return err_code(e, ENOMEM, "/%s", path);
		return tree_put(t, path, &copy, source, e);
	}
	node->names++; /* path may be the last other name of it */
	en = place(t, path, node->type, source, &r, e);
	if (!en) {
		node_drop(node);
		return r;
	}
	en->node = node;
	return 0;
}

/* One component of todo, of n bytes, is taken away from its front. */
static void advance(struct buf *todo, size_t n)
{
	n += strspn(todo->p + n, "/");
	memmove(todo->p, todo->p + n, todo->len - n + 1);
	todo->len -= n;
}

/* Puts the target of a link in front of what is left to go. */
static int follow(const char *target, struct buf *todo, struct buf *done)
{
	cleanup_buf struct buf next = { 0 };

	if (buf_addf(&next, "%s/%s", target, todo->p) < 0)
		return -ENOMEM;
	if (next.len > (size_t)2 * TREE_PATH_MAX)
		return -ENAMETOOLONG;
	if (*target == '/')
		done->len = 0;
	buf_free(todo);
	*todo = next;
	next = (struct buf){ 0 };
	advance(todo, 0);
	return 0;
}

static int resolve(const struct tree *t, bool last, struct buf *todo, struct buf *done)
{
	unsigned links = 0;

	while (todo->len) {
		size_t n = strcspn(todo->p, "/"), before = done->len;
		bool dots = n == 2 && !memcmp(todo->p, "..", 2);
		const struct tree_entry *en = NULL;
		int r = 0;

		if (dots)
			done->len = parent_len(done->p ? done->p : "", done->len);
		else if (n != 1 || *todo->p != '.')
			r = buf_addf(done, "%s%.*s", before ? "/" : "", (int)n, todo->p);
		if (r < 0)
			return r;
		advance(todo, n);
		if (done->len > before)
			en = find(t, done->p, done->len);
		if (!en || en->node->type != TREE_SYMLINK || (!todo->len && !last))
			continue;
		if (++links > TREE_LINKS_MAX)
			return -ELOOP;
		done->len = before;
		r = follow(en->node->target, todo, done);
		if (r < 0)
			return r;
	}
	return done->len > TREE_PATH_MAX ? -ENAMETOOLONG : 0;
}

int tree_resolve(const struct tree *t, const char *path, bool last, struct buf *out, struct err *e)
{
	cleanup_buf struct buf todo = { 0 };
	cleanup_buf struct buf done = { 0 };
	int r = buf_adds(&todo, path);

	if (r == 0) {
		advance(&todo, 0);
		r = resolve(t, last, &todo, &done);
	}
	if (r == 0)
		r = buf_add(out, done.p ? done.p : "", done.len);
	return r < 0 ? err_code(e, -r, "/%s", path) : 0;
}

static int by_path(const void *a, const void *b)
{
	const struct tree_entry *const *x = a, *const *y = b;

	return strcmp((*x)->path, (*y)->path);
}

void tree_sort(struct tree *t)
{
	uint32_t ino = 0;

	if (t->n)
		qsort(t->v, t->n, sizeof(struct tree_entry *), by_path);
	for (size_t i = 0; i < t->n; i++)
		t->v[i]->node->ino = 0;
	for (size_t i = 0; i < t->n; i++) {
		if (!t->v[i]->node->ino)
			t->v[i]->node->ino = ++ino;
	}
	for (size_t i = t->n; i--;) {
		struct tree_node *node = t->v[i]->node;

		t->v[i]->last = !node->placed;
		node->placed = true;
	}
}

void tree_free(struct tree *t)
{
	for (size_t i = 0; i < t->n; i++) {
		if (t->v[i]->node)
			node_drop(t->v[i]->node);
		free(t->v[i]->path);
		free(t->v[i]);
	}
	free(t->v);
	table_free(&t->by_path);
	*t = (struct tree){ 0 };
}
