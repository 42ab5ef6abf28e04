/* SPDX-License-Identifier: MIT */
/* The guest program as a file of this host, for what takes files and nothing else. */
#pragma once

#include <stddef.h>

#include "lib/err.h"
#include "lib/macro.h"

/* Its absolute path in the cache; it is made when it is missing. Anybody may run it. */
int guest_file(char *path, size_t size, struct err *e) must_check nonnull(1, 3);
