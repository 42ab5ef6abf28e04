/* SPDX-License-Identifier: MIT */
/*
 * A UTF-8 locale for a while, for this thread alone. Names are bytes, but pax has them in UTF-8, and
 * in the C locale libarchive refuses what is not ASCII.
 */
#pragma once

#include <locale.h>

#include "lib/macro.h"

struct utf8_locale {
	locale_t utf8, before;
};

/* Where the system has none, nothing changes. */
void utf8_enter(struct utf8_locale *l) nonnull(1);
void utf8_leave(struct utf8_locale *l) nonnull(1);
#define cleanup_utf8 __attribute__((cleanup(utf8_leave)))
