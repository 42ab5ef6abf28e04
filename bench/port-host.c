/* SPDX-License-Identifier: MIT */
/*
 * port-host stdio|port in|out|echo N COMMAND...: the clock of bench/streams-compare. Runs the command,
 * with pipes as stdin and stdout, or with a socket as fd 3 (the port) and one as fd 4 (the kernel's
 * log). What answers there says R; from that byte on it takes, gives, or gives back N bytes. Prints
 * MB/s, and MB for each second of processor time that the command, the machine in it included, has
 * used: what a busy host changes less. Then it kills the command.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_S 100

static char block[128 << 10];

static int complain(const char *what)
{
	perror(what);
	return 1;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Processor time of every thread in the session of pid, in seconds. */
static double spent(pid_t pid)
{
	DIR *d = opendir("/proc");
	struct dirent *de;
	double sum = 0;

	while (d && (de = readdir(d))) {
		glob_t g = { 0 };
		char path[300];
		pid_t one = (pid_t)strtol(de->d_name, NULL, 10);

		if (one <= 0 || getsid(one) != pid)
			continue;
		snprintf(path, sizeof(path), "/proc/%s/task/*/schedstat", de->d_name);
		glob(path, 0, NULL, &g);
		for (size_t i = 0; i < g.gl_pathc; i++) {
			FILE *f = fopen(g.gl_pathv[i], "r");
			char ns[64];

			if (f && fgets(ns, sizeof(ns), f))
				sum += strtod(ns, NULL) / 1e9;
			if (f)
				fclose(f);
		}
		globfree(&g);
	}
	if (d)
		closedir(d);
	return sum;
}

/* Returns the command's pid; what it reads is *to, what it says is *from. */
static pid_t start(int port, char **argv, int *to, int *from)
{
	int a[2], b[2];
	pid_t pid;

	if (port ? socketpair(AF_UNIX, SOCK_STREAM, 0, a) || socketpair(AF_UNIX, SOCK_STREAM, 0, b)
		 : pipe(a) || pipe(b))
		return -1;
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setsid();
		if (port) { /* above what they become */
			int wire = fcntl(a[0], F_DUPFD, 10), log = fcntl(b[1], F_DUPFD, 10);

			dup2(wire, 3);
			dup2(log, 4);
		} else {
			dup2(a[0], 0);
			dup2(b[1], 1);
			for (int i = 3; i < 10; i++)
				close(i);
		}
		execvp(argv[0], argv);
		_exit(127);
	}
	close(a[0]);
	close(b[1]);
	*to = a[1];
	*from = port ? a[1] : b[0];
	return pid;
}

int main(int argc, char **argv)
{
	long out = 0, in = 0, n;
	double begin = 0, end, cpu = 0;
	int to = -1, from = -1, port;
	pid_t pid;

	if (argc < 5)
		return 2;
	port = !strcmp(argv[1], "port");
	n = strtol(argv[3], NULL, 10);
	out = strcmp(argv[2], "out") ? n : 0;	  /* to be written */
	in = 1 + (strcmp(argv[2], "in") ? n : 1); /* to be read, R too */
	alarm(LIMIT_S);
	signal(SIGPIPE, SIG_IGN);
	pid = start(port, argv + 4, &to, &from);
	if (pid < 0)
		return complain("start");
	fcntl(to, F_SETFL, O_NONBLOCK);
	while (in > 0) {
		struct pollfd p[2] = { { .fd = from, .events = POLLIN },
				       { .fd = begin > 0 && out ? to : -1, .events = POLLOUT } };
		ssize_t k;

		if (poll(p, 2, -1) < 0)
			return complain("poll");
		if (p[0].revents) {
			k = read(from, block, begin > 0 ? sizeof(block) : 1);
			if (k <= 0 || (!begin && *block != 'R'))
				return complain("read");
			in -= k;
			if (!begin) {
				cpu = spent(pid);
				begin = now();
			}
		}
		if (p[1].revents) {
			k = write(to, block,
				  (size_t)out < sizeof(block) ? (size_t)out : sizeof(block));
			if (k < 0 && errno != EAGAIN)
				return complain("write");
			out -= k > 0 ? k : 0;
		}
	}
	end = now();
	cpu = spent(pid) - cpu;
	printf("%.1f\t%.1f\n", (double)n / 1e6 / (end - begin),
	       cpu > 0 ? (double)n / 1e6 / cpu : 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return 0;
}
