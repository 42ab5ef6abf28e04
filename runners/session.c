/* SPDX-License-Identifier: MIT */
/* The conversation of one run. The guest is not trusted: every request of it is checked. */
#include "runners/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/msg.h"

int session_open(struct session *s, int closed, struct err *e)
{
	s->phase = BOOTING;
	s->tty = (struct tty)TTY_INIT;
	mux_init(&s->mux, MUX_HOST);
	stream_open(&s->in, STDIN_FILENO, false, closed & 1);
	if (sink_open(&s->out, &s->mux, STDOUT_FILENO, closed & 2, "stdout") < 0 ||
	    sink_open(&s->err, &s->mux, STDERR_FILENO, closed & 4, "stderr") < 0)
		return err_set(e, ENOMEM, "out of memory");
	return 0;
}

void session_close(struct session *s)
{
	tty_restore(&s->tty);
	stream_close(&s->in);
	sink_close(&s->out);
	sink_close(&s->err);
}

bool session_writable(const struct session *s)
{
	bool writable = s->spec->root && s->spec->root_mode == ROOT_RW;

	for (size_t i = 0; i < s->spec->ndisks; i++)
		writable |= !s->spec->disk[i].readonly;
	return writable;
}

/* stdin */

static bool reads_stdin(const struct session *s)
{
	return !s->spec->no_stdin && s->in.fd >= 0;
}

bool session_wants_stdin(const struct session *s)
{
	return s->phase == RUNNING && !s->in_done && mux_send_window(&s->mux, s->out.ch) > 0;
}

int session_stdin(struct session *s, struct err *e)
{
	void *p;
	size_t room = mux_data_reserve(&s->mux, s->out.ch, &p);
	ssize_t n;

	/* In the foreground without a signal: a shell's fg sends none to a job that runs. */
	if (tty_away(&s->tty))
		tty_again(&s->tty);
	if (!room)
		return 0;
	n = stream_read(&s->in, p, room);
	mux_data_commit(&s->mux, s->out.ch, n > 0 ? (size_t)n : 0);
	if (n > 0 || n == -EAGAIN)
		return 0;
	s->in_done = true;
	/* A terminal that is not ours any more says EIO; anything else would be lost input. */
	if (n < 0 && !(n == -EIO && s->in.tty))
		return err_code(e, (int)-n, "read stdin");
	return mux_eof(&s->mux, s->out.ch) < 0 ? err_set(e, EPROTO, "stdin is closed twice") : 0;
}

/* set-up */

static int send_boot(struct session *s, struct err *e)
{
	cleanup_free uint8_t *room = NULL;
	struct wire_boot b = { .machine = s->machine, .machine_len = s->machine_len };
	struct wire_out o = { .cap = b.machine_len + 256 };
	struct timespec t;

	room = malloc(o.cap);
	if (!room)
		return err_set(e, ENOMEM, "out of memory");
	o.p = room;
	if (getrandom(b.entropy, sizeof(b.entropy), 0) != (ssize_t)sizeof(b.entropy))
		return err_sys(e, "getrandom");
	clock_gettime(CLOCK_REALTIME, &t);
	b.sec = (uint64_t)t.tv_sec;
	b.nsec = (uint32_t)t.tv_nsec;
	wire_put_boot(&o, &b);
	explicit_bzero(b.entropy, sizeof(b.entropy));
	if (o.overflow || mux_global(&s->mux, WIRE_BOOT, true, o.p, o.n) < 0)
		return err_set(e, E2BIG, "the machine half is too long");
	s->asked++;
	return 0;
}

static int on_hello(struct session *s, struct err *e)
{
	uint8_t room[8];
	struct wire_out o = { .p = room, .cap = sizeof(room) };
	int r;

	s->phase = SETTING;
	r = send_boot(s, e);
	if (r < 0)
		return r;
	s->out.ch = mux_open(&s->mux, WIRE_SESSION, NULL, 0, MUX_WINDOW);
	wire_put_u32(&o, (uint32_t)s->out.ch);
	s->err.ch = mux_open(&s->mux, WIRE_STDERR, o.p, o.n, MUX_WINDOW);
	if (s->out.ch < 0 || s->err.ch < 0)
		return err_set(e, EPROTO, "the wire is full at its start");
	return 0;
}

static int send_pty(struct session *s, struct err *e)
{
	struct wire_pty t = { .term = "" };
	const char *term = getenv("TERM");
	uint8_t room[256];
	struct wire_out o = { .p = room, .cap = sizeof(room) };

	if (!s->spec->tty)
		return 0;
	snprintf(t.term, sizeof(t.term), "%.63s", term ? term : "dumb");
	tty_size(&t.size);
	wire_put_pty(&o, &t);
	if (mux_request(&s->mux, s->out.ch, WIRE_PTY, false, o.p, o.n) < 0)
		return err_set(e, EPROTO, "the wire is full at its start");
	return tty_take(&s->tty, reads_stdin(s), e);
}

/* Pieces, then exec; as much as the output takes now. */
static int send_process(struct session *s, struct err *e)
{
	int r;

	if (s->phase != SETTING || s->opened < 2 || s->exec_sent)
		return 0;
	while (s->process && s->piece_at < s->process_len) {
		uint8_t room[WIRE_PIECE_MAX + 4];
		struct wire_out o = { .p = room, .cap = sizeof(room) };
		size_t n = s->process_len - s->piece_at;

		n = n < WIRE_PIECE_MAX ? n : WIRE_PIECE_MAX;
		wire_put_string(&o, s->process + s->piece_at, n);
		r = mux_request(&s->mux, s->out.ch, WIRE_PAYLOAD, false, o.p, o.n);
		s->stalled = r == -EAGAIN;
		if (r == -EAGAIN)
			return 0;
		if (r < 0)
			return err_code(e, -r, "send the payload");
		s->piece_at += n;
	}
	r = mux_request(&s->mux, s->out.ch, WIRE_EXEC, true, NULL, 0);
	s->stalled = r == -EAGAIN;
	if (r == -EAGAIN)
		return 0;
	s->exec_sent = true;
	return r < 0 ? err_code(e, -r, "send exec") : 0;
}

/* running */

static void send_signals(struct session *s)
{
	for (int sig = 1; s->pending && sig < 32; sig++) {
		uint8_t room[32];
		struct wire_out o = { .p = room, .cap = sizeof(room) };

		if (!(s->pending >> sig & 1))
			continue;
		wire_put_text(&o, wire_signal_name(sig));
		if (mux_request(&s->mux, s->out.ch, WIRE_SIGNAL, false, o.p, o.n) != -EAGAIN)
			s->pending &= ~(1ull << sig);
	}
}

static void send_winch(struct session *s)
{
	uint8_t room[32];
	struct wire_out o = { .p = room, .cap = sizeof(room) };
	struct wire_winsize w;

	if (!s->winch || !s->spec->tty || s->phase != RUNNING)
		return;
	tty_size(&w);
	wire_put_winsize(&o, &w);
	s->winch = mux_request(&s->mux, s->out.ch, WIRE_WINCH, false, o.p, o.n) == -EAGAIN;
}

void session_ask(struct session *s)
{
	/* A full wire that nobody reads is silence, too. */
	if (mux_global(&s->mux, WIRE_KEEPALIVE, true, NULL, 0) == 0)
		s->asked++;
}

/* end */

static void send_finish(struct session *s)
{
	if (s->finish_sent || !session_writable(s))
		return;
	if (mux_global(&s->mux, WIRE_FINISH, true, NULL, 0) < 0)
		return;
	s->finish_sent = s->unfinished = true;
	s->finish_number = ++s->asked;
}

/* The session is over, or never began: write back if there is something, then DISCONNECT. */
static void send_end(struct session *s)
{
	bool boot_failed = s->failure.stage[0] && !s->exec_failure;

	/* What is typed from here on is the shell's. */
	if (s->closed && !s->out.ring.len)
		tty_restore(&s->tty);
	if (s->phase == RUNNING && s->closed) {
		s->phase = FINISHING;
		send_finish(s);
	}
	if (s->phase == SETTING && (boot_failed || s->closed))
		s->phase = FINISHING;
	if (s->phase == FINISHING && !s->unfinished && mux_disconnect(&s->mux, "done") != -EAGAIN)
		s->phase = ENDING;
}

int session_speak(struct session *s, struct err *e)
{
	struct sink *sinks[] = { &s->out, &s->err };
	int r = send_process(s, e);

	for (size_t i = 0; i < ARRAY_SIZE(sinks); i++) {
		if (sinks[i]->eow_owed && s->phase == RUNNING &&
		    mux_request(&s->mux, sinks[i]->ch, WIRE_EOW, false, NULL, 0) != -EAGAIN)
			sinks[i]->eow_owed = false;
	}
	send_signals(s);
	send_winch(s);
	send_end(s);
	return r;
}

/* events */

static int on_started(struct session *s, struct err *e)
{
	s->phase = RUNNING;
	s->in_done = !reads_stdin(s);
	if (s->in_done && mux_eof(&s->mux, s->out.ch) < 0)
		return err_set(e, EPROTO, "the session is closed at its start");
	return 0;
}

static int on_request(struct session *s, const struct mux_event *ev, struct err *e)
{
	if (!strcmp(ev->name, WIRE_EXIT)) {
		if (ev->channel != s->out.ch || wire_get_exit(ev->data, ev->len, &s->exit) < 0)
			return err_set(e, EPROTO, "the guest's exit record cannot be read");
		s->has_exit = s->phase == RUNNING;
	} else if (!strcmp(ev->name, WIRE_EXEC_FAILED)) {
		if (wire_get_failure(ev->data, ev->len, &s->failure) < 0 || !s->failure.stage[0])
			return err_set(e, EPROTO, "the guest's failure record cannot be read");
		s->exec_failure = true;
	} else if (!strcmp(ev->name, WIRE_EOW) && ev->channel == s->out.ch) {
		if (!s->in_done && mux_eof(&s->mux, s->out.ch) < 0)
			return err_set(e, EPROTO, "end of write after the end");
		s->in_done = true;
	}
	if (ev->want_reply && mux_reply(&s->mux, ev->channel, false) < 0)
		return err_set(e, EPROTO, "a request that cannot be answered");
	return 0;
}

static int on_global(struct session *s, const struct mux_event *ev, struct err *e)
{
	if (!strcmp(ev->name, WIRE_FAILED)) {
		if (wire_get_failure(ev->data, ev->len, &s->failure) < 0 || !s->failure.stage[0])
			return err_set(e, EPROTO, "the guest's failure record cannot be read");
		return 0;
	}
	if (ev->want_reply && mux_global_reply(&s->mux, false) < 0)
		return err_set(e, EPROTO, "a request that cannot be answered");
	return 0;
}

static void on_global_reply(struct session *s, bool ok)
{
	if (++s->answered == s->finish_number && s->unfinished) {
		s->unfinished = false;
		s->written_back = ok;
	}
}

/* The guest has sent all that it will on this channel: CLOSE back. */
static int on_close(struct session *s, struct sink *k, struct err *e)
{
	k->peer_closed = true;
	k->eow_owed = false;
	sink_eof(k);
	if (mux_close(&s->mux, k->ch) < 0 && s->phase != ENDING)
		return err_set(e, EPROTO, "CLOSE out of order");
	if (k == &s->out)
		s->closed = s->in_done = true;
	return 0;
}

static struct sink *sink_of(struct session *s, int ch)
{
	if (ch == s->out.ch)
		return &s->out;
	return ch == s->err.ch ? &s->err : NULL;
}

static int handle(struct session *s, const struct mux_event *ev, struct err *e)
{
	struct sink *k = sink_of(s, ev->channel);

	switch (ev->kind) {
	case MUX_HELLO:
		return on_hello(s, e);
	case MUX_OPENED:
		return ++s->opened == 2 ? send_pty(s, e) : 0;
	case MUX_OPEN_FAILED:
		return err_set(e, EPROTO, "the guest refuses a channel");
	case MUX_DATA:
		if (!k || k->peer_closed)
			return err_set(e, EPROTO, "data on a channel that is not open");
		sink_data(k, ev->data, ev->len);
		return 0;
	case MUX_REQUEST:
		return on_request(s, ev, e);
	case MUX_REPLY:
		return ev->ok && s->phase == SETTING && s->exec_sent ? on_started(s, e) : 0;
	case MUX_GLOBAL:
		return on_global(s, ev, e);
	case MUX_GLOBAL_REPLY:
		on_global_reply(s, ev->ok);
		return 0;
	case MUX_OPEN:
		return mux_reject(&s->mux, ev->channel) < 0
			       ? err_set(e, EPROTO, "a channel at the end")
			       : 0;
	case MUX_CLOSE:
		return k ? on_close(s, k, e) : 0;
	case MUX_DISCONNECT:
		return err_set(e, EPROTO, "the guest hung up");
	case MUX_DEBUG:
		msg_debug("guest: %.*s", (int)(ev->len < 400 ? ev->len : 400),
			  (const char *)ev->data);
		return 0;
	case MUX_EOF:
		if (k)
			sink_eof(k);
		return 0;
	case MUX_WRITABLE:
	case MUX_CLOSED:
		return 0;
	}
	return 0;
}

int session_input(struct session *s, const void *p, size_t n, struct err *e)
{
	size_t at = 0;

	for (;;) {
		struct mux_event ev;
		size_t used;
		int r = mux_input(&s->mux, (const char *)p + at, n - at, &used, &ev, e);

		at += used;
		if (r == 0)
			return 0;
		if (r < 0)
			return r;
		r = handle(s, &ev, e);
		if (r < 0)
			return err_wrap(e, "wire");
	}
}
