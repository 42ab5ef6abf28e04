/* SPDX-License-Identifier: MIT */
/* Somebody wants us to end: a descriptor is readable. What is long looks now and then. */
#pragma once

#include <poll.h>
#include <stdbool.h>

#include "lib/macro.h"

static inline must_check bool stop_asked(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return fd >= 0 && poll(&p, 1, 0) > 0;
}
