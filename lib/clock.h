/* SPDX-License-Identifier: MIT */
/* CLOCK_MONOTONIC: for deadlines and durations, never for the time of day. */
#pragma once

#include <stdint.h>

uint64_t clock_ns(void);
uint64_t clock_ms(void);
