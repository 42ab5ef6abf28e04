/* SPDX-License-Identifier: MIT */
/*
 * The guard sits in a session of its own and reads a pipe whose other end only we have: it ends when
 * we do. A guard that is not needed any more is killed.
 */
#include "runners/guard.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/io.h"
#include "lib/proc.h"

#define AGAIN_S 2 /* what was being made when we were killed has been made by then */

struct inside {
	char *const *argv;
	int pipe;
};

void guard_undo(char *const *argv)
{
	cleanup_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct proc_spec s = PROC_SPEC_INIT;
	struct proc_status ignored;
	struct proc_failure f;
	pid_t pid;

	s.argv = argv;
	s.path = getenv("PATH");
	for (size_t i = 0; i < 3; i++)
		s.fd[i] = null;
	s.new_session = true; /* no terminal to ask at */
	if (proc_spawn(&s, &pid, &f) == 0 && proc_wait(pid, &ignored) < 0)
		return;
}

/* Nothing of the caller's stays open here: it would never see the end of its pipes. */
static int let_go(int pipe)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; i < 3; i++) {
		if (null < 0 || dup2(null, i) < 0)
			return -1;
	}
	if (pipe != 3 && dup2(pipe, 3) < 0)
		return -1;
	return (int)syscall(SYS_close_range, 4U, ~0U, 0U);
}

static int watch(void *ctx)
{
	const struct inside *in = ctx;
	const struct timespec again = { .tv_sec = AGAIN_S };
	char byte;

	if (setsid() < 0 || let_go(in->pipe) < 0 || io_read_full(3, &byte, 1) < 0)
		return 1;
	guard_undo(in->argv);
	nanosleep(&again, NULL);
	guard_undo(in->argv);
	return 0;
}

int guard_start(struct guard *g, char *const *argv, struct err *e)
{
	cleanup_close int rd = -1;
	cleanup_close int wr = -1;
	struct inside in = { .argv = argv };
	int r = fd_pipe(&rd, &wr, 0);

	in.pipe = rd;
	if (r == 0)
		r = proc_fork(watch, &in, 0, &g->pid);
	if (r < 0)
		return err_code(e, -r, "start a guard");
	g->fd = take_fd(&wr);
	return 0;
}

void guard_dismiss(struct guard *g)
{
	struct proc_status ignored;

	if (!g->pid)
		return;
	kill(g->pid, SIGKILL);
	if (proc_wait(g->pid, &ignored) == 0)
		g->pid = 0;
	close(take_fd(&g->fd));
}
