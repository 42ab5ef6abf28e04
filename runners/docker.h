/* SPDX-License-Identifier: MIT */
/* A plan -> the words of `docker run`. Pure. */
#pragma once

#include "lib/argv.h"
#include "lib/err.h"
#include "lib/macro.h"
#include "runners/runner.h"

/* What the words are made of beside the plan. All of it is borrowed. */
struct docker_facts {
	const char *program;   /* "docker" */
	const char *container; /* the name that it gets */
	const char *guest;     /* path of the guest program here */
	const char *env_file;  /* path of a file with the variables that docker_env_plain() says */
};

/* Can the pair stand in a file of docker's --env-file? */
bool docker_env_plain(const char *pair) must_check nonnull(1);

/*
 * Can the engine's program be given the pair as a variable of its own, by name? Not what it would
 * act on itself.
 */
bool docker_env_by_name(const char *pair) must_check nonnull(1);

int docker_argv(const struct vm_spec *s, const struct docker_facts *f, struct argv *out,
		struct err *e) must_check nonnull(1, 2, 3, 4);
