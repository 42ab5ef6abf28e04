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
#include "runners/session-copy.h"

int session_open(struct session *s, int closed, struct err *e)
{
	struct job *c = &s->command;

	s->phase = BOOTING;
	s->tty = (struct tty)TTY_INIT;
	s->copy = (struct copy)COPY_INIT;
	mux_init(&s->mux, MUX_HOST);
	c->mux = &s->mux;
	stream_open(&c->in, STDIN_FILENO, false, closed & 1 || s->spec->no_stdin);
	if (sink_open(&c->out, &s->mux, STDOUT_FILENO, closed & 2, "stdout") < 0 ||
	    sink_open(&c->err, &s->mux, STDERR_FILENO, closed & 4, "stderr") < 0)
		return err_memory(e);
	return 0;
}

void session_close(struct session *s)
{
	tty_restore(&s->tty);
	copy_stop(&s->copy);
	job_close(&s->copied);
	job_close(&s->command);
}

bool session_writable(const struct session *s)
{
	bool writable = s->spec->root && s->spec->root_mode == ROOT_RW;

	for (size_t i = 0; i < s->spec->ndisks; i++)
		writable |= !s->spec->disk[i].readonly;
	for (size_t i = 0; i < s->spec->nshares; i++)
		writable |= !s->spec->share[i].readonly;
	return writable;
}

bool session_disposable(const struct session *s)
{
	bool told = s->command.has_exit || s->command.failure.stage[0] || s->failure.stage[0];

	return s->phase == ENDING && told && !session_writable(s) && !vm_has_network(s->spec) &&
	       !s->spec->boot_log && !s->spec->debug;
}

/* input */

static bool reads_stdin(const struct session *s)
{
	return !s->spec->no_stdin && s->command.in.fd >= 0;
}

int session_input_fd(const struct session *s)
{
	return s->now && (job_wants_input(s->now) || session_copy_waits(s)) ? s->now->in.fd : -1;
}

/* The end of a copy counts when its writer says so (session-copy.c): it may have been cut. */
int session_feed(struct session *s, struct err *e)
{
	bool copied = s->now == &s->copied;
	int r;

	/* In the foreground without a signal: a shell's fg sends none to a job that runs. */
	if (tty_away(&s->tty))
		tty_again(&s->tty);
	r = session_copy_waits(s) ? session_copy_look(s, e) : job_read(s->now, e);
	if (r < 0 && copied)
		return session_copy_refused(s, s->copy.what->host, e);
	if (r <= 0)
		return r;
	if (!copied)
		return job_end_input(s->now, e);
	session_copy_close(s);
	return 0;
}

bool session_stalled(const struct session *s)
{
	return s->now && s->now->stalled;
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
		return err_memory(e);
	o.p = room;
	if (getrandom(b.entropy, sizeof(b.entropy), 0) != (ssize_t)sizeof(b.entropy))
		return err_sys(e, "getrandom");
	clock_gettime(CLOCK_REALTIME, &t);
	b.sec = s->spec->strict ? RECORD_EPOCH : (uint64_t)t.tv_sec;
	b.nsec = s->spec->strict ? 0 : (uint32_t)t.tv_nsec;
	wire_put_boot(&o, &b);
	explicit_bzero(b.entropy, sizeof(b.entropy));
	if (o.overflow || mux_global(&s->mux, WIRE_BOOT, true, o.p, o.n) < 0)
		return err_set(e, E2BIG, "the machine half is too long");
	s->asked++;
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
	if (mux_request(&s->mux, s->command.out.ch, WIRE_PTY, false, o.p, o.n) < 0)
		return err_set(e, EPROTO, "the wire is full at its start");
	return tty_take(&s->tty, reads_stdin(s), e);
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
		if (mux_request(&s->mux, s->command.out.ch, WIRE_SIGNAL, false, o.p, o.n) !=
		    -EAGAIN)
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
	s->winch = mux_request(&s->mux, s->command.out.ch, WIRE_WINCH, false, o.p, o.n) == -EAGAIN;
}

void session_ask(struct session *s)
{
	/* A full wire that nobody reads is silence, too. */
	if (mux_global(&s->mux, WIRE_KEEPALIVE, true, NULL, 0) == 0)
		s->asked++;
}

/* end */

bool session_collected(const struct session *s)
{
	return s->collect_nothing || (!s->copy.what && s->copied_out == s->spec->nout);
}

static void send_finish(struct session *s)
{
	if (s->finish_sent || !session_writable(s))
		return;
	if (mux_global(&s->mux, WIRE_FINISH, true, NULL, 0) < 0)
		return;
	s->finish_sent = s->unfinished = true;
	s->finish_number = ++s->asked;
}

static void send_end(struct session *s)
{
	/* What is typed from here on is the shell's. */
	if (s->command.state == JOB_CLOSED && !s->command.out.ring.len)
		tty_restore(&s->tty);
	if (s->phase == FINISHING && !s->unfinished && mux_disconnect(&s->mux, "done") != -EAGAIN)
		s->phase = ENDING;
}

/* one after the other */

/* Whose turn is it now? */
static int next_job(struct session *s, struct err *e)
{
	const struct vm_spec *v = s->spec;

	if (s->phase == SETTING && s->times_next)
		return session_copy_begin(s, &v->in[s->copied_in - 1], COPY_TIMES, e);
	if (s->phase == SETTING && s->copied_in < v->nin)
		return session_copy_begin(s, &v->in[s->copied_in++], COPY_IN, e);
	if (s->phase == SETTING && s->command.state == JOB_IDLE) {
		s->now = &s->command;
		return job_open(s->now, e);
	}
	if (s->phase != COLLECTING)
		return 0;
	while (s->copied_out < v->nout && !s->collect_nothing) {
		const struct vm_copy *what = &v->out[s->copied_out++];
		struct err why = { 0 };

		if (session_copy_begin(s, what, COPY_OUT, &why) == 0)
			return 0;
		session_copy_left(s, &why);
	}
	s->phase = FINISHING;
	send_finish(s);
	return 0;
}

/* A boot or a command that failed ends here, too. */
static int move_on(struct session *s, struct err *e)
{
	if (s->phase == SETTING && s->failure.stage[0])
		s->phase = FINISHING;
	if (s->now == &s->copied && session_copy_go(s, e) < 0)
		return -e->code;
	if (s->now == &s->command && s->command.state == JOB_RUNNING)
		s->phase = RUNNING;
	if (s->now == &s->command && s->command.state == JOB_CLOSED) {
		/* All of it may have come at once. */
		s->phase = s->phase == RUNNING || s->command.has_exit ? COLLECTING : FINISHING;
		s->collect_nothing |= !s->command.has_exit;
		s->now = NULL;
	}
	return s->now ? 0 : next_job(s, e);
}

int session_speak(struct session *s, struct err *e)
{
	int r = s->phase > BOOTING ? move_on(s, e) : 0;

	if (r == 0 && s->now)
		r = job_speak(s->now, e);
	if (s->phase == RUNNING)
		send_signals(s);
	send_winch(s);
	send_end(s);
	return r;
}

/* events */

static int on_hello(struct session *s, struct err *e)
{
	s->phase = SETTING;
	return send_boot(s, e);
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

/* The terminal is there before the command is. */
static int on_channel(struct session *s, const struct mux_event *ev, struct err *e)
{
	struct job *all[] = { &s->copied, &s->command };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct job *j = all[i];
		enum job_state before = j->state;
		int r;

		if (!job_has(j, ev->channel))
			continue;
		r = s->phase == ENDING ? 0 : job_event(j, ev, e);
		if (r == 0 && j == &s->command && before == JOB_OPENING && j->state == JOB_STARTING)
			r = send_pty(s, e);
		return r;
	}
	return ev->kind == MUX_DATA ? err_set(e, EPROTO, "data on a channel that is not open") : 0;
}

static int handle(struct session *s, const struct mux_event *ev, struct err *e)
{
	switch (ev->kind) {
	case MUX_HELLO:
		return on_hello(s, e);
	case MUX_GLOBAL:
		return on_global(s, ev, e);
	case MUX_GLOBAL_REPLY:
		on_global_reply(s, ev->ok);
		return 0;
	case MUX_OPEN:
		return mux_reject(&s->mux, ev->channel) < 0
			       ? err_set(e, EPROTO, "a channel at the end")
			       : 0;
	case MUX_DISCONNECT:
		return err_set(e, EPROTO, "the guest hung up");
	case MUX_DEBUG:
		msg_debug("guest: %.*s", (int)(ev->len < 400 ? ev->len : 400),
			  (const char *)ev->data);
		return 0;
	case MUX_OPENED:
	case MUX_OPEN_FAILED:
	case MUX_DATA:
	case MUX_EOF:
	case MUX_REQUEST:
	case MUX_REPLY:
	case MUX_CLOSE:
		return on_channel(s, ev, e);
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
