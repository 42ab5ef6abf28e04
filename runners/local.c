/* SPDX-License-Identifier: MIT */
/* The runner that starts the command here, with the status rules of all the others. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/argv.h"
#include "lib/cleanup.h"
#include "lib/msg.h"
#include "runners/runner.h"

/* What a machine would have and a process here cannot be given. */
static int refuse(const struct vm_spec *s, struct err *e)
{
	if (s->image)
		return err_set(e, EINVAL, "runner local: a command here gets no image");
	if (s->root || s->root_host || s->ndisks)
		return err_set(e, EINVAL, "runner local: a command here gets no root and no disks");
	if (s->nin || s->nout)
		return err_set(e, EINVAL, "runner local: every file is where it is");
	if (s->strict || s->record)
		return err_set(e, EINVAL,
			       "runner local: what runs here is neither strict nor recorded");
	if (s->nshares)
		return err_set(e, EINVAL, "runner local: every directory is where it is");
	if (vm_has_network(s) || s->ntmpfs || s->root_mode != ROOT_OVERLAY)
		return err_set(e, EINVAL,
			       "runner local: the network and the file systems are the caller's");
	if (s->user)
		return err_set(e, EINVAL, "runner local: the user is the caller's");
	if (s->tty)
		return err_set(e, EINVAL, "runner local: the terminal is the caller's");
	return 0;
}

static bool same_name(const char *a, const char *b)
{
	size_t n = strcspn(a, "=");

	return !strncmp(a, b, n + 1);
}

/* The caller's environment with what was given on top. */
static int environment(const struct vm_spec *s, struct argv *env)
{
	int r = 0;

	for (size_t i = 0; environ[i] && r == 0; i++) {
		bool given = false;

		for (size_t k = 0; k < s->env.n && !given; k++)
			given = same_name(s->env.v[k], environ[i]);
		if (!given)
			r = argv_push(env, environ[i]);
	}
	return r < 0 ? r : argv_push_all(env, s->env.v, s->env.n);
}

static const char *path_of(const struct argv *env)
{
	for (size_t i = 0; i < env->n; i++) {
		if (same_name("PATH=", env->v[i]))
			return env->v[i] + 5;
	}
	return NULL;
}

static void close_again(int closed)
{
	for (int i = 0; i < 3; i++) {
		if (closed >> i & 1)
			close(i);
	}
}

static int local_run(const struct vm_spec *s, const struct proc_signals *entry, int closed,
		     struct err *e)
{
	cleanup_argv struct argv env = { 0 };
	cleanup_close int null = -1;
	struct proc_spec p = PROC_SPEC_INIT;
	struct proc_supervised end;
	struct proc_failure f;

	if (refuse(s, e) < 0)
		return EXIT_EXECVM;
	if (environment(s, &env) < 0) {
		err_memory(e);
		return EXIT_EXECVM;
	}
	if (s->no_stdin) {
		null = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (null < 0) {
			err_sys(e, "open /dev/null");
			return EXIT_EXECVM;
		}
		p.fd[0] = null;
	}
	close_again(closed);
	p.argv = s->args.v;
	p.envp = env.v;
	p.path = path_of(&env);
	p.cwd = s->cwd;
	p.set_umask = s->has_umask;
	p.umask = (mode_t)s->umask;
	if (proc_supervise(&p, entry, s->timeout_ms, &end, &f) < 0) {
		bool exec = !strcmp(f.stage, "exec");

		if (exec)
			err_code(e, f.code, "%s", s->args.v[0]);
		else
			err_code(e, f.code, "%s %s", f.stage,
				 !strcmp(f.stage, "chdir") ? s->cwd : s->args.v[0]);
		return exec ? proc_exec_code(f.code) : EXIT_EXECVM;
	}
	if (end.timed_out) {
		err_set(e, ETIMEDOUT, "the command ran longer than its time");
		return EXIT_TIMEOUT;
	}
	return proc_exit_code(&end.status);
}

const struct runner runner_local = {
	.name = "local",
	.summary = "run the command here",
	.run = local_run,
};
