/* SPDX-License-Identifier: MIT */
/*
 * leave-child SECONDS [STATUS]: leaves a process behind that holds stdin, stdout and stderr for so
 * long and writes "late" when it ends; exits at once with STATUS. Prints the process' number.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	pid_t p = fork();

	if (p == 0) {
		sleep(argc > 1 ? (unsigned)atoi(argv[1]) : 1);
		return write(1, "late\n", 5) == 5 ? 0 : 1;
	}
	printf("%d\n", p);
	fflush(stdout);
	_exit(p < 0 ? 125 : argc > 2 ? atoi(argv[2]) : 0);
}
