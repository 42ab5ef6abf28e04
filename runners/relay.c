/* SPDX-License-Identifier: MIT */
/*
 * The relay.
 *
 * One poll loop over: the wire, the kernel log, QEMU's stderr, QEMU's pidfd, signals, and the
 * caller's three streams. A run goes through these phases:
 *
 *   BOOTING   until the guest's hello. Nothing is read from stdin, so a start can be repeated.
 *   SETTING   boot@execvm with the clock of now, two channels, the payload's pieces, exec@execvm.
 *   RUNNING   streams and signals, until the guest closes the session.
 *   FINISHING everything the guest had is here and CLOSE is answered. A machine that can write to
 *             an image is asked to write it back, and has to say that it has.
 *   ENDING    DISCONNECT is said. The machine powers off while the last bytes go to a reader that
 *             may be slow.
 *
 * What comes for stdout and stderr goes straight to the stream, and into a ring of one window when
 * the stream does not take it; the window is given back when it has left. A stream that broke is
 * eow@openssh.com to the guest, where it becomes SIGPIPE.
 *
 * The guest is not trusted: the mux bounds what it can make us hold, every request of it is
 * checked, and silence is bounded (contact, keep-alive, power-off).
 */
#include "runners/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/msg.h"
#include "lib/mux.h"
#include "lib/ring.h"
#include "runners/stream.h"
#include "runners/tty.h"

#define WIRE_READ ((size_t)256 << 10)
#define LOG_TAIL ((size_t)64 << 10)
#define KILL_GRACE_MS 2000u	/* between TERM and KILL of a command whose time ran out */
#define SILENCE_MS 15000u	/* then the guest is asked whether it is there */
#define SILENCE_MAX_MS 60000u	/* and after this it is not */
#define POWER_OFF_MS 10000u	/* after DISCONNECT */
#define FINISH_MS 120000u	/* to write an image back */

enum phase { BOOTING, SETTING, RUNNING, FINISHING, ENDING };

/* stdout or stderr of the caller. */
struct sink {
	struct stream to;
	struct ring ring;
	int ch;		 /* -1 = not open */
	bool broken;	 /* nothing more goes there */
	bool eow_owed;	 /* the guest is still to be told */
	bool peer_closed; /* the guest has closed the channel */
	int error;	 /* errno that broke it, other than EPIPE */
	const char *name;
};

struct state {
	struct relay *r;
	struct mux mux;
	enum phase phase;
	int sigfd, pidfd;
	struct stream in;
	bool in_done;	     /* no more is read from stdin */
	struct sink out, err;
	int opened;	     /* channels that the guest has accepted */
	size_t piece_at;     /* of the process half: bytes sent */
	bool exec_sent;
	bool has_exit, closed, wire_eof;
	bool written_back;   /* the guest said so */
	unsigned asked, answered, finish_number; /* global requests of ours, in order */
	struct wire_exit exit;
	struct wire_failure failure; /* stage is "" when there is none */
	bool exec_failure;	     /* it was the command that could not start */
	/* deadlines in ms of now_ms(), 0 = none */
	uint64_t kill_at, last_heard, asked_at, off_at;
	bool timed_out;
	uint64_t drop_at;    /* the time ran out and nobody reads: the output is dropped */
	uint64_t pending;    /* signals to be sent to the command: bit N = signal N */
	int terms;	     /* SIGTERMs that came after the start */
	int end_signal;	     /* a signal ended the run before the command was there */
	struct tty tty;
	uint8_t in_buf[WIRE_READ];
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t now_ms(void)
{
	return now_ns() / 1000000u;
}

static uint64_t since_start(const struct state *s)
{
	uint64_t ms = (now_ns() - s->r->start_ns) / 1000000u;

	return ms ? ms : 1;
}

/* sinks */

static void sink_break(struct state *s, struct sink *k, int code)
{
	k->broken = true;
	k->eow_owed = k->ch >= 0;
	if (code != EPIPE)
		k->error = code;
	mux_consumed(&s->mux, k->ch, k->ring.len);
	ring_drop(&k->ring, k->ring.len);
}

/* Returns how much was taken; a broken sink takes everything. */
static size_t sink_write(struct state *s, struct sink *k, const void *p, size_t n)
{
	ssize_t got = stream_write(&k->to, p, n);

	if (got >= 0)
		return (size_t)got;
	if (got == -EAGAIN)
		return 0;
	sink_break(s, k, (int)-got);
	return n;
}

static void sink_data(struct state *s, struct sink *k, const uint8_t *p, size_t n)
{
	size_t at = 0;

	while (!k->ring.len && !k->broken && at < n) {
		size_t got = sink_write(s, k, p + at, n - at);

		if (!got)
			break;
		at += got;
	}
	if (k->broken)
		at = n;
	mux_consumed(&s->mux, k->ch, at);
	ring_put(&k->ring, p + at, n - at);
}

static void sink_pump(struct state *s, struct sink *k)
{
	const void *p;
	size_t n;

	while (!k->broken && (n = ring_peek(&k->ring, &p)) > 0) {
		size_t got = sink_write(s, k, p, n);

		if (k->broken || !got)
			return;
		ring_drop(&k->ring, got);
		if (!k->peer_closed)
			mux_consumed(&s->mux, k->ch, got);
	}
}

/* stdin */

static int in_pump(struct state *s, struct err *e)
{
	void *p;
	size_t room = mux_data_reserve(&s->mux, s->out.ch, &p);
	ssize_t n;

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

static int send_boot(struct state *s, struct err *e)
{
	cleanup_free uint8_t *room = NULL;
	struct wire_boot b = { .machine = s->r->machine, .machine_len = s->r->machine_len };
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

static int on_hello(struct state *s, struct err *e)
{
	uint8_t room[8];
	struct wire_out o = { .p = room, .cap = sizeof(room) };
	int r;

	s->r->contact = true;
	s->r->times.contact = since_start(s);
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

static int send_pty(struct state *s, struct err *e)
{
	struct wire_pty t = { .term = "" };
	const char *term = getenv("TERM");
	uint8_t room[256];
	struct wire_out o = { .p = room, .cap = sizeof(room) };

	if (!s->r->spec->tty)
		return 0;
	snprintf(t.term, sizeof(t.term), "%.63s", term ? term : "dumb");
	tty_size(&t.size);
	wire_put_pty(&o, &t);
	if (mux_request(&s->mux, s->out.ch, WIRE_PTY, false, o.p, o.n) < 0)
		return err_set(e, EPROTO, "the wire is full at its start");
	return tty_raw(&s->tty, STDIN_FILENO, e);
}

/* Pieces, then exec; as much as the output takes now. */
static int send_process(struct state *s, struct err *e)
{
	struct relay *r = s->r;
	int k;

	if (s->phase != SETTING || s->opened < 2 || s->exec_sent)
		return 0;
	while (r->process && s->piece_at < r->process_len) {
		uint8_t room[WIRE_PIECE_MAX + 4];
		struct wire_out o = { .p = room, .cap = sizeof(room) };
		size_t n = r->process_len - s->piece_at;

		n = n < WIRE_PIECE_MAX ? n : WIRE_PIECE_MAX;
		wire_put_string(&o, r->process + s->piece_at, n);
		k = mux_request(&s->mux, s->out.ch, WIRE_PAYLOAD, false, o.p, o.n);
		if (k == -EAGAIN)
			return 0;
		if (k < 0)
			return err_code(e, -k, "send the payload");
		s->piece_at += n;
	}
	k = mux_request(&s->mux, s->out.ch, WIRE_EXEC, true, NULL, 0);
	if (k == -EAGAIN)
		return 0;
	s->exec_sent = true;
	return k < 0 ? err_code(e, -k, "send exec") : 0;
}

/* events of the wire */

static void on_started(struct state *s)
{
	s->phase = RUNNING;
	s->r->times.command = since_start(s);
	if (s->r->spec->timeout_ms)
		s->kill_at = now_ms() + s->r->spec->timeout_ms;
	s->in_done = s->r->spec->no_stdin || s->in.fd < 0;
	if (s->in_done && mux_eof(&s->mux, s->out.ch) < 0)
		return;
}

static int on_request(struct state *s, const struct mux_event *ev, struct err *e)
{
	if (!strcmp(ev->name, WIRE_EXIT)) {
		if (ev->channel != s->out.ch || wire_get_exit(ev->data, ev->len, &s->exit) < 0)
			return err_set(e, EPROTO, "the guest's exit record cannot be read");
		s->has_exit = true;
		s->r->times.command_end = since_start(s);
	} else if (!strcmp(ev->name, WIRE_EXEC_FAILED)) {
		if (wire_get_failure(ev->data, ev->len, &s->failure) < 0)
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

static int on_global(struct state *s, const struct mux_event *ev, struct err *e)
{
	if (!strcmp(ev->name, WIRE_FAILED)) {
		if (wire_get_failure(ev->data, ev->len, &s->failure) < 0)
			return err_set(e, EPROTO, "the guest's failure record cannot be read");
		return 0;
	}
	if (ev->want_reply && mux_global_reply(&s->mux, false) < 0)
		return err_set(e, EPROTO, "a request that cannot be answered");
	return 0;
}

/* The guest has sent all that it will: CLOSE back, and the machine may go. */
static int on_close(struct state *s, int ch, struct err *e)
{
	struct sink *k = ch == s->out.ch ? &s->out : &s->err;

	k->peer_closed = true;
	k->eow_owed = false;
	if (mux_close(&s->mux, ch) < 0)
		return err_set(e, EPROTO, "CLOSE out of order");
	if (ch != s->out.ch)
		return 0;
	s->closed = true;
	s->in_done = true;
	return 0;
}

static struct sink *sink_of(struct state *s, int ch)
{
	if (ch == s->out.ch)
		return &s->out;
	return ch == s->err.ch ? &s->err : NULL;
}

static int handle(struct state *s, const struct mux_event *ev, struct err *e)
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
		if (!k || k->peer_closed || s->phase == BOOTING)
			return err_set(e, EPROTO, "data on a channel that is not open");
		sink_data(s, k, ev->data, ev->len);
		return 0;
	case MUX_EOF:
		return 0;
	case MUX_REQUEST:
		return on_request(s, ev, e);
	case MUX_REPLY:
		if (ev->ok && s->phase == SETTING && s->exec_sent)
			on_started(s);
		return 0;
	case MUX_GLOBAL:
		return on_global(s, ev, e);
	case MUX_GLOBAL_REPLY:
		s->answered++;
		if (s->finish_number && s->answered == s->finish_number) {
			s->written_back = ev->ok;
			s->off_at = 0;
		}
		return 0;
	case MUX_OPEN:
		return mux_reject(&s->mux, ev->channel);
	case MUX_CLOSE:
		return k ? on_close(s, ev->channel, e) : 0;
	case MUX_DISCONNECT:
		return err_set(e, EPROTO, "the guest hung up");
	case MUX_DEBUG:
		msg_debug("guest: %.*s", (int)(ev->len < 400 ? ev->len : 400),
			  (const char *)ev->data);
		return 0;
	case MUX_WRITABLE:
	case MUX_CLOSED:
		return 0;
	}
	return 0;
}

static int wire_read(struct state *s, struct err *e)
{
	ssize_t n = read(s->r->wire, s->in_buf, sizeof(s->in_buf));
	size_t at = 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		s->wire_eof = true;
		return 0;
	}
	s->last_heard = now_ms();
	s->asked_at = 0;
	for (;;) {
		struct mux_event ev;
		size_t used;
		int r = mux_input(&s->mux, s->in_buf + at, (size_t)n - at, &used, &ev, e);

		at += used;
		if (r > 0)
			r = handle(s, &ev, e);
		else if (r == 0)
			return 0;
		if (r < 0)
			return err_wrap(e, "wire");
	}
}

static void wire_write(struct state *s)
{
	const void *p;
	size_t n;

	while (!s->wire_eof && (n = mux_output(&s->mux, &p)) > 0) {
		ssize_t k = send(s->r->wire, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0) /* full, or gone: reading says which */
			return;
		mux_output_done(&s->mux, (size_t)k);
	}
}

/* Can the machine change an image? */
static bool is_writable(const struct vm_spec *v)
{
	bool writable = v->root && v->root_mode == ROOT_RW;

	for (size_t i = 0; i < v->ndisks; i++)
		writable |= !v->disk[i].readonly;
	return writable;
}

/* The session is over, or a boot stage failed: write back if there is something, then DISCONNECT. */
static void send_end(struct state *s)
{
	bool boot_failed = s->failure.stage[0] && !s->exec_failure;

	if (s->closed && s->phase == RUNNING) {
		s->phase = FINISHING;
		if (is_writable(s->r->spec)) {
			if (mux_global(&s->mux, WIRE_FINISH, true, NULL, 0) < 0)
				return; /* the wire is full of nothing: the deadline tells */
			s->finish_number = ++s->asked;
			s->off_at = now_ms() + FINISH_MS;
		}
	}
	if (s->phase == SETTING && (boot_failed || s->closed))
		s->phase = FINISHING;
	if (s->phase != FINISHING || (s->finish_number && s->answered < s->finish_number))
		return;
	if (mux_disconnect(&s->mux, "done") == -EAGAIN)
		return;
	s->phase = ENDING;
	s->off_at = now_ms() + POWER_OFF_MS;
}

/* What waits for room in the output: small things that must not be lost. */
static int send_owed(struct state *s, struct err *e)
{
	struct sink *sinks[] = { &s->out, &s->err };
	int r = send_process(s, e);

	for (size_t i = 0; i < 2; i++) {
		if (sinks[i]->eow_owed && s->phase == RUNNING &&
		    mux_request(&s->mux, sinks[i]->ch, WIRE_EOW, false, NULL, 0) != -EAGAIN)
			sinks[i]->eow_owed = false;
	}
	for (int sig = 1; s->pending && sig < 32; sig++) {
		uint8_t room[32];
		struct wire_out o = { .p = room, .cap = sizeof(room) };

		if (!(s->pending >> sig & 1))
			continue;
		wire_put_text(&o, wire_signal_name(sig));
		if (mux_request(&s->mux, s->out.ch, WIRE_SIGNAL, false, o.p, o.n) != -EAGAIN)
			s->pending &= ~(1ull << sig);
	}
	send_end(s);
	return r;
}

/* signals */

static void on_signal(struct state *s, int sig)
{
	uint8_t room[32];
	struct wire_out o = { .p = room, .cap = sizeof(room) };
	struct wire_winsize w;

	if (sig == SIGWINCH) {
		if (s->r->spec->tty && s->phase == RUNNING) {
			tty_size(&w);
			wire_put_winsize(&o, &w);
			if (mux_request(&s->mux, s->out.ch, WIRE_WINCH, false, o.p, o.n) < 0)
				msg_debug("a window change was not sent");
		}
		return;
	}
	if (s->phase < RUNNING)
		s->end_signal = sig;
	if (s->phase != RUNNING)
		return;
	if (sig == SIGTERM && ++s->terms > 1) {
		s->end_signal = SIGKILL;
		return;
	}
	s->pending |= 1ull << sig;
}

static int signals_open(struct state *s, struct err *e)
{
	static const int all[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (sigismember(&s->r->entry->ignored, all[i]) != 1 &&
		    sigismember(&s->r->entry->mask, all[i]) != 1)
			sigaddset(&set, all[i]);
	}
	sigaction(SIGPIPE, &ignore, NULL);
	sigprocmask(SIG_BLOCK, &set, NULL);
	s->sigfd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return s->sigfd < 0 ? err_sys(e, "signalfd") : 0;
}

/* kernel log and QEMU's own words */

static void tail_read(int fd, struct buf *b, bool show)
{
	char chunk[4096];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) > 0) {
		if (show && write(STDERR_FILENO, chunk, (size_t)n) < 0)
			return;
		if (b->len + (size_t)n > 2 * LOG_TAIL) {
			memmove(b->p, b->p + b->len - LOG_TAIL, LOG_TAIL);
			b->len = LOG_TAIL;
		}
		if (buf_add(b, chunk, (size_t)n) < 0)
			return;
	}
}

/* deadlines */

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return !a || (b && b < a) ? b : a;
}

static uint64_t next_deadline(const struct state *s)
{
	uint64_t at = sooner(sooner(s->kill_at, s->off_at), s->drop_at);

	if (s->r->qemu_gone)
		return s->drop_at;
	if (s->phase == BOOTING)
		return sooner(at, s->r->start_ns / 1000000u + s->r->contact_ms);
	if (s->phase >= FINISHING)
		return at;
	return sooner(at, s->last_heard + (s->asked_at ? SILENCE_MAX_MS : SILENCE_MS));
}

/* A deadline is there. Returns 0, or -ETIMEDOUT when the machine is lost. */
static int on_deadline(struct state *s, uint64_t now, struct err *e)
{
	if (s->kill_at && now >= s->kill_at) {
		s->pending |= 1ull << (s->timed_out ? SIGKILL : SIGTERM);
		if (s->timed_out)
			s->off_at = now + KILL_GRACE_MS;
		s->kill_at = s->timed_out ? 0 : now + KILL_GRACE_MS;
		s->timed_out = true;
	}
	if (s->off_at && now >= s->off_at && !s->r->qemu_gone) {
		if (s->phase == ENDING)
			msg_warn("the machine did not power off and was ended");
		if (s->phase == FINISHING)
			msg_warn("the machine did not write back in time and was ended");
		kill(s->r->qemu, SIGKILL);
		s->off_at = 0;
		s->drop_at = s->timed_out ? now + KILL_GRACE_MS : 0;
	}
	if (s->drop_at && now >= s->drop_at)
		return err_set(e, ETIMEDOUT, "nobody reads the output");
	if (s->r->qemu_gone)
		return 0;
	if (s->phase == BOOTING && now >= s->r->start_ns / 1000000u + s->r->contact_ms)
		return err_set(e, ETIMEDOUT, "no contact from the guest in %u s",
			       (unsigned)(s->r->contact_ms / 1000u));
	if (s->phase == BOOTING || s->phase >= FINISHING)
		return 0;
	if (!s->asked_at && now >= s->last_heard + SILENCE_MS) {
		s->asked_at = now;
		if (mux_global(&s->mux, WIRE_KEEPALIVE, true, NULL, 0) == 0)
			s->asked++;
	}
	if (s->asked_at && now >= s->last_heard + SILENCE_MAX_MS)
		return err_set(e, ETIMEDOUT, "the guest does not answer any more");
	return 0;
}

/* loop */

enum slot { P_SIGNAL, P_PID, P_WIRE, P_LOG, P_QEMU, P_IN, P_OUT, P_ERR, P_COUNT };

static void want(struct pollfd *p, int fd, short events)
{
	*p = (struct pollfd){ .fd = fd, .events = events };
}

static void wants(struct state *s, struct pollfd p[P_COUNT])
{
	const void *out;
	bool full = mux_output(&s->mux, &out) > 0;

	want(&p[P_SIGNAL], s->sigfd, POLLIN);
	want(&p[P_PID], s->r->qemu_gone ? -1 : s->pidfd, POLLIN);
	want(&p[P_WIRE], s->wire_eof ? -1 : s->r->wire, (short)(POLLIN | (full ? POLLOUT : 0)));
	want(&p[P_LOG], s->r->log, POLLIN);
	want(&p[P_QEMU], s->r->qemu_err, POLLIN);
	want(&p[P_IN], -1, POLLIN);
	if (s->phase == RUNNING && !s->in_done && !full && mux_send_window(&s->mux, s->out.ch))
		p[P_IN].fd = s->in.fd;
	want(&p[P_OUT], s->out.ring.len ? s->out.to.fd : -1, POLLOUT);
	want(&p[P_ERR], s->err.ring.len ? s->err.to.fd : -1, POLLOUT);
}

static bool finished(const struct state *s)
{
	if (s->end_signal)
		return true;
	return s->r->qemu_gone && s->wire_eof && !s->out.ring.len && !s->err.ring.len;
}

static int wait_for_something(struct state *s, struct pollfd p[P_COUNT], struct err *e)
{
	uint64_t at = next_deadline(s), now = now_ms();
	int ms = !at ? -1 : at <= now ? 0 : at - now > 60000 ? 60000 : (int)(at - now);

	if (poll(p, P_COUNT, ms) < 0 && errno != EINTR)
		return err_sys(e, "poll");
	return 0;
}

static int on_poll(struct state *s, const struct pollfd p[P_COUNT], struct err *e)
{
	struct signalfd_siginfo si;
	int r = 0;

	while (p[P_SIGNAL].revents && read(s->sigfd, &si, sizeof(si)) == (ssize_t)sizeof(si))
		on_signal(s, (int)si.ssi_signo);
	if (p[P_LOG].revents) /* a log whose writer is gone is closed by its reader: see below */
		tail_read(s->r->log, &s->r->log_tail, s->r->spec->boot_log);
	if (p[P_QEMU].revents)
		tail_read(s->r->qemu_err, &s->r->qemu_text, false);
	if (p[P_OUT].revents)
		sink_pump(s, &s->out);
	if (p[P_ERR].revents)
		sink_pump(s, &s->err);
	if (p[P_WIRE].revents & (POLLIN | POLLHUP | POLLERR))
		r = wire_read(s, e);
	if (r == 0 && p[P_IN].revents && !s->in_done)
		r = in_pump(s, e);
	if (p[P_PID].revents && r == 0) {
		s->r->qemu_gone = true;
		s->r->times.gone = since_start(s);
		if (proc_wait(s->r->qemu, &s->r->qemu_status) < 0)
			return err_set(e, ECHILD, "QEMU's end was lost");
	}
	return r;
}

/* The wire ended without a word, or QEMU did: wait for both, so that nothing that was said is missed. */
static void hang_up(struct state *s)
{
	if (s->wire_eof && !s->r->qemu_gone && !s->off_at)
		s->off_at = now_ms() + POWER_OFF_MS;
	if (s->r->qemu_gone && s->r->log >= 0) {
		tail_read(s->r->log, &s->r->log_tail, s->r->spec->boot_log);
		tail_read(s->r->qemu_err, &s->r->qemu_text, false);
		s->r->log = s->r->qemu_err = -1;
	}
}

static int loop(struct state *s, struct err *e)
{
	while (!finished(s)) {
		struct pollfd p[P_COUNT];
		int r = send_owed(s, e);

		wire_write(s);
		if (r < 0)
			return r;
		wants(s, p);
		r = wait_for_something(s, p, e);
		if (r == 0)
			r = on_poll(s, p, e);
		if (r == 0)
			r = on_deadline(s, now_ms(), e);
		if (r < 0)
			return r;
		hang_up(s);
	}
	return 0;
}

/* The machine ends with the run, whatever happened. */
static void end_machine(struct state *s)
{
	if (s->r->qemu_gone)
		return;
	kill(s->r->qemu, SIGKILL);
	if (proc_wait(s->r->qemu, &s->r->qemu_status) == 0)
		s->r->times.gone = since_start(s);
	s->r->qemu_gone = true;
	hang_up(s);
}

static int sink_error(const struct sink *k, int *code, struct err *e)
{
	if (!k->error)
		return 0;
	*code = EXIT_EXECVM;
	return err_code(e, k->error, "write %s", k->name);
}

static int refuse(struct state *s, int *code, struct err *e)
{
	struct wire_failure *f = &s->failure;

	*code = EXIT_EXECVM;
	if (!s->exec_failure)
		return err_set(e, f->code ? (int)f->code : EIO, "guest: %s: %s", f->stage,
			       f->operand);
	if (!strcmp(f->stage, "exec")) {
		*code = proc_exec_code((int)f->code);
		return err_code(e, (int)f->code, "%s", f->operand);
	}
	return f->code ? err_code(e, (int)f->code, "%s %s", f->stage, f->operand) :
			 err_set(e, EIO, "%s %s", f->stage, f->operand);
}

/* What the run came to. The status record counts for more than anything else. */
static int result(struct state *s, int r, int *code, struct err *e)
{
	*code = EXIT_EXECVM;
	if (s->end_signal) {
		*code = EXIT_SIGNAL + s->end_signal;
		return err_set(e, EINTR, "ended by %s", proc_signal_name(s->end_signal));
	}
	if (s->timed_out) {
		*code = EXIT_TIMEOUT;
		return err_set(e, ETIMEDOUT, "the command ran longer than its time");
	}
	if (s->failure.stage[0])
		return refuse(s, code, e);
	if (s->has_exit && is_writable(s->r->spec) && !s->written_back)
		return err_set(e, EIO, "the machine ended before its images were written back");
	if (s->has_exit) { /* the last thing a session says: all of its bytes came before */
		if (sink_error(&s->out, code, e) < 0 || sink_error(&s->err, code, e) < 0)
			return -e->code;
		if (s->exit.oom)
			msg_warn("the guest ran out of memory and killed the command");
		return proc_exit_code(&s->exit.status);
	}
	if (r < 0)
		return r;
	return err_set(e, EIO, "the machine is lost: it ended without a status");
}

int relay_run(struct relay *r, int *code, struct err *e)
{
	cleanup_free struct state *s = calloc(1, sizeof(*s));
	int k;

	*code = EXIT_EXECVM;
	if (!s)
		return err_set(e, ENOMEM, "out of memory");
	s->r = r;
	s->out = (struct sink){ .ch = -1, .name = "stdout" };
	s->err = (struct sink){ .ch = -1, .name = "stderr" };
	s->tty = (struct tty)TTY_INIT;
	s->sigfd = -1;
	s->last_heard = now_ms();
	mux_init(&s->mux, MUX_HOST);
	stream_open(&s->in, STDIN_FILENO, false, r->closed & 1);
	stream_open(&s->out.to, STDOUT_FILENO, true, r->closed & 2);
	stream_open(&s->err.to, STDERR_FILENO, true, r->closed & 4);
	s->pidfd = (int)syscall(SYS_pidfd_open, r->qemu, 0);
	k = s->pidfd < 0 ? err_sys(e, "pidfd_open") : signals_open(s, e);
	if (k == 0 && (ring_init(&s->out.ring, MUX_WINDOW) < 0 ||
		       ring_init(&s->err.ring, MUX_WINDOW) < 0))
		k = err_set(e, ENOMEM, "out of memory");
	if (k == 0)
		k = loop(s, e);
	end_machine(s);
	tty_restore(&s->tty);
	k = result(s, k, code, e);
	ring_free(&s->out.ring);
	ring_free(&s->err.ring);
	stream_close(&s->in);
	stream_close(&s->out.to);
	stream_close(&s->err.to);
	if (s->sigfd >= 0)
		close(s->sigfd);
	if (s->pidfd >= 0)
		close(s->pidfd);
	return k;
}

void relay_free(struct relay *r)
{
	buf_free(&r->log_tail);
	buf_free(&r->qemu_text);
}
