/* SPDX-License-Identifier: MIT */
/*
 * stops CMD ARG...: job control as a shell does it. Runs CMD in a process group of its own, stops the
 * group with TSTP once CMD has written a line, and continues it. Prints what it saw: CMD's line,
 * "stopped N", "continued", then "exit N" or "signal N".
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char line[256];
	int pipe_fd[2], raw;
	FILE *f;
	pid_t p;

	if (argc < 2 || pipe(pipe_fd) < 0)
		return 125;
	p = fork();
	if (p == 0) {
		setpgid(0, 0);
		dup2(pipe_fd[1], 1);
		close(pipe_fd[0]);
		close(pipe_fd[1]);
		execvp(argv[1], argv + 1);
		fprintf(stderr, "stops: %s: %s\n", argv[1], strerror(errno));
		_exit(127);
	}
	close(pipe_fd[1]);
	f = fdopen(pipe_fd[0], "r");
	if (p < 0 || !f || !fgets(line, sizeof(line), f))
		return 125;
	printf("%s", line);
	kill(-p, SIGTSTP);
	if (waitpid(p, &raw, WUNTRACED) != p || !WIFSTOPPED(raw)) {
		printf("not stopped\n");
		return 1;
	}
	printf("stopped %d\n", WSTOPSIG(raw));
	kill(-p, SIGCONT);
	if (waitpid(p, &raw, WCONTINUED) == p && WIFCONTINUED(raw)) {
		printf("continued\n");
		waitpid(p, &raw, 0);
	}
	while (fgets(line, sizeof(line), f))
		printf("%s", line);
	if (WIFSIGNALED(raw))
		printf("signal %d\n", WTERMSIG(raw));
	else
		printf("exit %d\n", WEXITSTATUS(raw));
	return 0;
}
