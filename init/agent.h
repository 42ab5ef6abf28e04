/* SPDX-License-Identifier: MIT */
/* The event loop of PID 1: wire <-> processes. */
#pragma once

#include "init/init.h"
#include "lib/err.h"
#include "lib/macro.h"

/*
 * Serves the host until it says DISCONNECT (0) or the wire is lost (a negative errno with a
 * sentence): then the machine is to be ended.
 */
int agent_run(struct guest *g, struct err *e) must_check nonnull(1, 2);
