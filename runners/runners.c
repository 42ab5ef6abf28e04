/* SPDX-License-Identifier: MIT */
/* The table of runners, and what may be asked of each. */
#include "runners/runner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/layout.h"
#include "lib/msg.h"

const struct runner *const runners[] = { &runner_vm,	&runner_docker, &runner_local, &runner_ssh,
					 &runner_slurm, &runner_wrap,	&runner_void,  NULL };

const struct runner *runner_find(const char *name)
{
	for (size_t i = 0; runners[i]; i++) {
		if (!strcmp(runners[i]->name, name))
			return runners[i];
	}
	return NULL;
}

const char *runner_names(void)
{
	static char text[128];
	size_t n = 0;

	for (size_t i = 0; runners[i] && n < sizeof(text); i++) {
		int k = snprintf(text + n, sizeof(text) - n, "%s%s", i ? ", " : "",
				 runners[i]->name);

		n += k > 0 ? (size_t)k : 0;
	}
	return text;
}

const char *runner_program(const struct runner *r)
{
	const char *other = r->program_env ? getenv(r->program_env) : NULL;

	return other && *other ? other : r->program;
}

/* To a root that is changed nothing is added. */
const char *runner_chain(const struct runner *r, const struct vm_spec *s)
{
	return r == &runner_vm && s->root_mode == ROOT_RW ? GUEST_BIN : r->chain;
}

int runner_check(const struct runner *r, const struct vm_spec *s, struct err *e)
{
	const struct {
		unsigned can;
		bool said;
		const char *option;
	} asked[] = {
		{ CAN_IMAGE, s->image, "--image" },
		{ CAN_ROOT, s->root || s->root_host, "--root" },
		{ CAN_ROOT, s->ndisks, "--disk" },
		{ CAN_SHARES, s->nshares, "--volume" },
		{ CAN_COPIES, s->nin, "--in" },
		{ CAN_COPIES, s->nout, "--out" },
		{ CAN_NETWORK, s->npublish, "--publish" },
		{ CAN_NETWORK, s->network == NETWORK_USER, "--network user" },
		{ CAN_PASST, s->network == NETWORK_PASST, "--network passt" },
		{ CAN_TMPFS, s->ntmpfs, "--tmpfs" },
		{ CAN_READ_ONLY, s->root_mode == ROOT_RO, "--read-only" },
		{ CAN_ROOT_RW, s->root_mode == ROOT_RW, "--root-mode rw" },
		{ CAN_LIMITS, s->memory_said, "--memory" },
		{ CAN_LIMITS, s->cpus_said, "--cpus" },
		{ CAN_FRACTIONS, s->cpus_milli, "fractions of --cpus" },
		{ CAN_USER, s->user, "--user" },
		{ CAN_TTY, s->tty, "--tty" },
		{ CAN_HOSTNAME, s->hostname, "--hostname" },
		{ CAN_NAME, s->name, "--name" },
		{ CAN_RECORD, s->strict, "--strict" },
		{ CAN_RECORD, s->record, "--record" },
		{ CAN_HOST, s->host, "--host" },
		{ CAN_WRAP, s->wrap.n, "--wrap" },
		{ CAN_OPTIONS, s->options.n, "--option" },
		{ CAN_APPEND, s->show_append, "--show-append" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
		if (asked[i].said && !(r->can & asked[i].can))
			return err_set(e, EINVAL, "runner %s: it has no %s", r->name,
				       asked[i].option);
		if (!asked[i].said && r->needs & asked[i].can)
			return err_set(e, EINVAL, "runner %s: %s is missing", r->name,
				       asked[i].option);
	}
	return 0;
}

int runner_run(const struct runner *r, const struct vm_spec *s, const struct proc_signals *entry,
	       int closed, struct err *e)
{
	if (runner_check(r, s, e) < 0)
		return EXIT_EXECVM;
	if (s->args.n && !*s->args.v[0]) {
		err_code(e, ENOENT, "''");
		return EXIT_NOT_FOUND;
	}
	return r->run(s, entry, closed, e);
}
