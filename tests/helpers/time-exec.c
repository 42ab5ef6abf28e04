/* SPDX-License-Identifier: MIT */
/*
 * time-exec N CMD ARG... \; CMD ARG... [\; ...]: runs each command N times, taking turns, so that
 * whatever else the machine does hits all alike. For each a line: least, median and largest time
 * from its start to its end, in nanoseconds, and its words. With N as "cpu:N" it is the time that
 * its processes had a CPU, which does not depend on who else wants one.
 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_CMDS 16

static int by_cpu;

static long long now(void)
{
	struct timespec t;
	struct rusage u;

	if (by_cpu) {
		getrusage(RUSAGE_CHILDREN, &u);
		return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000LL +
		       (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000LL;
	}

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	long long x = *(const long long *)a, y = *(const long long *)b;

	return (x > y) - (x < y);
}

static long long run(char **argv)
{
	long long begin = now();
	pid_t p;
	int raw;
	int code = posix_spawnp(&p, argv[0], NULL, NULL, argv, environ);

	if (code || waitpid(p, &raw, 0) != p || raw) {
		fprintf(stderr, "time-exec: %s: %s\n", argv[0],
			code ? strerror(code) : "did not end with 0");
		exit(125);
	}
	return now() - begin;
}

int main(int argc, char **argv)
{
	char **cmd[MAX_CMDS];
	long long *time[MAX_CMDS];
	int k = 0, n;

	if (argc < 3)
		return 125;
	by_cpu = !strncmp(argv[1], "cpu:", 4);
	n = atoi(argv[1] + (by_cpu ? 4 : 0));
	if (n < 1)
		return 125;
	cmd[k++] = argv + 2;
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], ";"))
			continue;
		argv[i] = NULL;
		if (k == MAX_CMDS || i + 1 == argc)
			return 125;
		cmd[k++] = argv + i + 1;
	}
	for (int c = 0; c < k; c++) {
		time[c] = calloc((size_t)n, sizeof(**time));
		if (!time[c])
			return 125;
		run(cmd[c]); /* the first one fills the caches */
	}
	for (int i = 0; i < n; i++) {
		for (int c = 0; c < k; c++)
			time[c][i] = run(cmd[c]);
	}
	for (int c = 0; c < k; c++) {
		qsort(time[c], (size_t)n, sizeof(**time), by_value);
		printf("%lld %lld %lld", time[c][0], time[c][n / 2], time[c][n - 1]);
		for (char **w = cmd[c]; *w; w++)
			printf(" %s", *w);
		putchar('\n');
	}
	return 0;
}
