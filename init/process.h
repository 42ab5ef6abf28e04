/* SPDX-License-Identifier: MIT */
/* The process half of a payload -> a process. */
#pragma once

#include "init/init.h"
#include "lib/argv.h"
#include "lib/err.h"
#include "lib/macro.h"
#include "lib/proc.h"

/* What process_spec() makes for proc_spawn(): it lives as long as the spec is used. */
struct process {
	struct proc_spec spec;
	struct user user;
	struct argv env;
};

/*
 * Fills p->spec from what was told: environment with its defaults, user, directory, umask, limits.
 * term is the TERM of a payload that has none. Descriptors and session are the caller's. 0 or a
 * negative errno; stage is what failed.
 */
int process_spec(const struct payload_process *told, const char *term, struct process *p,
		 const char **stage, struct err *e) must_check nonnull(1, 2, 3, 4, 5);

/* The sentence for a step that failed: the directory it was about, else the command. */
int process_failure(const struct process *p, const struct proc_failure *f, struct err *e)
	nonnull(1, 2, 3);

void process_free(struct process *p) nonnull(1);
