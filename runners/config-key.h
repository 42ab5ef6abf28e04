/* SPDX-License-Identifier: MIT */
/*
 * How each key of a description, and each option, gets into the plan. Used by config.c alone, which
 * has the table.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/macro.h"
#include "runners/runner.h"

/* What is being put together, and where the current value comes from. Nothing is owned. */
struct config_plan {
	struct vm_spec *s;
	const char *path; /* of the description; NULL while options are applied */
	const char *text; /* of the description, JSON */
	size_t len;
	const char *inner; /* of an object: the name that is looked at, or NULL */
	/* Lines of the description, for sentences about the whole plan; 0 = an option, or nothing. */
	struct {
		unsigned root, image, initrd, memory, disk[VM_DISKS];
	} line;
};

/*
 * Setters. v has a type that the table allows for the key, or is what an option became: a string,
 * or true for a flag. The sentence says what is wrong, not where.
 */
int config_set_runner(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_kernel(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_initrd(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_append(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_root(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_image(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_root_mode(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_memory(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_cpus(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_accel(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_cwd(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_user(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_hostname(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_timeout(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_no_stdin(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_tty(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_umask(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_args(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_env(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_devices(struct config_plan *p, const json_t *v, struct err *e) must_check;

/* What an option of a list says: K=V or K, the path of such lines, FILE=/dev/NAME[,ro]. */
int config_env_word(struct config_plan *p, const char *word, struct err *e) must_check;
int config_env_file(struct config_plan *p, const char *path, struct err *e) must_check;
int config_disk_word(struct config_plan *p, const char *word, struct err *e) must_check;

/*
 * The line of a key of the description, or of inner (unless NULL) in the object that is its value.
 * The text is JSON already: jansson has taken it. 1 when there is no such key.
 */
unsigned config_line(const char *text, size_t n, const char *key, const char *inner) must_check
	nonnull(1, 3);
