/* SPDX-License-Identifier: MIT */
/*
 * Every stage is a child of this process that runs a part of this program; what it starts is its
 * own. Between two stages is a pipe; when somebody wants to know how much went through, there are two,
 * with a pump in the middle. One loop moves what can be moved, passes signals on and reaps; it never
 * waits for one stage while another one could go on, nor for whoever reads stdout or stderr.
 *
 * A File is carried out when everything in front of it went well: its stage waits for that word.
 * SIGPIPE is how a stage ends whose reader wants no more, so it is no failure, but for the last one.
 */
#include "pipeline/run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/fd.h"
#include "lib/io.h"
#include "lib/msg.h"
#include "pipeline/progress.h"
#include "pipeline/pump.h"

#define PROGRESS_MS 2000 /* a pipeline that takes less needs none */
#define GIVE_UP_S 2	 /* between two TERMs; the second one is a KILL */

/* What one turn of the loop waits for: open descriptors only, so no more than there may be. */
struct waits {
	struct pollfd at[2 + 3 * PIPELINE_STAGES];
	size_t n;
	size_t taken; /* of those, in the same order */
};

/* What is in the works. */
struct works {
	struct run *r;
	size_t n;
	pid_t pid[PIPELINE_STAGES];	   /* 0 = has ended, or has not begun */
	struct pump pump[PIPELINE_STAGES]; /* behind each stage, when it is counted */
	int link[PIPELINE_STAGES];	   /* a handle of the pipe there, when it is not */
	int in, out, err;		   /* of the stage that is being started; -1 = ours */
	int next;			   /* what the one behind it is to read */
	int verdict[2];			   /* for a File */
	int signals;
	int lost;      /* the status of a stdout that lacks something, or 0 */
	int ended;     /* a signal that is to end us, or 0 */
	bool err_full; /* stderr has no room for what the stages say there */
	size_t alive;
	struct waits waits;
	uint64_t start;
	struct progress progress;
};

static void works_close(struct works *w)
{
	int *const fds[] = {
		&w->next, &w->out, &w->err, &w->verdict[0], &w->verdict[1], &w->signals
	};

	for (size_t i = 0; i < w->n; i++) {
		pump_close(&w->pump[i]);
		if (w->link[i] >= 0)
			close(take_fd(&w->link[i]));
	}
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		if (*fds[i] >= 0)
			close(take_fd(fds[i]));
	}
}

/* The stage that is being started, seen from inside. */
struct inside {
	struct works *w;
	size_t at;
	struct proc_signals entry;
};

/* Moves *fd to where it belongs. */
static int place(int *fd, int to)
{
	return *fd < 0 ? 0 : fd_move(take_fd(fd), to);
}

static int inside(void *ctx)
{
	struct inside *in = ctx;
	struct works *w = in->w;
	const struct stage *s = &w->r->plan->stage[in->at];
	int verdict = s->type == STAGE_FILE ? take_fd(&w->verdict[0]) : -1;
	int closed = w->r->closed;

	if (w->in >= 0)
		closed &= ~1;
	if (w->out >= 0)
		closed &= ~2;
	if (w->err >= 0)
		closed &= ~4;
	if (place(&w->in, STDIN_FILENO) < 0 || place(&w->out, STDOUT_FILENO) < 0 ||
	    place(&w->err, STDERR_FILENO) < 0)
		return EXIT_EXECVM;
	/* What is the others' would keep them from ever seeing an end. */
	for (size_t i = 0; i < w->r->plan->n; i++) {
		if (w->r->tails[i].fd >= 0)
			close(take_fd(&w->r->tails[i].fd));
		if (i != in->at && w->r->plan->stage[i].output.fd >= 0)
			close(w->r->plan->stage[i].output.fd);
	}
	works_close(w);
	return stage_run(s, &in->entry, closed, verdict, &w->r->told[in->at]);
}

/*
 * A pipe, or, where it is counted, the pipe behind a stage, the pump, and the pipe in front of the
 * next. A pump costs a tenth of what pipes can carry at most.
 */
static int open_link(struct works *w, size_t at, struct err *e)
{
	struct pump *p = &w->pump[at];
	bool last = at + 1 == w->r->plan->n;
	int r = 0;

	if (last && !w->r->count_last)
		return 0;
	if (!w->r->count) {
		r = pump_pipe(&w->next, &w->out);
		if (r == 0)
			r = pump_handle(w->next, &w->link[at]);
		return r < 0 ? err_code(e, -r, "pipe") : 0;
	}
	r = pump_pipe(&p->from, &w->out);
	if (r == 0)
		r = last ? pump_to(p, STDOUT_FILENO) : pump_pipe(&w->next, &p->to);
	return r < 0 ? err_code(e, -r, "pipe") : 0;
}

static int open_tail(struct works *w, size_t at, struct err *e)
{
	struct tail *t = &w->r->tails[at];
	int r;

	if (!w->r->tail)
		return 0;
	t->max = w->r->tail;
	r = fd_pipe(&t->fd, &w->err, 0);
	return r < 0 ? err_code(e, -r, "pipe") : 0;
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(take_fd(fd));
}

static int start_one(struct works *w, size_t at, struct err *e)
{
	const struct stage *s = &w->r->plan->stage[at];
	struct inside in = { .w = w, .at = at, .entry = *w->r->entry };
	int r;

	w->n = at + 1;
	r = open_link(w, at, e);
	if (r == 0)
		r = open_tail(w, at, e);
	if (r == 0 && s->type == STAGE_FILE) {
		r = fd_pipe(&w->verdict[0], &w->verdict[1], 0);
		if (r < 0)
			err_code(e, -r, "pipe");
	}
	/* A stage ends by SIGPIPE, whatever our caller did with it. */
	sigdelset(&in.entry.ignored, SIGPIPE);
	sigdelset(&in.entry.mask, SIGPIPE);
	if (r == 0) {
		r = proc_fork(inside, &in, SIGTERM, &w->pid[at]);
		if (r < 0)
			err_code(e, -r, "fork");
		else
			w->alive++;
	}
	close_one(&w->in);
	close_one(&w->out);
	close_one(&w->err);
	close_one(&w->verdict[0]);
	w->in = take_fd(&w->next);
	return r;
}

static void send_all(struct works *w, int sig)
{
	for (size_t i = 0; i < w->n; i++) {
		if (w->pid[i] > 0)
			kill(w->pid[i], sig);
	}
}

/* It has ended by the signal that says that nobody reads, and nobody did. */
static bool was_refused(const struct works *w, size_t at, int code)
{
	if (code != EXIT_SIGNAL + SIGPIPE)
		return false;
	return w->r->count ? w->pump[at].refused : !pump_has_reader(w->link[at]);
}

/* Everything in front of the File has ended: it hears how. */
static void tell_verdict(struct works *w)
{
	size_t last = w->r->plan->n - 1;
	bool good = true;

	if (w->verdict[1] < 0 || !w->pid[last])
		return;
	for (size_t i = 0; i < last; i++) {
		if (w->pid[i])
			return;
		good &= !w->r->result[i].failed;
	}
	if (good)
		(void)!io_write_all(w->verdict[1], "", 1);
	else
		w->r->result[last].status = -1;
	close_one(&w->verdict[1]);
}

static void has_ended(struct works *w, size_t at, const struct proc_status *st)
{
	struct stage_result *res = &w->r->result[at];
	int code = proc_exit_code(st);
	bool last = at + 1 == w->r->plan->n;

	w->pid[at] = 0;
	w->alive--;
	res->ms = clock_ms() - w->start;
	/* A File that was told of a failure did nothing. One that failed itself has its own. */
	if (res->status < 0 && !code)
		return;
	res->status = code;
	res->failed = code && (last || !was_refused(w, at, code));
}

static void reap(struct works *w)
{
	struct proc_status st;
	pid_t pid;

	while ((pid = proc_reap(&st)) > 0) {
		for (size_t i = 0; i < w->n; i++) {
			if (w->pid[i] == pid)
				has_ended(w, i, &st);
		}
	}
	tell_verdict(w);
}

/* What the terminal sends has reached every process of the group by itself. */
static void take_signals(struct works *w)
{
	struct signalfd_siginfo si;

	while (read(w->signals, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		int sig = (int)si.ssi_signo;

		if (sig != SIGCHLD && si.ssi_code <= 0)
			send_all(w, sig);
		if (sig != SIGCHLD && sig != SIGUSR1 && sig != SIGUSR2)
			w->ended = sig;
	}
	reap(w);
}

static int open_signals(struct works *w, const struct proc_signals *entry, struct err *e)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t set;

	proc_signals_supervised(entry, &set);
	proc_signals_children();
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGXFSZ, &ignore, NULL); /* an error like a full disk */
	w->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return w->signals < 0 ? err_sys(e, "signalfd") : 0;
}

static void wait_for(struct waits *s, int fd, short events)
{
	if (fd >= 0)
		s->at[s->n++] = (struct pollfd){ .fd = fd, .events = events };
}

/* What came of the next one; fd says whether there is one. */
static short came(struct waits *s, int fd)
{
	return fd >= 0 ? s->at[s->taken++].revents : 0;
}

/* What is read of a stage. */
static int from_of(const struct works *w, size_t at)
{
	return w->pump[at].full ? -1 : w->pump[at].from;
}

static int tail_of(const struct works *w, size_t at)
{
	return w->err_full ? -1 : w->r->tails[at].fd;
}

/*
 * Of a pump that waits for bytes, that its reader has gone is looked at as well: the one in front
 * should hear of it now and not with its next write.
 */
static void fill(struct works *w)
{
	struct waits *s = &w->waits;

	s->n = s->taken = 0;
	wait_for(s, w->signals, POLLIN);
	wait_for(s, w->err_full ? STDERR_FILENO : -1, POLLOUT);
	for (size_t i = 0; i < w->n; i++) {
		wait_for(s, from_of(w, i), POLLIN);
		wait_for(s, w->pump[i].to, w->pump[i].full ? POLLOUT : 0);
		wait_for(s, tail_of(w, i), POLLIN);
	}
}

/* What should be on stdout is not: that is the last stage's failure, however it ended itself. */
static void lost(struct works *w, int status, const char *why)
{
	size_t last = w->r->plan->n - 1;
	struct stage_told *told = &w->r->told[last];
	struct err e = { 0 };

	err_set(&e, EIO, "write stdout: %s", why);
	fail(&e);
	told->own = true;
	memcpy(told->msg, e.msg, sizeof(told->msg));
	w->lost = status;
}

static void turn_pump(struct works *w, size_t at, short from, short to)
{
	struct pump *p = &w->pump[at];
	int r = 0;

	if (p->from >= 0 && !p->full && to & (POLLERR | POLLHUP | POLLNVAL))
		pump_refuse(p);
	else if (p->from >= 0 && (from || to))
		r = pump_move(p);
	if (r < 0)
		lost(w, EXIT_EXECVM, strerror(-r));
	w->r->result[at].bytes = p->bytes;
}

static void turn_tail(struct works *w, size_t at)
{
	struct pollfd room = { .fd = STDERR_FILENO, .events = POLLOUT };

	w->err_full = poll(&room, 1, 0) == 0;
	if (!w->err_full)
		tail_move(&w->r->tails[at], STDERR_FILENO);
}

/* How much has come, 0 when nothing has in time; a negative errno when it cannot be waited for. */
static int turn(struct works *w, int ms)
{
	struct waits *s = &w->waits;
	bool err_full = w->err_full;
	int n;

	fill(w);
	n = poll(s->at, (nfds_t)s->n, ms);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (came(s, w->signals))
		take_signals(w);
	if (came(s, err_full ? STDERR_FILENO : -1))
		w->err_full = false;
	for (size_t i = 0; i < w->n; i++) {
		short from = came(s, from_of(w, i)), to = came(s, w->pump[i].to);
		short tail = came(s, err_full ? -1 : w->r->tails[i].fd);

		turn_pump(w, i, from, to);
		if (tail && !w->err_full)
			turn_tail(w, i);
	}
	return n;
}

static int wait_ms(const struct works *w)
{
	uint64_t now = clock_ms() - w->start;

	if (!w->r->progress)
		return -1;
	return now < PROGRESS_MS ? (int)(PROGRESS_MS - now) : PROGRESS_EACH_MS;
}

/* How many bytes of each stream are the stages'. */
struct goals {
	uint64_t out[PIPELINE_STAGES], err[PIPELINE_STAGES];
};

static uint64_t in_pipe(int fd)
{
	int n = 0;

	return fd >= 0 && ioctl(fd, FIONREAD, &n) == 0 && n > 0 ? (uint64_t)n : 0;
}

/* Closes what has been read up to its goal, and says whether there is anything else. */
static bool anything_left(struct works *w, const struct goals *g)
{
	bool left = false;

	for (size_t i = 0; i < w->n; i++) {
		if (w->pump[i].bytes >= g->out[i])
			pump_close(&w->pump[i]);
		if (w->r->tails[i].bytes >= g->err[i])
			tail_end(&w->r->tails[i]);
		left |= w->pump[i].from >= 0 || w->r->tails[i].fd >= 0;
	}
	return left;
}

/*
 * Every stage has ended: what is in the streams is passed on, however slowly it is read. What comes
 * behind it is an orphan's, which may hold a pipe for ever. A signal ends the waiting.
 */
static int drain(struct works *w)
{
	struct goals g = { 0 };
	size_t last = w->n - 1;
	int r = 1;

	for (size_t i = 0; i < w->n; i++) {
		g.out[i] = w->pump[i].bytes + in_pipe(w->pump[i].from);
		g.err[i] = w->r->tails[i].bytes + in_pipe(w->r->tails[i].fd);
	}
	while (anything_left(w, &g) && (r > 0 || (r == 0 && !w->ended)))
		r = turn(w, w->ended ? 0 : -1);
	if (w->pump[last].from >= 0 && !w->r->result[last].failed)
		lost(w, EXIT_SIGNAL + w->ended, "interrupted");
	return r;
}

static int loop(struct works *w, struct err *e)
{
	int r = 0;

	tell_verdict(w); /* of a File alone */
	while (w->alive && r >= 0) {
		r = turn(w, wait_ms(w));
		if (w->r->progress && clock_ms() >= w->start + PROGRESS_MS)
			progress_show(&w->progress, w->r, w->n, clock_ms() - w->start);
	}
	progress_clear(&w->progress);
	if (r >= 0)
		r = drain(w);
	return r < 0 ? err_code(e, -r, "poll") : 0;
}

/* The stages that are there end: what could not be started will not be. */
static void give_up(struct works *w)
{
	const struct timespec patience = { .tv_sec = GIVE_UP_S };
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	send_all(w, SIGTERM);
	works_close(w);
	for (reap(w); w->alive; reap(w)) {
		if (sigtimedwait(&child, NULL, &patience) < 0 && errno == EAGAIN)
			send_all(w, SIGTERM);
	}
}

static int status_of(const struct run *r)
{
	for (size_t i = r->plan->n; i-- > 0;) {
		if (r->result[i].failed)
			return r->result[i].status;
	}
	return 0;
}

static int start_all(struct works *w, struct err *e)
{
	struct run *r = w->r;
	int k;

	r->told = mmap(NULL, r->plan->n * sizeof(*r->told), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (r->told == MAP_FAILED) {
		r->told = NULL;
		return err_sys(e, "memory for the stages");
	}
	k = open_signals(w, r->entry, e);
	if (k == 0 && r->no_stdin) {
		w->in = open("/dev/null", O_RDONLY | O_CLOEXEC);
		k = w->in < 0 ? err_sys(e, "open /dev/null") : 0;
	}
	for (size_t i = 0; i < r->plan->n && k == 0; i++)
		k = start_one(w, i, e);
	return k;
}

int run_pipeline(struct run *r, struct err *e)
{
	struct works *w = calloc(1, sizeof(*w));
	int code = EXIT_EXECVM, k;

	if (!w) {
		err_memory(e);
		return code;
	}
	w->r = r;
	w->in = w->out = w->err = w->next = w->verdict[0] = w->verdict[1] = w->signals = -1;
	w->start = clock_ms();
	for (size_t i = 0; i < PIPELINE_STAGES; i++) {
		r->tails[i] = (struct tail)TAIL_INIT;
		w->pump[i] = (struct pump)PUMP_INIT;
		w->link[i] = -1;
	}
	k = start_all(w, e);
	if (k == 0)
		k = loop(w, e);
	if (k < 0) {
		give_up(w);
	} else {
		for (size_t i = 0; i < r->plan->n; i++)
			r->result[i].bytes += r->told[i].bytes;
		if (w->lost) {
			r->result[w->n - 1].status = w->lost;
			r->result[w->n - 1].failed = true;
		}
		code = status_of(r);
	}
	works_close(w);
	proc_signals_restore(r->entry);
	free(w);
	return code;
}

void run_free(struct run *r)
{
	for (size_t i = 0; i < r->plan->n; i++)
		tail_free(&r->tails[i]);
	if (r->told)
		munmap(r->told, r->plan->n * sizeof(*r->told));
	r->told = NULL;
}
