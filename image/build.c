/* SPDX-License-Identifier: MIT */
/*
 * Two readings of the same tars: the first one of headers alone makes the tree, the second one gives
 * what is left of each entry to mksquashfs, directories of all layers first, so that no parent is
 * missing. No contents are in memory.
 */
#include "image/build.h"

#include <errno.h>

#include "archive/tar-in.h"
#include "image/flat.h"
#include "image/squash.h"
#include "late/archive.h"
#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/locale.h"

struct build {
	const struct span *layer;
	size_t n;
	bool whiteouts;
	const struct watch *watch;
	struct flat *flat; /* owned */
	struct squash_root root;
	struct squash squash;
	struct buf path, other;
	uint64_t bytes; /* of contents, so far */
};

static void build_free(struct build *b)
{
	flat_free(b->flat);
	squash_free(&b->squash);
	buf_free(&b->path);
	buf_free(&b->other);
}
#define cleanup_build __attribute__((cleanup(build_free)))

/* What is done with each entry; index counts from 0. */
typedef int entry_fn(struct build *b, struct tar_in *t, struct archive_entry *en, size_t layer,
		     uint32_t index, struct err *e);

static int each_entry(struct build *b, size_t layer, entry_fn *fn, struct err *e)
{
	cleanup_tar_in struct tar_in *t = tar_in_new(&b->layer[layer], e);
	struct archive_entry *en;
	int r = t ? 0 : err_wrap(e, "not a tar");

	for (uint32_t index = 0; r == 0; index++) {
		r = tar_in_next(t, &en, e);
		if (r < 0 && index == 0)
			return err_wrap(e, "not a tar");
		if (r == 0)
			break;
		if (r > 0)
			r = fn(b, t, en, layer, index, e);
	}
	if (r == 0 && !b->whiteouts && !tar_in_complete(t))
		return err_set(e, EINVAL, "the tar has no end: it is cut");
	return r;
}

static enum flat_type type_of(struct archive_entry *en)
{
	if (archive_entry_hardlink(en))
		return FLAT_LINK;
	if (archive_entry_filetype(en) == AE_IFDIR)
		return FLAT_DIR;
	return archive_entry_filetype(en) == AE_IFLNK ? FLAT_SYMLINK : FLAT_OTHER;
}

static int add_entry(struct build *b, struct tar_in *t, struct archive_entry *en, size_t layer,
		     uint32_t index, struct err *e)
{
	struct flat_entry f = { archive_entry_pathname(en), type_of(en), NULL };
	int r;

	(void)t, (void)layer, (void)index;
	f.target = f.type == FLAT_LINK ? archive_entry_hardlink(en) : archive_entry_symlink(en);
	if (!f.path)
		return err_set(e, EINVAL, "an entry without a name");
	r = flat_add(b->flat, &f, e);
	return r > 0 ? squash_root_from(&b->root, en, e) : r;
}

static int set_path(const struct flat_node *n, struct buf *b, struct err *e)
{
	return flat_path(n, b) < 0 ? err_memory(e) : 0;
}

static int put_made(struct build *b, struct err *e)
{
	int r = 0;

	for (const struct flat_node *n = flat_made(b->flat, NULL); n && r == 0;
	     n = flat_made(b->flat, n)) {
		r = set_path(n, &b->path, e);
		if (r == 0)
			r = squash_made_dir(&b->squash, b->path.p, e);
	}
	return r;
}

static int put_dir(struct build *b, struct tar_in *t, struct archive_entry *en, size_t layer,
		   uint32_t index, struct err *e)
{
	const struct flat_node *n;
	int r;

	(void)t;
	if (type_of(en) != FLAT_DIR)
		return 0;
	n = flat_first(b->flat, (unsigned)layer, index);
	r = n ? set_path(n, &b->path, e) : 0;
	if (!n || r < 0 || !b->path.len)
		return r;
	return squash_entry(&b->squash, en, b->path.p, e);
}

/* All of the entry's contents, holes as zeros. */
static int put_data(struct build *b, struct tar_in *t, uint64_t size, struct err *e)
{
	uint64_t at = 0, offset;
	const void *p;
	size_t n;
	int r;

	while ((r = tar_in_data(t, &p, &n, &offset, e)) > 0) {
		if (offset < at || offset > size || n > size - offset)
			return err_set(e, EINVAL, "'%.150s': more contents than its header says",
				       b->path.p);
		r = squash_data(&b->squash, NULL, offset - at, e);
		if (r == 0)
			r = squash_data(&b->squash, p, n, e);
		if (r < 0)
			return r;
		b->bytes += offset + n - at;
		at = offset + n;
		watch_progress(b->watch, "making the root", b->bytes);
	}
	if (r < 0)
		return err_wrap(e, "'%.100s'", b->path.p);
	b->bytes += size - at;
	return squash_data(&b->squash, NULL, size - at, e);
}

static int put_other(struct build *b, struct tar_in *t, struct archive_entry *en, size_t layer,
		     uint32_t index, struct err *e)
{
	const struct flat_node *n;
	uint64_t size;
	int r;

	if (type_of(en) == FLAT_DIR || type_of(en) == FLAT_LINK)
		return 0;
	n = flat_first(b->flat, (unsigned)layer, index);
	if (!n)
		return 0;
	size = archive_entry_filetype(en) == AE_IFREG ? (uint64_t)archive_entry_size(en) : 0;
	r = set_path(n, &b->path, e);
	if (r == 0)
		r = squash_entry(&b->squash, en, b->path.p, e);
	if (r == 0 && size)
		r = put_data(b, t, size, e);
	while (r == 0 && (n = flat_next(n))) {
		r = set_path(n, &b->other, e);
		if (r == 0)
			r = squash_link(&b->squash, en, b->other.p, b->path.p, e);
	}
	return r;
}

static int each_layer(struct build *b, entry_fn *fn, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < b->n && r == 0; i++) {
		if (fn == add_entry && i)
			r = flat_next_layer(b->flat, e);
		if (r == 0)
			r = each_entry(b, i, fn, e);
		if (r < 0 && b->whiteouts)
			err_wrap(e, "layer %zu", i + 1);
	}
	return r;
}

int build_layers(const struct span *layer, size_t n, bool whiteouts, int out, const struct watch *w,
		 struct err *e)
{
	cleanup_utf8 struct utf8_locale locale = { NULL, NULL };
	cleanup_build struct build b = {
		.layer = layer,
		.n = n,
		.whiteouts = whiteouts,
		.watch = w,
		.flat = flat_new(whiteouts),
		.root = SQUASH_ROOT_INIT,
		.squash = SQUASH_INIT,
	};
	int r;

	if (!b.flat)
		return err_memory(e);
	utf8_enter(&locale);
	r = each_layer(&b, add_entry, e);
	if (r < 0)
		return r;
	flat_finish(b.flat);
	r = squash_open(&b.squash, out, &b.root, e);
	if (r == 0)
		r = put_made(&b, e);
	if (r == 0)
		r = each_layer(&b, put_dir, e);
	if (r == 0)
		r = each_layer(&b, put_other, e);
	if (r == 0)
		r = squash_end(&b.squash, e);
	if (r == 0)
		squash_warn(&b.squash, w);
	return r;
}
