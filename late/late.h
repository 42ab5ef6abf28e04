/* SPDX-License-Identifier: MIT */
/*
 * Libraries that most runs do without: libarchive brings eleven others, and to load them all takes
 * longer than everything else that execvm does here. So they are loaded by whoever is about to make
 * the first object of theirs. Their functions are then called as ever; late/archive.h and
 * late/kmod.h are included in the place of the libraries' own headers.
 */
#pragma once

#include "lib/err.h"
#include "lib/macro.h"

/*
 * The library is there. Again and again, it costs nothing. Returns 0, or -ELIBACC with what
 * dlerror(3) says. Not for two threads at a time.
 */
int late_archive(struct err *e) must_check nonnull(1);
int late_kmod(struct err *e) must_check nonnull(1);
