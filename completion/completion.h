/* SPDX-License-Identifier: MIT */
/*
 * Completion scripts for shells: tables that are made of those of the program, and below them a part
 * that is the same for every tool, completion/execvm.bash and completion/execvm.zsh.
 */
#pragma once

#include "lib/buf.h"
#include "lib/cmd.h"
#include "lib/macro.h"

/* What can stand behind an option. */
enum completion_value {
	VALUE_NONE,  /* nothing: it is a flag */
	VALUE_TEXT,  /* something that cannot be guessed */
	VALUE_WORDS, /* one of those that its `arg` has, separated by | */
	VALUE_FILES,
	VALUE_DIRECTORIES,
	VALUE_PAIR, /* a file, '=', and something */
};

/* Decided from what --help prints behind the option, see struct opt. */
enum completion_value completion_value(const struct opt *o) must_check nonnull(1);

/* Adds the script. Both return 0 or -ENOMEM. */
int completion_bash(const struct cmd *const *tools, struct buf *b) must_check nonnull(1, 2);
int completion_zsh(const struct cmd *const *tools, struct buf *b) must_check nonnull(1, 2);

extern const char completion_bash_rest[];
extern const char completion_zsh_rest[];
