/* SPDX-License-Identifier: MIT */
/* Descriptors: move, keep, fill. */
#include "lib/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int fd_keep(int fd, bool keep)
{
	return fcntl(fd, F_SETFD, keep ? 0 : FD_CLOEXEC) < 0 ? -errno : 0;
}

int fd_move(int from, int to)
{
	if (from == to)
		return fd_keep(to, true);
	if (dup2(from, to) < 0)
		return -errno;
	close(from);
	return 0;
}

int fd_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

int fd_pipe(int *r, int *w, int flags)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC | flags) < 0)
		return -errno;
	*r = p[0];
	*w = p[1];
	return 0;
}

int fd_fill_std(void)
{
	int closed = 0;

	for (int i = 0; i < 3; i++) {
		if (fcntl(i, F_GETFD) >= 0)
			continue;
		/* The lowest free one is i, since those below are open by now. */
		if (open("/dev/null", O_RDWR | O_CLOEXEC) != i)
			return -EBADF;
		closed |= 1 << i;
	}
	return closed;
}
