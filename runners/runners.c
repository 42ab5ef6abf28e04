/* SPDX-License-Identifier: MIT */
/* The table of runners. */
#include "runners/runner.h"

#include <string.h>

static const struct runner *const runners[] = { &runner_vm, &runner_local, &runner_void };

const struct runner *runner_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(runners); i++) {
		if (!strcmp(runners[i]->name, name))
			return runners[i];
	}
	return NULL;
}
