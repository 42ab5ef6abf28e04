/* SPDX-License-Identifier: MIT */
/*
 * confine SECONDS CMD ARG...: runs a test so that nothing of it outlives it. 0 = no time limit.
 *
 * CMD starts in a session of its own, with default signals, no core files, umask 022 and nothing
 * open but 0, 1 and 2, whatever the caller had. We are the subreaper: every process that CMD leaves behind becomes our child, even
 * one that has left the session or emptied its environment. When CMD has ended, what is left has
 * LINGER_MS to go by itself; the rest is named on stderr and killed. The same happens to everything
 * when the time is up or when we are told to end.
 *
 * Exit status: CMD's own (128 + N for a signal), 122 = something was left behind, 124 = time limit,
 * 125 = we failed.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LEFT_BEHIND = 122, TIME_LIMIT = 124, FAILED = 125 };

#define LINGER_MS 1500
#define MAX_PROCS 4096
#define HIGHEST_FD 1024

struct proc {
	pid_t pid, ppid;
	bool ours;
};

static struct proc procs[MAX_PROCS];
static size_t nprocs;

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static ssize_t slurp(pid_t pid, const char *name, char *out, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, out, size - 1);
	close(fd);
	if (n >= 0)
		out[n] = '\0';
	return n;
}

static void snapshot(void)
{
	DIR *d = opendir("/proc");
	struct dirent *de;

	nprocs = 0;
	while (d && (de = readdir(d)) && nprocs < MAX_PROCS) {
		char stat[512], *p;
		char state;
		pid_t pid = isdigit((unsigned char)de->d_name[0]) ? atoi(de->d_name) : 0;
		pid_t ppid;

		if (!pid || slurp(pid, "stat", stat, sizeof(stat)) <= 0)
			continue;
		p = strrchr(stat, ')'); /* the name before it may hold anything */
		if (p && sscanf(p + 1, " %c %d", &state, &ppid) == 2)
			procs[nprocs++] = (struct proc){ pid, ppid, false };
	}
	if (d)
		closedir(d);
}

/* Marks our descendants. Returns how many there are. */
static size_t descendants(void)
{
	pid_t self = getpid();
	bool more = true;
	size_t n = 0;

	snapshot();
	while (more) {
		more = false;
		for (size_t i = 0; i < nprocs; i++) {
			for (size_t k = 0; k < nprocs && !procs[i].ours; k++) {
				if (procs[i].ppid == self ||
				    (procs[k].ours && procs[i].ppid == procs[k].pid)) {
					procs[i].ours = more = true;
					n++;
				}
			}
		}
	}
	return n;
}

static void name_them(void)
{
	for (size_t i = 0; i < nprocs; i++) {
		char words[300];
		ssize_t n;

		if (!procs[i].ours)
			continue;
		n = slurp(procs[i].pid, "cmdline", words, sizeof(words));
		if (n <= 0)
			n = slurp(procs[i].pid, "comm", words, sizeof(words));
		for (ssize_t k = 0; k + 1 < n; k++) {
			if (!isprint((unsigned char)words[k]))
				words[k] = ' ';
		}
		fprintf(stderr, "confine: left behind: %d %s\n", procs[i].pid, n > 0 ? words : "?");
	}
}

/* Takes in what has ended. Returns true when there is no child at all. */
static bool reap(pid_t cmd, int *status, bool *ended)
{
	for (;;) {
		int raw;
		pid_t p = waitpid(-1, &raw, WNOHANG);

		if (p == cmd) {
			*status = WIFSIGNALED(raw) ? 128 + WTERMSIG(raw) : WEXITSTATUS(raw);
			*ended = true;
		}
		if (p <= 0)
			return p < 0 && errno == ECHILD;
	}
}

static void nap(int ms)
{
	nanosleep(&(struct timespec){ 0, ms * 1000000L }, NULL);
}

static void kill_all(pid_t cmd)
{
	bool ended;
	int status;

	while (!reap(cmd, &status, &ended)) {
		descendants();
		for (size_t i = 0; i < nprocs; i++) {
			if (procs[i].ours)
				kill(procs[i].pid, SIGKILL);
		}
		nap(5);
	}
}

static pid_t start(char **argv)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	struct rlimit core;
	sigset_t none;
	pid_t p = fork();

	if (p)
		return p;
	setsid();
	umask(022);
	for (int fd = 3; fd < HIGHEST_FD; fd++)
		close(fd);
	getrlimit(RLIMIT_CORE, &core);
	core.rlim_cur = 0;
	setrlimit(RLIMIT_CORE, &core);
	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &dfl, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(argv[0], argv);
	fprintf(stderr, "confine: %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

int main(int argc, char **argv)
{
	long limit = argc > 2 ? strtol(argv[1], NULL, 10) : -1;
	long long deadline = now_ms() + limit * 1000;
	struct timespec tick = { 0, 200000000 };
	int status = FAILED, sig;
	bool ended = false;
	sigset_t set;
	pid_t cmd;

	if (limit < 0) {
		fprintf(stderr, "usage: confine SECONDS CMD ARG...\n");
		return FAILED;
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_PDEATHSIG, SIGTERM); /* who started us was killed: the same as being told */
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	cmd = start(argv + 2);
	if (cmd < 0) {
		perror("confine: fork");
		return FAILED;
	}
	while (!ended) {
		sig = sigtimedwait(&set, NULL, &tick);
		reap(cmd, &status, &ended);
		if (sig > 0 && sig != SIGCHLD) {
			kill_all(cmd);
			return 128 + sig;
		}
		if (!ended && limit && now_ms() > deadline) {
			fprintf(stderr, "confine: time limit of %ld s\n", limit);
			descendants();
			name_them();
			kill_all(cmd);
			return TIME_LIMIT;
		}
	}
	deadline = now_ms() + LINGER_MS;
	while (!reap(cmd, &status, &ended)) {
		if (now_ms() > deadline && descendants()) {
			name_them();
			kill_all(cmd);
			return status ? status : LEFT_BEHIND;
		}
		nap(5);
	}
	return status;
}
