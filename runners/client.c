/* SPDX-License-Identifier: MIT */
/* One program of this host, supervised. */
#include "runners/client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/cmd.h"
#include "lib/env.h"
#include "lib/io.h"
#include "lib/msg.h"
#include "runners/guard.h"

#define LOG_MAX ((size_t)1 << 20)

int client_environment(const struct vm_spec *s, struct argv *env)
{
	return env_merge(environ, (const char *const *)s->env.v, s->env.n, env);
}

static int show(const struct client *c, struct err *e)
{
	cleanup_buf struct buf text = { 0 };

	if (argv_quote(&text, c->argv.v) < 0)
		return err_memory(e);
	puts(text.p);
	return cmd_flush(0) ? err_set(e, EIO, "write stdout") : 0;
}

/* 127 and 126 are about the command; of a program in front of it they would be a lie. */
static int not_started(const struct client *c, const struct proc_failure *f, struct err *e)
{
	bool exec = !strcmp(f->stage, "exec");

	if (exec && c->command) {
		err_code(e, f->code, "%s", c->argv.v[0]);
		return proc_exec_code(f->code);
	}
	if (exec && f->code == ENOENT)
		err_set(e, ENOENT, "%s: not found: is it installed?", c->argv.v[0]);
	else
		err_code(e, f->code, "%s %s", f->stage,
			 !strcmp(f->stage, "chdir") ? c->cwd : c->argv.v[0]);
	return EXIT_EXECVM;
}

static int code_of(const struct proc_supervised *end, struct err *e)
{
	if (!end->timed_out)
		return proc_exit_code(&end->status);
	err_set(e, ETIMEDOUT, "the command ran longer than its time");
	return EXIT_TIMEOUT;
}

/*
 * A descriptor that was closed at entry is closed for the command, too. A program that passes
 * streams on would open something else in its place.
 */
static int streams(const struct client *c, int closed, struct err *e)
{
	for (int i = 0; i < 3 && !c->elsewhere; i++) {
		if (closed >> i & 1)
			close(i);
	}
	if (c->elsewhere && closed & 1 << STDOUT_FILENO)
		return err_set(e, EBADF, "stdout is closed");
	return 0;
}

int client_run(const struct vm_spec *s, struct client *c, const struct proc_signals *entry,
	       int closed, struct err *e)
{
	cleanup_close int null = -1;
	struct guard guard = GUARD_INIT;
	struct proc_spec p = PROC_SPEC_INIT;
	struct proc_failure f;
	int r;

	if (s->dry_run)
		return show(c, e) < 0 ? EXIT_EXECVM : 0;
	if (s->no_stdin) {
		null = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (null < 0) {
			err_sys(e, "open /dev/null");
			return EXIT_EXECVM;
		}
		p.fd[0] = null;
	}
	if (c->undo.n && guard_start(&guard, c->undo.v, e) < 0)
		return EXIT_EXECVM;
	if (streams(c, closed, e) < 0) {
		guard_dismiss(&guard);
		return EXIT_EXECVM;
	}
	p.argv = c->argv.v;
	p.envp = c->env.v;
	p.path = env_find((const char *const *)c->env.v, "PATH");
	p.fd[1] = c->out;
	p.fd[2] = c->err;
	p.cwd = c->cwd;
	p.set_umask = c->set_umask;
	p.umask = (mode_t)c->umask;
	p.keep = c->keep;
	p.nkeep = c->nkeep;
	p.second_term_kills = true;
	p.deliver = c->deliver;
	p.ctx = c->ctx;
	if (c->undo.n)
		p.death_signal = SIGKILL; /* the guard does the rest */
	r = proc_supervise(&p, entry, s->timeout_ms, &c->end, &f);
	/* A program that was ended, or told to, may have left something behind. */
	if (c->undo.n && r == 0 &&
	    (c->end.signal || c->end.timed_out || c->end.status.kind == PROC_SIGNALED))
		guard_undo(c->undo.v);
	guard_dismiss(&guard);
	return r < 0 ? not_started(c, &f, e) : code_of(&c->end, e);
}

bool client_reader_gone(void)
{
	struct pollfd p = { .fd = STDOUT_FILENO };

	return poll(&p, 1, 0) == 1 && p.revents & (POLLERR | POLLHUP);
}

bool client_said(int log, const char *text)
{
	cleanup_buf struct buf said = { 0 };

	return lseek(log, 0, SEEK_SET) == 0 && io_read_fd(log, LOG_MAX, &said) == 0 && said.p &&
	       memmem(said.p, said.len, text, strlen(text));
}

bool client_reason(int log, const char *name, const char *skip, struct err *e)
{
	cleanup_buf struct buf said = { 0 };
	const char *last = NULL;
	char *line, *rest = NULL;

	if (lseek(log, 0, SEEK_SET) < 0 || io_read_fd(log, LOG_MAX, &said) < 0 || !said.p)
		return false;
	for (line = strtok_r(said.p, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest)) {
		if (!skip || !strstr(line, skip))
			last = line;
	}
	if (last && !strncmp(last, name, strlen(name)) && last[strlen(name)] == ':')
		err_set(e, ECONNABORTED, "%s", last);
	else if (last)
		err_set(e, ECONNABORTED, "%s: %s", name, last);
	return last != NULL;
}

void client_free(struct client *c)
{
	argv_free(&c->argv);
	argv_free(&c->env);
	argv_free(&c->undo);
}
