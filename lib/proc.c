/* SPDX-License-Identifier: MIT */
/*
 * Start, supervise, wait.
 *
 * A child shares our memory until it has executed (vfork). It therefore leaves the errno and the
 * name of the step that failed in a structure on our stack, and ends with _exit: nothing is
 * written through a pipe, nothing has to be parsed. The identity calls are made as raw system
 * calls, because the libraries' wrappers may want to tell other threads.
 */
#include "lib/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/fd.h"
#include "lib/io.h"
#include "lib/msg.h"

#define KILL_GRACE_MS 2000

static const int forwarded[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };

/* What the child leaves behind when it could not become the program. */
struct child {
	const struct proc_spec *spec;
	char *const *envp;
	pid_t parent;
	const char *volatile stage;
	volatile int code;
};

void proc_signals_save(struct proc_signals *s)
{
	sigemptyset(&s->ignored);
	s->kept = false;
	sigprocmask(SIG_BLOCK, NULL, &s->mask);
	for (int sig = 1; sig < NSIG; sig++) {
		struct sigaction sa;

		if (sigaction(sig, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN)
			sigaddset(&s->ignored, sig);
	}
}

void proc_signals_children(void)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };

	sigaction(SIGCHLD, &dfl, NULL);
}

/* Dispositions first, the mask last: nothing is delivered in between that should not be. */
void proc_signals_restore(const struct proc_signals *s)
{
	for (int sig = 1; sig < NSIG && !s->kept; sig++) {
		bool want = sigismember(&s->ignored, sig) == 1;
		struct sigaction sa;

		if (sigaction(sig, NULL, &sa) < 0 || (sa.sa_handler == SIG_IGN) == want)
			continue;
		sa = (struct sigaction){ .sa_handler = want ? SIG_IGN : SIG_DFL };
		sigaction(sig, &sa, NULL);
	}
	sigprocmask(SIG_SETMASK, &s->mask, NULL);
}

/* One candidate "dir/name" into out; an empty dir is the current one. */
static bool join(char *out, size_t size, const char *dir, size_t n, const char *name)
{
	size_t len = strlen(name);

	if (n + len + 2 > size)
		return false;
	memcpy(out, dir, n);
	if (n)
		out[n++] = '/';
	memcpy(out + n, name, len + 1);
	return true;
}

/*
 * What execvp(3) does, less its /bin/sh for files that are no programs. A directory that may not
 * be searched does not hide a later match, but is the reason when there is none.
 */
int proc_exec(char *const *argv, char *const *envp, const char *path)
{
	const char *name = argv[0];
	int code = ENOENT;
	char full[PATH_MAX];

	if (!*name)
		return -ENOENT;
	if (strchr(name, '/')) {
		execve(name, argv, envp);
		return -errno;
	}
	if (!path)
		path = PROC_DEFAULT_PATH;
	for (;;) {
		size_t n = strcspn(path, ":");

		if (join(full, sizeof(full), path, n, name)) {
			execve(full, argv, envp);
			if (errno == EACCES)
				code = EACCES;
			else if (errno != ENOENT && errno != ENOTDIR && errno != ESTALE)
				return -errno;
		}
		path += n;
		if (!*path)
			return -code;
		path++;
	}
}

static bool is_program(const char *path, struct stat *st)
{
	return access(path, X_OK) == 0 && stat(path, st) == 0 && S_ISREG(st->st_mode);
}

bool proc_find(const char *name, const char *path, char *full, struct stat *st)
{
	char room[PATH_MAX];
	struct stat any = { 0 };

	full = full ? full : room;
	st = st ? st : &any;
	if (strchr(name, '/'))
		return join(full, PATH_MAX, "", 0, name) && is_program(full, st);
	for (path = path ? path : PROC_DEFAULT_PATH;; path++) {
		size_t n = strcspn(path, ":");

		if (join(full, PATH_MAX, path, n, name) && is_program(full, st))
			return true;
		path += n;
		if (!*path)
			return false;
	}
}

static int child_fds(const int want[3])
{
	int from[3];

	/* Out of the way first: a source below 3 may be another one's target. */
	for (int i = 0; i < 3; i++) {
		from[i] = want[i];
		if (from[i] >= 0 && from[i] < 3 && from[i] != i) {
			from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 3);
			if (from[i] < 0)
				return -1;
		}
	}
	for (int i = 0; i < 3; i++) {
		if (from[i] == i ? fcntl(i, F_SETFD, 0) < 0 : from[i] >= 0 && dup2(from[i], i) < 0)
			return -1;
	}
	return 0;
}

static int child_ids(const struct proc_spec *s)
{
	if (syscall(SYS_setgroups, s->ngroups, s->groups) < 0)
		return -1;
	if (syscall(SYS_setresgid, s->gid, s->gid, s->gid) < 0)
		return -1;
	return (int)syscall(SYS_setresuid, s->uid, s->uid, s->uid);
}

static int child_rlimits(const struct proc_spec *s)
{
	for (size_t i = 0; i < s->nrlimits; i++) {
		const struct rlimit *l = &s->rlimits[i].limit;

		if (syscall(SYS_prlimit64, 0, s->rlimits[i].resource, l, NULL) < 0)
			return -1;
	}
	return 0;
}

/* The parent may have died between vfork and here: then nobody would send the signal any more. */
static int child_death_signal(const struct child *c)
{
	if (prctl(PR_SET_PDEATHSIG, c->spec->death_signal) < 0)
		return -1;
	if (getppid() != c->parent) {
		errno = ESRCH;
		return -1;
	}
	return 0;
}

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2) /* linux/close_range.h; not in every libc */
#endif

/* An older kernel (before 5.11) lets through what the caller of this process left open. */
static int child_close_rest(void)
{
	return syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) < 0 && errno != ENOSYS &&
			       errno != EINVAL
		       ? -1
		       : 0;
}

static int child_keep(const struct proc_spec *s)
{
	for (size_t i = 0; i < s->nkeep; i++) {
		if (fcntl(s->keep[i], F_SETFD, 0) < 0)
			return -1;
	}
	return 0;
}

/* mount_setattr(2), since Linux 5.12: its structure and flags are not in every libc. */
static int child_readonly_mounts(void)
{
	static const struct {
		uint64_t set, clear, propagation, userns;
	} readonly = { .set = 1 /* MOUNT_ATTR_RDONLY */ };
	const unsigned recursive = 0x8000; /* AT_RECURSIVE */

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -1;
	return (int)syscall(SYS_mount_setattr, AT_FDCWD, "/", recursive, &readonly,
			    sizeof(readonly));
}

/*
 * Each step by name, so that the caller can say which one failed. Limits come before the ids,
 * because only root may raise them; the working directory after, because the user must be able to
 * enter it; the death signal after, because a change of ids clears it.
 */
static void child_setup(struct child *c)
{
	static const struct proc_signals none;
	const struct proc_spec *s = c->spec;

#define STEP(name, cond, call)                                                                     \
	if (cond) {                                                                                \
		c->stage = (name);                                                                 \
		if ((call) < 0) {                                                                  \
			c->code = errno;                                                           \
			return;                                                                    \
		}                                                                                  \
	}
	STEP("setsid", s->new_session, setsid())
	STEP("setpgid", s->new_group, setpgid(0, 0))
	STEP("descriptors", true, child_fds(s->fd))
	STEP("controlling terminal", s->controlling_tty, ioctl(0, TIOCSCTTY, 0))
	STEP("descriptors", s->close_rest, child_close_rest())
	STEP("descriptors", s->nkeep, child_keep(s))
	STEP("read-only mounts", s->readonly_mounts, child_readonly_mounts())
	STEP("rlimits", s->nrlimits, child_rlimits(s))
	STEP("user", s->set_ids, child_ids(s))
	STEP("chdir", s->cwd, chdir(s->cwd))
	if (s->set_umask)
		umask(s->umask);
	STEP("no-new-privs", s->no_new_privs, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
	STEP("death signal", s->death_signal, child_death_signal(c))
#undef STEP
	proc_signals_restore(s->signals ? s->signals : &none);
	c->stage = "exec";
	c->code = -proc_exec(s->argv, c->envp, s->path);
}

int proc_spawn(const struct proc_spec *s, pid_t *pid, struct proc_failure *f)
{
	struct child c = { .spec = s, .envp = s->envp ? s->envp : environ, .parent = getpid() };
	int status;
	pid_t p;

	p = vfork();
	if (p == 0) {
		child_setup(&c);
		_exit(EXIT_EXECVM);
	}
	if (p < 0) {
		*f = (struct proc_failure){ "fork", errno };
		return -f->code;
	}
	if (c.code) {
		while (waitpid(p, &status, 0) < 0 && errno == EINTR)
			;
		*f = (struct proc_failure){ c.stage, c.code };
		return -c.code;
	}
	*pid = p;
	return 0;
}

int proc_fork(int (*child)(void *ctx), void *ctx, int death_signal, pid_t *pid)
{
	pid_t parent = getpid(), p;

	fflush(NULL);
	p = fork();
	if (p == 0) {
		int code = EXIT_EXECVM;

		if (!death_signal ||
		    (prctl(PR_SET_PDEATHSIG, death_signal) == 0 && getppid() == parent))
			code = child(ctx);
		fflush(NULL);
		_exit(code);
	}
	if (p < 0)
		return -errno;
	*pid = p;
	return 0;
}

int proc_become(const struct proc_spec *s, struct proc_failure *f)
{
	struct child c = { .spec = s, .envp = s->envp ? s->envp : environ, .parent = getppid() };

	child_setup(&c);
	*f = (struct proc_failure){ c.stage, c.code };
	return -c.code;
}

static void decode(int raw, struct proc_status *st)
{
	if (WIFSIGNALED(raw))
		*st = (struct proc_status){ PROC_SIGNALED, WTERMSIG(raw), WCOREDUMP(raw) };
	else
		*st = (struct proc_status){ PROC_EXITED, WEXITSTATUS(raw), false };
}

int proc_wait(pid_t pid, struct proc_status *st)
{
	int raw;

	while (waitpid(pid, &raw, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	decode(raw, st);
	return 0;
}

static pid_t reap(struct proc_status *st, int flags)
{
	pid_t pid;
	int raw;

	do
		pid = waitpid(-1, &raw, flags);
	while (pid < 0 && errno == EINTR);
	if (pid > 0)
		decode(raw, st);
	return pid < 0 ? -errno : pid;
}

pid_t proc_reap(struct proc_status *st)
{
	return reap(st, WNOHANG);
}

pid_t proc_reap_wait(struct proc_status *st)
{
	return reap(st, 0);
}

/* Waits for a signal of set until the deadline (0 = none). 0 = the deadline is there. */
static int next_signal(const sigset_t *set, uint64_t deadline, siginfo_t *si)
{
	uint64_t now = clock_ms();
	struct timespec t = { 0 };

	if (!deadline)
		return sigwaitinfo(set, si);
	if (deadline > now) {
		t.tv_sec = (time_t)((deadline - now) / 1000);
		t.tv_nsec = (long)((deadline - now) % 1000) * 1000000;
	}
	return sigtimedwait(set, si, &t) < 0 ? (errno == EAGAIN ? 0 : -1) : si->si_signo;
}

/*
 * What the terminal sent to us and to a child that died of it may still be pending here. Unblocked,
 * it would end us, too, before anybody was told the child's status.
 */
static void take_pending(const sigset_t *set, struct proc_supervised *out)
{
	struct timespec now = { 0 };
	int sig;

	while ((sig = sigtimedwait(set, NULL, &now)) > 0) {
		if (sig != SIGCHLD && sig != SIGUSR1 && sig != SIGUSR2)
			out->signal = sig;
	}
}

static void deliver(const struct proc_spec *s, pid_t pid, int sig, struct proc_supervised *out)
{
	out->killed |= sig == SIGKILL;
	if (s->deliver)
		s->deliver(s->ctx, pid, sig);
	else
		kill(pid, sig);
}

/* pid when it has ended, 0 when it has not; what else has ended is reaped when that is wanted. */
static pid_t has_ended(const struct proc_spec *s, pid_t pid, int *raw)
{
	pid_t r;

	do
		r = waitpid(s->reap_orphans ? -1 : pid, raw, WNOHANG);
	while ((r > 0 && r != pid) || (r < 0 && errno == EINTR));
	return r;
}

/* The loop of proc_supervise(): until pid has ended. */
static int supervise(const struct proc_spec *s, pid_t pid, const sigset_t *set, uint64_t timeout_ms,
		     struct proc_supervised *out)
{
	uint64_t deadline = timeout_ms ? clock_ms() + timeout_ms : 0;
	uint64_t term = 0; /* the first one, in ms */
	int raw;

	for (;;) {
		pid_t r = has_ended(s, pid, &raw);
		siginfo_t si;
		int sig;

		if (r < 0)
			return -errno;
		if (r == pid) {
			decode(raw, &out->status);
			take_pending(set, out);
			return 0;
		}
		sig = next_signal(set, deadline, &si);
		if (sig == 0) {
			deliver(s, pid, out->timed_out ? SIGKILL : SIGTERM, out);
			deliver(s, pid, SIGCONT, out);
			deadline = out->timed_out ? 0 : clock_ms() + KILL_GRACE_MS;
			out->timed_out = true;
		} else if (sig > 0 && sig != SIGCHLD) {
			if (sig != SIGUSR1 && sig != SIGUSR2)
				out->signal = sig;
			if (sig == SIGTERM && !term)
				term = clock_ms();
			else if (sig == SIGTERM && s->second_term_kills &&
				 clock_ms() >= term + PROC_SECOND_TERM_MS)
				sig = SIGKILL;
			if (si.si_code <= 0) /* by a process; the terminal told the child itself */
				deliver(s, pid, sig, out);
		}
	}
}

void proc_signals_supervised(const struct proc_signals *entry, sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	for (size_t i = 0; i < ARRAY_SIZE(forwarded); i++) {
		if (sigismember(&entry->mask, forwarded[i]) != 1 &&
		    sigismember(&entry->ignored, forwarded[i]) != 1)
			sigaddset(set, forwarded[i]);
	}
}

int proc_supervise(struct proc_spec *s, const struct proc_signals *entry, uint64_t timeout_ms,
		   struct proc_supervised *out, struct proc_failure *f)
{
	pid_t pid = -1;
	sigset_t set;
	int r;

	proc_signals_supervised(entry, &set);
	*out = (struct proc_supervised){ 0 };
	proc_signals_children();
	sigprocmask(SIG_BLOCK, &set, NULL);
	s->signals = entry;
	r = proc_spawn(s, &pid, f);
	if (r == 0) {
		r = supervise(s, pid, &set, timeout_ms, out);
		if (r < 0)
			*f = (struct proc_failure){ "wait", -r };
	}
	proc_signals_restore(entry);
	return r;
}

int proc_capture(char *const *argv, size_t max, struct buf *out, struct err *e)
{
	struct proc_spec s = PROC_SPEC_INIT;
	cleanup_close int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	cleanup_close int rd = -1;
	cleanup_close int wr = -1;
	struct proc_status st = { 0 };
	struct proc_failure f;
	pid_t pid = -1;
	int r;

	if (null < 0)
		return err_sys(e, "open /dev/null");
	r = fd_pipe(&rd, &wr, 0);
	if (r < 0)
		return err_code(e, -r, "pipe");
	s.argv = argv;
	s.path = getenv("PATH");
	s.fd[0] = null;
	s.fd[1] = wr;
	r = proc_spawn(&s, &pid, &f);
	if (r < 0)
		return err_code(e, f.code, "%s %s", f.stage, argv[0]);
	close(take_fd(&wr));
	r = io_read_fd(rd, max, out);
	close(take_fd(&rd));
	if (proc_wait(pid, &st) < 0 || r < 0)
		return err_set(e, EIO, "%s: no output", argv[0]);
	if (proc_exit_code(&st))
		return err_set(e, EIO, "%s: ended with status %d", argv[0], proc_exit_code(&st));
	return 0;
}

int proc_exit_code(const struct proc_status *st)
{
	return st->kind == PROC_SIGNALED ? EXIT_SIGNAL + st->value : st->value;
}

int proc_exec_code(int code)
{
	return code == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXEC;
}

const char *proc_signal_name(int sig)
{
	static const char *const names[] = {
		[SIGHUP] = "SIGHUP",	   [SIGINT] = "SIGINT",	  [SIGQUIT] = "SIGQUIT",
		[SIGILL] = "SIGILL",	   [SIGTRAP] = "SIGTRAP", [SIGABRT] = "SIGABRT",
		[SIGBUS] = "SIGBUS",	   [SIGFPE] = "SIGFPE",	  [SIGKILL] = "SIGKILL",
		[SIGUSR1] = "SIGUSR1",	   [SIGSEGV] = "SIGSEGV", [SIGUSR2] = "SIGUSR2",
		[SIGPIPE] = "SIGPIPE",	   [SIGALRM] = "SIGALRM", [SIGTERM] = "SIGTERM",
		[SIGXCPU] = "SIGXCPU",	   [SIGXFSZ] = "SIGXFSZ", [SIGSYS] = "SIGSYS",
		[SIGVTALRM] = "SIGVTALRM", [SIGPROF] = "SIGPROF", [SIGIO] = "SIGIO",
		[SIGPWR] = "SIGPWR",
	};
	static char other[24];

	if (sig > 0 && (size_t)sig < ARRAY_SIZE(names) && names[sig])
		return names[sig];
	snprintf(other, sizeof(other), "signal %d", sig);
	return other;
}
