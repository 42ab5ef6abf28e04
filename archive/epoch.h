/* SPDX-License-Identifier: MIT */
/* The time of everything in an archive that is to be the same whenever it is made. */
#pragma once

#include <stdint.h>

#include "lib/err.h"
#include "lib/macro.h"

/* $SOURCE_DATE_EPOCH, or 0: seconds that a tar can say. */
int epoch_read(int64_t *mtime, struct err *e) must_check nonnull(1, 2);
