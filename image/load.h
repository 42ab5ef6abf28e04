/* SPDX-License-Identifier: MIT */
/* Archives of images -> the store, and back. */
#pragma once

#include "image/store.h"
#include "image/watch.h"
#include "lib/err.h"
#include "lib/macro.h"

/* Called for every name that an image of the archive has got. */
typedef void loaded_fn(void *ctx, const char *name, const char *digest);

/*
 * What `docker save`, an OCI layout or save_image() wrote, from fd, which is borrowed. name (or NULL)
 * is for the one image of an archive instead of its own names.
 */
int load_archive(const struct store *s, int fd, const char *name, loaded_fn *fn, void *ctx,
		 const struct watch *w, struct err *e) must_check nonnull(1, 4, 6, 7);

/* An OCI layout with the record as the config and the squashfs as the layer, to fd. */
int save_image(const struct store *s, const struct stored *st, int fd, const struct watch *w,
	       struct err *e) must_check nonnull(1, 2, 4, 5);
