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

/* What host names, machine names and device names are made of. */
#define CONFIG_NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"

/* What is being put together, and where the current value comes from. Nothing is owned. */
struct config_plan {
	struct vm_spec *s;
	const char *path; /* of the description; a JSON path, with a '$' in front, when it is a part
			     of something larger; NULL while options are applied */
	const char *dir;  /* where paths of such a part are relative to; NULL = here */
	const char *text; /* of the description, JSON */
	size_t len;
	const char *inner; /* of an object: the name that is looked at, or NULL */
	/* Lines of the description, for sentences about the whole plan; 0 = an option, or nothing. */
	struct {
		unsigned root, image, initrd, memory, cpus, disk[VM_DISKS], publish[VM_PUBLISH],
			tmpfs[VM_TMPFS];
	} line;
	bool mode_said, read_only_said; /* by this source: the two must not contradict each other */
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
int config_set_read_only(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_memory(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_cpus(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_accel(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_cwd(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_user(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_name(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_network(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_publish(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_tmpfs(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_hostname(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_timeout(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_no_stdin(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_tty(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_warm(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_strict(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_umask(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_host(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_debug(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_options(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_wrap(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_args(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_env(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_devices(struct config_plan *p, const json_t *v, struct err *e) must_check;

int config_set_volumes(struct config_plan *p, const json_t *v, struct err *e) must_check;

/*
 * What an option of a list says: K=V or K, the path of such lines, FILE=/dev/NAME[,ro],
 * [ADDR:]HOST:GUEST[/tcp|/udp], DIR[:OPTIONS].
 */
int config_env_word(struct config_plan *p, const char *word, struct err *e) must_check;
int config_env_file(struct config_plan *p, const char *path, struct err *e) must_check;
int config_disk_word(struct config_plan *p, const char *word, struct err *e) must_check;
int config_publish_word(struct config_plan *p, const char *word, struct err *e) must_check;
int config_tmpfs_word(struct config_plan *p, const char *word, struct err *e) must_check;
int config_option_word(struct config_plan *p, const char *word, struct err *e) must_check;

/* When everything is said: decides about the network, and refuses more devices than there can be. */
int config_finish_network(struct config_plan *p, struct err *e) must_check nonnull(1, 2);

/* Puts in front where a description says the key. path is as in the plan. */
int config_at(const char *path, unsigned line, const char *key, struct err *e) must_check;

/* config-share.c: DIR:GUEST[:ro], and the words of docker's --mount. */
int config_volume_word(struct config_plan *p, const char *word, struct err *e) must_check;
int config_mount_word(struct config_plan *p, const char *word, struct err *e) must_check;

/* The directories are there: their paths become absolute. config is the description's path. */
int config_check_shares(const struct config_plan *p, const char *config, struct err *e) must_check;

/* config-copy.c: HOST=GUEST and GUEST=HOST. */
int config_set_in(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_set_out(struct config_plan *p, const json_t *v, struct err *e) must_check;
int config_in_word(struct config_plan *p, const char *word, struct err *e) must_check;
int config_out_word(struct config_plan *p, const char *word, struct err *e) must_check;

/* What goes in is there, and what comes out has a place. */
int config_check_copies(const struct config_plan *p, const char *config, struct err *e) must_check;

/*
 * An absolute path of the guest without what means nothing in it: "/a//./b/" is "/a/b". Owned, into
 * *out also with an error. The guest's root is refused, and "..".
 */
int config_guest_path(const char *text, char **out, struct err *e) must_check;

/*
 * Takes "@sha256:…" off the end of a word: *digest is owned, NULL when there is none. A digest that
 * is none is refused.
 */
int config_take_digest(char *word, char **digest, struct err *e) must_check;

/*
 * A string, or {"base64": "…"} for bytes that are none: *owned is what is to be freed. NULL for
 * anything else.
 */
const char *config_text(const json_t *v, char **owned) must_check nonnull(2);

/* A path of the plan: those of a description are relative to its directory. NULL without memory. */
char *config_path(const struct config_plan *p, const char *path) must_check;

/*
 * The line of a key of the description, or of inner (unless NULL) in the object that is its value.
 * The text is JSON already: jansson has taken it. 1 when there is no such key.
 */
unsigned config_line(const char *text, size_t n, const char *key, const char *inner) must_check
	nonnull(1, 3);

/* That of a key beside the description of a record. */
unsigned config_top_line(const char *text, size_t n, const char *key) must_check nonnull(1, 3);
