/* SPDX-License-Identifier: MIT */
/*
 * catch-signals COUNT STATUS N...: handles signals N, prints "ready PID", then "got N" for each, and
 * exits with STATUS after COUNT of them. COUNT 0: without any signal, at once.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void note(int sig)
{
	(void)sig;
}

int main(int argc, char **argv)
{
	int count = argc > 2 ? atoi(argv[1]) : 0;
	int status = argc > 2 ? atoi(argv[2]) : 0;
	sigset_t set;

	sigemptyset(&set);
	for (int i = 3; i < argc; i++) {
		signal(atoi(argv[i]), note); /* ignored ones would be thrown away */
		sigaddset(&set, atoi(argv[i]));
	}
	sigprocmask(SIG_BLOCK, &set, NULL);
	printf("ready %d\n", getpid());
	fflush(stdout);
	while (count-- > 0) {
		printf("got %d\n", sigwaitinfo(&set, NULL));
		fflush(stdout);
	}
	return status;
}
