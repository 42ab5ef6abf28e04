/* SPDX-License-Identifier: MIT */
/*
 * run-status [-c] [-m FILE] CMD ARG...: runs CMD and prints how it ended, unfolded: "exit N",
 * "signal N" or "signal N core". -c allows core files; -m writes the most memory (KiB) that CMD, or
 * anything it waited for, ever had.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	const char *memory = NULL;
	struct rusage ru;
	int c, raw;
	pid_t p;

	while ((c = getopt(argc, argv, "+cm:")) != -1) {
		if (c == 'c') {
			struct rlimit l;

			getrlimit(RLIMIT_CORE, &l);
			l.rlim_cur = l.rlim_max;
			setrlimit(RLIMIT_CORE, &l);
		} else if (c == 'm') {
			memory = optarg;
		}
	}
	if (!argv[optind])
		return 125;
	p = fork();
	if (p == 0) {
		execvp(argv[optind], argv + optind);
		fprintf(stderr, "run-status: %s: %s\n", argv[optind], strerror(errno));
		_exit(127);
	}
	if (p < 0 || waitpid(p, &raw, 0) != p)
		return 125;
	if (WIFSIGNALED(raw))
		printf("signal %d%s\n", WTERMSIG(raw), WCOREDUMP(raw) ? " core" : "");
	else
		printf("exit %d\n", WEXITSTATUS(raw));
	if (memory) {
		FILE *f = fopen(memory, "w");

		getrusage(RUSAGE_CHILDREN, &ru);
		if (!f || fprintf(f, "%ld\n", ru.ru_maxrss) < 0 || fclose(f))
			return 125;
	}
	return 0;
}
