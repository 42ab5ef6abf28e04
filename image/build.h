/* SPDX-License-Identifier: MIT */
/* Layers, or a directory of the host, -> a squashfs. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "archive/scratch.h"
#include "image/watch.h"
#include "lib/err.h"
#include "lib/macro.h"

/*
 * n plain tars, the lowest first, into the empty file out (borrowed, open for reading and writing).
 * whiteouts: as flat.h has them; without, there is one tar and it must not be cut.
 */
int build_layers(const struct span *layer, size_t n, bool whiteouts, int out, const struct watch *w,
		 struct err *e) must_check nonnull(1, 5, 6);

/* What is below dir, in the order of names; sockets are left out. */
int build_tree(const char *dir, int out, const struct watch *w, struct err *e) must_check
	nonnull(1, 3, 4);
