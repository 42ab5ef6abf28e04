/* SPDX-License-Identifier: MIT */
/* Environments: lists of "K=V". */
#pragma once

#include <stddef.h>

#include "lib/argv.h"
#include "lib/macro.h"

/* The value of name in a list that ends with a NULL (or is one), or NULL. */
const char *env_find(const char *const *env, const char *name) must_check nonnull(2);

/* Adds what base has with the n pairs of over on top: those whose name over has, too, are left out. */
int env_merge(char *const *base, const char *const *over, size_t n, struct argv *out) must_check
	nonnull(1, 4);
