/* SPDX-License-Identifier: MIT */
/* Kernel modules: what a name needs, in the order in which it has to be loaded. */
#pragma once

#include <stddef.h>

#include "lib/argv.h"
#include "lib/err.h"
#include "lib/macro.h"

/*
 * Adds the files, relative to dir (a directory as depmod(8) leaves it), of the n named modules and
 * of those they depend on, each once; names are module names or aliases. What is built in adds
 * nothing. -ENOENT with a sentence for a name that the kernel does not have.
 */
int modules_find(const char *dir, char *const *names, size_t n, struct argv *files,
		 struct err *e) must_check nonnull(1, 4, 5);
