/* SPDX-License-Identifier: MIT */
/*
 * Never wait, never change what is shared.
 *
 * A pipe or terminal is opened once more through /proc/self/fd with O_NONBLOCK: that is a file
 * description of our own. Where that is refused (a pipe of another user, no /proc), a read after
 * POLLIN takes what is there, and a write after POLLOUT is at most PIPE_BUF bytes, which a pipe that
 * polls writable takes at once (pipe(7)). So it is with a FIFO that has a name: opened once more
 * after its writers have gone, it would wait for new ones. A socket has MSG_DONTWAIT. A regular file
 * does not wait, and must not be opened again: the offset is part of what the caller shares with us.
 *
 * A descriptor that is open the wrong way round, as nohup(1) leaves stdin, is none.
 */
#include "runners/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"

static bool is_anonymous(const char *path)
{
	static const char kind[] = "pipe:[";
	char target[sizeof(kind)];

	return readlink(path, target, sizeof(target)) >= (ssize_t)sizeof(kind) - 1 &&
	       !memcmp(target, kind, sizeof(kind) - 1);
}

void stream_open(struct stream *s, int fd, bool writing, bool closed)
{
	char path[32];
	int mode = fcntl(fd, F_GETFL) & O_ACCMODE;
	struct stat st;

	if (mode == (writing ? O_RDONLY : O_WRONLY))
		closed = true;
	*s = (struct stream){ .fd = closed ? -1 : fd };
	if (closed || fstat(fd, &st) < 0)
		return;
	s->socket = S_ISSOCK(st.st_mode);
	s->pollable = S_ISSOCK(st.st_mode) || S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode);
	s->tty = S_ISCHR(st.st_mode) && isatty(fd);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!s->tty && !is_anonymous(path))
		return;
	fd = open(path, (writing ? O_WRONLY : O_RDONLY) | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return;
	s->fd = fd;
	s->owned = true;
}

void stream_close(struct stream *s)
{
	if (s->owned)
		close(s->fd);
	s->fd = -1;
	s->owned = false;
}

ssize_t stream_read(const struct stream *s, void *p, size_t n)
{
	ssize_t k;

	if (s->fd < 0)
		return -EBADF;
	k = s->socket ? recv(s->fd, p, n, MSG_DONTWAIT) : read(s->fd, p, n);
	return k < 0 ? (errno == EINTR ? -EAGAIN : -errno) : k;
}

ssize_t stream_write(const struct stream *s, const void *p, size_t n)
{
	ssize_t k;

	if (s->fd < 0)
		return -EBADF;
	if (s->socket) {
		k = send(s->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	} else {
		struct pollfd w = { .fd = s->fd, .events = POLLOUT };

		if (s->pollable && !s->owned) {
			if (poll(&w, 1, 0) == 0)
				return -EAGAIN;
			n = n < PIPE_BUF ? n : PIPE_BUF;
		}
		k = write(s->fd, p, n);
	}
	return k < 0 ? (errno == EINTR ? -EAGAIN : -errno) : k;
}
