/* SPDX-License-Identifier: MIT */
/* Processes beside QEMU. */
#include "runners/companion.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/cleanup.h"

#define LEAVE_MS 1000 /* to end by itself, when its machine has gone */

static int watch(struct companions *c, struct companion *one, struct err *e)
{
	struct epoll_event ev = { .events = EPOLLIN };

	one->pidfd = (int)syscall(SYS_pidfd_open, one->pid, 0);
	if (one->pidfd < 0)
		return err_sys(e, "pidfd_open");
	if (c->fd < 0)
		c->fd = epoll_create1(EPOLL_CLOEXEC);
	if (c->fd < 0 || epoll_ctl(c->fd, EPOLL_CTL_ADD, one->pidfd, &ev) < 0)
		return err_sys(e, "epoll");
	return 0;
}

static bool has_ended(const struct companion *one, int ms)
{
	struct pollfd p = { .fd = one->pidfd, .events = POLLIN };

	return poll(&p, 1, ms) > 0;
}

static void end(struct companion *one, int ms)
{
	struct proc_status ignored;

	if (one->pidfd < 0 || !has_ended(one, ms))
		kill(one->pid, SIGKILL);
	if (proc_wait(one->pid, &ignored) < 0)
		one->pid = -1;
	if (one->pidfd >= 0)
		close(take_fd(&one->pidfd));
}

int companion_start(struct companions *c, const char *name, struct proc_spec *s, struct err *e)
{
	struct companion one = { .name = name, .pidfd = -1 };
	struct proc_failure f;

	if (c->n == COMPANIONS)
		return err_set(e, E2BIG, "more than %u programs beside QEMU", COMPANIONS);
	s->new_group = true; /* Ctrl-C is for the command */
	s->death_signal = SIGKILL;
	s->close_rest = true;
	if (proc_spawn(s, &one.pid, &f) < 0)
		return err_code(e, f.code, "%s %s", f.stage, s->argv[0]);
	if (watch(c, &one, e) < 0) {
		end(&one, 0);
		return -e->code;
	}
	c->at[c->n++] = one;
	return 0;
}

const char *companion_ended(const struct companions *c)
{
	for (size_t i = 0; i < c->n; i++) {
		if (has_ended(&c->at[i], 0))
			return c->at[i].name;
	}
	return NULL;
}

void companions_end(struct companions *c)
{
	for (size_t i = 0; i < c->n; i++)
		end(&c->at[i], LEAVE_MS);
	c->n = 0;
	if (c->fd >= 0)
		close(take_fd(&c->fd));
}
