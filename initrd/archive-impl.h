/* SPDX-License-Identifier: MIT */
/* What reading and writing of archives share. Private to them: archive.h is for everybody else. */
#pragma once

#include "late/archive.h"
#include "lib/err.h"
#include "lib/macro.h"

/*
 * The sentence of what libarchive could not do, or what a callback of ours had to say before: *e was
 * empty at the start. Returns a negative errno.
 */
int arc_err(struct archive *a, struct err *e) nonnull(1, 2);
