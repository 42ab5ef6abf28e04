/* SPDX-License-Identifier: MIT */
/* What can be said to the compiler, and nothing else. */
#pragma once

#include <stddef.h>

#define must_check __attribute__((warn_unused_result))
#define printf_like(fmt, args) __attribute__((format(printf, fmt, args)))
#define nonnull(...) __attribute__((nonnull(__VA_ARGS__)))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
