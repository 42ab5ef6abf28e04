/* SPDX-License-Identifier: MIT */
/*
 * Members of archives into the tree, their contents into the spool. What an initrd cannot hold is
 * refused, never left out in silence.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "initrd/archive.h"
#include "initrd/initrd.h"
#include "initrd/sources.h"
#include "lib/cleanup.h"

/* An archive that is being read. */
struct reading {
	struct initrd *in;
	struct buf path;	/* of the current member */
	struct tree_node *node; /* owned; contents are coming in; NULL when none can */
	bool link;		/* the current member is a hard link */
	struct buf link_to;	/* of which */
	struct argv later;	/* hard links to what had not come yet: pairs of path and target */
};

static void reading_free(struct reading *rd)
{
	buf_free(&rd->path);
	buf_free(&rd->link_to);
	tree_node_free(rd->node);
	argv_free(&rd->later);
}
#define cleanup_reading __attribute__((cleanup(reading_free)))

static int check_member(const struct initrd *in, const struct arc_member *m, struct err *e)
{
	if (m->extra && !in->drop_extra)
		return err_set(e, EOPNOTSUPP, "%s: %s, which an initrd cannot hold (--drop-xattrs)",
			       m->path, m->extra);
	if (m->uid < 0 || m->gid < 0 || m->uid >= UINT32_MAX || m->gid >= UINT32_MAX)
		return err_set(e, ERANGE, "%s: owner %jd:%jd", m->path, (intmax_t)m->uid,
			       (intmax_t)m->gid);
	if (m->size > TREE_FILE_MAX)
		return err_set(e, EFBIG, "%s: 4 GiB or more", m->path);
	if ((m->type == TREE_CHAR || m->type == TREE_BLOCK) &&
	    (m->major > TREE_MAJOR_MAX || m->minor > TREE_MINOR_MAX))
		return err_set(e, ERANGE, "%s: device %ju:%ju", m->path, (uintmax_t)m->major,
			       (uintmax_t)m->minor);
	if (m->type == TREE_SYMLINK && (!m->target || !*m->target))
		return err_set(e, EINVAL, "%s: a symlink to nothing", m->path);
	if (m->type == TREE_SYMLINK && strlen(m->target) > TREE_TARGET_MAX)
		return err_set(e, ENAMETOOLONG, "%s: a symlink of more than %u bytes", m->path,
			       TREE_TARGET_MAX);
	return 0;
}

/* Starts a node for the member; contents go behind what is in the spool. */
static int start_node(struct reading *rd, const struct arc_member *m, struct err *e)
{
	struct tree_node *node = tree_node_new(m->type, m->mode);

	tree_node_free(rd->node);
	rd->node = node;
	if (!node)
		return err_code(e, ENOMEM, "%s", m->path);
	node->uid = (uint32_t)m->uid;
	node->gid = (uint32_t)m->gid;
	node->mtime = source_mtime(rd->in, m->mtime, m->path);
	node->major = (uint32_t)m->major;
	node->minor = (uint32_t)m->minor;
	node->content = (struct content){
		.kind = CONTENT_SPOOL,
		.offset = rd->in->spool.end,
		.size = m->hardlink ? 0 : m->size,
	};
	if (m->type == TREE_SYMLINK) {
		node->mode = 0777;
		node->target = strdup(m->target);
		if (!node->target)
			return err_code(e, ENOMEM, "%s", m->path);
	}
	return 0;
}

static int on_member(void *ctx, const struct arc_member *m, struct err *e)
{
	struct reading *rd = ctx;
	struct initrd *in = rd->in;
	int r = check_member(in, m, e);

	rd->path.len = rd->link_to.len = 0;
	rd->link = m->hardlink != NULL;
	if (r == 0)
		r = spec_member(m->path, in->rename, in->nrename, &rd->path, e);
	if (r == 0 && m->hardlink)
		r = spec_member(m->hardlink, in->rename, in->nrename, &rd->link_to, e);
	return r < 0 ? r : start_node(rd, m, e);
}

static int on_data(void *ctx, const void *p, size_t n, uint64_t offset, struct err *e)
{
	struct reading *rd = ctx;
	struct content *c = &rd->node->content;

	if (rd->link && offset + n > c->size)
		c->size = offset + n;
	if (offset > c->size || n > c->size - offset || c->size > TREE_FILE_MAX)
		return err_set(e, EINVAL, "/%s: more contents than its header says", rd->path.p);
	return spool_write(&rd->in->spool, p, n, c->offset + offset, e);
}

/*
 * Some writers put the contents with the last of several links. They belong to all of them, so they
 * go into the node that is there.
 */
static int finish_link(struct reading *rd, struct err *e)
{
	struct initrd *in = rd->in;
	const struct tree_entry *to = tree_find(&in->tree, rd->link_to.p);

	if (!to) {
		if (argv_push(&rd->later, rd->path.p) < 0 ||
		    argv_push(&rd->later, rd->link_to.p) < 0)
			return err_code(e, ENOMEM, "/%s", rd->path.p);
		return 0;
	}
	if (rd->node->content.size && to->node->type == TREE_FILE) {
		content_free(&to->node->content);
		to->node->content = rd->node->content;
	}
	return tree_link(&in->tree, rd->path.p, rd->link_to.p, in->source, e);
}

static int on_done(void *ctx, struct err *e)
{
	struct reading *rd = ctx;
	struct content *c = &rd->node->content;
	int r;

	/* A hole at the end was not written. */
	if (rd->node->type == TREE_FILE && c->size && rd->in->spool.end < c->offset + c->size) {
		r = spool_write(&rd->in->spool, "", 1, c->offset + c->size - 1, e);
		if (r < 0)
			return r;
	}
	if (!rd->path.len)
		return 0; /* the root itself */
	r = rd->link ? finish_link(rd, e)
		     : tree_put(&rd->in->tree, rd->path.p, &rd->node, rd->in->source, e);
	return r < 0 ? r : 0;
}

/* Links to what came later, also to each other: until a round finds nothing. */
static int link_later(struct reading *rd, struct err *e)
{
	struct tree *t = &rd->in->tree;
	size_t left = rd->later.n, before = left + 1;
	int r = 0;

	while (left && left < before) {
		size_t kept = 0;

		before = left;
		for (size_t i = 0; i < left; i += 2) {
			char **pair = &rd->later.v[i];

			if (tree_find(t, pair[1])) {
				r = tree_link(t, pair[0], pair[1], rd->in->source, e);
				if (r < 0)
					return r;
				continue;
			}
			for (size_t k = 0; k < 2; k++) {
				char *other = rd->later.v[kept + k];

				rd->later.v[kept + k] = pair[k];
				pair[k] = other;
			}
			kept += 2;
		}
		left = kept;
	}
	return left ? tree_link(t, rd->later.v[0], rd->later.v[1], rd->in->source, e) : 0;
}

static int read_archive(struct initrd *in, int fd, struct err *e)
{
	cleanup_reading struct reading rd = { .in = in };
	const struct arc_sink sink = { &rd, on_member, on_data, on_done };
	int r = arc_read(fd, &sink, e);

	return r < 0 ? r : link_later(&rd, e);
}

int initrd_add_archive(struct initrd *in, const char *path, struct err *e)
{
	bool is_stdin = !strcmp(path, "-");
	cleanup_close int fd = is_stdin ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (!is_stdin && fd < 0)
		return err_sys(e, "open %s", path);
	in->source++;
	if (read_archive(in, is_stdin ? STDIN_FILENO : fd, e) < 0)
		return err_wrap(e, "%s", is_stdin ? "stdin" : path);
	return 0;
}
