/* SPDX-License-Identifier: MIT */
/* The start of a session: what it was told, its pipes or its terminal, the child. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "init/process.h"
#include "init/session.h"
#include "lib/cleanup.h"
#include "lib/fd.h"

static int open_pty(struct session *s, int fd[3], struct err *e)
{
	cleanup_close int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	struct wire_winsize size = s->pty.size;
	int unlock = 0;

	if (master < 0)
		return err_sys(e, "open /dev/ptmx");
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return err_sys(e, "unlock the terminal");
	fd[0] = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd[0] < 0)
		return err_sys(e, "open the terminal");
	fd[1] = fcntl(fd[0], F_DUPFD_CLOEXEC, 3);
	fd[2] = fcntl(fd[0], F_DUPFD_CLOEXEC, 3);
	s->in = fcntl(master, F_DUPFD_CLOEXEC, 3);
	if (fd[1] < 0 || fd[2] < 0 || s->in < 0)
		return err_sys(e, "dup the terminal");
	s->out.fd = take_fd(&master);
	return session_winsize(s, &size);
}

/*
 * A pipe as large as a window: the command and we each run until it is full or empty, and going from
 * one to the other is much of what a stream costs. A kernel that refuses has a smaller one.
 */
static int ours(int fd)
{
	(void)fcntl(fd, F_SETPIPE_SZ, (int)MUX_WINDOW);
	return fd_nonblock(fd);
}

static int open_pipes(struct session *s, int fd[3])
{
	int r = 0;

	if (s->file.said) {
		fd[0] = fcntl(s->file.fd, F_DUPFD_CLOEXEC, 3);
		r = fd[0] < 0 ? -errno : 0;
	} else {
		r = fd_pipe(&fd[0], &s->in, 0);
	}
	if (r == 0)
		r = fd_pipe(&s->out.fd, &fd[1], 0);
	if (r == 0 && s->err.ch >= 0) {
		r = fd_pipe(&s->err.fd, &fd[2], 0);
	} else if (r == 0) { /* a host that wants one stream for both */
		fd[2] = fcntl(fd[1], F_DUPFD_CLOEXEC, 3);
		r = fd[2] < 0 ? -errno : 0;
	}
	/* Only our ends: the child's are its own business. */
	if (r == 0 && s->in >= 0)
		r = ours(s->in);
	if (r == 0)
		r = ours(s->out.fd);
	if (r == 0 && s->err.fd >= 0)
		r = ours(s->err.fd);
	return r;
}

/* An exec that failed is the command's business: the host has the words for it. */
static void describe(const struct process *p, const struct proc_failure *f, struct err *e)
{
	if (!strcmp(f->stage, "exec"))
		err_set(e, f->code, "%s", p->spec.argv[0]);
	else
		process_failure(p, f, e);
}

/*
 * /dev/stdin, /dev/stdout and the terminal can be opened again: they are the user's. A file as stdin
 * is anybody's to read.
 */
static int give(const struct session *s, const struct process *p, const int fd[3], struct err *e)
{
	for (size_t i = s->file.said ? 1 : 0; i < 3; i++) {
		if (fchown(fd[i], p->spec.uid, (gid_t)-1) < 0)
			return err_sys(e, "give the streams to user %u", p->spec.uid);
	}
	return 0;
}

static int spawn(struct session *s, struct process *p, const char **stage, struct err *e)
{
	int fd[3] = { -1, -1, -1 };
	struct proc_failure f = { "streams", 0 };
	int r;

	*stage = "streams";
	r = s->file.said ? infile_ready(&s->file, e) : 0;
	if (r < 0)
		return r;
	r = s->has_pty ? open_pty(s, fd, e) : open_pipes(s, fd);
	if (r < 0 && !s->has_pty)
		err_code(e, -r, "pipe");
	if (r == 0 && p->spec.uid)
		r = give(s, p, fd, e);
	if (r == 0) {
		memcpy(p->spec.fd, fd, sizeof(fd));
		p->spec.new_session = true;
		p->spec.controlling_tty = s->has_pty;
		r = proc_spawn(&p->spec, &s->pid, &f);
		if (r < 0)
			describe(p, &f, e);
		*stage = f.stage;
	}
	for (size_t i = 0; i < 3; i++) {
		if (fd[i] >= 0)
			close(fd[i]);
	}
	return r;
}

static int told(struct session *s, const struct payload_process *fallback, struct payload *own,
		const struct payload_process **out, struct err *e)
{
	int r;

	*out = s->text.len ? &own->process : fallback;
	if (s->text.len) {
		r = payload_decode(s->text.p, s->text.len, PAYLOAD_PROCESS, own, e);
		if (r < 0)
			return r;
	}
	if (!*out || !(*out)->args)
		return err_set(e, EINVAL, "nothing was said to run");
	if ((*out)->exec)
		return err_set(e, EINVAL, "exec: only on the kernel command line");
	return 0;
}

int session_start(struct session *s, const struct payload_process *fallback, const char **stage,
		  struct err *e)
{
	const struct payload_process *what;
	struct process p = { .spec = PROC_SPEC_INIT };
	struct payload own = { 0 };
	int r;

	*stage = "payload";
	r = told(s, fallback, &own, &what, e);
	if (r == 0)
		r = process_spec(what, s->has_pty && *s->pty.term ? s->pty.term : "dumb", &p, stage,
				 e);
	if (r == 0)
		r = spawn(s, &p, stage, e);
	s->started = r == 0;
	process_free(&p);
	payload_free(&own);
	if (s->text.p)
		explicit_bzero(s->text.p, s->text.len); /* it may hold secrets: out of our memory */
	buf_free(&s->text);
	return r;
}
