/* SPDX-License-Identifier: MIT */
/*
 * leave-zombies N [STATUS]: N orphans that end at once, each with STATUS (default 55), for whoever
 * reaps. Prints the count that was made and exits with 0.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 1;
	int status = argc > 2 ? atoi(argv[2]) : 55;
	int made = 0;

	for (int i = 0; i < n; i++) {
		int raw;
		pid_t p = fork();

		if (p == 0)
			_exit(fork() < 0 ? 1 : status);
		if (p < 0 || waitpid(p, &raw, 0) != p)
			break;
		made += WIFEXITED(raw) && WEXITSTATUS(raw) == status;
	}
	printf("%d\n", made);
	return 0;
}
