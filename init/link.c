/* SPDX-License-Identifier: MIT */
/*
 * The port named "execvm" and what is said on it before the agent takes over: hello and
 * boot@execvm. A guest without a virtio console at all has no wire; one that has such a device gets
 * a moment for the port to appear, because the kernel learns of ports by messages.
 */
#include "init/link.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "init/init.h"
#include "lib/cleanup.h"
#include "lib/clock.h"

#define PORT_WAIT_MS 5000 /* for the port, and for the host at its other end */
#define PORT_BUFFER 4096u /* bytes: what the driver has in one piece */

/* The first entry of dir whose leaf says want, into out. */
static bool entry_that_says(const char *dir, const char *leaf, const char *want, char *out,
			    size_t size)
{
	cleanup_dir DIR *d = opendir(dir);
	struct dirent *de;

	while (d && (de = readdir(d))) {
		if (de->d_name[0] != '.' && sysfs_says(dir, de->d_name, leaf, want)) {
			return (size_t)snprintf(out, size, "%.255s", de->d_name) < size;
		}
	}
	return false;
}

/*
 * The kernel learns that the host is at the other end by a message of its own, behind the one that
 * has the port's name. Until then poll says that it has hung up, and read that this is the end.
 */
static int await_host(int fd, const char *path, long deadline, struct err *e)
{
	struct pollfd p = { .fd = fd };

	while (poll(&p, 1, 0) >= 0 && p.revents & POLLHUP) {
		if ((long)clock_ms() >= deadline)
			return err_set(e, EPIPE, "%s: the host is not there", path);
		usleep(500);
	}
	return 0;
}

int link_open(struct guest *g, struct err *e)
{
	long deadline = (long)clock_ms() + PORT_WAIT_MS;
	char name[64], path[80];
	cleanup_close int fd = -1;
	struct link *l;

	if (!entry_that_says(VIRTIO_DEVICES, "device", VIRTIO_CONSOLE, name, sizeof(name)))
		return 0;
	while (!entry_that_says("/sys/class/virtio-ports", "name", WIRE_PORT, name, sizeof(name))) {
		if ((long)clock_ms() >= deadline)
			return 0; /* a console for somebody else */
		usleep(500);
	}
	snprintf(path, sizeof(path), "/dev/%s", name);
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return err_sys(e, "open %s", path);
	if (await_host(fd, path, deadline, e) < 0)
		return -e->code;
	l = calloc(1, sizeof(*l));
	if (!l)
		return err_memory(e);
	l->fd = take_fd(&fd);
	mux_init(&l->mux, MUX_GUEST);
	g->link = l;
	return 0;
}

int link_event(struct link *l, struct mux_event *ev, struct err *e)
{
	size_t used;
	int r = mux_input(&l->mux, l->in + l->at, l->len - l->at, &used, ev, e);

	l->at += used;
	return r;
}

/*
 * A read of the port gives what is in one buffer of its driver, a page at most. The kernel makes a
 * read of each part of a vector until one comes back short: a vector of pages is many reads in one
 * call.
 */
static ssize_t read_pages(struct link *l)
{
	struct iovec v[LINK_IN / PORT_BUFFER];
	int parts = 0;

	for (size_t at = l->len; at + PORT_BUFFER <= sizeof(l->in); at += PORT_BUFFER)
		v[parts++] = (struct iovec){ l->in + at, PORT_BUFFER };
	return readv(l->fd, v, parts);
}

/* As much as there is room for: what goes on to a command in one piece wakes it once. */
int link_fill(struct link *l, struct err *e)
{
	l->at = l->len = 0;
	while (sizeof(l->in) - l->len >= PORT_BUFFER) {
		ssize_t n = read_pages(l);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n < 0)
			return err_sys(e, "read the wire");
		if (n == 0 && !l->len)
			return err_set(e, EPIPE, "the wire is closed");
		if (n == 0)
			break; /* the next call says so */
		l->len += (size_t)n;
	}
	return l->len > 0;
}

int link_flush(struct link *l, struct err *e)
{
	const void *p;
	size_t n;

	while ((n = mux_output(&l->mux, &p)) > 0) {
		ssize_t k = write(l->fd, p, n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0 && errno == EAGAIN)
			return 1;
		if (k <= 0)
			return k < 0 ? err_sys(e, "write the wire") : 1;
		mux_output_done(&l->mux, (size_t)k);
	}
	return 0;
}

int link_drain(struct link *l, int timeout_ms, struct err *e)
{
	long deadline = (long)clock_ms() + timeout_ms;

	for (;;) {
		struct pollfd p = { .fd = l->fd, .events = POLLOUT };
		long left = deadline - (long)clock_ms();
		int r = link_flush(l, e);

		if (r <= 0)
			return r;
		if (left <= 0)
			return err_set(e, ETIMEDOUT, "the host does not read the wire");
		if (poll(&p, 1, (int)left) < 0 && errno != EINTR)
			return err_sys(e, "poll the wire");
	}
}

int link_await(struct link *l, enum mux_event_kind kind, int timeout_ms, struct mux_event *ev,
	       struct err *e)
{
	long deadline = (long)clock_ms() + timeout_ms;

	for (;;) {
		struct pollfd p = { .fd = l->fd, .events = POLLIN };
		long left = timeout_ms < 0 ? -1 : deadline - (long)clock_ms();
		int r = link_event(l, ev, e);

		if (r < 0 || (r && ev->kind == kind))
			return r < 0 ? r : 0;
		if (r)
			continue;
		r = link_flush(l, e);
		if (r < 0)
			return r;
		if (r)
			p.events |= POLLOUT;
		if (timeout_ms >= 0 && left <= 0)
			return err_set(e, ETIMEDOUT, "the host says nothing");
		if (poll(&p, 1, (int)left) < 0 && errno != EINTR)
			return err_sys(e, "poll the wire");
		if (p.revents & (POLLIN | POLLHUP | POLLERR)) {
			r = link_fill(l, e);
			if (r < 0)
				return r;
		}
	}
}

/*
 * Here a machine may wait for ever, and be frozen: the next thing that happens is the host saying
 * boot@execvm.
 */
int link_listen(struct guest *g, struct err *e)
{
	struct mux_event ev;
	int r;

	do {
		r = link_await(g->link, MUX_GLOBAL, -1, &ev, e);
		if (r < 0)
			return r;
	} while (strcmp(ev.name, WIRE_BOOT) != 0);
	if (wire_get_boot(ev.data, ev.len, &g->boot) < 0)
		return err_set(e, EBADMSG, "%s cannot be read", WIRE_BOOT);
	if (buf_add(&g->machine_text, g->boot.machine, g->boot.machine_len) < 0)
		return err_memory(e);
	/* The entropy is for the kernel alone. */
	explicit_bzero(g->link->in, g->link->at);
	explicit_bzero(g->link->mux.control, sizeof(g->link->mux.control));
	g->boot.machine = g->machine_text.p;
	g->booted = true;
	return 0;
}
