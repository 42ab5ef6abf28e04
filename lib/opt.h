/* SPDX-License-Identifier: MIT */
/*
 * Options are data: one table per tool drives getopt_long(3), the help text and the check of the
 * man page. Parsing stops at the first operand; nothing is permuted.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/argv.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/macro.h"

enum opt_kind {
	OPT_FLAG,   /* bool: becomes true */
	OPT_COUNT,  /* unsigned: plus one */
	OPT_STRING, /* const char *: borrowed from argv */
	OPT_LIST,   /* struct argv: a copy is added */
	OPT_ORDER, /* struct argv: "name=value" is added, so that several options keep their order */
	OPT_HELP,  /* stops parsing: opt_parse() returns OPT_WANT_HELP */
};

struct opt {
	int brief;	  /* 'm', or 0 */
	const char *name; /* "memory" */
	enum opt_kind kind;
	size_t offset; /* of the destination in the tool's options struct */
	/*
	 * "SIZE"; NULL for flags. Completion goes by it: a|b|c are the words that it can be, FILE and
	 * DIR are that, and FILE=... and HOST=... begin with a file.
	 */
	const char *arg;
	const char *help; /* one line */
};
#define OPT_END                                                                                    \
	{                                                                                          \
		0, NULL, OPT_FLAG, 0, NULL, NULL                                                   \
	}
#define OPT_HELP_LINE                                                                              \
	{                                                                                          \
		'h', "help", OPT_HELP, 0, NULL, "print this help"                                  \
	}

#define OPT_WANT_HELP (-0x10000)

/*
 * Parses argv[1..] into *dest. Returns the index of the first operand, OPT_WANT_HELP, or -EINVAL
 * with a sentence. A "--" before the operands is skipped.
 */
int opt_parse(const struct opt *table, int argc, char **argv, void *dest, struct err *e) must_check
	nonnull(1, 3, 4, 5);

/*
 * The same with options among the operands, as docker has it: *operands gets them. Returns 0,
 * OPT_WANT_HELP, -EINVAL with a sentence, or -ENOMEM.
 */
int opt_parse_mixed(const struct opt *table, int argc, char **argv, void *dest,
		    struct argv *operands, struct err *e) must_check nonnull(1, 3, 4, 5, 6);

/* Adds a line per option. Returns 0 or -ENOMEM. */
int opt_help(const struct opt *table, struct buf *b) must_check nonnull(1, 2);
