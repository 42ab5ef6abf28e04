/* SPDX-License-Identifier: MIT */
/*
 * Layers -> one tree, from their headers alone. Pure: no contents, no I/O.
 *
 * Every entry of every layer is added in the order in which it is read; what is left at the end is
 * asked for by layer and index, in a second reading. The rules:
 * - Names are taken relative to the root; ".." in one is refused.
 * - A later entry wins. A directory over a directory keeps what is in it; anything else takes the
 *   place of all that was there.
 * - A name below a symlink goes where that leads inside the root, as when docker unpacks; the last
 *   component is never followed.
 * - A name below what is no directory replaces it when that came from a layer below; within one
 *   layer it is an error, because something would be lost.
 * - Parents that no layer has are made.
 * - A hard link is to the inode that its target has at that moment, and keeps it when the target is
 *   replaced or hidden. A link to itself changes nothing.
 * - ".wh.NAME" hides NAME, and ".wh..wh..opq" all in its directory, as far as it comes from layers
 *   below, wherever in the layer it is. Other names in ".wh..wh." are of aufs and mean nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/macro.h"

#define FLAT_LAYERS_MAX 512u
#define FLAT_ENTRIES_MAX 4000000u /* of all layers together */
#define FLAT_PATH_MAX 4095u	  /* bytes of a name, as given and as it comes out */
#define FLAT_NAME_MAX 255u	  /* bytes of a component */
#define FLAT_FOLLOW_MAX 40u	  /* symlinks on the way to one name */

enum flat_type {
	FLAT_DIR,
	FLAT_SYMLINK,
	FLAT_LINK,  /* one more name of what target names */
	FLAT_OTHER, /* a file, a device, … */
};

struct flat_entry {
	const char *path;
	enum flat_type type;
	const char *target; /* of SYMLINK and LINK */
};

struct flat;
struct flat_node; /* a name in the tree */

/* whiteouts: names that begin with ".wh." hide; without, they are names like others. */
struct flat *flat_new(bool whiteouts) must_check;
void flat_free(struct flat *f);

/* The entries from here on are of the next layer. Not needed before the first one. */
int flat_next_layer(struct flat *f, struct err *e) must_check nonnull(1, 2);

/* Adds an entry. Returns 1 when it is the root itself, else 0. */
int flat_add(struct flat *f, const struct flat_entry *en, struct err *e) must_check
	nonnull(1, 2, 3);

/* All are there. To be called once, before what follows. */
void flat_finish(struct flat *f) nonnull(1);

/*
 * The first name of what the entry is (layer and index count from 0), or NULL when nothing of it is
 * left. The names that follow are hard links to it. Names are in the order in which they came.
 */
const struct flat_node *flat_first(const struct flat *f, unsigned layer, uint32_t index) must_check
	nonnull(1);
const struct flat_node *flat_next(const struct flat_node *n) must_check nonnull(1);

/* The directories that no layer has, parents first: the first one with n = NULL. */
const struct flat_node *flat_made(const struct flat *f, const struct flat_node *n) must_check
	nonnull(1);

/* Sets b to the path: no slash in front, none at the end; "" is the root. Returns 0 or -ENOMEM. */
int flat_path(const struct flat_node *n, struct buf *b) must_check nonnull(1, 2);
