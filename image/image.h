/* SPDX-License-Identifier: MIT */
/* Root images by name, for those who start machines. */
#pragma once

#include "image/store.h"
#include "image/watch.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/macro.h"

struct image {
	struct stored stored; /* digest, record with its config */
	struct buf path;      /* of the root, a squashfs */
};

/*
 * NAME[:TAG], NAME[:TAG]@sha256:DIGEST, or a digest or its beginning. On success *im is to be freed.
 */
int image_find(const char *ref, struct image *im, struct err *e) must_check nonnull(1, 2, 3);
void image_free(struct image *im) nonnull(1);
#define cleanup_image __attribute__((cleanup(image_free)))

/* A new image of this name. fd: a tar; or dir, when it is not NULL: what is below it. */
int image_import(const char *name, int fd, const char *dir, const struct watch *w,
		 char digest[DIGEST_TEXT], struct err *e) must_check nonnull(1, 5, 6);
