/* SPDX-License-Identifier: MIT */
/*
 * The agent: one poll loop over signals, the wire and the streams of its sessions. It reaps every
 * child, its own and those that were left to PID 1. Only the host's DISCONNECT, or a lost wire,
 * ends it.
 *
 * The set of descriptors is small and is made anew for each turn from what the sessions can do
 * now, so there is no registered state that could go stale: that is why it is poll.
 */
#include "init/agent.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "init/link.h"
#include "init/session.h"
#include "lib/cleanup.h"

#define SESSIONS 16u
#define HOST_READS_MS 10000 /* a host that takes nothing for so long is gone */

struct agent {
	struct guest *g;
	struct link *link;
	struct mux *mux; /* the link's */
	int sigfd;
	bool disconnect;
	const struct payload_process *line; /* the command line's, until it was taken */
	struct session session[SESSIONS];
};

static struct session *by_channel(struct agent *a, int ch)
{
	for (size_t i = 0; i < SESSIONS; i++) {
		if (a->session[i].used && (a->session[i].ch == ch || a->session[i].err.ch == ch))
			return &a->session[i];
	}
	return NULL;
}

/* A small request. -EINVAL from the mux: the host has closed the channel, nobody wants to know. */
static int say(struct agent *a, int ch, const char *name, const struct wire_out *o, struct err *e)
{
	while (mux_request(a->mux, ch, name, false, o->p, o->n) == -EAGAIN) {
		int r = link_drain(a->link, HOST_READS_MS, e);

		if (r < 0)
			return r;
	}
	return 0;
}

/* exec */

static int say_failure(struct agent *a, int ch, const char *stage, const struct err *why,
		       struct err *e)
{
	uint8_t room[WIRE_FAILURE_MAX];
	struct wire_out o = { .p = room, .cap = sizeof(room) };
	struct wire_failure f;

	wire_failure_set(&f, stage, why->code, why->msg);
	wire_put_failure(&o, &f);
	return say(a, ch, WIRE_EXEC_FAILED, &o, e);
}

static int on_exec(struct agent *a, struct session *s, struct err *e)
{
	const struct payload_process *line = a->line;
	const char *stage = "";
	struct err why = { 0 };
	int r;

	if (s->started || s->ended)
		return mux_reply(a->mux, s->ch, false);
	if (!s->text.len)
		a->line = NULL;
	if (session_start(s, line, &stage, &why) == 0) {
		session_pump(s, a->mux);
		return mux_reply(a->mux, s->ch, true);
	}
	r = mux_reply(a->mux, s->ch, false);
	if (r == 0)
		r = say_failure(a, s->ch, stage, &why, e);
	session_failed(s, a->mux);
	return r;
}

/* requests */

static int on_pty(struct session *s, const struct mux_event *ev)
{
	if (s->started || wire_get_pty(ev->data, ev->len, &s->pty) < 0)
		return -EINVAL;
	s->has_pty = true;
	return 0;
}

static int on_file(struct session *s, const struct mux_event *ev)
{
	struct wire_file f;

	return wire_get_file(ev->data, ev->len, &f) < 0 ? -EINVAL : session_file(s, &f);
}

static int on_winch(struct session *s, const struct mux_event *ev)
{
	struct wire_winsize size;

	if (wire_get_winsize(ev->data, ev->len, &size) < 0)
		return -EINVAL;
	return session_winsize(s, &size);
}

static int on_signal(struct session *s, const struct mux_event *ev)
{
	struct wire_in in = { .p = ev->data, .n = ev->len };
	size_t n;
	const uint8_t *name = wire_get_string(&in, &n);
	int sig = in.bad || in.n ? 0 : wire_signal_number(name, n);

	if (!sig || !s->started || s->ended)
		return -EINVAL;
	/* Its own session and group: the child and whatever stayed with it. */
	return kill(-s->pid, sig) < 0 ? -errno : 0;
}

static int on_piece(struct session *s, const struct mux_event *ev)
{
	struct wire_in in = { .p = ev->data, .n = ev->len };
	size_t n;
	const uint8_t *piece = wire_get_string(&in, &n);

	return in.bad || in.n ? -EINVAL : session_piece(s, piece, n);
}

static int on_request(struct agent *a, const struct mux_event *ev, struct err *e)
{
	struct session *s = by_channel(a, ev->channel);
	bool main = s && ev->channel == s->ch;
	int r = -EINVAL;

	if (main && !strcmp(ev->name, WIRE_EXEC) && ev->want_reply)
		return on_exec(a, s, e);
	if (s && !strcmp(ev->name, WIRE_EOW)) {
		session_eow(s, a->mux, ev->channel);
		r = 0;
	} else if (main && !strcmp(ev->name, WIRE_PAYLOAD)) {
		r = on_piece(s, ev);
	} else if (main && !strcmp(ev->name, WIRE_SIGNAL)) {
		r = on_signal(s, ev);
	} else if (main && !strcmp(ev->name, WIRE_PTY)) {
		r = on_pty(s, ev);
	} else if (main && !strcmp(ev->name, WIRE_FILE)) {
		r = on_file(s, ev);
	} else if (main && !strcmp(ev->name, WIRE_WINCH)) {
		r = on_winch(s, ev);
	}
	return ev->want_reply ? mux_reply(a->mux, ev->channel, r == 0) : 0;
}

/* channels */

static int open_session(struct agent *a, int ch)
{
	for (size_t i = 0; i < SESSIONS; i++) {
		struct session *s = &a->session[i];

		if (s->used)
			continue;
		if (ring_init(&s->ring, MUX_WINDOW) < 0)
			break;
		s->used = true;
		s->ch = s->out.ch = ch;
		return mux_accept(a->mux, ch, MUX_WINDOW);
	}
	return mux_reject(a->mux, ch);
}

/* It names the session that it belongs to by the host's number of that channel. */
static int open_stderr(struct agent *a, const struct mux_event *ev)
{
	struct wire_in in = { .p = ev->data, .n = ev->len };
	uint32_t peer = wire_get_u32(&in);

	for (size_t i = 0; i < SESSIONS && !in.bad && !in.n; i++) {
		struct session *s = &a->session[i];

		if (s->used && !s->started && !s->ended && s->err.ch < 0 &&
		    mux_peer(a->mux, s->ch) == peer) {
			s->err.ch = ev->channel;
			return mux_accept(a->mux, ev->channel, 0);
		}
	}
	return mux_reject(a->mux, ev->channel);
}

static int on_open(struct agent *a, const struct mux_event *ev)
{
	if (!strcmp(ev->name, WIRE_SESSION))
		return open_session(a, ev->channel);
	if (!strcmp(ev->name, WIRE_STDERR))
		return open_stderr(a, ev);
	return mux_reject(a->mux, ev->channel);
}

/* CLOSE from the host ends the session for good, also when it had not ended by itself. */
static void drop_channel(struct agent *a, struct session *s, int ch)
{
	if (ch == s->err.ch) {
		session_eow(s, a->mux, ch);
		s->err.ch = -1;
		return;
	}
	if (s->started && !s->ended)
		kill(-s->pid, SIGKILL);
	if (s->err.ch >= 0 && mux_close(a->mux, s->err.ch) < 0)
		s->err.ch = -1; /* it was closed before */
	session_free(s);
}

/* The sessions are over: everything ends and is written back before the host may say 0. */
static int on_finish(struct agent *a)
{
	uint8_t room[WIRE_FAILURE_MAX];
	struct wire_out o = { .p = room, .cap = sizeof(room) };
	struct err why = { 0 };
	struct wire_failure f;
	int r = power_clean(a->g, &why);

	if (r == 0)
		return mux_global_reply(a->mux, true);
	wire_failure_set(&f, "write back", why.code, why.msg);
	wire_put_failure(&o, &f);
	r = mux_global(a->mux, WIRE_FAILED, false, o.p, o.n);
	return r < 0 ? r : mux_global_reply(a->mux, false);
}

/* events */

static int on_global(struct agent *a, const struct mux_event *ev)
{
	if (!ev->want_reply)
		return 0;
	if (!strcmp(ev->name, WIRE_FINISH))
		return on_finish(a);
	return mux_global_reply(a->mux, !strcmp(ev->name, WIRE_KEEPALIVE));
}

static void on_data(struct agent *a, struct session *s, const struct mux_event *ev)
{
	if (s && ev->channel == s->ch)
		session_data(s, a->mux, ev->data, ev->len);
	else
		mux_consumed(a->mux, ev->channel, ev->len);
}

static int handle(struct agent *a, const struct mux_event *ev, struct err *e)
{
	struct session *s = by_channel(a, ev->channel);
	int r;

	switch (ev->kind) {
	case MUX_OPEN:
		return on_open(a, ev);
	case MUX_REQUEST:
		return on_request(a, ev, e);
	case MUX_DATA:
		on_data(a, s, ev);
		return 0;
	case MUX_EOF:
		if (s && ev->channel == s->ch)
			session_eof(s, a->mux);
		return 0;
	case MUX_CLOSE:
		r = mux_close(a->mux, ev->channel);
		if (s)
			drop_channel(a, s, ev->channel);
		return r;
	case MUX_CLOSED:
		if (s)
			drop_channel(a, s, ev->channel);
		return 0;
	case MUX_GLOBAL:
		return on_global(a, ev);
	case MUX_DISCONNECT:
		a->disconnect = true;
		return 0;
	case MUX_HELLO:
	case MUX_GLOBAL_REPLY:
	case MUX_OPENED:
	case MUX_OPEN_FAILED:
	case MUX_WRITABLE:
	case MUX_REPLY:
	case MUX_DEBUG:
		return 0;
	}
	return 0;
}

static int on_wire(struct agent *a, struct err *e)
{
	struct mux_event ev;
	int r;

	while (!a->disconnect && (r = link_event(a->link, &ev, e)) != 0) {
		if (r < 0)
			return r;
		r = handle(a, &ev, e);
		if (r < 0)
			return e->code ? r : err_code(e, -r, "event %d of the wire", (int)ev.kind);
	}
	return 0;
}

static void on_children(struct agent *a)
{
	struct proc_status st;
	pid_t pid;

	while ((pid = proc_reap(&st)) > 0) {
		for (size_t i = 0; i < SESSIONS; i++) {
			struct session *s = &a->session[i];

			if (s->used && s->started && !s->ended && s->pid == pid)
				session_ended(s, a->mux, &st);
		}
	}
}

/* Where the command has left the file that it had as stdin, and all who share it with it. */
static int say_offset(struct agent *a, const struct session *s, struct err *e)
{
	uint8_t room[8];
	struct wire_out o = { .p = room, .cap = sizeof(room) };
	off_t at = s->file.fd < 0 ? -1 : lseek(s->file.fd, 0, SEEK_CUR);

	if (at < 0)
		return 0;
	wire_put_u64(&o, (uint64_t)at);
	return say(a, s->ch, WIRE_OFFSET, &o, e);
}

/* Everything is sent: say how it ended, then CLOSE. */
static int finish(struct agent *a, struct session *s, struct err *e)
{
	uint8_t room[64];
	struct wire_out o = { .p = room, .cap = sizeof(room) };
	struct wire_exit x = { .status = s->status };
	int r = 0;

	if (!s->ended || s->out.fd >= 0 || s->err.fd >= 0)
		return 0;
	/* In this order on the wire, too: the session's CLOSE is the last thing. */
	if (s->err.ch >= 0 && mux_close(a->mux, s->err.ch) == 0)
		s->err.ch = -1;
	if (!s->exit_said) {
		r = say_offset(a, s, e);
		wire_put_exit(&o, &x);
		if (r == 0)
			r = say(a, s->ch, WIRE_EXIT, &o, e);
		s->exit_said = true;
	}
	if (mux_close(a->mux, s->ch) < 0)
		return r; /* it was said before, and the host has not answered yet */
	return r;
}

static int serve(struct agent *a, struct session *s, struct err *e)
{
	struct wire_out none = { .p = NULL };
	int r = 0;

	if (s->started && (s->ring.len || s->in_eof))
		session_pump(s, a->mux);
	if (s->in_eow_owed)
		r = say(a, s->ch, WIRE_EOW, &none, e);
	s->in_eow_owed = false;
	if (r < 0)
		return r;
	session_send(s, a->mux);
	return finish(a, s, e);
}

/* loop */

struct slots {
	struct pollfd p[2 + 3 * SESSIONS];
	struct session *in[2 + 3 * SESSIONS]; /* whose stdin it is, or NULL */
	nfds_t n;
};

static void slot(struct slots *t, int fd, int events, struct session *in)
{
	t->in[t->n] = in;
	t->p[t->n++] = (struct pollfd){ .fd = fd, .events = (short)events };
}

static void slot_source(struct slots *t, const struct agent *a, const struct source *src)
{
	if (src->fd >= 0 && src->ch >= 0 && mux_send_window(a->mux, src->ch) > 0)
		slot(t, src->fd, POLLIN, NULL);
}

static void slot_session(struct slots *t, const struct agent *a, struct session *s, bool blocked)
{
	if (s->in >= 0 && (s->ring.len || s->in_eof))
		slot(t, s->in, POLLOUT, s);
	else if (s->in >= 0 && !s->has_pty)
		slot(t, s->in, 0, s); /* POLLERR says that the reader is gone */
	if (blocked)
		return;
	slot_source(t, a, &s->out);
	slot_source(t, a, &s->err);
}

/* One turn: wait for what can be done now. */
static int turn(struct agent *a, struct err *e)
{
	struct slots t = { .n = 0 };
	int r = link_flush(a->link, e);

	if (r < 0)
		return r;
	slot(&t, a->sigfd, POLLIN, NULL);
	slot(&t, a->link->fd, POLLIN | (r ? POLLOUT : 0), NULL);
	for (size_t i = 0; i < SESSIONS; i++) {
		if (a->session[i].used && a->session[i].started)
			slot_session(&t, a, &a->session[i], r > 0);
	}
	if (poll(t.p, t.n, -1) < 0)
		return errno == EINTR ? 0 : err_sys(e, "poll");
	if (t.p[0].revents) {
		struct signalfd_siginfo si[8];

		while (read(a->sigfd, si, sizeof(si)) > 0)
			;
		on_children(a);
	}
	for (nfds_t i = 2; i < t.n; i++) {
		if (t.in[i] && t.p[i].revents & POLLERR && !t.in[i]->has_pty)
			session_in_broken(t.in[i], a->mux);
	}
	r = t.p[1].revents & (POLLIN | POLLHUP | POLLERR) ? link_fill(a->link, e) : 0;
	return r < 0 ? r : on_wire(a, e);
}

static int watch_children(struct agent *a, struct err *e)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	a->sigfd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return a->sigfd < 0 ? err_sys(e, "signalfd") : 0;
}

int agent_run(struct guest *g, struct err *e)
{
	cleanup_free struct agent *a = calloc(1, sizeof(*a));
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	int r;

	if (!a)
		return err_memory(e);
	a->g = g;
	a->link = g->link;
	a->mux = &g->link->mux;
	a->line = g->process;
	for (size_t i = 0; i < SESSIONS; i++)
		session_init(&a->session[i]);
	/* A broken pipe is an errno here; children get the default back. */
	sigaction(SIGPIPE, &ignore, NULL);
	r = watch_children(a, e);
	if (r == 0)
		r = on_wire(a, e); /* what came right behind boot@execvm */
	while (r == 0 && !a->disconnect) {
		for (size_t i = 0; i < SESSIONS && r == 0; i++) {
			if (a->session[i].used)
				r = serve(a, &a->session[i], e);
		}
		if (r == 0)
			r = turn(a, e);
	}
	return r;
}
