/* SPDX-License-Identifier: MIT */
/*
 * The runner that has a cluster choose where: srun(1) of Slurm.
 *
 * srun's own failures have an exit status of their own when $SLURM_EXIT_ERROR names one. A task that
 * cannot be started is a 2 there and one that was killed a message, so a shell stands around the
 * command, as with ssh. The words pass as they are.
 *
 * srun says on its stderr how the task ended, which is nothing that a command would say. So its
 * stderr is a log of ours, and the task's goes to a pipe of ours by --error, which srun opens here.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/io.h"
#include "lib/msg.h"
#include "runners/client.h"
#include "runners/guard.h"
#include "runners/remote.h"
#include "runners/token.h"

#define EXIT_ERROR "125"

static int push_head(const struct vm_spec *s, const char *name, int err, struct argv *out)
{
	int r = argv_push(out, runner_program(&runner_slurm));

	if (r == 0)
		r = argv_push(out, "--quiet");
	if (r == 0)
		r = argv_push(out, "--ntasks=1");
	if (r == 0)
		r = argv_push(out, "--quit-on-interrupt");
	if (r == 0)
		r = argv_pushf(out, "--job-name=%s", name);
	if (r == 0)
		r = argv_push(out, "--open-mode=append");
	if (r == 0)
		r = argv_pushf(out, "--error=/proc/self/fd/%d", err);
	if (r == 0 && s->memory_said)
		r = argv_pushf(out, "--mem=%lluK", (unsigned long long)(s->memory + 1023) >> 10);
	if (r == 0 && s->cpus_said)
		r = argv_pushf(out, "--cpus-per-task=%u", s->cpus);
	return r < 0 ? r : argv_push_all(out, s->options.v, s->options.n);
}

static int push_cancel(const char *name, int sig, struct argv *out)
{
	const char *program = getenv("EXECVM_SCANCEL");
	int r = argv_push(out, program && *program ? program : "scancel");

	if (r == 0)
		r = argv_push(out, "--quiet");
	if (r == 0 && sig)
		r = argv_pushf(out, "--signal=%d", sig);
	return r < 0 ? r : argv_pushf(out, "--name=%s", name);
}

/* srun passes some signals on, and takes TERM for the end of the job. */
static void deliver(void *ctx, pid_t pid, int sig)
{
	const char *name = ctx;
	cleanup_argv struct argv argv = { 0 };

	if (sig == SIGCONT)
		return;
	if (push_cancel(name, sig == SIGKILL ? 0 : sig, &argv) == 0)
		guard_undo(argv.v);
	if (sig == SIGKILL)
		kill(pid, sig);
}

struct relay {
	const char *stream; /* "stdout" or "stderr" */
	int to;		    /* its descriptor */
	char *name;	    /* of the job; NULL = not ours to signal */
	int rd, wr;	    /* a pipe for srun */
	pid_t pid;
};

/*
 * srun drops what it cannot write and says nothing, and what it opens by a name it writes to at an
 * offset of its own. So it writes to a pipe, and this process passes it on: a task whose reader has
 * gone is told so, as by its own write.
 */
static int pass_on(void *ctx)
{
	const struct relay *relay = ctx;
	cleanup_argv struct argv argv = { 0 };
	struct proc_signals signals = { 0 };
	char chunk[65536];
	ssize_t n;
	int r = 0;

	close(relay->wr);
	close(STDIN_FILENO);
	sigemptyset(&signals.mask);
	sigfillset(&signals.ignored); /* it ends with srun, whoever else is told to */
	sigdelset(&signals.ignored, SIGCHLD);
	proc_signals_restore(&signals);
	while (r == 0 && (n = read(relay->rd, chunk, sizeof(chunk))) > 0)
		r = io_write_all(relay->to, chunk, (size_t)n);
	if (r < 0 && relay->name && push_cancel(relay->name, SIGPIPE, &argv) == 0)
		guard_undo(argv.v);
	return r < 0 && r != -EPIPE ? -r : 0;
}

static int relay_start(struct relay *relay, struct err *e)
{
	int r = fd_pipe(&relay->rd, &relay->wr, 0);

	if (r == 0)
		r = proc_fork(pass_on, relay, SIGKILL, &relay->pid);
	if (relay->rd >= 0)
		close(take_fd(&relay->rd)); /* srun is to see that it has gone */
	return r < 0 ? err_code(e, -r, "pass on %s", relay->stream) : 0;
}

/* Everything has been passed on, or cannot be. */
static int relay_end(struct relay *relay, const struct client *c, struct err *e)
{
	struct proc_status st = { 0 };

	if (relay->wr >= 0)
		close(take_fd(&relay->wr));
	if (relay->pid <= 0)
		return 0;
	if (c->end.killed)
		kill(relay->pid, SIGKILL);
	if (proc_wait(relay->pid, &st) < 0 || st.kind != PROC_EXITED || !st.value || e->msg[0])
		return 0;
	return err_code(e, st.value, "write %s", relay->stream);
}

static int fill(const struct vm_spec *s, const char *name, int err, struct client *c, struct err *e)
{
	cleanup_buf struct buf script = { 0 };
	int r = remote_script(s, false, &script, e);

	if (r < 0)
		return r;
	r = push_head(s, name, err, &c->argv);
	if (r == 0)
		r = argv_push(&c->argv, "/bin/sh");
	if (r == 0)
		r = argv_push(&c->argv, "-c");
	if (r == 0)
		r = argv_push(&c->argv, script.p);
	if (r == 0)
		r = argv_push(&c->argv, name);
	if (r == 0)
		r = argv_push_all(&c->argv, s->args.v, s->args.n);
	if (r == 0)
		r = client_environment(s, &c->env);
	if (r == 0)
		r = argv_push(&c->env, "SLURM_EXIT_ERROR=" EXIT_ERROR);
	if (r == 0)
		r = push_cancel(name, 0, &c->undo);
	return r < 0 ? err_memory(e) : 0;
}

/* srun, with its streams passed on. */
static int run_relayed(const struct vm_spec *s, char *name, struct client *c,
		       const struct proc_signals *entry, int closed, struct err *e)
{
	char *job = c->deliver ? name : NULL;
	struct relay out = { "stdout", STDOUT_FILENO, job, -1, -1, 0 };
	struct relay err = { "stderr", STDERR_FILENO, job, -1, -1, 0 };
	int code = EXIT_EXECVM;

	if (relay_start(&out, e) == 0 && relay_start(&err, e) == 0) {
		c->out = out.wr;
		c->keep[c->nkeep++] = err.wr;
		if (fill(s, name, err.wr, c, e) == 0)
			code = client_run(s, c, entry, closed, e);
	}
	/* The second one has inherited the pipe of the first. */
	if (relay_end(&err, c, e) < 0)
		code = EXIT_EXECVM;
	return relay_end(&out, c, e) < 0 ? EXIT_EXECVM : code;
}

static int slurm_run(const struct vm_spec *s, const struct proc_signals *entry, int closed,
		     struct err *e)
{
	cleanup_client struct client c = CLIENT_INIT;
	cleanup_close int log = memfd_create("srun log", MFD_CLOEXEC);
	char name[32];
	int code = EXIT_EXECVM;

	if (log < 0) {
		err_sys(e, "memfd_create");
		return code;
	}
	c.elsewhere = true;
	c.err = log;
	c.ctx = name;
	/* Within an allocation it is a step of somebody's job, which is not ours to signal. */
	if (!getenv("SLURM_JOB_ID"))
		c.deliver = deliver;
	if (token_make("execvm-", name, sizeof(name), e) < 0)
		return code;
	if (s->dry_run || closed & 1 << STDOUT_FILENO)
		return fill(s, name, STDERR_FILENO, &c, e) < 0
			       ? code
			       : client_run(s, &c, entry, closed, e);
	code = run_relayed(s, name, &c, entry, closed, e);
	/* srun says how a task failed, and then the status is the task's. */
	if (code && !e->msg[0] && !c.end.signal && !client_said(log, ": task 0: ") &&
	    client_reason(log, "srun", "--help", e))
		return EXIT_EXECVM;
	return code == EXIT_EXECVM || e->msg[0] || !c.end.killed ? code : EXIT_SIGNAL + SIGKILL;
}

const struct runner runner_slurm = {
	.name = "slurm",
	.summary = "run the command on a node of a cluster",
	.can = CAN_LIMITS | CAN_OPTIONS,
	.program = "srun",
	.program_env = "EXECVM_SRUN",
	.chain = "execvm",
	.run = slurm_run,
};
