/* SPDX-License-Identifier: MIT */
/*
 * What the analyzers cannot see from one file: a function that makes a sentence returns a negative
 * number, and errno is positive where it is read. Included before everything else when they run, and
 * never in a build.
 */
#pragma once

#include <errno.h>

#include "lib/err.h"

static inline int analyzer_negative(int r)
{
	if (r >= 0)
		__builtin_unreachable();
	return r;
}

#define err_set(...) analyzer_negative(err_set(__VA_ARGS__))
#define err_sys(...) analyzer_negative(err_sys(__VA_ARGS__))
#define err_code(...) analyzer_negative(err_code(__VA_ARGS__))
#define err_wrap(...) analyzer_negative(err_wrap(__VA_ARGS__))
#define err_memory(...) analyzer_negative(err_memory(__VA_ARGS__))

static inline int *analyzer_errno(void)
{
	int *p = __errno_location();

	if (*p <= 0)
		__builtin_unreachable();
	return p;
}

#undef errno
#define errno (*analyzer_errno())
