/* SPDX-License-Identifier: MIT */
/* Whether two payloads mean the same, field by field. For the unit test and the fuzzer. */
#pragma once

#include <string.h>

#include "lib/payload.h"

static inline bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static inline bool same_list(const char *const *a, size_t na, const char *const *b, size_t nb)
{
	if (na != nb || !a != !b)
		return false;
	for (size_t i = 0; i < na; i++) {
		if (strcmp(a[i], b[i]))
			return false;
	}
	return !a || (!a[na] && !b[nb]);
}

static inline bool same_network(const struct payload_network *a, const struct payload_network *b)
{
	return same_text(a->address, b->address) && same_text(a->gateway, b->gateway) &&
	       same_text(a->address6, b->address6) && same_text(a->gateway6, b->gateway6) &&
	       same_text(a->nameserver, b->nameserver);
}

static inline bool same_machine(const struct payload_machine *a, const struct payload_machine *b)
{
	if (!same_text(a->root, b->root) || a->root_mode != b->root_mode ||
	    !same_text(a->fstype, b->fstype) || !same_text(a->hostname, b->hostname) ||
	    !same_network(&a->network, &b->network) || a->ndevices != b->ndevices ||
	    a->nmounts != b->nmounts)
		return false;
	for (size_t i = 0; i < a->ndevices; i++) {
		if (!same_text(a->device[i].serial, b->device[i].serial) ||
		    !same_text(a->device[i].node, b->device[i].node))
			return false;
	}
	for (size_t i = 0; i < a->nmounts; i++) {
		const struct payload_mount *m = &a->mount[i], *o = &b->mount[i];

		if (!same_text(m->device, o->device) || !same_text(m->target, o->target) ||
		    !same_text(m->mtype, o->mtype) || !same_text(m->options, o->options))
			return false;
	}
	return true;
}

static inline bool same_process(const struct payload_process *a, const struct payload_process *b)
{
	if (!same_list(a->args, a->nargs, b->args, b->nargs) ||
	    !same_list(a->env, a->nenv, b->env, b->nenv) || !same_text(a->cwd, b->cwd) ||
	    !same_text(a->user, b->user) || a->has_umask != b->has_umask || a->umask != b->umask ||
	    a->nrlimits != b->nrlimits || a->no_new_privs != b->no_new_privs || a->tty != b->tty ||
	    a->exec != b->exec)
		return false;
	for (size_t i = 0; i < a->nrlimits; i++) {
		const struct proc_rlimit *l = &a->rlimit[i], *o = &b->rlimit[i];

		if (l->resource != o->resource || l->limit.rlim_cur != o->limit.rlim_cur ||
		    l->limit.rlim_max != o->limit.rlim_max)
			return false;
	}
	return true;
}

static inline bool payload_equal(const struct payload *a, const struct payload *b)
{
	return same_machine(&a->machine, &b->machine) && same_process(&a->process, &b->process);
}
