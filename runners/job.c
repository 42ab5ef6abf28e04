/* SPDX-License-Identifier: MIT */
/* A process in the guest, as the host sees it. Every request of the guest is checked. */
#include "runners/job.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int job_open(struct job *j, struct err *e)
{
	uint8_t room[8];
	struct wire_out o = { .p = room, .cap = sizeof(room) };

	j->out.ch = mux_open(j->mux, WIRE_SESSION, NULL, 0, MUX_WINDOW);
	wire_put_u32(&o, (uint32_t)j->out.ch);
	j->err.ch = mux_open(j->mux, WIRE_STDERR, o.p, o.n, MUX_WINDOW);
	if (j->out.ch < 0 || j->err.ch < 0)
		return err_set(e, EPROTO, "the wire is full");
	j->state = JOB_OPENING;
	return 0;
}

static int say_file(struct job *j)
{
	uint8_t room[64];
	struct wire_out o = { .p = room, .cap = sizeof(room) };
	struct wire_file f = { .size = j->file->size,
			       .at = j->file->at,
			       .sec = (uint64_t)j->file->mtime.tv_sec,
			       .nsec = (uint32_t)j->file->mtime.tv_nsec };

	if (j->file->way == STDIN_DISK)
		snprintf(f.serial, sizeof(f.serial), "%s", STDIN_SERIAL);
	wire_put_file(&o, &f);
	return mux_request(j->mux, j->out.ch, WIRE_FILE, false, o.p, o.n);
}

/* stdin as a file, as much of it as goes now. 1 = all of it is out, 0 = not yet. */
static int send_file(struct job *j, struct err *e)
{
	int r = 0;

	if (!j->file_bytes.len && j->file->way == STDIN_MEMORY &&
	    !stdin_file_load(j->file, &j->file_bytes)) {
		buf_free(&j->file_bytes);
		j->file = NULL;
		return 1;
	}
	if (!j->file_said)
		r = say_file(j);
	j->stalled = r == -EAGAIN;
	if (r < 0)
		return r == -EAGAIN ? 0 : err_code(e, -r, "send stdin");
	j->file_said = true;
	while (j->file_at < j->file_bytes.len) {
		void *p;
		size_t n = j->file_bytes.len - j->file_at;
		size_t room = mux_data_reserve(j->mux, j->out.ch, &p);

		j->stalled = !room && mux_send_window(j->mux, j->out.ch) > 0;
		if (!room)
			return 0;
		n = n < room ? n : room;
		memcpy(p, j->file_bytes.p + j->file_at, n);
		mux_data_commit(j->mux, j->out.ch, n);
		j->file_at += n;
	}
	buf_free(&j->file_bytes);
	r = job_end_input(j, e);
	return r < 0 ? r : 1;
}

/* stdin, pieces, then exec; as much as the output takes now. */
static int send_process(struct job *j, struct err *e)
{
	int r = j->file && !j->in_done ? send_file(j, e) : 1;

	if (r != 1)
		return r;
	while (j->process && j->piece_at < j->process_len) {
		uint8_t room[WIRE_PIECE_MAX + 4];
		struct wire_out o = { .p = room, .cap = sizeof(room) };
		size_t n = j->process_len - j->piece_at;

		n = n < WIRE_PIECE_MAX ? n : WIRE_PIECE_MAX;
		wire_put_string(&o, j->process + j->piece_at, n);
		r = mux_request(j->mux, j->out.ch, WIRE_PAYLOAD, false, o.p, o.n);
		j->stalled = r == -EAGAIN;
		if (r == -EAGAIN)
			return 0;
		if (r < 0)
			return err_code(e, -r, "send the payload");
		j->piece_at += n;
	}
	r = mux_request(j->mux, j->out.ch, WIRE_EXEC, true, NULL, 0);
	j->stalled = r == -EAGAIN;
	if (r == -EAGAIN)
		return 0;
	j->exec_sent = true;
	return r < 0 ? err_code(e, -r, "send exec") : 0;
}

int job_speak(struct job *j, struct err *e)
{
	struct sink *sinks[] = { &j->out, &j->err };
	int r = j->state == JOB_STARTING && !j->exec_sent ? send_process(j, e) : 0;

	for (size_t i = 0; i < ARRAY_SIZE(sinks); i++) {
		if (sinks[i]->eow_owed && j->state == JOB_RUNNING &&
		    mux_request(j->mux, sinks[i]->ch, WIRE_EOW, false, NULL, 0) != -EAGAIN)
			sinks[i]->eow_owed = false;
	}
	return r;
}

/* input */

bool job_wants_input(const struct job *j)
{
	return j->state == JOB_RUNNING && !j->in_done && mux_send_window(j->mux, j->out.ch) > 0;
}

int job_read(struct job *j, struct err *e)
{
	void *p;
	size_t room = mux_data_reserve(j->mux, j->out.ch, &p);
	ssize_t n;

	if (!room)
		return 0;
	n = stream_read(&j->in, p, room);
	mux_data_commit(j->mux, j->out.ch, n > 0 ? (size_t)n : 0);
	if (n > 0 || n == -EAGAIN)
		return 0;
	/* A terminal that is not ours any more says EIO; anything else would be lost input. */
	if (n < 0 && !(n == -EIO && j->in.tty))
		return err_code(e, (int)-n, "read stdin");
	return 1;
}

int job_end_input(struct job *j, struct err *e)
{
	j->in_done = true;
	return mux_eof(j->mux, j->out.ch) < 0 ? err_set(e, EPROTO, "stdin is closed twice") : 0;
}

/* events */

bool job_has(const struct job *j, int ch)
{
	return j->state != JOB_IDLE && (ch == j->out.ch || ch == j->err.ch);
}

static int on_started(struct job *j, struct err *e)
{
	j->state = JOB_RUNNING;
	return j->in.fd < 0 && !j->in_done ? job_end_input(j, e) : 0;
}

static int on_request(struct job *j, const struct mux_event *ev, struct err *e)
{
	if (!strcmp(ev->name, WIRE_EXIT)) {
		if (ev->channel != j->out.ch || wire_get_exit(ev->data, ev->len, &j->exit) < 0)
			return err_set(e, EPROTO, "the guest's exit record cannot be read");
		if (j->has_exit)
			return err_set(e, EPROTO, "the guest says twice how a process ended");
		j->has_exit = j->state == JOB_RUNNING;
	} else if (!strcmp(ev->name, WIRE_OFFSET)) {
		struct wire_in in = { .p = ev->data, .n = ev->len };
		uint64_t to = wire_get_u64(&in);

		if (in.bad || in.n || !j->file || ev->channel != j->out.ch || to > INT64_MAX)
			return err_set(e, EPROTO, "the guest's offset of stdin cannot be read");
		j->file->moved = true;
		j->file->to = to;
	} else if (!strcmp(ev->name, WIRE_EXEC_FAILED)) {
		if (wire_get_failure(ev->data, ev->len, &j->failure) < 0 || !j->failure.stage[0])
			return err_set(e, EPROTO, "the guest's failure record cannot be read");
	} else if (!strcmp(ev->name, WIRE_EOW) && ev->channel == j->out.ch && !j->in_done) {
		if (job_end_input(j, e) < 0)
			return err_set(e, EPROTO, "end of write after the end");
	}
	if (ev->want_reply && mux_reply(j->mux, ev->channel, false) < 0)
		return err_set(e, EPROTO, "a request that cannot be answered");
	return 0;
}

/* The guest has sent all that it will on this channel: CLOSE back. */
static int on_close(struct job *j, struct sink *k, struct err *e)
{
	k->peer_closed = true;
	k->eow_owed = false;
	sink_eof(k);
	if (mux_close(j->mux, k->ch) < 0)
		return err_set(e, EPROTO, "CLOSE out of order");
	if (k == &j->out) {
		j->state = JOB_CLOSED;
		j->in_done = true;
	}
	return 0;
}

int job_event(struct job *j, const struct mux_event *ev, struct err *e)
{
	struct sink *k = ev->channel == j->out.ch ? &j->out : &j->err;

	switch ((int)ev->kind) {
	case MUX_OPENED:
		if (++j->opened == 2)
			j->state = JOB_STARTING;
		return 0;
	case MUX_OPEN_FAILED:
		return err_set(e, EPROTO, "the guest refuses a channel");
	case MUX_DATA:
		if (k->peer_closed)
			return err_set(e, EPROTO, "data on a channel that is not open");
		sink_data(k, ev->data, ev->len);
		return 0;
	case MUX_EOF:
		sink_eof(k);
		return 0;
	case MUX_REQUEST:
		return on_request(j, ev, e);
	case MUX_REPLY:
		return ev->ok && j->state == JOB_STARTING && j->exec_sent ? on_started(j, e) : 0;
	case MUX_CLOSE:
		return on_close(j, k, e);
	}
	return 0;
}

bool job_is_over(const struct job *j)
{
	return j->state == JOB_CLOSED && !j->out.ring.len && !j->err.ring.len;
}

void job_close(struct job *j)
{
	stream_close(&j->in);
	buf_free(&j->file_bytes);
	sink_close(&j->out);
	sink_close(&j->err);
	*j = (struct job){ .state = JOB_IDLE, .in.fd = -1 };
}
