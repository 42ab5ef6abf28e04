/* SPDX-License-Identifier: MIT */
/* The first process of a container, where there is nothing to boot. */
#pragma once

#include "lib/macro.h"

/*
 * `execvm init --container`: words are "--" CMD ARG..., or one payload (base64; its process half:
 * args, env on top of what is there, umask). Runs the command, passes signals on, reaps orphans,
 * returns its exit code.
 */
int container_main(char *const *words) must_check nonnull(1);
