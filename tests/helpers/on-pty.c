/* SPDX-License-Identifier: MIT */
/*
 * on-pty [EXPECT SEND]... -- CMD ARG...: runs CMD in the foreground of a new terminal (80x24). For
 * each pair waits until EXPECT (plain text) has come, then types SEND, in which ^X is a control
 * character. What came goes to stdout as it comes, and at the end "exit N", "signal N" or, when an
 * EXPECT did not come within PATIENCE, "no 'EXPECT'": a line of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 8000

static char seen[1 << 20];
static size_t len, from; /* an EXPECT is looked for behind the one before */

/* Returns 0 when the other end is gone or the time is up. */
static int take(int fd, int timeout)
{
	struct pollfd p = { fd, POLLIN, 0 };
	ssize_t n;

	if (poll(&p, 1, timeout) <= 0 || len + 1 >= sizeof(seen))
		return 0;
	n = read(fd, seen + len, sizeof(seen) - 1 - len);
	if (n <= 0)
		return 0;
	if (write(1, seen + len, (size_t)n) != n)
		return 0;
	for (ssize_t i = 0; i < n; i++) {
		if (!seen[len + (size_t)i])
			seen[len + (size_t)i] = ' ';
	}
	len += (size_t)n;
	seen[len] = '\0';
	return 1;
}

static int expect(int fd, const char *text)
{
	char *at;

	while (!(at = strstr(seen + from, text))) {
		if (!take(fd, PATIENCE_MS))
			return 0;
	}
	from = (size_t)(at - seen) + strlen(text);
	return 1;
}

static void type(int fd, const char *s)
{
	for (; *s; s++) {
		char c = *s == '^' && s[1] ? *++s & 0x1f : *s;

		if (write(fd, &c, 1) != 1)
			return;
	}
}

int main(int argc, char **argv)
{
	struct winsize size = { .ws_row = 24, .ws_col = 80 };
	const char *missing = NULL;
	int fd, raw, i;
	pid_t p;

	for (i = 1; i + 1 < argc && strcmp(argv[i], "--"); i += 2)
		;
	if (i + 1 >= argc)
		return 125;
	p = forkpty(&fd, NULL, NULL, &size);
	if (p == 0) {
		execvp(argv[i + 1], argv + i + 1);
		fprintf(stderr, "on-pty: %s: %s\n", argv[i + 1], strerror(errno));
		_exit(127);
	}
	if (p < 0)
		return 125;
	for (int k = 1; k < i && !missing; k += 2) {
		if (expect(fd, argv[k]))
			type(fd, argv[k + 1]);
		else
			missing = argv[k];
	}
	while (!missing && take(fd, PATIENCE_MS))
		;
	if (missing)
		kill(p, SIGKILL);
	while (waitpid(p, &raw, 0) < 0 && errno == EINTR)
		;
	while (take(fd, 0))
		;
	if (missing)
		printf("\nno '%s'\n", missing);
	else if (WIFSIGNALED(raw))
		printf("\nsignal %d\n", WTERMSIG(raw));
	else
		printf("\nexit %d\n", WEXITSTATUS(raw));
	return 0;
}
