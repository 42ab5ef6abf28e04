/* SPDX-License-Identifier: MIT */
/*
 * Numbers from text: the whole string, base 10, no sign, no blanks, in range; otherwise -EINVAL
 * (not a number) or -ERANGE (a number, but not in min..max). *out is written only on success.
 */
#pragma once

#include <stdint.h>

#include "lib/macro.h"

int num_uint(const char *s, uint64_t min, uint64_t max, uint64_t *out) must_check nonnull(1, 4);

/* Bytes: digits and an optional K, M, G or T (powers of 1024, either case, "B" or "iB" may follow). */
int num_size(const char *s, uint64_t min, uint64_t max, uint64_t *bytes) must_check nonnull(1, 4);

/*
 * A duration as timeout(1) takes it: digits, an optional fraction, an optional ms, s, m, h or d
 * (seconds when absent). In milliseconds, rounded up.
 */
int num_duration(const char *s, uint64_t min, uint64_t max, uint64_t *ms) must_check nonnull(1, 4);
