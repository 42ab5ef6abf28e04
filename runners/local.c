/* SPDX-License-Identifier: MIT */
/* The runners that start the command here: as it is, and with other words in front of it. */
#include "lib/msg.h"
#include "runners/client.h"
#include "runners/runner.h"

static int run(const struct vm_spec *s, const struct argv *front, const struct proc_signals *entry,
	       int closed, struct err *e)
{
	cleanup_client struct client c = CLIENT_INIT;
	int r = client_environment(s, &c.env);

	c.command = !front->n;
	c.cwd = s->cwd;
	c.set_umask = s->has_umask;
	c.umask = s->umask;
	if (r == 0)
		r = argv_push_all(&c.argv, front->v, front->n);
	if (r == 0)
		r = argv_push_all(&c.argv, s->args.v, s->args.n);
	if (r < 0) {
		err_memory(e);
		return EXIT_EXECVM;
	}
	return client_run(s, &c, entry, closed, e);
}

static int local_run(const struct vm_spec *s, const struct proc_signals *entry, int closed,
		     struct err *e)
{
	const struct argv none = { 0 };

	return run(s, &none, entry, closed, e);
}

static int wrap_run(const struct vm_spec *s, const struct proc_signals *entry, int closed,
		    struct err *e)
{
	return run(s, &s->wrap, entry, closed, e);
}

const struct runner runner_local = {
	.name = "local",
	.summary = "run the command here",
	.run = local_run,
};

const struct runner runner_wrap = {
	.name = "wrap",
	.summary = "run the command here, with other words in front of it",
	.can = CAN_WRAP,
	.needs = CAN_WRAP,
	.run = wrap_run,
};
