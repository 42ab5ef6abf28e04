/* SPDX-License-Identifier: MIT */
/*
 * The orders to QEMU. "x-ignore-shared" leaves memory that is shared with a file out of what is
 * written: that file has it already. "store-global-state=off" (qemu.c) keeps QEMU from writing down
 * that the machine was stopped, so it goes on as soon as it is read.
 */
#include "runners/freeze.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/msg.h"
#include "runners/machine.h"
#include "runners/qmp.h"

#define SETTLE_MS 50 /* from "the port is open" to a guest that sleeps in poll */
#define LOG_MAX ((size_t)64 << 10)

#define CAPABILITIES "{\"execute\":\"qmp_capabilities\"}"
#define SET_CAPABILITY(name)                                                                       \
	"{\"execute\":\"migrate-set-capabilities\",\"arguments\":{\"capabilities\":["              \
	"{\"capability\":\"" name "\",\"state\":true}]}}"
#define IGNORE_SHARED SET_CAPABILITY("x-ignore-shared")

/* The end of what the guest and QEMU said: it may tell why it failed. */
static void read_log(const struct machine *m, struct buf *log)
{
	const int fds[] = { m->log, m->err };
	char chunk[4096];
	ssize_t n;

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		while (fds[i] >= 0 && (n = read(fds[i], chunk, sizeof(chunk))) > 0) {
			if (log->len + (size_t)n > LOG_MAX)
				log->len = 0;
			if (buf_add(log, chunk, (size_t)n) < 0)
				return;
		}
	}
}

/* The guest has opened its port: all that comes before is done. */
static int await_guest(struct qmp *q, struct err *e)
{
	json_t *data = NULL;
	const char *id;
	bool ours;
	int r;

	do {
		r = qmp_await(q, "VSERPORT_CHANGE", &data, e);
		if (r < 0)
			return r;
		id = json_string_value(json_object_get(data, "id"));
		ours = id && !strcmp(id, QEMU_WIRE_ID) &&
		       json_is_true(json_object_get(data, "open"));
		json_decref(data);
	} while (!ours);
	return 0;
}

static int await_written(struct qmp *q, struct err *e)
{
	for (;;) {
		json_t *data = NULL;
		const char *status;
		bool done, failed;
		int r = qmp_await(q, "MIGRATION", &data, e);

		if (r < 0)
			return r;
		status = json_string_value(json_object_get(data, "status"));
		done = status && !strcmp(status, "completed");
		failed = status && !strcmp(status, "failed");
		json_decref(data);
		if (failed)
			return err_set(e, EIO, "QEMU could not write its state");
		if (done)
			return 0;
	}
}

static int order(struct qmp *q, const char *text, int fd, struct err *e)
{
	int r = qmp_send(q, text, fd, e);

	return r < 0 ? r : qmp_await(q, NULL, NULL, e);
}

static int take(struct qmp *q, const struct machine *m, int state, struct buf *log, struct err *e)
{
	const struct timespec settle = { 0, SETTLE_MS * 1000000L };
	int r = order(q, CAPABILITIES, -1, e);

	if (r == 0)
		r = await_guest(q, e);
	if (r < 0)
		return r;
	nanosleep(&settle, NULL);
	r = order(q, "{\"execute\":\"stop\"}", -1, e);
	if (r == 0)
		r = order(q, IGNORE_SHARED, -1, e);
	if (r == 0)
		r = order(q, SET_CAPABILITY("events"), -1, e);
	if (r == 0)
		r = order(q, "{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"state\"}}", state,
			  e);
	if (r == 0)
		r = order(q, "{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"fd:state\"}}", -1,
			  e);
	if (r == 0)
		r = await_written(q, e);
	read_log(m, log);
	return r;
}

int freeze_make(const struct vm_spec *s, struct qemu_facts *f, const struct base *b, int memory,
		int state, const struct freeze_limit *limit, struct buf *log, struct err *e)
{
	struct machine m = MACHINE_INIT;
	struct qmp q = { .until = clock_ms() + limit->ms, .stop = limit->stop };
	int r;

	f->memory_fd = memory;
	f->state_fd = -1;
	r = machine_start(s, f, b, &m, e);
	q.fd = m.control;
	if (r == 0)
		r = take(&q, &m, state, log, e);
	/* Its memory is in the file's pages: a QEMU that is killed has written all it will. */
	read_log(&m, log);
	machine_kill(&m);
	read_log(&m, log);
	machine_free(&m);
	qmp_free(&q);
	return r;
}

int freeze_resume(int control, int state, const struct freeze_limit *limit, struct err *e)
{
	struct qmp q = { .fd = control, .until = clock_ms() + limit->ms, .stop = limit->stop };
	char text[sizeof(CAPABILITIES IGNORE_SHARED) + 80];
	int r;

	/* QEMU reads its monitor a byte at a time: what is not said is saved. */
	snprintf(text, sizeof(text),
		 CAPABILITIES IGNORE_SHARED
		 "{\"execute\":\"migrate-incoming\",\"arguments\":{\"uri\":\"fd:%d\"}}",
		 state);
	r = qmp_send(&q, text, -1, e);
	if (r == 0)
		r = qmp_await(&q, "RESUME", NULL, e);
	qmp_free(&q);
	return r;
}
