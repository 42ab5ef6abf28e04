/* SPDX-License-Identifier: MIT */
/*
 * vm-caller pipe|socket|pty [EXPECT ACTION]... -- CMD ARG...: runs CMD with stdin, stdout and
 * stderr of that kind, held by somebody else as well. For each pair waits until EXPECT (plain text)
 * has come on stdout or stderr, then does ACTION:
 *
 *   type TEXT    writes TEXT, in which ^X is a control character
 *   kill N       sends signal N to CMD
 *   size R C     changes the terminal's size
 *   close        stdin ends; a terminal goes away
 *   nap MS       waits
 *   nothing      goes on
 *
 * What came goes to stdout as it comes; in the end, a line each: "exit N", "signal N" or, when an
 * EXPECT did not come, "no 'EXPECT'"; "flags kept" or which of the three descriptors' file status
 * flags are not what they were; for a pty "modes kept" or "modes changed".
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <utmp.h>

#define PATIENCE_MS 60000

static int ours[3] = { -1, -1, -1 };   /* we write to 0 and read from the others */
static int theirs[3] = { -1, -1, -1 }; /* CMD's, and ours to look at */
static bool is_pty;
static pid_t cmd;
static int raw;	   /* how CMD ended */
static bool ended; /* it has */
static char seen[1 << 20];
static size_t len, from; /* an EXPECT is looked for behind the one before */

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static int open_streams(const char *kind)
{
	struct winsize size = { .ws_row = 24, .ws_col = 80 };

	is_pty = !strcmp(kind, "pty");
	if (is_pty) {
		if (openpty(&ours[0], &theirs[0], NULL, NULL, &size) < 0)
			return -1;
		theirs[1] = theirs[2] = theirs[0];
		ours[1] = ours[0];
		return 0;
	}
	for (int i = 0; i < 3; i++) {
		int p[2];

		if (!strcmp(kind, "pipe") ? pipe(p) : socketpair(AF_UNIX, SOCK_STREAM, 0, p))
			return -1;
		ours[i] = i ? p[0] : p[1];
		theirs[i] = i ? p[1] : p[0];
	}
	return 0;
}

static pid_t start(char **argv)
{
	pid_t p = fork();

	if (p)
		return p;
	for (int i = 0; i < 3; i++) {
		if (ours[i] >= 0)
			close(ours[i]);
	}
	if (is_pty) {
		login_tty(theirs[0]);
	} else {
		for (int i = 0; i < 3; i++)
			dup2(theirs[i], i);
		for (int i = 0; i < 3; i++)
			close(theirs[i]);
	}
	execvp(argv[0], argv);
	fprintf(stderr, "vm-caller: %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* Whatever has come on one descriptor. */
static bool take_one(int fd)
{
	ssize_t n = len + 1 < sizeof(seen) ? read(fd, seen + len, sizeof(seen) - 1 - len) : 0;

	if (n <= 0 || write(1, seen + len, (size_t)n) != n)
		return false;
	for (ssize_t i = 0; i < n; i++) {
		if (!seen[len + (size_t)i])
			seen[len + (size_t)i] = ' ';
	}
	len += (size_t)n;
	seen[len] = '\0';
	return true;
}

static bool take(int ms)
{
	struct pollfd p[2] = { { ours[1], POLLIN, 0 }, { is_pty ? -1 : ours[2], POLLIN, 0 } };
	bool some = false;

	if (poll(p, 2, ms) <= 0)
		return false;
	for (int i = 0; i < 2; i++)
		some |= p[i].revents && take_one(p[i].fd);
	return some;
}

static bool has_ended(void)
{
	if (!ended && waitpid(cmd, &raw, WNOHANG) == cmd)
		ended = true;
	return ended;
}

static bool expect(const char *text)
{
	long long deadline = now_ms() + PATIENCE_MS;
	char *at;

	while (!(at = strstr(seen + from, text))) {
		bool last = has_ended();

		if (now_ms() > deadline || (!take(100) && last))
			return false;
	}
	from = (size_t)(at - seen) + strlen(text);
	return true;
}

static void type(const char *s)
{
	for (; *s; s++) {
		char c = *s == '^' && s[1] ? *++s & 0x1f : *s;

		if (write(ours[0], &c, 1) != 1)
			return;
	}
}

static bool act(const char *what)
{
	struct winsize size = { 0 };

	if (!strncmp(what, "type ", 5))
		type(what + 5);
	else if (!strncmp(what, "kill ", 5))
		kill(cmd, atoi(what + 5));
	else if (!strncmp(what, "nap ", 4))
		poll(NULL, 0, atoi(what + 4));
	else if (sscanf(what, "size %hu %hu", &size.ws_row, &size.ws_col) == 2)
		ioctl(ours[0], TIOCSWINSZ, &size);
	else if (!strcmp(what, "close")) {
		close(ours[0]);
		ours[0] = -1;
		ours[1] = is_pty ? -1 : ours[1];
	} else
		return !strcmp(what, "nothing");
	return true;
}

/* Waits for the end; what is still in the streams is shown, too. */
static void finish(void)
{
	long long deadline = now_ms() + PATIENCE_MS;

	while (!has_ended()) {
		if (now_ms() > deadline) {
			printf("\nno end\n");
			kill(cmd, SIGKILL);
		}
		take(20);
	}
	while (take(0))
		;
}

int main(int argc, char **argv)
{
	struct termios before = { 0 }, after = { 0 };
	const char *missing = NULL;
	int flags[3], i;
	bool kept = true;

	for (i = 2; i + 1 < argc && strcmp(argv[i], "--"); i += 2)
		;
	if (i + 1 >= argc || open_streams(argv[1]) < 0)
		return 125;
	signal(SIGPIPE, SIG_IGN);
	for (int k = 0; k < 3; k++)
		flags[k] = fcntl(theirs[k], F_GETFL);
	tcgetattr(theirs[0], &before);
	cmd = start(argv + i + 1);
	for (int k = 2; k < i && !missing; k += 2) {
		if (!expect(argv[k]))
			missing = argv[k];
		else if (!act(argv[k + 1]))
			return 125;
	}
	if (missing)
		kill(cmd, SIGKILL);
	finish();
	tcgetattr(theirs[0], &after);
	if (missing)
		printf("\nno '%s'\n", missing);
	else if (WIFSIGNALED(raw))
		printf("\nsignal %d\n", WTERMSIG(raw));
	else
		printf("\nexit %d\n", WEXITSTATUS(raw));
	for (int k = 0; k < 3; k++) {
		int now = fcntl(theirs[k], F_GETFL);

		if (now != flags[k])
			printf("flags of %d changed: %o, were %o\n", k, now, flags[k]);
		kept &= now == flags[k];
	}
	if (kept)
		printf("flags kept\n");
	if (is_pty)
		printf("modes %s\n", memcmp(&before, &after, sizeof(before)) ? "changed" : "kept");
	return 0;
}
