/* SPDX-License-Identifier: MIT */
/*
 * Processes: the only home of fork, exec and wait. A child is made with vfork and a child function
 * that uses async-signal-safe calls only, so errno and the step that failed come back exactly:
 * 126 and 127 are never guessed.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/macro.h"

/* PATH when there is none. The chain of an execvm machine is always in the last one. */
#define PROC_DEFAULT_PATH                                                                          \
	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/execvm/bin"

/* A second TERM means KILL, when it comes this long after the first: timeout(1) sends two at once. */
#define PROC_SECOND_TERM_MS 200u

/* The values travel on the wire: see execvm-wire(7). */
enum proc_kind { PROC_EXITED = 0, PROC_SIGNALED = 1 };

/* How a process ended, raw: an exit with 137 and a death by signal 9 differ. */
struct proc_status {
	enum proc_kind kind;
	int value; /* exit status 0..255, or signal number */
	bool core; /* a core was dumped */
};

/* The caller's signal state, to be given back to what is executed. */
struct proc_signals {
	sigset_t mask;	  /* blocked */
	sigset_t ignored; /* disposition SIG_IGN */
	bool kept;	  /* every disposition is still so; the mask alone has to be given back */
};

struct proc_rlimit {
	int resource;
	struct rlimit limit;
};

/* What a child is to be. Zero means "as the parent", except for fd: PROC_SPEC_INIT. */
struct proc_spec {
	char *const *argv; /* argv[0] is searched in path unless it has a slash */
	char *const *envp; /* NULL = ours */
	const char *path;  /* NULL = PROC_DEFAULT_PATH */
	const char *cwd;   /* NULL = ours */
	int fd[3];	   /* becomes 0, 1, 2; borrowed; -1 = as it is here */
	bool close_rest;   /* nothing of 3 and above survives exec, but for keep */
	const int *keep;   /* further descriptors that survive exec, with their numbers */
	size_t nkeep;	   /* how many */
	const struct proc_signals *signals; /* NULL = all default, nothing blocked */
	bool new_session;		    /* setsid */
	bool controlling_tty; /* fd 0 becomes the controlling terminal; needs new_session */
	bool new_group;	      /* setpgid(0, 0) */
	int death_signal;     /* PR_SET_PDEATHSIG; 0 = none */
	bool set_ids;	      /* groups, then gid, then uid */
	uid_t uid;
	gid_t gid;
	const gid_t *groups;
	size_t ngroups;
	bool set_umask;
	mode_t umask;
	const struct proc_rlimit *rlimits;
	size_t nrlimits;
	bool no_new_privs;
	bool readonly_mounts; /* a mount namespace of its own, in which nothing can be written */
	/* For proc_supervise() only. */
	bool reap_orphans;	/* wait for whatever else becomes a child of this process */
	bool second_term_kills; /* the second TERM that somebody sends becomes a KILL */
	/* Instead of kill(2), for a command that is not pid itself. ctx is passed on. */
	void (*deliver)(void *ctx, pid_t pid, int sig);
	void *ctx;
};
#define PROC_SPEC_INIT                                                                             \
	{                                                                                          \
		.fd = { -1, -1, -1 }                                                               \
	}

/* What went wrong before the program ran. */
struct proc_failure {
	const char *stage; /* "exec", "chdir", "setuid", …; static text */
	int code;	   /* a positive errno */
};

/* Saves what this process blocks and ignores. To be called before anything changes it. */
void proc_signals_save(struct proc_signals *s) nonnull(1);

/*
 * SIGCHLD is not ignored from here on: who starts children and waits for them would lose their
 * status. proc_supervise() does it by itself.
 */
void proc_signals_children(void);

/* Gives it back: dispositions and mask as they were. */
void proc_signals_restore(const struct proc_signals *s) nonnull(1);

/*
 * Starts a child. Returns 0 and *pid once the program runs (the exec has happened), or a negative
 * errno with the step that failed in *f and no child left.
 */
int proc_spawn(const struct proc_spec *s, pid_t *pid, struct proc_failure *f) must_check
	nonnull(1, 2, 3);

/*
 * A child that goes on in this program: it runs child(ctx) and exits with what that returns. It
 * dies by death_signal (0 = none) when its parent ends. Returns 0 and *pid, or a negative errno.
 * Only for a process without threads.
 */
int proc_fork(int (*child)(void *ctx), void *ctx, int death_signal, pid_t *pid) must_check
	nonnull(1, 4);

/* Makes this process what the spec says. Returns only when a step failed: -errno and *f. */
int proc_become(const struct proc_spec *s, struct proc_failure *f) must_check nonnull(1, 2);

/* Replaces this process; searches path (NULL = default) as proc_spawn does. Returns -errno. */
int proc_exec(char *const *argv, char *const *envp, const char *path) must_check nonnull(1, 2);

/*
 * Would proc_exec() find a program of this name? Looks for files that can be executed. full, unless
 * it is NULL, is its path then (PATH_MAX bytes), and st, unless NULL, is what stat(2) says about it.
 */
bool proc_find(const char *name, const char *path, char *full, struct stat *st) must_check
	nonnull(1);

/* Waits for one known child. Returns 0 or a negative errno. */
int proc_wait(pid_t pid, struct proc_status *st) must_check nonnull(2);

/* Any child that has ended: its pid, 0 when there is none now, or a negative errno. */
pid_t proc_reap(struct proc_status *st) must_check nonnull(1);

/* The same, waiting for one. */
pid_t proc_reap_wait(struct proc_status *st) must_check nonnull(1);

/*
 * The signals that proc_supervise() waits for: SIGCHLD, and those of INT, TERM, HUP, QUIT, USR1 and
 * USR2 that were neither ignored nor blocked at entry.
 */
void proc_signals_supervised(const struct proc_signals *entry, sigset_t *set) nonnull(1, 2);

/* How proc_supervise() ended the wait, beside the status. */
struct proc_supervised {
	struct proc_status status;
	int signal;	/* a terminating signal that we were sent meanwhile; 0 = none */
	bool timed_out; /* the time ran out, the child was killed */
	bool killed;	/* we sent a KILL: after a second TERM or after the time */
};

/*
 * Starts the child as spec says, with this process' signal state of entry, and waits. INT, TERM,
 * HUP, QUIT, USR1 and USR2 that somebody sends to this process go on to the child (what the
 * terminal sends has reached it already); those that were ignored or blocked at entry are left
 * alone. After timeout_ms (0 = never) the child gets TERM, and KILL 2 s later. entry is what
 * proc_signals_save() gave; the signal state is entry's again when this returns.
 */
int proc_supervise(struct proc_spec *s, const struct proc_signals *entry, uint64_t timeout_ms,
		   struct proc_supervised *out, struct proc_failure *f) must_check
	nonnull(1, 2, 4, 5);

/* Runs argv with nothing on stdin and adds its stdout to out (at most max bytes). */
int proc_capture(char *const *argv, size_t max, struct buf *out, struct err *e) must_check
	nonnull(1, 3, 4);

/* 0..255, or 128 + signal. The only place where the raw pair is folded. */
int proc_exit_code(const struct proc_status *st) must_check nonnull(1);

/* 127 for what was not found, 126 for everything else that an exec can say. */
int proc_exec_code(int code) must_check;

/* "SIGTERM"; "signal 200" for what has no name. Valid until the next call. */
const char *proc_signal_name(int sig) must_check;
