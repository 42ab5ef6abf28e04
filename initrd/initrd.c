/* SPDX-License-Identifier: MIT */
/*
 * Sources, merged as they come, and the archive that is made of them.
 *
 * Archives and trees are merged at once. Single entries wait until all of those are there, because
 * their paths go through symlinks that a later source may bring ("--add X=/bin/x --archive ROOT",
 * where /bin is a link); each keeps the number of its source, so that the last one still wins.
 */
#include "initrd/initrd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "initrd/archive.h"
#include "initrd/check.h"
#include "initrd/modules.h"
#include "initrd/newc.h"
#include "initrd/sources.h"
#include "lib/cleanup.h"
#include "lib/io.h"
#include "lib/layout.h"

struct initrd *initrd_new(int flags)
{
	struct initrd *in = calloc(1, sizeof(*in));

	if (in) {
		in->spool.fd = -1;
		in->flags = flags;
	}
	return in;
}

void initrd_free(struct initrd *in)
{
	if (!in)
		return;
	tree_free(&in->tree);
	spool_close(&in->spool);
	for (size_t i = 0; i < in->nwaiting; i++) {
		free(in->waiting[i].guest);
		tree_node_free(in->waiting[i].node);
	}
	free(in->waiting);
	for (size_t i = 0; i < in->nrename; i++)
		spec_rename_free(&in->rename[i]);
	free(in->rename);
	argv_free(&in->modules);
	buf_free(&in->modules_text);
	free(in->kver);
	free(in->kdir);
	free(in);
}

void initrd_set_warn(struct initrd *in, void (*warn)(const char *fmt, ...))
{
	in->warn = warn;
}

void initrd_set_epoch(struct initrd *in, uint32_t epoch)
{
	in->has_epoch = true;
	in->epoch = epoch;
	in->tree.mtime = epoch;
}

void initrd_drop_extra(struct initrd *in)
{
	in->drop_extra = true;
}

int initrd_rename(struct initrd *in, const char *word, struct err *e)
{
	struct spec_rename *v = reallocarray(in->rename, in->nrename + 1, sizeof(*v));

	if (!v)
		return err_code(e, ENOMEM, "'%s'", word);
	in->rename = v;
	return spec_rename(word, &v[in->nrename++], e);
}

uint32_t source_mtime(const struct initrd *in, int64_t mtime, const char *path)
{
	if (!in->has_epoch)
		return 0;
	if (mtime < 0 && in->warn)
		in->warn("%s: a time before 1970 becomes 1970", path);
	if (mtime < 0)
		return 0;
	return mtime < in->epoch ? (uint32_t)mtime : in->epoch;
}

int source_wait(struct initrd *in, const char *guest, struct tree_node **node, unsigned source,
		struct err *e)
{
	cleanup_buf struct buf path = { 0 };
	int r = spec_path(guest, &path, e);

	if (r == 0 && !path.len)
		r = err_set(e, EINVAL, "'%s': the root itself", guest);
	if (r < 0)
		return r;
	if (in->nwaiting == in->cap) {
		size_t cap = in->cap ? in->cap * 2 : 64;
		struct waiting *v = reallocarray(in->waiting, cap, sizeof(*v));

		if (!v)
			return err_code(e, ENOMEM, "%s", guest);
		in->waiting = v;
		in->cap = cap;
	}
	in->waiting[in->nwaiting++] = (struct waiting){ path.p, take_ptr(node), source };
	path = (struct buf){ 0 };
	return 0;
}

struct tree_node *source_node(const struct initrd *in, enum tree_type type, uint32_t mode,
			      struct err *e)
{
	struct tree_node *node = tree_node_new(type, mode);

	if (!node) {
		err_code(e, ENOMEM, "initrd");
		return NULL;
	}
	node->mtime = in->epoch;
	return node;
}

int initrd_add_bytes(struct initrd *in, const char *guest, const void *data, size_t n, mode_t mode,
		     struct err *e)
{
	cleanup_node struct tree_node *node = source_node(in, TREE_FILE, mode, e);

	if (!node)
		return -ENOMEM;
	if (n > TREE_FILE_MAX)
		return err_set(e, EFBIG, "%s: 4 GiB or more", guest);
	node->content = (struct content){ .kind = CONTENT_BYTES, .bytes = data, .size = n };
	return source_wait(in, guest, &node, ++in->source, e);
}

int initrd_add_symlink(struct initrd *in, const char *target, const char *guest, struct err *e)
{
	cleanup_node struct tree_node *node = source_node(in, TREE_SYMLINK, 0777, e);

	if (!node)
		return -ENOMEM;
	if (!*target || strlen(target) > TREE_TARGET_MAX)
		return err_set(e, EINVAL, "%s: a symlink to nothing, or to more than %u bytes",
			       guest, TREE_TARGET_MAX);
	node->target = strdup(target);
	if (!node->target)
		return err_code(e, ENOMEM, "%s", guest);
	return source_wait(in, guest, &node, ++in->source, e);
}

int initrd_add_dir(struct initrd *in, const char *guest, mode_t mode, struct err *e)
{
	cleanup_node struct tree_node *node = source_node(in, TREE_DIR, mode, e);

	return node ? source_wait(in, guest, &node, ++in->source, e) : -ENOMEM;
}

/* The contents of a host file into node, which becomes a file with its mode and time. */
static int node_of_host(const struct initrd *in, struct tree_node *node, const char *host,
			const struct stat *st, struct err *e)
{
	if (!S_ISREG(st->st_mode))
		return err_set(e, EINVAL, "%s: not a regular file%s", host,
			       S_ISDIR(st->st_mode) ? ", but a directory (see --tree)" : "");
	if ((uint64_t)st->st_size > TREE_FILE_MAX)
		return err_set(e, EFBIG, "%s: 4 GiB or more", host);
	node->mode = st->st_mode & 07777;
	node->mtime = source_mtime(in, st->st_mtime, host);
	if (content_of_host(&node->content, host, st) < 0)
		return err_code(e, ENOMEM, "%s", host);
	return 0;
}

static int add_file(struct initrd *in, const char *host, const char *guest, struct tree_node **node,
		    struct err *e)
{
	struct stat st;
	int r;

	if (stat(host, &st) < 0)
		return err_sys(e, "%s", host);
	r = node_of_host(in, *node, host, &st, e);
	return r < 0 ? r : source_wait(in, guest, node, ++in->source, e);
}

int initrd_add_file(struct initrd *in, const char *host, const char *guest, mode_t mode,
		    struct err *e)
{
	cleanup_node struct tree_node *node = source_node(in, TREE_FILE, 0, e);
	struct tree_node *added = node;
	int r = node ? add_file(in, host, guest, &node, e) : -ENOMEM;

	if (r == 0 && mode != INITRD_MODE_OF_HOST)
		added->mode = mode & 07777;
	return r;
}

int initrd_add_word(struct initrd *in, const char *word, struct err *e)
{
	cleanup_node struct tree_node *node = NULL;
	cleanup_spec struct spec s = { 0 };
	struct tree_node *added;
	int r = spec_add(word, &s, e);

	if (r < 0)
		return r;
	node = added = source_node(in, TREE_FILE, 0, e);
	r = node ? add_file(in, s.from, s.guest, &node, e) : -ENOMEM;
	if (r < 0)
		return r;
	if (s.has_mode)
		added->mode = s.mode;
	added->uid = s.uid;
	added->gid = s.gid;
	return 0;
}

int initrd_make_word(struct initrd *in, const char *word, struct err *e)
{
	cleanup_node struct tree_node *node = NULL;
	cleanup_spec struct spec s = { 0 };
	int r = spec_make(word, &s, e);

	if (r < 0)
		return r;
	node = source_node(in, s.type, s.mode, e);
	if (!node)
		return -ENOMEM;
	node->uid = s.uid;
	node->gid = s.gid;
	node->major = s.major;
	node->minor = s.minor;
	node->target = take_ptr(&s.from);
	return source_wait(in, s.guest, &node, ++in->source, e);
}

/* R6: in every initrd, unless a source has something else there. */
static int add_defaults(struct initrd *in, struct err *e)
{
	static const struct {
		const char *path;
		uint32_t mode, minor, major;
	} defaults[] = {
		{ "/dev/console", 0600, 1, 5 },
		{ "/dev/null", 0666, 3, 1 },
	};
	int r = 0;

	if (in->flags & INITRD_SEGMENT)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(defaults) && r == 0; i++) {
		cleanup_node struct tree_node *node =
			source_node(in, TREE_CHAR, defaults[i].mode, e);

		if (!node)
			return -ENOMEM;
		node->major = defaults[i].major;
		node->minor = defaults[i].minor;
		r = source_wait(in, defaults[i].path, &node, 0, e);
	}
	return r;
}

static int add_modules_list(struct initrd *in, struct err *e)
{
	cleanup_node struct tree_node *node = NULL;

	if (!in->modules.n)
		return 0;
	for (size_t i = 0; i < in->modules.n; i++) {
		if (buf_addf(&in->modules_text, "%s\n", in->modules.v[i]) < 0)
			return err_code(e, ENOMEM, "%s", GUEST_MODULES);
	}
	node = source_node(in, TREE_FILE, 0644, e);
	if (!node)
		return -ENOMEM;
	node->content = (struct content){
		.kind = CONTENT_BYTES,
		.bytes = in->modules_text.p,
		.size = in->modules_text.len,
	};
	return source_wait(in, GUEST_MODULES, &node, in->modules_source, e);
}

/* Symlinks, then the rest, whose paths may go through them. Who wins is in the numbers. */
static int put_waiting(struct initrd *in, bool symlinks, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < in->nwaiting && r >= 0; i++) {
		struct waiting *w = &in->waiting[i];
		cleanup_buf struct buf path = { 0 };

		if (!w->node || (w->node->type == TREE_SYMLINK) != symlinks)
			continue;
		r = tree_resolve(&in->tree, w->guest, false, &path, e);
		if (r == 0)
			r = tree_put(&in->tree, path.p, &w->node, w->source, e);
	}
	return r < 0 ? r : 0;
}

/* Nothing more is added: everything into the tree, in its order. */
static int finish(struct initrd *in, struct err *e)
{
	int r;

	if (in->finished)
		return 0;
	r = add_modules_list(in, e);
	if (r == 0)
		r = add_defaults(in, e);
	if (r == 0)
		r = put_waiting(in, true, e);
	if (r == 0)
		r = put_waiting(in, false, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < in->nrename && in->warn; i++) {
		if (!in->rename[i].used)
			in->warn("nothing to rename at or below '/%s' in the sources behind it",
				 in->rename[i].from);
	}
	tree_sort(&in->tree);
	in->finished = true;
	return 0;
}

int initrd_check(struct initrd *in, enum initrd_compress compress, struct err *e)
{
	int r = finish(in, e);

	if (r == 0)
		r = check_init(&in->tree, &in->spool, e);
	if (r == 0 && in->kver)
		r = check_kernel(in->kver, in->kdir, compress, e);
	return r;
}

static int list_entry(const struct tree_entry *en, struct buf *out)
{
	static const char letters[] = "d-lcbps";
	const struct tree_node *node = en->node;
	char size[32];
	int r;

	_Static_assert(sizeof(letters) - 1 == TREE_SOCKET + 1, "a letter for each type");
	snprintf(size, sizeof(size), "%ju", (uintmax_t)node->content.size);
	if (node->type == TREE_CHAR || node->type == TREE_BLOCK)
		snprintf(size, sizeof(size), "%u,%u", node->major, node->minor);
	r = buf_addf(out, "%c%04o %u %zu %u %u %u %s ", letters[node->type], node->mode, node->ino,
		     node->names, node->uid, node->gid, node->mtime, size);
	for (const char *at = en->path; r == 0 && *at; at++) {
		bool plain = (unsigned char)*at > ' ' && *at != 0x7f && *at != '\\';

		r = plain ? buf_addc(out, *at) : buf_addf(out, "\\%03o", (unsigned char)*at);
	}
	if (r == 0 && node->target)
		r = buf_adds(out, " -> ");
	for (const char *at = node->target; r == 0 && at && *at; at++) {
		bool plain = (unsigned char)*at > ' ' && *at != 0x7f && *at != '\\';

		r = plain ? buf_addc(out, *at) : buf_addf(out, "\\%03o", (unsigned char)*at);
	}
	return r < 0 ? r : buf_addc(out, '\n');
}

int initrd_list(struct initrd *in, struct buf *out, struct err *e)
{
	int r = finish(in, e);

	for (size_t i = 0; i < in->tree.n && r == 0; i++) {
		if (list_entry(in->tree.v[i], out) < 0)
			r = err_code(e, ENOMEM, "list");
	}
	return r;
}

static void *write_room(void *ctx, size_t *n)
{
	return arc_out_room(ctx, n);
}

static int write_data(void *ctx, const void *p, size_t n, struct err *e)
{
	return arc_out_data(ctx, p, n, e);
}

static int write_entries(const struct initrd *in, struct arc_out *o, struct err *e)
{
	const struct content_sink to = { .ctx = o, .room = write_room, .data = write_data };
	int r = 0;

	for (size_t i = 0; i < in->tree.n && r == 0; i++) {
		const struct tree_entry *en = in->tree.v[i];

		r = arc_out_entry(o, en, e);
		if (r == 0 && en->node->type == TREE_FILE && en->last)
			r = content_copy(&en->node->content, &in->spool, &to, e);
		if (r < 0 && r != -ESTALE)
			err_wrap(e, "/%s", en->path);
	}
	return r;
}

int initrd_write(struct initrd *in, int fd, enum initrd_compress compress, struct initrd_info *info,
		 struct err *e)
{
	struct arc_out *o;
	int r = finish(in, e);

	if (r < 0)
		return r;
	o = arc_out_new(fd, compress, e);
	if (!o)
		return -e->code;
	r = write_entries(in, o, e);
	if (r == 0)
		r = arc_out_end(o, info, e);
	arc_out_free(o);
	return r;
}
