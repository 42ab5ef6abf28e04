/* SPDX-License-Identifier: MIT */
/* A tool of the multicall binary, and how one is found. */
#pragma once

#include "lib/macro.h"
#include "lib/opt.h"

/* What follows options and words. */
enum cmd_takes {
	CMD_WORDS,   /* nothing, or what nobody can guess */
	CMD_FILES,   /* files */
	CMD_COMMAND, /* a command and its arguments; options end there */
	CMD_CHAIN,   /* a delimiter, and commands behind each that is the same */
};

struct cmd {
	const char *name;	/* "run" */
	const char *alias;	/* argv[0] that means this tool ("run-in-vm"), or NULL */
	const char *operands;	/* behind the options in the usage line */
	const char *words;	/* what the first operand can be: "ls config"; NULL: anything */
	enum cmd_takes takes;	/* the operands, for completion */
	const char *summary;	/* one line, for the list of tools */
	const char *help;	/* what --help adds below the options, or NULL */
	const struct opt *opts; /* NULL: the tool has no options and parses argv itself */
	int (*main)(int argc, char **argv); /* argv[0] is the tool's name; returns the exit code */
	/* Instead of main, for a tool that is about the others. */
	int (*main_tools)(const struct cmd *const *tools, int argc, char **argv);
};

/*
 * Runs the tool that argv[0] or argv[1] names, or `help TOOL`, `--help`, `--version`. tools ends
 * with a NULL. Returns the exit code.
 */
int cmd_dispatch(const struct cmd *const *tools, int argc, char **argv) must_check nonnull(1, 3);

/* Prints the tool's help on stdout. Returns 0, or EXIT_EXECVM when stdout does not take it. */
int cmd_help(const struct cmd *c) must_check nonnull(1);

/* Flushes stdout. Returns status, or EXIT_EXECVM with a message when something was not written. */
int cmd_flush(int status) must_check;
