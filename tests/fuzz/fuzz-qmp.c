/* SPDX-License-Identifier: MIT */
/*
 * proves: F6
 * What QEMU's monitor says, in two pieces, and then its end. The first byte says what is waited for,
 * the second where the pieces part. Each answer that was waited for takes a whole line; a refusal
 * has its sentence; at the end no whole line is left.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"
#include "runners/qmp.h"
#include "tests/fuzz/fuzz.h"

#define MOST ((size_t)64 << 10) /* what a socket takes at once */

static const char *const events[] = { NULL, "RESUME", "MIGRATION", "VSERPORT_CHANGE" };

static size_t lines(const uint8_t *p, size_t n)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		found += p[i] == '\n';
	return found;
}

/* The first piece is looked at before the second comes: as much as there is in it. */
static int await_all(struct qmp *q, const char *event, size_t *answers, struct err *e)
{
	for (;;) {
		json_t *data = NULL;
		int r = qmp_await(q, event, &data, e);

		CHECK(r <= 0 && (r == 0 || (e->code == -r && e->msg[0])));
		CHECK(r == 0 || !data);
		CHECK(!q->in.len || !q->in.p[q->in.len]);
		json_decref(data);
		if (r < 0)
			return r;
		++*answers;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct qmp q = { .stop = -1 };
	struct err e = { 0 };
	size_t answers = 0, first;
	const char *event;
	int ends[2], r;

	if (size < 2 || size > MOST)
		return 0;
	event = events[data[0] % 4];
	first = data[1];
	data += 2;
	size -= 2;
	if (first > size)
		first = size;
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
	q.fd = ends[0];
	CHECK(write(ends[1], data, first) == (ssize_t)first);
	q.until = clock_ms() + 1;
	r = await_all(&q, event, &answers, &e);
	CHECK(r == -ETIMEDOUT || r == -EPROTO || r == -EREMOTEIO);
	if (r == -ETIMEDOUT) {
		CHECK(write(ends[1], data + first, size - first) == (ssize_t)(size - first));
		CHECK(shutdown(ends[1], SHUT_WR) == 0);
		q.until = clock_ms() + 60000;
		r = await_all(&q, event, &answers, &e);
		CHECK(r == -EPIPE || r == -EPROTO || r == -EREMOTEIO);
	}
	CHECK(r != -EPIPE || !q.in.len || !memchr(q.in.p, '\n', q.in.len));
	CHECK(answers <= lines(data, size));
	qmp_free(&q);
	close(ends[0]);
	close(ends[1]);
	return 0;
}
