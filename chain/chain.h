/* SPDX-License-Identifier: MIT */
/*
 * The delimiter grammar: DELIM CMD1... DELIM CMD2.... The first word is the delimiter, its next
 * occurrence ends CMD1, everything after that is CMD2, whatever it holds. Pure.
 */
#pragma once

#include <stddef.h>

#include "lib/argv.h"
#include "lib/err.h"
#include "lib/macro.h"

struct chain {
	char **first;  /* CMD1, NULL-terminated: runs, is waited for */
	char **second; /* CMD2, NULL-terminated: replaces the chain */
};

/*
 * Splits words, which is argv behind "chain". The delimiter between the commands is overwritten
 * with the NULL that ends CMD1; nothing is copied. Returns 0, or -EINVAL with a sentence.
 */
int chain_split(char **words, struct chain *c, struct err *e) must_check nonnull(1, 2, 3);

/*
 * The inverse: n >= 1 commands become one argv, adding to out. Each pair is nested to the right as
 * program, "chain", DELIM, CMD, DELIM, rest; a single command is itself. DELIM is "--" or the
 * first of "---", "----", … that is no word of any command but the last.
 */
int chain_build(const char *program, const struct argv *cmds, size_t n, struct argv *out) must_check
	nonnull(1, 2, 4);
