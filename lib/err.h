/* SPDX-License-Identifier: MIT */
/*
 * The sentence that goes with a negative return. It lives on the caller's stack, so it works when
 * memory is gone, and it is cut, never overrun. Every function returns the negative errno that the
 * caller is to return: `return err_sys(e, "open %s", path);`.
 */
#pragma once

#include "lib/macro.h"

#define ERR_MSG_MAX 240 /* bytes, with the terminating NUL */

struct err {
	int code; /* a positive errno; 0 = none */
	char msg[ERR_MSG_MAX];
};

/* Sets the sentence. code is a positive errno. Returns -code. */
int err_set(struct err *e, int code, const char *fmt, ...) printf_like(3, 4) nonnull(1, 3);

/* Sets the sentence, adds ": reason" of errno. Returns -errno. */
int err_sys(struct err *e, const char *fmt, ...) printf_like(2, 3) nonnull(1, 2);

/* The same with the reason of code, a positive errno. Returns -code. */
int err_code(struct err *e, int code, const char *fmt, ...) printf_like(3, 4) nonnull(1, 3);

/* Puts the outer step in front: "outer: inner". Returns -e->code. */
int err_wrap(struct err *e, const char *fmt, ...) printf_like(2, 3) nonnull(1, 2);

/* There is no memory. Returns -ENOMEM. */
int err_memory(struct err *e) nonnull(1);
