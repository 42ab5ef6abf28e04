/* SPDX-License-Identifier: MIT */
/* Names as archives of others have them. */
#pragma once

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/macro.h"

#define NAME_PATH_MAX 4095 /* bytes of a path: no kernel takes longer ones */

/*
 * Sets b to path in its one form: components with one '/' between them, none of them "." or empty;
 * "" for "." itself. Refused, with a sentence: absolute ones, "..", more than NAME_PATH_MAX bytes.
 */
int name_normal(const char *path, struct buf *b, struct err *e) must_check nonnull(1, 2, 3);

/* A path for a sentence: of a long one the end, so that there is room for the reason. */
const char *name_shown(const char *path) must_check nonnull(1);
