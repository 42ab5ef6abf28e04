/* SPDX-License-Identifier: MIT */
/* A directory of the host into the tree. Contents are read when the archive is written. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "initrd/initrd.h"
#include "initrd/links.h"
#include "initrd/sources.h"
#include "initrd/walk.h"
#include "lib/cleanup.h"

struct reading {
	struct initrd *in;
	struct links links;
};

static int type_of(mode_t mode, enum tree_type *type)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		*type = TREE_DIR;
		return 0;
	case S_IFREG:
		*type = TREE_FILE;
		return 0;
	case S_IFLNK:
		*type = TREE_SYMLINK;
		return 0;
	case S_IFCHR:
		*type = TREE_CHAR;
		return 0;
	case S_IFBLK:
		*type = TREE_BLOCK;
		return 0;
	case S_IFIFO:
		*type = TREE_FIFO;
		return 0;
	case S_IFSOCK:
		*type = TREE_SOCKET;
		return 0;
	}
	return -EINVAL;
}

/* Attributes that belong to the file. A security label belongs to this host. */
static int check_extra(const char *path, struct err *e)
{
	char names[4096];
	ssize_t n = llistxattr(path, names, sizeof(names));

	if (n < 0 && errno != ERANGE)
		return errno == EOPNOTSUPP ? 0 : err_sys(e, "extended attributes of %s", path);
	for (ssize_t at = 0; at < n; at += (ssize_t)strlen(names + at) + 1) {
		if (strcmp(names + at, "security.selinux"))
			return err_set(e, EOPNOTSUPP,
				       "%s: '%s', which an initrd cannot hold (--drop-xattrs)",
				       path, names + at);
	}
	return n < 0 ? err_set(e, EOPNOTSUPP,
			       "%s: attributes, which an initrd cannot hold (--drop-xattrs)", path)
		     : 0;
}

static int fill(const struct initrd *in, struct tree_node *node, const char *path,
		const struct stat *st, const char *target, struct err *e)
{
	switch (node->type) {
	case TREE_FILE:
		if ((uint64_t)st->st_size > TREE_FILE_MAX)
			return err_set(e, EFBIG, "%s: 4 GiB or more", path);
		if (content_of_host(&node->content, path, st) < 0)
			return err_code(e, ENOMEM, "%s", path);
		break;
	case TREE_SYMLINK:
		if (!target || strlen(target) > TREE_TARGET_MAX)
			return err_set(e, ENAMETOOLONG, "%s: a symlink of more than %u bytes", path,
				       TREE_TARGET_MAX);
		node->mode = 0777;
		node->target = strdup(target);
		if (!node->target)
			return err_code(e, ENOMEM, "%s", path);
		break;
	case TREE_CHAR:
	case TREE_BLOCK:
		node->major = major(st->st_rdev);
		node->minor = minor(st->st_rdev);
		break;
	case TREE_DIR:
	case TREE_FIFO:
	case TREE_SOCKET:
		break;
	}
	node->mtime = source_mtime(in, st->st_mtime, path);
	return 0;
}

/* The entry that is the same file, when this tree brought it and nothing has replaced it. */
static const struct tree_entry *other_name(const struct reading *rd, const struct stat *st)
{
	const char *first = links_find(&rd->links, st->st_dev, st->st_ino);
	const struct tree_entry *en = first ? tree_find(&rd->in->tree, first) : NULL;
	const struct content *c = en ? &en->node->content : NULL;

	if (!c || en->node->type != TREE_FILE || c->kind != CONTENT_HOST || c->dev != st->st_dev ||
	    c->ino != st->st_ino)
		return NULL;
	return en;
}

static int on_entry(void *ctx, const char *path, const char *rel, const struct stat *st,
		    const char *target, struct err *e)
{
	struct reading *rd = ctx;
	struct initrd *in = rd->in;
	cleanup_buf struct buf to = { 0 };
	cleanup_node struct tree_node *node = NULL;
	const struct tree_entry *other;
	enum tree_type type;
	int r = spec_member(rel, in->rename, in->nrename, &to, e);

	if (r == 0 && !in->drop_extra)
		r = check_extra(path, e);
	if (r < 0 || !to.len)
		return r;
	if (type_of(st->st_mode, &type) < 0)
		return err_set(e, EINVAL, "%s: of no known type", path);
	if (type == TREE_FILE && st->st_nlink > 1) {
		other = other_name(rd, st);
		if (other) {
			r = tree_link(&in->tree, to.p, other->path, in->source, e);
			return r < 0 ? r : 0;
		}
		if (!links_find(&rd->links, st->st_dev, st->st_ino) &&
		    links_add(&rd->links, st->st_dev, st->st_ino, to.p) < 0)
			return err_code(e, ENOMEM, "%s", path);
	}
	node = source_node(in, type, st->st_mode & 07777, e);
	if (!node)
		return -ENOMEM;
	r = fill(in, node, path, st, target, e);
	if (r == 0)
		r = tree_put(&in->tree, to.p, &node, in->source, e);
	return r < 0 ? r : 0;
}

int initrd_add_tree(struct initrd *in, const char *dir, struct err *e)
{
	struct reading rd = { .in = in };
	int r;

	if (!*dir)
		return err_set(e, ENOENT, "tree '': no name");
	in->source++;
	r = walk(dir, on_entry, &rd, e);
	links_free(&rd.links);
	return r;
}
