/* SPDX-License-Identifier: MIT */
/* One image after the other: its layers unpacked, its root made, its names given. */
#include "image/load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image/build.h"
#include "image/manifest.h"
#include "image/source.h"
#include "lib/cleanup.h"
#include "lib/io.h"

#define PIECE ((size_t)256 << 10)

struct load {
	const struct store *store;
	loaded_fn *fn;
	void *ctx;
	const struct watch *watch;
};

/* The squashfs as it is, if it is the one that is said. */
static int copy_root(const struct load *l, const struct manifest_layer *layer, int out,
		     struct err *e)
{
	cleanup_free char *piece = malloc(PIECE);
	char is[DIGEST_TEXT];
	struct digest d;
	uint64_t at = 0;
	ssize_t n = 0;

	if (!piece)
		return err_memory(e);
	digest_init(&d);
	while (at < layer->span.size && (n = span_read(&layer->span, at, piece, PIECE, e)) > 0) {
		int r = io_write_all(out, piece, (size_t)n);

		if (r < 0)
			return err_code(e, -r, "write to %s", l->store->path);
		digest_add(&d, piece, (size_t)n);
		at += (uint64_t)n;
		watch_progress(l->watch, "copying the root", at);
	}
	if (n < 0)
		return (int)n;
	digest_end(&d, is);
	if (at < layer->span.size)
		return err_set(e, EINVAL, "the archive is cut");
	return strcmp(is, layer->blob)
		       ? err_set(e, EINVAL, "damaged: the root is %s, not %s", is, layer->blob)
		       : 0;
}

static int make_root(const struct load *l, const struct manifest_image *im, int out, struct err *e)
{
	cleanup_scratch struct scratch scratch = SCRATCH_INIT;
	cleanup_free struct span *plain = calloc(im->n ? im->n : 1, sizeof(*plain));

	if (!plain)
		return err_memory(e);
	for (size_t i = 0; i < im->n; i++) {
		const struct manifest_layer *layer = &im->layer[i];

		if (source_layer(&layer->span, layer->blob, layer->diff_id, &scratch, &plain[i],
				 l->watch, e) < 0)
			return err_wrap(e, "layer %zu", i + 1);
	}
	return build_layers(plain, im->n, true, out, l->watch, e);
}

static int load_image(const struct load *l, struct manifest_image *im, struct err *e)
{
	cleanup_close int root = store_new_file(l->store, e);
	char digest[DIGEST_TEXT];
	int r = root < 0 ? root : 0;

	if (r == 0)
		r = im->own ? copy_root(l, im->layer, root, e) : make_root(l, im, root, e);
	if (r == 0)
		r = store_add(l->store, root, &im->record, &im->names, digest, e);
	for (size_t i = 0; r == 0 && i < im->names.n; i++)
		l->fn(l->ctx, im->names.v[i], digest);
	return r;
}

/* Every image has a name in the end. */
static int settle_names(struct manifest *m, const char *name, struct err *e)
{
	if (name && m->n != 1)
		return err_set(e, EINVAL, "'%.100s': the archive has %zu images, and names them",
			       name, m->n);
	if (name) {
		argv_free(&m->image[0].names);
		return manifest_name(&m->image[0], name, e);
	}
	for (size_t i = 0; i < m->n; i++) {
		if (!m->image[i].names.n)
			return err_set(e, EINVAL,
				       "the archive does not name its image: give a NAME");
	}
	return 0;
}

int load_archive(const struct store *s, int fd, const char *name, loaded_fn *fn, void *ctx,
		 const struct watch *w, struct err *e)
{
	const struct load l = { s, fn, ctx, w };
	cleanup_scratch struct scratch scratch = SCRATCH_INIT;
	cleanup_members struct members members = { 0 };
	cleanup_manifest struct manifest manifest = { 0 };
	struct span box;
	int r = source_open(fd, &scratch, &box, w, e);

	if (r == 0)
		r = members_read(&box, &members, e);
	if (r == 0)
		r = manifest_read(&members, &manifest, e);
	if (r == 0)
		r = settle_names(&manifest, name, e);
	for (size_t i = 0; r == 0 && i < manifest.n; i++)
		r = load_image(&l, &manifest.image[i], e);
	return r;
}
