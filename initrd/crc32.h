/* SPDX-License-Identifier: MIT */
/* The checksum of gzip (RFC 1952). Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/macro.h"

/* Goes on from crc, which is 0 at the start. */
uint32_t crc32_add(uint32_t crc, const void *p, size_t n) must_check;
