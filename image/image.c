/* SPDX-License-Identifier: MIT */
/* Finding an image, and making one of a root file system. */
#include "image/image.h"

#include <errno.h>

#include "image/build.h"
#include "image/source.h"
#include "lib/cleanup.h"

int image_find(const char *ref, struct image *im, struct err *e)
{
	cleanup_store struct store s = STORE_INIT;
	int r = store_open(&s, false, e);

	*im = (struct image){ 0 };
	if (r == 0)
		r = store_find(&s, ref, &im->stored, e);
	if (r == 0 && store_root_path(&s, &im->stored, &im->path) < 0)
		r = err_memory(e);
	if (r < 0)
		image_free(im);
	return r;
}

void image_free(struct image *im)
{
	stored_free(&im->stored);
	buf_free(&im->path);
}

static int import_tar(int fd, int root, const struct watch *w, struct err *e)
{
	cleanup_scratch struct scratch scratch = SCRATCH_INIT;
	struct span tar;
	int r = source_open(fd, &scratch, &tar, w, e);

	return r < 0 ? r : build_layers(&tar, 1, false, root, w, e);
}

int image_import(const char *name, int fd, const char *dir, const struct watch *w,
		 char digest[DIGEST_TEXT], struct err *e)
{
	cleanup_store struct store s = STORE_INIT;
	cleanup_record struct record record = { 0 };
	cleanup_argv struct argv names = { 0 };
	cleanup_close int root = -1;
	char full[NAME_SIZE];
	int r = name_parse(name, full, e);

	if (r == 0 && argv_push(&names, full) < 0)
		r = err_memory(e);
	if (r == 0)
		r = store_open(&s, true, e);
	if (r < 0)
		return r;
	root = store_new_file(&s, e);
	if (root < 0)
		return root;
	r = dir ? build_tree(dir, root, w, e) : import_tar(fd, root, w, e);
	return r < 0 ? r : store_add(&s, root, &record, &names, digest, e);
}
