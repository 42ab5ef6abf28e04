/* SPDX-License-Identifier: MIT */
/* From a plan to processes: QEMU, file servers, a network. */
#include "runners/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/proc.h"
#include "runners/share.h"

/* Descriptors between us and one QEMU; ours and its. Those of shares are between it and others. */
struct ends {
	int wire[2], log[2], err[2], control[2];
};

static void ends_close(struct ends *n)
{
	int *all[] = { n->wire, n->log, n->err, n->control };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		for (int k = 0; k < 2; k++) {
			if (all[i][k] >= 0)
				close(take_fd(&all[i][k]));
		}
	}
}

/* QEMU gets ends of its own, never the caller's: it changes the flags of what it is given. */
static int ends_open(struct ends *n, bool control, struct err *e)
{
	*n = (struct ends){ { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 } };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, n->wire) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, n->log) < 0 ||
	    (control && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, n->control) < 0))
		return err_sys(e, "socketpair");
	if (fd_pipe(&n->err[0], &n->err[1], 0) < 0)
		return err_sys(e, "pipe");
	if (fd_nonblock(n->wire[0]) < 0 || fd_nonblock(n->log[0]) < 0 || fd_nonblock(n->err[0]) < 0)
		return err_set(e, EBADF, "O_NONBLOCK");
	return 0;
}

static void shares_close(struct qemu_facts *f)
{
	if (f->root_fd >= 0)
		close(take_fd(&f->root_fd));
	for (size_t i = 0; i < VM_SHARES; i++) {
		if (f->share_fd[i] >= 0)
			close(take_fd(&f->share_fd[i]));
	}
}

static int start_qemu(const struct vm_spec *s, struct qemu_facts *f, const struct base *b,
		      const struct ends *n, pid_t *pid, struct err *e)
{
	cleanup_argv struct argv argv = { 0 };
	cleanup_close int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	const struct stdin_file none = STDIN_FILE_INIT;
	const struct stdin_file *in =
		f->stdin_disk && f->start != QEMU_FREEZE ? f->stdin_disk : &none;
	const int own[] = { n->wire[1],	  n->log[1],   n->control[1], b->fd,
			    f->memory_fd, f->state_fd, f->net_fd,     f->root_fd,
			    in->image,	  in->head,    in->fd };
	struct proc_spec p = PROC_SPEC_INIT;
	int keep[ARRAY_SIZE(own) + VM_SHARES];
	size_t nkeep = 0;
	struct proc_failure why;
	int r;

	if (null < 0)
		return err_sys(e, "open /dev/null");
	r = qemu_argv(s, f, &argv, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
		if (own[i] >= 0)
			keep[nkeep++] = own[i];
	}
	for (size_t i = 0; i < VM_SHARES; i++) {
		if (f->share_fd[i] >= 0)
			keep[nkeep++] = f->share_fd[i];
	}
	p.argv = argv.v;
	p.path = getenv("PATH");
	p.fd[0] = null;
	p.fd[1] = p.fd[2] = n->err[1];
	p.close_rest = true;
	p.keep = keep;
	p.nkeep = nkeep;
	p.new_group = true; /* Ctrl-C is for the command, not for the machine */
	p.death_signal = SIGKILL;
	if (proc_spawn(&p, pid, &why) == 0)
		return 0;
	if (why.code == ENOENT)
		return err_set(e, ENOENT, "%s: not found: install qemu-system-x86", argv.v[0]);
	return err_code(e, why.code, "%s %s", why.stage, argv.v[0]);
}

int machine_start(const struct vm_spec *s, struct qemu_facts *f, const struct base *b,
		  struct machine *m, struct err *e)
{
	struct ends n;
	int r = ends_open(&n, f->start != QEMU_BOOT, e);

	f->root_fd = -1;
	memset(f->share_fd, -1, sizeof(f->share_fd));
	f->wire_fd = n.wire[1];
	f->log_fd = n.log[1];
	f->control_fd = n.control[1];
	if (r == 0)
		r = share_start(s, f, n.err[1], &m->beside, e);
	if (r == 0 && s->network == NETWORK_PASST)
		r = passt_start(s, &m->net, e);
	f->net_fd = m->net.link;
	if (r == 0)
		r = start_qemu(s, f, b, &n, &m->pid, e);
	/* QEMU has its ends, and nobody else. */
	if (m->net.link >= 0)
		close(take_fd(&m->net.link));
	shares_close(f);
	if (r == 0) {
		m->wire = take_fd(&n.wire[0]);
		m->log = take_fd(&n.log[0]);
		m->err = take_fd(&n.err[0]);
		m->control = take_fd(&n.control[0]);
	} else {
		companions_end(&m->beside);
	}
	ends_close(&n);
	return r;
}

void machine_kill(struct machine *m)
{
	struct proc_status ignored;

	if (!m->pid)
		return;
	kill(m->pid, SIGKILL);
	if (proc_wait(m->pid, &ignored) == 0)
		m->pid = 0;
}

void machine_free(struct machine *m)
{
	int *all[] = { &m->wire, &m->log, &m->err, &m->control };

	companions_end(&m->beside);
	passt_free(&m->net);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (*all[i] >= 0)
			close(take_fd(all[i]));
	}
}
