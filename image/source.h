/* SPDX-License-Identifier: MIT */
/* Streams and layers -> plain tars that can be read twice. */
#pragma once

#include "archive/digest.h"
#include "archive/scratch.h"
#include "image/watch.h"
#include "lib/err.h"
#include "lib/macro.h"

/*
 * All that fd (borrowed) still has, unpacked. A regular file that is not packed is used where it
 * is; anything else goes into the scratch, which is opened for it.
 */
int source_open(int fd, struct scratch *scratch, struct span *out, const struct watch *w,
		struct err *e) must_check nonnull(2, 3, 4, 5);

/*
 * A layer, unpacked, into the scratch (which is opened for it) unless it is plain already. blob is the
 * digest that the bytes must have, diff_id that of what is packed in them; "" = anything.
 */
int source_layer(const struct span *packed, const char *blob, const char *diff_id,
		 struct scratch *scratch, struct span *out, const struct watch *w,
		 struct err *e) must_check nonnull(1, 2, 3, 4, 5, 6, 7);
