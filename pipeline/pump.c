/* SPDX-License-Identifier: MIT */
/* splice(2) from pipe to pipe; read and write for what it does not take. */
#include "pipeline/pump.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/io.h"

int pump_pipe(int *r, int *w)
{
	int k = fd_pipe(r, w, 0);

	/* More than the default is a favour: the kernel limits what a user has of it. */
	if (k == 0)
		(void)!fcntl(*w, F_SETPIPE_SZ, (int)PUMP_PIPE);
	return k;
}

int pump_handle(int fd, int *handle)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	*handle = open(path, O_PATH | O_CLOEXEC);
	return *handle < 0 ? -errno : 0;
}

/* Another write end, for as long as it takes to ask it. */
bool pump_has_reader(int handle)
{
	struct pollfd p = { .fd = -1 };
	char path[32];
	bool gone;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", handle);
	p.fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	gone = p.fd >= 0 && poll(&p, 1, 0) > 0 && p.revents & POLLERR;
	if (p.fd >= 0)
		close(p.fd);
	return !gone;
}

void pump_close(struct pump *p)
{
	if (p->from >= 0)
		close(take_fd(&p->from));
	if (p->to >= 0)
		close(take_fd(&p->to));
}

void pump_refuse(struct pump *p)
{
	p->refused = true;
	pump_close(p);
}

/* splice(2) would wait for room in a socket, whatever it is told. */
int pump_to(struct pump *p, int fd)
{
	struct stat st;

	p->to = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (p->to < 0 || fstat(p->to, &st) < 0)
		return -errno;
	p->copies = !S_ISFIFO(st.st_mode) && !S_ISREG(st.st_mode);
	return 0;
}

static bool readable(int fd)
{
	struct pollfd f = { .fd = fd, .events = POLLIN };

	return poll(&f, 1, 0) > 0 && f.revents & (POLLIN | POLLHUP);
}

/*
 * One piece, by hand: to is a file that is appended to, a terminal, a socket, a device. Where there
 * is room at all, there is for so little.
 */
static ssize_t copy(struct pump *p)
{
	struct pollfd room = { .fd = p->to, .events = POLLOUT };
	char piece[PIPE_BUF];
	ssize_t n = readable(p->from) && poll(&room, 1, 0) > 0 ? read(p->from, piece, sizeof(piece))
							       : -EAGAIN;
	int r;

	if (n <= 0)
		return n < 0 && n != -EAGAIN ? -errno : n;
	r = io_write_all(p->to, piece, (size_t)n);
	return r < 0 ? r : n;
}

static ssize_t move(struct pump *p)
{
	ssize_t n;

	if (!p->copies) {
		n = splice(p->from, NULL, p->to, NULL, PUMP_PIPE,
			   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
		if (n >= 0 || errno != EINVAL)
			return n < 0 ? -errno : n;
		p->copies = true;
	}
	return copy(p);
}

int pump_move(struct pump *p)
{
	ssize_t n = move(p);

	if (n > 0) {
		p->bytes += (uint64_t)n;
		p->full = false;
		return 0;
	}
	if (n == -EAGAIN || n == -EINTR) {
		p->full = readable(p->from);
		return 0;
	}
	if (n == -EPIPE)
		pump_refuse(p);
	else
		pump_close(p);
	return n == -EPIPE ? 0 : (int)n;
}
