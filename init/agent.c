/* SPDX-License-Identifier: MIT */
/*
 * The agent: one poll loop over signals, the wire and the pipes or terminals of its children.
 *
 * A session channel is a process. What comes for its stdin goes straight into the pipe, and into
 * the session's ring when the pipe is full; only what has left the ring is given back to the host
 * as window, so a ring of one window is always enough. stdout and stderr are read only when their
 * channel has window, straight into the mux's output.
 *
 * The end of a command, in this order: the child is reaped; what is in its pipes at that moment is
 * sent (all that it wrote itself is there; what orphans add later is not its output); EOF on both
 * streams; exit@execvm; CLOSE. The host's CLOSE says that it has every byte. Only its DISCONNECT
 * ends the machine.
 *
 * The set of descriptors is small and is made anew for each turn from what the sessions can do
 * now, so there is no registered state that could go stale: that is why it is poll.
 */
#include "init/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "init/link.h"
#include "init/process.h"
#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/ring.h"

#define SESSIONS 16u
#define PTY_VEOF "\004"

/* A stream of the child that goes to the host. */
struct source {
	int fd;	      /* -1 = closed */
	int ch;	      /* -1 = none */
	bool limited; /* the child has ended: only left bytes more */
	size_t left;
};

struct session {
	bool used;
	int ch;
	pid_t pid;	 /* 0 = not running */
	bool started, ended, exit_said;
	struct proc_status status;
	bool oom;
	/* stdin */
	int in;		 /* -1 = closed */
	bool in_eof;	 /* the host has sent all */
	bool in_eow_owed; /* the child reads no more: the host is still to be told */
	struct ring ring;
	struct source out, err;
	/* what it is told, until it starts */
	struct buf text;
	bool has_pty;
	struct wire_pty pty;
};

struct agent {
	struct guest *g;
	struct link *link;
	int sigfd;
	bool disconnect;
	bool process_used; /* the command line's process half was taken */
	struct session session[SESSIONS];
};

static struct mux *mux_of(const struct agent *a)
{
	return &a->link->mux;
}

static struct session *by_channel(struct agent *a, int ch)
{
	for (size_t i = 0; i < SESSIONS; i++) {
		if (a->session[i].used && (a->session[i].ch == ch || a->session[i].err.ch == ch))
			return &a->session[i];
	}
	return NULL;
}

static void close_source(struct source *s)
{
	if (s->fd >= 0)
		close(take_fd(&s->fd));
}

static void session_free(struct session *s)
{
	if (s->in >= 0)
		close(take_fd(&s->in));
	close_source(&s->out);
	close_source(&s->err);
	ring_free(&s->ring);
	buf_free(&s->text);
	*s = (struct session){ .ch = -1, .in = -1, .out = { -1, -1, false, 0 },
			       .err = { -1, -1, false, 0 } };
}

/* Small requests always fit: a host that does not read its wire for that long is gone. */
static int say(struct agent *a, int ch, const char *name, const struct wire_out *o, struct err *e)
{
	int r;

	while ((r = mux_request(mux_of(a), ch, name, false, o->p, o->n)) == -EAGAIN) {
		r = link_drain(a->link, 10000, e);
		if (r < 0)
			return r;
	}
	return 0; /* -EINVAL: the channel is closed already, nobody wants to know */
}

/* stdin */

static void in_close(struct agent *a, struct session *s)
{
	if (s->in >= 0)
		close(take_fd(&s->in));
	mux_consumed(mux_of(a), s->ch, s->ring.len);
	ring_drop(&s->ring, s->ring.len);
}

/* The child closed its stdin or is gone: the host may stop reading its own. */
static void in_broken(struct agent *a, struct session *s)
{
	in_close(a, s);
	if (!s->in_eof && !s->ended)
		s->in_eow_owed = true;
}

/* Returns how much was taken; a broken pipe takes everything. */
static size_t in_write(struct agent *a, struct session *s, const void *p, size_t n)
{
	ssize_t k;

	if (s->in < 0)
		return n;
	k = write(s->in, p, n);
	if (k >= 0)
		return (size_t)k;
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	in_broken(a, s);
	return n;
}

static void in_finish(struct agent *a, struct session *s)
{
	if (!s->in_eof || s->ring.len || s->in < 0)
		return;
	if (s->has_pty) { /* a terminal has no end of file, only a character that says so */
		if (write(s->in, PTY_VEOF, 1) < 0 && errno == EAGAIN)
			return;
		s->in_eof = false;
		return;
	}
	in_close(a, s);
}

static void in_pump(struct agent *a, struct session *s)
{
	const void *p;
	size_t n;

	while ((n = ring_peek(&s->ring, &p)) > 0) {
		size_t k = in_write(a, s, p, n);

		if (s->in < 0)
			return;
		if (!k)
			break;
		ring_drop(&s->ring, k);
		mux_consumed(mux_of(a), s->ch, k);
	}
	in_finish(a, s);
}

static void in_data(struct agent *a, struct session *s, const uint8_t *p, size_t n)
{
	size_t k = 0;

	/* Before the start, and behind what waits already, it has to queue. */
	if (!s->ring.len && (s->started || s->ended))
		k = in_write(a, s, p, n);
	mux_consumed(mux_of(a), s->ch, k);
	if (k < n)
		ring_put(&s->ring, p + k, n - k);
}

/* stdout, stderr */

static void out_end(struct agent *a, struct source *src)
{
	close_source(src);
	if (src->ch >= 0 && mux_eof(mux_of(a), src->ch) < 0)
		return;
}

static void out_pump(struct agent *a, struct source *src)
{
	while (src->fd >= 0) {
		size_t room, want;
		ssize_t k;
		void *p;

		if (src->limited && !src->left) {
			out_end(a, src);
			return;
		}
		room = mux_data_reserve(mux_of(a), src->ch, &p);
		if (!room)
			return;
		want = src->limited && src->left < room ? src->left : room;
		k = read(src->fd, p, want);
		mux_data_commit(mux_of(a), src->ch, k > 0 ? (size_t)k : 0);
		if (k < 0 && (errno == EAGAIN || errno == EINTR)) {
			if (src->limited)
				out_end(a, src);
			return;
		}
		if (k <= 0) { /* the end; a terminal whose other end is closed says EIO */
			out_end(a, src);
			return;
		}
		if (src->limited)
			src->left -= (size_t)k;
	}
}

/* What is in the pipe now is the child's own; later bytes are somebody else's. */
static void out_limit(struct session *s, struct source *src)
{
	int n = 0;

	if (src->fd < 0)
		return;
	src->limited = true;
	if (s->has_pty) /* the line discipline hands on in the background: read it empty */
		src->left = MUX_WINDOW;
	else if (ioctl(src->fd, FIONREAD, &n) == 0 && n > 0)
		src->left = (size_t)n;
}

/* start */

static int open_pty(struct session *s, int *slave, struct err *e)
{
	struct winsize w = { .ws_row = (unsigned short)s->pty.size.rows,
			     .ws_col = (unsigned short)s->pty.size.cols };
	cleanup_close int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	int no = 0;

	if (master < 0)
		return err_sys(e, "open /dev/ptmx");
	if (ioctl(master, TIOCSPTLCK, &no) < 0)
		return err_sys(e, "unlock the terminal");
	*slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (*slave < 0)
		return err_sys(e, "open the terminal");
	ioctl(master, TIOCSWINSZ, &w);
	s->in = fcntl(master, F_DUPFD_CLOEXEC, 3);
	if (s->in < 0)
		return err_sys(e, "dup the terminal");
	s->out.fd = take_fd(&master);
	return 0;
}

/* fd[3] becomes the child's ends. */
static int open_streams(struct session *s, int fd[3], struct err *e)
{
	int r;

	if (s->has_pty) {
		r = open_pty(s, &fd[0], e);
		if (r < 0)
			return r;
		for (int i = 1; i < 3; i++) {
			fd[i] = fcntl(fd[0], F_DUPFD_CLOEXEC, 3);
			if (fd[i] < 0)
				return err_sys(e, "dup the terminal");
		}
		return 0;
	}
	r = fd_pipe(&fd[0], &s->in, 0);
	if (r == 0)
		r = fd_pipe(&s->out.fd, &fd[1], 0);
	if (r == 0 && s->err.ch >= 0)
		r = fd_pipe(&s->err.fd, &fd[2], 0);
	else if (r == 0) { /* a host that wants one stream for both */
		fd[2] = fcntl(fd[1], F_DUPFD_CLOEXEC, 3);
		r = fd[2] < 0 ? -errno : 0;
	}
	/* Only our ends: the child's are its own business. */
	if (r == 0)
		r = fd_nonblock(s->in);
	if (r == 0)
		r = fd_nonblock(s->out.fd);
	if (r == 0 && s->err.fd >= 0)
		r = fd_nonblock(s->err.fd);
	return r < 0 ? err_code(e, -r, "pipe") : 0;
}

static int spawn(struct session *s, struct process *p, const char **stage, struct err *e)
{
	cleanup_close int in = -1;
	cleanup_close int out = -1;
	cleanup_close int err = -1;
	int fd[3] = { -1, -1, -1 };
	struct proc_failure f;
	int r;

	*stage = "streams";
	r = open_streams(s, fd, e);
	in = fd[0];
	out = fd[1];
	err = fd[2];
	if (r < 0)
		return r;
	memcpy(p->spec.fd, fd, sizeof(fd));
	p->spec.new_session = true;
	p->spec.controlling_tty = s->has_pty;
	r = proc_spawn(&p->spec, &s->pid, &f);
	if (r < 0) {
		*stage = f.stage;
		return err_set(e, f.code, "%s",
			       !strcmp(f.stage, "chdir") ? p->spec.cwd : p->spec.argv[0]);
	}
	return 0;
}

/* What is to run: the pieces that came, or the command line's. */
static int told(struct agent *a, struct session *s, struct payload *own,
		const struct payload_process **out, struct err *e)
{
	if (!s->text.len) {
		if (!a->g->process || a->process_used)
			return err_set(e, EINVAL, "nothing was said to run");
		a->process_used = true;
		*out = a->g->process;
		return 0;
	}
	*out = &own->process;
	return payload_decode(s->text.p, s->text.len, PAYLOAD_PROCESS, own, e);
}

static int start(struct agent *a, struct session *s, const char **stage, struct err *e)
{
	const struct payload_process *what;
	struct payload own = { 0 };
	struct process p = { .spec = PROC_SPEC_INIT };
	int r;

	*stage = "payload";
	r = told(a, s, &own, &what, e);
	if (r == 0 && !what->args)
		r = err_set(e, EINVAL, "no command");
	if (r == 0 && what->exec)
		r = err_set(e, EINVAL, "exec: only on the kernel command line");
	if (r == 0)
		r = process_spec(what, &p, stage, e);
	if (r == 0)
		r = spawn(s, &p, stage, e);
	process_free(&p);
	payload_free(&own);
	if (s->text.p)
		explicit_bzero(s->text.p, s->text.len); /* it may hold secrets: out of our memory */
	buf_free(&s->text);
	return r;
}

static int on_exec(struct agent *a, struct session *s, struct err *e)
{
	const char *stage = "";
	struct err why = { 0 };
	int r = s->started || s->ended ? -EINVAL : start(a, s, &stage, &why);

	if (s->started || s->ended)
		return mux_reply(mux_of(a), s->ch, false);
	if (r == 0) {
		s->started = true;
		r = mux_reply(mux_of(a), s->ch, true);
		in_pump(a, s);
		return r;
	}
	r = mux_reply(mux_of(a), s->ch, false);
	if (r == 0) {
		struct wire_failure f = { .code = (uint32_t)why.code };
		uint8_t room[512];
		struct wire_out o = { .p = room, .cap = sizeof(room) };

		snprintf(f.stage, sizeof(f.stage), "%s", stage);
		snprintf(f.operand, sizeof(f.operand), "%.199s", why.msg);
		wire_put_failure(&o, &f);
		r = say(a, s->ch, WIRE_EXEC_FAILED, &o, e);
	}
	/* It never was: nothing to send, nothing to say but CLOSE. */
	s->ended = s->exit_said = true;
	in_close(a, s);
	close_source(&s->out);
	close_source(&s->err);
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

static int on_winch(struct session *s, const struct mux_event *ev)
{
	struct wire_winsize size;
	struct winsize w;

	if (!s->has_pty || wire_get_winsize(ev->data, ev->len, &size) < 0)
		return -EINVAL;
	s->pty.size = size;
	w = (struct winsize){ .ws_row = (unsigned short)size.rows,
			      .ws_col = (unsigned short)size.cols };
	return s->out.fd >= 0 && ioctl(s->out.fd, TIOCSWINSZ, &w) < 0 ? -errno : 0;
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

	if (in.bad || in.n || s->started || n > WIRE_PIECE_MAX ||
	    n > WIRE_PAYLOAD_MAX - s->text.len)
		return -EINVAL;
	return buf_add(&s->text, piece, n);
}

/* The host reads no more of this stream: the command finds out by SIGPIPE. */
static int on_eow(struct agent *a, struct session *s, int ch)
{
	struct source *src = ch == s->ch ? &s->out : &s->err;

	if (!s->has_pty)
		out_end(a, src);
	return 0;
}

static int on_request(struct agent *a, const struct mux_event *ev, struct err *e)
{
	struct session *s = by_channel(a, ev->channel);
	int r = -EINVAL;

	if (s && !strcmp(ev->name, WIRE_EOW))
		r = on_eow(a, s, ev->channel);
	else if (s && ev->channel == s->ch) {
		if (!strcmp(ev->name, WIRE_EXEC))
			return on_exec(a, s, e);
		if (!strcmp(ev->name, WIRE_PAYLOAD))
			r = on_piece(s, ev);
		else if (!strcmp(ev->name, WIRE_SIGNAL))
			r = on_signal(s, ev);
		else if (!strcmp(ev->name, WIRE_PTY))
			r = on_pty(s, ev);
		else if (!strcmp(ev->name, WIRE_WINCH))
			r = on_winch(s, ev);
	}
	return ev->want_reply ? mux_reply(mux_of(a), ev->channel, r == 0) : 0;
}

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
		return mux_accept(mux_of(a), ch, MUX_WINDOW);
	}
	return mux_reject(mux_of(a), ch);
}

/* The session it belongs to is named by the host's number of its channel, which is ours' peer. */
static int open_stderr(struct agent *a, const struct mux_event *ev)
{
	struct wire_in in = { .p = ev->data, .n = ev->len };
	uint32_t peer = wire_get_u32(&in);

	for (size_t i = 0; i < SESSIONS && !in.bad && !in.n; i++) {
		struct session *s = &a->session[i];

		if (s->used && !s->started && s->err.ch < 0 &&
		    mux_of(a)->channel[s->ch].peer == peer) {
			s->err.ch = ev->channel;
			return mux_accept(mux_of(a), ev->channel, 0);
		}
	}
	return mux_reject(mux_of(a), ev->channel);
}

static int on_open(struct agent *a, const struct mux_event *ev)
{
	if (!strcmp(ev->name, WIRE_SESSION))
		return open_session(a, ev->channel);
	if (!strcmp(ev->name, WIRE_STDERR))
		return open_stderr(a, ev);
	return mux_reject(mux_of(a), ev->channel);
}

/* CLOSE from the host ends the session for good, also when it had not ended by itself. */
static void on_close(struct agent *a, struct session *s, int ch)
{
	if (ch == s->err.ch) {
		s->err.ch = -1;
		close_source(&s->err);
		return;
	}
	if (s->started && !s->ended)
		kill(-s->pid, SIGKILL);
	if (s->err.ch >= 0 && mux_close(mux_of(a), s->err.ch) < 0)
		s->err.ch = -1;
	session_free(s);
}

static int send_failed(struct agent *a, const char *stage, const struct err *why)
{
	struct wire_failure f = { .code = (uint32_t)why->code };
	uint8_t room[512];
	struct wire_out o = { .p = room, .cap = sizeof(room) };

	snprintf(f.stage, sizeof(f.stage), "%s", stage);
	snprintf(f.operand, sizeof(f.operand), "%.199s", why->msg);
	wire_put_failure(&o, &f);
	return mux_global(mux_of(a), WIRE_FAILED, false, o.p, o.n);
}

/* The sessions are over: everything ends and is written back before the host may say 0. */
static int on_finish(struct agent *a)
{
	struct err why = { 0 };
	int r = power_clean(a->g, &why);

	if (r < 0 && send_failed(a, "write back", &why) < 0)
		power_log("write back: %s", why.msg);
	return mux_global_reply(mux_of(a), r == 0);
}

static int handle(struct agent *a, const struct mux_event *ev, struct err *e)
{
	struct session *s = by_channel(a, ev->channel);
	int r = 0;

	switch (ev->kind) {
	case MUX_OPEN:
		return on_open(a, ev);
	case MUX_REQUEST:
		return on_request(a, ev, e);
	case MUX_DATA:
		if (s && ev->channel == s->ch)
			in_data(a, s, ev->data, ev->len);
		else
			mux_consumed(mux_of(a), ev->channel, ev->len);
		return 0;
	case MUX_EOF:
		if (s && ev->channel == s->ch) {
			s->in_eof = true;
			if (s->started)
				in_finish(a, s);
		}
		return 0;
	case MUX_CLOSE:
		r = mux_close(mux_of(a), ev->channel);
		if (s)
			on_close(a, s, ev->channel);
		return r;
	case MUX_CLOSED:
		if (s)
			on_close(a, s, ev->channel);
		return 0;
	case MUX_GLOBAL:
		if (!strcmp(ev->name, WIRE_FINISH) && ev->want_reply)
			return on_finish(a);
		return ev->want_reply ? mux_global_reply(mux_of(a),
							 !strcmp(ev->name, WIRE_KEEPALIVE)) :
					0;
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
		if (r > 0)
			r = handle(a, &ev, e);
		if (r < 0)
			return a->link->mux.dead ? r : err_code(e, -r, "wire event %d", (int)ev.kind);
	}
	return 0;
}

/* children */

static void on_children(struct agent *a)
{
	struct proc_status st;
	pid_t pid;

	while ((pid = proc_reap(&st)) > 0) {
		for (size_t i = 0; i < SESSIONS; i++) {
			struct session *s = &a->session[i];

			if (!s->used || !s->started || s->ended || s->pid != pid)
				continue;
			s->ended = true;
			s->status = st;
			in_close(a, s);
			out_limit(s, &s->out);
			out_limit(s, &s->err);
		}
	}
}

/* Everything is sent: say how it ended, then CLOSE, which the host answers when it has it all. */
static int finish(struct agent *a, struct session *s, struct err *e)
{
	int r = 0;

	if (!s->ended || s->out.fd >= 0 || s->err.fd >= 0)
		return 0;
	if (!s->exit_said) {
		struct wire_exit x = { s->status, s->oom };
		uint8_t room[64];
		struct wire_out o = { .p = room, .cap = sizeof(room) };

		s->exit_said = true;
		wire_put_exit(&o, &x);
		r = say(a, s->ch, WIRE_EXIT, &o, e);
		if (r < 0)
			return r;
	}
	if (s->err.ch >= 0 && mux_close(mux_of(a), s->err.ch) == 0)
		s->err.ch = -1;
	/* -EINVAL: it was said before and the host has not answered yet. */
	return mux_close(mux_of(a), s->ch) < 0 ? 0 : r;
}

/* loop */

struct slots {
	struct pollfd p[2 + 3 * SESSIONS];
	nfds_t n;
};

static int slot(struct slots *t, int fd, short events)
{
	t->p[t->n] = (struct pollfd){ .fd = fd, .events = events };
	return (int)t->n++;
}

static bool can_send(const struct agent *a, const struct source *src)
{
	return src->fd >= 0 && src->ch >= 0 && mux_send_window(mux_of(a), src->ch) > 0;
}

/* One turn: wait for what can be done now, then do it for every session. */
static int turn(struct agent *a, struct err *e)
{
	struct slots t = { .n = 0 };
	int blocked = link_flush(a->link, e);

	if (blocked < 0)
		return blocked;
	slot(&t, a->sigfd, POLLIN);
	slot(&t, a->link->fd, (short)(POLLIN | (blocked ? POLLOUT : 0)));
	for (size_t i = 0; i < SESSIONS; i++) {
		struct session *s = &a->session[i];

		if (!s->used || !s->started)
			continue;
		if (s->in >= 0 && (s->ring.len || s->in_eof))
			slot(&t, s->in, POLLOUT);
		else if (s->in >= 0 && !s->has_pty)
			slot(&t, s->in, 0); /* POLLERR says that the reader is gone */
		if (!blocked && can_send(a, &s->out))
			slot(&t, s->out.fd, POLLIN);
		if (!blocked && can_send(a, &s->err))
			slot(&t, s->err.fd, POLLIN);
	}
	if (poll(t.p, t.n, -1) < 0 && errno != EINTR)
		return err_sys(e, "poll");
	if (t.p[0].revents) {
		struct signalfd_siginfo si[8];

		while (read(a->sigfd, si, sizeof(si)) > 0)
			;
		on_children(a);
	}
	for (nfds_t i = 2; i < t.n; i++) {
		for (size_t k = 0; t.p[i].revents & POLLERR && k < SESSIONS; k++) {
			struct session *s = &a->session[k];

			if (s->used && s->in == t.p[i].fd && !s->has_pty)
				in_broken(a, s);
		}
	}
	if (t.p[1].revents & (POLLIN | POLLHUP | POLLERR)) {
		int r = link_fill(a->link, e);

		if (r < 0)
			return r;
	}
	return on_wire(a, e);
}

static int serve(struct agent *a, struct err *e)
{
	for (size_t i = 0; i < SESSIONS; i++) {
		struct session *s = &a->session[i];
		struct wire_out none = { .p = NULL };
		int r;

		if (!s->used)
			continue;
		if (s->started && s->ring.len)
			in_pump(a, s);
		if (s->in_eow_owed) {
			s->in_eow_owed = false;
			r = say(a, s->ch, WIRE_EOW, &none, e);
			if (r < 0)
				return r;
		}
		out_pump(a, &s->out);
		out_pump(a, &s->err);
		r = finish(a, s, e);
		if (r < 0)
			return r;
	}
	return 0;
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
		return err_set(e, ENOMEM, "out of memory");
	a->g = g;
	a->link = g->link;
	for (size_t i = 0; i < SESSIONS; i++)
		session_free(&a->session[i]);
	/* A broken pipe is an errno here; children get the default back. */
	sigaction(SIGPIPE, &ignore, NULL);
	r = watch_children(a, e);
	if (r == 0)
		r = on_wire(a, e); /* what came right behind boot@execvm */
	while (r == 0 && !a->disconnect) {
		r = serve(a, e);
		if (r == 0)
			r = turn(a, e);
	}
	return r;
}
