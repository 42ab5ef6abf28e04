/* SPDX-License-Identifier: MIT */
/* QMP over a socket: lines in, commands out. */
#include "runners/qmp.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"

#define LINE_MAX_BYTES ((size_t)1 << 20) /* an answer is a few hundred bytes */

int qmp_send(const struct qmp *q, const char *text, int fd, struct err *e)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = (char *)text, .iov_len = strlen(text) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (fd >= 0) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
		control.head = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
						 .cmsg_type = SCM_RIGHTS,
						 .cmsg_len = CMSG_LEN(sizeof(int)) };
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	}
	do
		n = sendmsg(q->fd, &m, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	/* A few hundred bytes, into an empty socket: all or nothing. */
	return n == (ssize_t)iov.iov_len ? 0 : err_sys(e, "QEMU's monitor");
}

/* Adds what comes, until there is a whole line; *n is its length. */
static int await_line(struct qmp *q, size_t *n, struct err *e)
{
	for (;;) {
		struct pollfd p[] = { { .fd = q->fd, .events = POLLIN },
				      { .fd = q->stop, .events = POLLIN } };
		const char *end = q->in.len ? memchr(q->in.p, '\n', q->in.len) : NULL;
		uint64_t now = clock_ms();
		char chunk[4096];
		ssize_t k;

		if (end) {
			*n = (size_t)(end - q->in.p) + 1;
			return 0;
		}
		if (now >= q->until)
			return err_set(e, ETIMEDOUT, "QEMU's monitor is silent");
		if (q->in.len > LINE_MAX_BYTES)
			return err_set(e, EMSGSIZE, "QEMU's monitor");
		if (poll(p, ARRAY_SIZE(p), (int)(q->until - now)) <= 0)
			continue;
		if (p[1].revents)
			return err_set(e, EINTR, "told to stop");
		k = read(q->fd, chunk, sizeof(chunk));
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return err_set(e, EPIPE, "QEMU has ended");
		if (buf_add(&q->in, chunk, (size_t)k) < 0)
			return err_memory(e);
	}
}

/* One object: -EREMOTEIO for an error, 1 when it is what is waited for. */
static int look(const json_t *o, const char *event, json_t **data, struct err *e)
{
	const json_t *error = json_object_get(o, "error");
	const char *name = json_string_value(json_object_get(o, "event"));

	if (error) {
		const char *why = json_string_value(json_object_get(error, "desc"));

		return err_set(e, EREMOTEIO, "QEMU: %.300s", why ? why : "a command failed");
	}
	if (event ? !name || strcmp(name, event) != 0 : !json_object_get(o, "return"))
		return 0;
	if (data)
		*data = json_incref(json_object_get(o, "data"));
	return 1;
}

int qmp_await(struct qmp *q, const char *event, json_t **data, struct err *e)
{
	for (;;) {
		json_t *o;
		size_t n;
		int r = await_line(q, &n, e);

		if (r < 0)
			return r;
		o = json_loadb(q->in.p, n, 0, NULL);
		q->in.len -= n;
		memmove(q->in.p, q->in.p + n, q->in.len + 1);
		r = json_is_object(o) ? look(o, event, data, e)
				      : err_set(e, EPROTO, "QEMU's monitor says no JSON");
		json_decref(o);
		if (r)
			return r < 0 ? r : 0;
	}
}

void qmp_free(struct qmp *q)
{
	buf_free(&q->in);
}
