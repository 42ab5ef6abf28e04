/* SPDX-License-Identifier: MIT */
/*
 * The relay: one poll loop over the wire, the kernel log, QEMU's stderr and pidfd, signals, and the
 * caller's three streams. What is said on the wire is session.c's; here is when to read and write,
 * how long silence may last, and what a run came to.
 *
 * Silence is bounded everywhere: until contact, while running (a question after a while, then the
 * end), while an image is written back, and after DISCONNECT. The machine ends with the run on
 * every way out.
 */
#include "runners/relay.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/msg.h"
#include "runners/session.h"

#define WIRE_READ ((size_t)256 << 10)
#define LOG_TAIL ((size_t)64 << 10)
#define KILL_GRACE_MS 2000u /* between TERM and KILL of a command whose time ran out */
#define SILENCE_MS 15000u   /* then the guest is asked whether it is there */
#define ANSWER_MS 45000u    /* and when no answer comes in this time, it is not */
#define POWER_OFF_MS 10000u /* after DISCONNECT */
#define FINISH_MS 120000u   /* to write an image back */
#define BESIDE_MS 500u	    /* for QEMU to end, too: then it was QEMU */

struct state {
	struct relay *r;
	struct session *session;
	enum session_phase phase; /* of the last turn: deadlines are set when it changes */
	int sigfd, pidfd;
	struct sink log; /* the guest's log, when it is shown */
	bool wire_eof;
	/* deadlines of clock_ms(), 0 = none */
	uint64_t kill_at;    /* the command's time is over */
	uint64_t off_at;     /* the machine is ended by force */
	uint64_t drop_at;    /* the time ran out and nobody reads: the output is dropped */
	uint64_t last_heard; /* bytes of the guest */
	uint64_t asked_at;   /* it was asked since; 0 = no */
	bool timed_out;
	uint64_t term_at; /* the first SIGTERM while the command ran */
	int end_signal;	  /* a signal ended the run: before the start, or the second TERM */
	uint8_t in[WIRE_READ];
};

static uint64_t since_start(const struct state *s)
{
	uint64_t ms = (clock_ns() - s->r->start_ns) / 1000000u;

	return ms ? ms : 1;
}

static uint64_t contact_deadline(const struct state *s)
{
	return s->r->start_ns / 1000000u + s->r->contact_ms;
}

/* wire */

/* A guest that breaks the rules is heard no more. When all is here, that is no loss. */
static int hear(struct state *s, size_t n, struct err *e)
{
	struct session *c = s->session;
	int r = session_input(c, s->in, n, e);

	if (r != -EPROTO || !c->command.has_exit || !session_collected(c))
		return r;
	msg_debug("%s", e->msg);
	*e = (struct err){ 0 };
	s->wire_eof = true;
	return 0;
}

static int wire_read(struct state *s, struct err *e)
{
	ssize_t n = read(s->r->wire, s->in, sizeof(s->in));

	/* Somebody else may hold the other end still: without QEMU nothing comes from there. */
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		s->wire_eof |= s->r->qemu_gone && errno == EAGAIN;
		return 0;
	}
	if (n <= 0) {
		s->wire_eof = true;
		return 0;
	}
	s->last_heard = clock_ms();
	s->asked_at = 0;
	return hear(s, (size_t)n, e);
}

static void wire_write(struct state *s)
{
	const void *p;
	size_t n;

	while (!s->wire_eof && (n = mux_output(&s->session->mux, &p)) > 0) {
		ssize_t k = send(s->r->wire, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0) /* full, or gone: reading says which */
			return;
		mux_output_done(&s->session->mux, (size_t)k);
	}
}

/* signals */

/* A TERM after the first one: the machine is killed. */
static bool is_second_term(struct state *s, int sig)
{
	uint64_t now = clock_ms();

	if (sig != SIGTERM)
		return false;
	if (!s->term_at)
		s->term_at = now;
	return now >= s->term_at + PROC_SECOND_TERM_MS;
}

/* An image that is written back is given its time: only a second TERM ends that. */
static void on_signal(struct state *s, int sig)
{
	enum session_phase phase = s->session->phase;

	if (sig == SIGTSTP)
		tty_stop(&s->session->tty);
	if (sig == SIGCONT)
		tty_again(&s->session->tty);
	if (sig == SIGWINCH || sig == SIGTSTP || sig == SIGCONT)
		s->session->winch = true;
	else if ((phase == RUNNING || phase == FINISHING) && is_second_term(s, sig))
		s->end_signal = SIGKILL;
	else if (phase == RUNNING)
		s->session->pending |= 1ull << sig;
	else if (phase != FINISHING)
		s->end_signal = sig;
}

static int signals_open(struct state *s, struct err *e)
{
	static const int all[] = { SIGINT,  SIGTERM,  SIGHUP,  SIGQUIT, SIGUSR1,
				   SIGUSR2, SIGWINCH, SIGTSTP, SIGCONT };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		/* Who has no terminal to look after stops as anybody does. */
		if ((all[i] == SIGTSTP || all[i] == SIGCONT) && !s->r->spec->tty)
			continue;
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

/* A console ends its lines with CR LF. */
static ssize_t clean(char *text, ssize_t n)
{
	ssize_t out = 0;

	for (ssize_t i = 0; i < n; i++) {
		if (text[i] != '\r')
			text[out++] = text[i];
	}
	msg_clean(text, (size_t)out);
	return out;
}

/* A terminal that is raw wants both again. */
static void show_text(struct sink *show, const char *text, size_t n)
{
	for (size_t at = 0; at < n;) {
		const char *end = msg_is_raw() ? memchr(text + at, '\n', n - at) : NULL;
		size_t k = end ? (size_t)(end - text) - at : n - at;

		sink_data(show, (const uint8_t *)text + at, k);
		at += k + !!end;
		if (end)
			sink_data(show, (const uint8_t *)"\r\n", 2);
	}
}

static void tail_read(int fd, struct buf *b, struct sink *show)
{
	char chunk[4096];
	ssize_t n;

	/* A reader of stderr that is slow must not hold up the run, nor make us hold more. */
	while (!show || show->ring.size - show->ring.len >= 2 * sizeof(chunk)) {
		n = read(fd, chunk, sizeof(chunk));
		if (n <= 0)
			return;
		n = clean(chunk, n);
		if (show)
			show_text(show, chunk, (size_t)n);
		if (b->len + (size_t)n > 2 * LOG_TAIL) {
			memmove(b->p, b->p + b->len - LOG_TAIL, LOG_TAIL);
			b->len = LOG_TAIL;
		}
		if (buf_add(b, chunk, (size_t)n) < 0)
			return;
	}
}

static void tails_read(struct state *s)
{
	bool show = s->r->spec->boot_log || s->r->spec->debug;

	tail_read(s->r->log, &s->r->log_tail, show ? &s->log : NULL);
	tail_read(s->r->qemu_err, &s->r->qemu_text, NULL);
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
		return sooner(at, contact_deadline(s));
	if (s->phase >= FINISHING)
		return at;
	return sooner(at, s->asked_at ? s->asked_at + ANSWER_MS : s->last_heard + SILENCE_MS);
}

static bool has_failed(const struct session *n)
{
	return n->failure.stage[0] || n->command.failure.stage[0];
}

/* What begins with a phase. */
static void on_phase(struct state *s)
{
	struct relay_times *t = &s->r->times;
	uint64_t now = clock_ms();

	s->phase = s->session->phase;
	if (s->phase > BOOTING && !t->contact) {
		t->contact = since_start(s);
		s->r->contact = true;
	}
	if (s->phase >= RUNNING && !t->command && !has_failed(s->session)) {
		t->command = since_start(s);
		if (s->r->spec->timeout_ms)
			s->kill_at = now + s->r->spec->timeout_ms;
	}
	if (s->phase == COLLECTING) {
		s->kill_at = 0;
		/* Without its file server a guest would wait for ever. */
		s->off_at = s->r->beside_ended ? now + BESIDE_MS : 0;
	}
	if (s->phase >= FINISHING) {
		s->kill_at = 0;
		s->off_at = now + (s->phase == FINISHING ? FINISH_MS : POWER_OFF_MS);
	}
	/* Everything has been said on both sides: QEMU's own way to its end is only longer. */
	if (session_disposable(s->session) && !s->r->qemu_gone)
		kill(s->r->qemu, SIGKILL);
}

/* The command's time is over: TERM, a grace, KILL, and the machine when that did not help. */
static void on_kill(struct state *s, uint64_t now)
{
	s->session->pending |= 1ull << (s->timed_out ? SIGKILL : SIGTERM);
	s->kill_at = s->timed_out ? 0 : now + KILL_GRACE_MS;
	s->off_at = s->timed_out ? now + KILL_GRACE_MS : 0;
	s->timed_out = s->session->collect_nothing = true;
}

static void on_off(struct state *s, uint64_t now)
{
	if (s->phase == ENDING)
		msg_warn("the machine did not power off and was ended");
	if (s->phase == FINISHING)
		msg_warn("the machine did not write back in time and was ended");
	kill(s->r->qemu, SIGKILL);
	s->off_at = 0;
	s->drop_at = s->timed_out ? now + KILL_GRACE_MS : 0;
}

/*
 * Returns 0, or -ETIMEDOUT when the machine is lost. What the guest has said was read before: a run
 * that was stopped for an hour finds the answers there and does not take the silence for the guest's.
 */
static int on_deadline(struct state *s, uint64_t now, struct err *e)
{
	enum session_phase phase = s->session->phase;

	if (s->drop_at && now >= s->drop_at)
		return err_set(e, ETIMEDOUT, "nobody reads the output");
	if (s->r->qemu_gone)
		return 0;
	if (s->kill_at && now >= s->kill_at)
		on_kill(s, now);
	if (s->off_at && now >= s->off_at)
		on_off(s, now);
	if (phase == BOOTING && now >= contact_deadline(s))
		return err_set(e, ETIMEDOUT, "no contact from the guest in %u s",
			       (unsigned)(s->r->contact_ms / 1000u));
	if (phase == BOOTING || phase >= FINISHING)
		return 0;
	if (s->asked_at && now >= s->asked_at + ANSWER_MS)
		return err_set(e, ETIMEDOUT, "the guest does not answer any more");
	if (!s->asked_at && now >= s->last_heard + SILENCE_MS) {
		s->asked_at = now;
		session_ask(s->session);
	}
	return 0;
}

/* loop */

enum slot {
	P_SIGNAL,
	P_PID,
	P_BESIDE,
	P_WIRE,
	P_LOG,
	P_QEMU,
	P_IN,
	P_OUT,
	P_ERR,
	P_COPY,
	P_HALF,
	P_SHOW,
	P_COUNT,
};

static struct pollfd want(int fd, bool when, int events)
{
	return (struct pollfd){ .fd = when ? fd : -1, .events = (short)events };
}

static struct pollfd want_sink(const struct sink *k)
{
	return want(k->to.fd, k->ring.len > 0, POLLOUT);
}

static void wants(struct state *s, struct pollfd p[P_COUNT])
{
	struct session *n = s->session;
	const void *out;
	bool full = mux_output(&n->mux, &out) > 0 || session_stalled(n);

	p[P_SIGNAL] = want(s->sigfd, true, POLLIN);
	p[P_PID] = want(s->pidfd, !s->r->qemu_gone, POLLIN);
	p[P_BESIDE] = want(s->r->beside->fd, !s->r->qemu_gone && !s->off_at && !s->r->beside_ended,
			   POLLIN);
	p[P_WIRE] = want(s->r->wire, !s->wire_eof, POLLIN | (full ? POLLOUT : 0));
	p[P_LOG] = want(s->r->log, !s->r->qemu_gone && s->log.ring.len < MUX_WINDOW / 2, POLLIN);
	p[P_QEMU] = want(s->r->qemu_err, !s->r->qemu_gone, POLLIN);
	p[P_IN] = want(session_input_fd(n), !full, POLLIN);
	p[P_OUT] = want_sink(&n->command.out);
	p[P_ERR] = want_sink(&n->command.err);
	p[P_COPY] = want_sink(&n->copied.out);
	p[P_HALF] = want(session_copy_fd(n), true, POLLIN); /* session_speak() looks at it */
	p[P_SHOW] = want_sink(&s->log);
}

/* Output that the guest has sent and nobody has got. */
static bool is_cut(const struct session *n)
{
	return n->command.out.ring.len || n->command.err.ring.len;
}

static bool finished(const struct state *s)
{
	if (s->end_signal)
		return true;
	return s->r->qemu_gone && s->wire_eof && !is_cut(s->session);
}

static int wait_for_something(struct state *s, struct pollfd p[P_COUNT], struct err *e)
{
	uint64_t at = next_deadline(s), now = clock_ms();
	int ms = -1;

	if (at)
		ms = at <= now ? 0 : at - now > 60000 ? 60000 : (int)(at - now);
	if (poll(p, P_COUNT, ms) >= 0) {
		/* We were stopped, and the guest perhaps with us: it gets its time to answer again. */
		if (at && s->asked_at && clock_ms() > at + SILENCE_MS)
			s->asked_at = clock_ms();
		return 0;
	}
	for (size_t i = 0; i < P_COUNT; i++)
		p[i].revents = 0;
	return errno == EINTR ? 0 : err_sys(e, "poll");
}

static int on_poll(struct state *s, const struct pollfd p[P_COUNT], struct err *e)
{
	struct signalfd_siginfo si;
	int r = 0;

	while (p[P_SIGNAL].revents && read(s->sigfd, &si, sizeof(si)) == (ssize_t)sizeof(si))
		on_signal(s, (int)si.ssi_signo);
	if (p[P_LOG].revents || p[P_QEMU].revents)
		tails_read(s);
	if (p[P_OUT].revents)
		sink_pump(&s->session->command.out);
	if (p[P_ERR].revents)
		sink_pump(&s->session->command.err);
	if (p[P_COPY].revents)
		sink_pump(&s->session->copied.out);
	if (p[P_SHOW].revents)
		sink_pump(&s->log);
	if (p[P_WIRE].revents & (POLLIN | POLLHUP | POLLERR))
		r = wire_read(s, e);
	if (r == 0 && p[P_IN].revents && session_input_fd(s->session) == p[P_IN].fd)
		r = session_feed(s->session, e);
	if (p[P_BESIDE].revents && !p[P_PID].revents) {
		s->r->beside_ended = companion_ended(s->r->beside);
		s->off_at = clock_ms() + BESIDE_MS;
	}
	if (p[P_PID].revents && r == 0) {
		s->r->qemu_gone = true;
		s->r->times.gone = since_start(s);
		if (s->timed_out && !s->drop_at)
			s->drop_at = clock_ms() + KILL_GRACE_MS;
		tails_read(s);
		while (r == 0 && !s->wire_eof)
			r = wire_read(s, e);
		if (proc_wait(s->r->qemu, &s->r->qemu_status) < 0)
			return err_set(e, ECHILD, "QEMU's end was lost");
		/* It went by itself: whoever else ended did so because of that. */
		if (s->r->qemu_status.value != SIGKILL)
			s->r->beside_ended = NULL;
	}
	return r;
}

/* CLOSE follows it at once, whatever the readers do: all output has been sent before. */
static void on_exit_record(struct state *s)
{
	s->r->times.command_end = since_start(s);
	s->kill_at = 0;
	if (!s->off_at)
		s->off_at = clock_ms() + POWER_OFF_MS;
}

static int loop(struct state *s, struct err *e)
{
	while (!finished(s)) {
		struct pollfd p[P_COUNT];
		int r = session_speak(s->session, e);

		wire_write(s);
		if (s->session->command.has_exit && !s->r->times.command_end)
			on_exit_record(s);
		if (s->phase != s->session->phase)
			on_phase(s);
		/* A wire that ended without a word: QEMU is about to follow. */
		if (s->wire_eof && !s->r->qemu_gone && !s->off_at)
			s->off_at = clock_ms() + POWER_OFF_MS;
		wants(s, p);
		if (r == 0)
			r = wait_for_something(s, p, e);
		if (r == 0)
			r = on_poll(s, p, e);
		if (r == 0)
			r = on_deadline(s, clock_ms(), e);
		if (r < 0)
			return r;
	}
	return 0;
}

static void end_machine(struct state *s)
{
	if (s->r->qemu_gone)
		return;
	kill(s->r->qemu, SIGKILL);
	if (proc_wait(s->r->qemu, &s->r->qemu_status) == 0)
		s->r->times.gone = since_start(s);
	s->r->qemu_gone = true;
	tails_read(s);
}

/* result */

static int refuse(const struct session *s, int *code, struct err *e)
{
	const struct wire_failure *f = &s->failure;

	if (f->stage[0])
		return err_set(e, f->code ? (int)f->code : EIO, "guest: %s: %s", f->stage,
			       f->operand);
	f = &s->command.failure;
	if (!strcmp(f->stage, "exec")) {
		*code = proc_exec_code((int)f->code);
		return err_code(e, (int)f->code, "%s", f->operand);
	}
	return err_set(e, f->code ? (int)f->code : EIO, "%s", f->operand);
}

static int sink_error(const struct sink *k, struct err *e)
{
	return k->error ? err_code(e, k->error, "write %s", k->name) : 0;
}

/* A command that failed is not heard of less because its files are not there. */
static int status(const struct session *n, int *code, struct err *e)
{
	int exit = proc_exit_code(&n->command.exit.status);
	struct err why = n->uncollected;

	if (sink_error(&n->command.out, e) < 0 || sink_error(&n->command.err, e) < 0)
		return -e->code;
	if (n->command.exit.oom)
		msg_warn("the guest ran out of memory and killed the command");
	if (!session_collected(n) && !why.code) {
		if (!e->code)
			err_set(e, EIO,
				"the machine is lost: it ended before everything was copied out");
		why = *e;
		*e = (struct err){ 0 };
	}
	if (why.code && !exit) {
		*e = why;
		return -why.code;
	}
	if (why.code)
		msg_warn("%s", why.msg);
	*code = exit;
	return 0;
}

/* What the run came to. The status record counts for more than anything else, but for lost output. */
static int result(struct state *s, int r, int *code, struct err *e)
{
	struct session *n = s->session;

	*code = EXIT_EXECVM;
	s->r->begun = n->command.exec_sent;
	if (s->end_signal) {
		*code = EXIT_SIGNAL + s->end_signal;
		return err_set(e, EINTR, "ended by %s", proc_signal_name(s->end_signal));
	}
	if (s->timed_out) {
		*code = EXIT_TIMEOUT;
		return err_set(e, ETIMEDOUT, "the command ran longer than its time");
	}
	s->r->told = has_failed(n) || n->copy_refused;
	if (has_failed(n))
		return refuse(n, code, e);
	if (n->command.has_exit && session_writable(n) && !n->written_back)
		return err_set(e, EIO,
			       "the machine is lost: it ended before its images were written back");
	if (n->command.has_exit && (r == 0 || !is_cut(n)))
		return status(n, code, e);
	if (r < 0)
		return r;
	s->r->lost = true;
	return err_set(e, EIO, "the machine is lost: it ended without a status");
}

static void state_free(struct state *s)
{
	sink_close(&s->log);
	session_close(s->session);
	free(s->session);
	if (s->sigfd >= 0)
		close(s->sigfd);
	if (s->pidfd >= 0)
		close(s->pidfd);
	free(s);
}

static struct state *state_new(struct relay *r)
{
	struct state *s = calloc(1, sizeof(*s));
	struct session *n = calloc(1, sizeof(*n));

	if (!s || !n) {
		free(s);
		free(n);
		return NULL;
	}
	n->spec = r->spec;
	n->machine = r->machine;
	n->machine_len = r->machine_len;
	n->record = r->record;
	n->command.file = r->stdin_file;
	n->command.process = r->process;
	n->command.process_len = r->process_len;
	s->r = r;
	s->session = n;
	s->sigfd = s->pidfd = s->log.to.fd = -1;
	s->last_heard = clock_ms();
	return s;
}

int relay_run(struct relay *r, int *code, struct err *e)
{
	struct state *s = state_new(r);
	struct proc_status ignored;
	int k;

	*code = EXIT_EXECVM;
	if (!s) {
		kill(r->qemu, SIGKILL);
		return proc_wait(r->qemu, &ignored) < 0 ? -ECHILD : err_memory(e);
	}
	k = session_open(s->session, r->closed, e);
	if (k == 0 && sink_open(&s->log, NULL, STDERR_FILENO, r->closed & 4, "stderr") < 0)
		k = err_memory(e);
	s->pidfd = (int)syscall(SYS_pidfd_open, r->qemu, 0);
	if (k == 0)
		k = s->pidfd < 0 ? err_sys(e, "pidfd_open") : signals_open(s, e);
	if (k == 0)
		k = loop(s, e);
	end_machine(s);
	k = result(s, k, code, e);
	r->has_status = k == 0;
	r->status = s->session->command.exit.status;
	state_free(s);
	return k;
}

void relay_free(struct relay *r)
{
	buf_free(&r->log_tail);
	buf_free(&r->qemu_text);
}
