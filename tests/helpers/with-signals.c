/* SPDX-License-Identifier: MIT */
/*
 * with-signals [-i N]... [-b N]... [-d N]... CMD ARG...: becomes CMD with signal N ignored, blocked,
 * or default and not blocked. A shell ignores INT and QUIT in what it starts with "&": "-d 2".
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	sigset_t set;
	int c;

	while ((c = getopt(argc, argv, "+i:b:d:")) != -1) {
		int sig = c == '?' ? 0 : atoi(optarg);

		sigemptyset(&set);
		if (sigaddset(&set, sig) < 0)
			return 125;
		if (c == 'b')
			sigprocmask(SIG_BLOCK, &set, NULL);
		else
			signal(sig, c == 'i' ? SIG_IGN : SIG_DFL);
		if (c == 'd')
			sigprocmask(SIG_UNBLOCK, &set, NULL);
	}
	if (!argv[optind])
		return 125;
	execvp(argv[optind], argv + optind);
	fprintf(stderr, "with-signals: %s: %s\n", argv[optind], strerror(errno));
	return 127;
}
