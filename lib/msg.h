/* SPDX-License-Identifier: MIT */
/*
 * What execvm says on its own: one line on stderr, one write(2) per message, control bytes shown
 * as '?'. Nothing here exits, and errno is preserved. Only cmd-*.c and execvm.c call these.
 */
#pragma once

#include <stdbool.h>

#include "lib/err.h"
#include "lib/macro.h"

/* Exit codes of execvm itself; env(1), timeout(1) and docker use the same. */
enum {
	EXIT_TIMEOUT = 124,   /* --timeout ran out */
	EXIT_EXECVM = 125,    /* execvm failed, bad usage too */
	EXIT_NOT_EXEC = 126,  /* command found but not startable */
	EXIT_NOT_FOUND = 127, /* command not found */
	EXIT_SIGNAL = 128,    /* + N: killed by signal N */
};

enum msg_level { MSG_WARNING, MSG_INFO, MSG_DEBUG };

/* The tool's name goes in front of every message: "execvm TOOL: …". tool is borrowed for ever. */
void msg_tool(const char *tool);

/* What is shown: up to and including this level. MSG_WARNING at the start. */
void msg_set_level(enum msg_level level);
enum msg_level msg_level(void) must_check;

/* stderr is a terminal that only moves down at a line's end: lines end in CR LF. */
void msg_set_raw(bool raw);
bool msg_is_raw(void) must_check;

/* Control bytes, those of C1 in UTF-8 too, become '?': text of others may reach a terminal. */
void msg_clean(char *text, size_t n) nonnull(1);

void msg_warn(const char *fmt, ...) printf_like(1, 2);
void msg_info(const char *fmt, ...) printf_like(1, 2);
void msg_debug(const char *fmt, ...) printf_like(1, 2);

/* Prints the sentence of e, or the given one, and returns EXIT_EXECVM: `return fail(&e);`. */
int fail(const struct err *e) nonnull(1);
int failf(const char *fmt, ...) printf_like(1, 2);

/* For what cannot be, never for input: says where, then aborts. */
#define ASSERT(x) ((x) ? (void)0 : msg_assert(#x, __FILE__, __LINE__))
void msg_assert(const char *what, const char *file, int line) __attribute__((noreturn));
