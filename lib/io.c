/* SPDX-License-Identifier: MIT */
/* Whole reads and writes. */
#include "lib/io.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"

#define CHUNK ((size_t)64 << 10)

int io_write_all(int fd, const void *p, size_t n)
{
	struct pollfd room = { .fd = fd, .events = POLLOUT };
	const char *at = p;

	while (n) {
		ssize_t k = write(fd, at, n);

		if (k < 0 && errno == EAGAIN)
			(void)!poll(&room, 1, -1);
		if (k < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (k < 0)
			return -errno;
		at += k;
		n -= (size_t)k;
	}
	return 0;
}

ssize_t io_read_full(int fd, void *p, size_t n)
{
	size_t got = 0;

	while (got < n) {
		ssize_t k = read(fd, (char *)p + got, n - got);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -errno;
		if (k == 0)
			break;
		got += (size_t)k;
	}
	return (ssize_t)got;
}

int io_read_fd(int fd, size_t max, struct buf *b)
{
	size_t start = b->len;

	for (;;) {
		int r = buf_reserve(b, CHUNK);
		ssize_t k;

		if (r < 0)
			return r;
		k = io_read_full(fd, b->p + b->len, CHUNK);
		if (k < 0)
			return (int)k;
		b->len += (size_t)k;
		b->p[b->len] = '\0';
		if (b->len - start > max)
			return -EFBIG;
		if ((size_t)k < CHUNK)
			return 0;
	}
}

int io_read_file(const char *path, size_t max, struct buf *b, struct err *e)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int r;

	if (fd < 0)
		return err_sys(e, "open %s", path);
	r = io_read_fd(fd, max, b);
	if (r == -EFBIG)
		return err_set(e, EFBIG, "%s: larger than %zu bytes", path, max);
	if (r < 0)
		return err_code(e, -r, "read %s", path);
	return 0;
}

int io_write_file(const char *path, const char *text, struct err *e)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return err_sys(e, "open %s", path);
	if (write(fd, text, strlen(text)) < 0)
		return err_sys(e, "write %s", path);
	return 0;
}

off_t io_copy(int in, int out)
{
	off_t total = 0;
	char chunk[65536];

	for (;;) {
		ssize_t k = copy_file_range(in, NULL, out, NULL, (size_t)1 << 30, 0);

		if (k > 0) {
			total += k;
			continue;
		}
		if (k == 0 && total)
			return total;
		break; /* not possible between these two, or nothing there: by hand */
	}
	for (;;) {
		ssize_t k = io_read_full(in, chunk, sizeof(chunk));
		int r;

		if (k <= 0)
			return k < 0 ? k : total;
		r = io_write_all(out, chunk, (size_t)k);
		if (r < 0)
			return r;
		total += k;
	}
}
