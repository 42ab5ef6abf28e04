/* SPDX-License-Identifier: MIT */
/* Names of runs. */
#pragma once

#include "lib/err.h"
#include "lib/macro.h"

/*
 * Takes the name for this user: no other run gets it until the returned descriptor is closed,
 * which also happens to a process that is killed. It is an address and not a file, so nothing is
 * ever left behind. -EADDRINUSE with a sentence when another run has it.
 */
int name_hold(const char *name, struct err *e) must_check nonnull(1, 2);
