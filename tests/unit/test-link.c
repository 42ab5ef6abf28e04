/* SPDX-License-Identifier: MIT */
/* W1, W7: what the guest reads of the wire at a time. A socket stands for the port. */
#include "init/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "tests/tap.h"

static uint8_t bytes[LINK_IN + 5000];

/* An end of a wire for l; the other one is returned. */
static int wire(struct link *l)
{
	const int size = 2 * (int)sizeof(bytes);
	int p[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p) < 0 || fd_nonblock(p[0]) < 0 ||
	    fd_nonblock(p[1]) < 0)
		bail_out("socketpair");
	(void)setsockopt(p[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	l->fd = p[0];
	l->at = l->len = 0;
	return p[1];
}

static void put(int fd, size_t from, size_t n)
{
	if (write(fd, bytes + from, n) != (ssize_t)n)
		bail_out("write");
}

static bool has(const struct link *l, size_t from, size_t n)
{
	return l->at == 0 && l->len == n && !memcmp(l->in, bytes + from, n);
}

static void everything_that_is_there(struct link *l)
{
	static const size_t sizes[] = { 1, 4095, 4096, 4097, 12288, 100001 };
	struct err e = { 0 };
	int peer = wire(l);

	ok_int(link_fill(l, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		put(peer, i, sizes[i]);
		ok(link_fill(l, &e) == 1 && has(l, i, sizes[i]));
		ok_int(link_fill(l, &e), 0);
		ok_int((int)l->len, 0);
	}
	put(peer, 0, 10);
	put(peer, 10, 5000);
	ok(link_fill(l, &e) == 1 && has(l, 0, 5010));
	close(peer);
	close(l->fd);
}

/* More than there is room for stays where it is. */
static void no_more_than_there_is_room_for(struct link *l)
{
	struct err e = { 0 };
	int peer = wire(l);
	size_t sent = 0, got = 0;

	while (got < sizeof(bytes)) {
		ssize_t k = write(peer, bytes + sent, sizeof(bytes) - sent);

		sent += k > 0 ? (size_t)k : 0;
		if (link_fill(l, &e) != 1 || !has(l, got, l->len))
			break;
		got += l->len;
	}
	ok(got == sizeof(bytes));
	close(peer);
	close(l->fd);
}

/* The end is said after what came before it. */
static void bytes_before_the_end(struct link *l)
{
	struct err e = { 0 };
	int peer = wire(l);

	put(peer, 0, 5000);
	close(peer);
	ok(link_fill(l, &e) == 1 && has(l, 0, 5000));
	ok_int(link_fill(l, &e), -EPIPE);
	ok_str(e.msg, "the wire is closed");
	close(l->fd);
}

int main(void)
{
	cleanup_free struct link *l = calloc(1, sizeof(*l));

	if (!l)
		bail_out("memory");
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + i / 256);
	everything_that_is_there(l);
	no_more_than_there_is_room_for(l);
	bytes_before_the_end(l);
	return tap_done();
}
