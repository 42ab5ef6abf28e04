/* SPDX-License-Identifier: MIT */
/* Environment, user, directory and limits of a command. */
#include "init/process.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/env.h"

/* The payload's variables, and PATH, HOME and TERM where it has none: execvm-payload(5). */
static int environment(const struct payload_process *told, const char *term, struct process *p)
{
	int r = 0;

	for (size_t i = 0; i < told->nenv && r == 0; i++)
		r = argv_push(&p->env, told->env[i]);
	if (r == 0 && !env_find(told->env, "PATH"))
		r = argv_push(&p->env, "PATH=" PROC_DEFAULT_PATH);
	if (r == 0 && !env_find(told->env, "HOME"))
		r = argv_pushf(&p->env, "HOME=%s", p->user.home);
	if (r == 0 && !env_find(told->env, "TERM"))
		r = argv_pushf(&p->env, "TERM=%s", term);
	return r;
}

int process_spec(const struct payload_process *told, const char *term, struct process *p,
		 const char **stage, struct err *e)
{
	int r;

	*p = (struct process){ .spec = PROC_SPEC_INIT };
	*stage = "user";
	r = user_find(told->user ? told->user : "0:0", &p->user, e);
	if (r < 0)
		return r;
	*stage = "environment";
	r = environment(told, term, p);
	if (r < 0)
		return err_set(e, -r, "out of memory");
	p->spec.argv = (char *const *)told->args;
	p->spec.envp = p->env.v;
	p->spec.path = env_find((const char *const *)p->env.v, "PATH");
	p->spec.cwd = told->cwd ? told->cwd : "/";
	p->spec.set_ids = true;
	p->spec.uid = p->user.uid;
	p->spec.gid = p->user.gid;
	p->spec.groups = p->user.groups;
	p->spec.ngroups = p->user.ngroups;
	p->spec.set_umask = true;
	p->spec.umask = told->has_umask ? (mode_t)told->umask : 022;
	p->spec.rlimits = told->rlimit;
	p->spec.nrlimits = told->nrlimits;
	p->spec.no_new_privs = told->no_new_privs;
	return 0;
}

int process_failure(const struct process *p, const struct proc_failure *f, struct err *e)
{
	return err_code(e, f->code, "%s %s", f->stage,
			!strcmp(f->stage, "chdir") ? p->spec.cwd : p->spec.argv[0]);
}

void process_free(struct process *p)
{
	argv_free(&p->env);
}
