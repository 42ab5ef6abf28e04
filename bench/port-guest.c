/* SPDX-License-Identifier: MIT */
/*
 * The guest's side of bench/streams-compare, static.
 *
 * As PID 1, by words on the kernel's line:
 *   raw COMMAND...    the command's stdin and stdout are the port itself
 *   relay COMMAND...  they are pipes, and this process moves bytes between them and the port: no
 *                     packets, no windows, no end of file
 * As a command:
 *   source N BLOCK    writes N bytes
 *   sink N BLOCK      reads N bytes, then writes one
 *   ready COMMAND...  becomes the command
 * Each of these says R first, so that no clock has the boot in it. The host knows how many bytes are
 * to come and then ends the machine.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#define BUFFER ((size_t)128 << 10)

static int complain(const char *what)
{
	perror(what);
	return 125;
}

/* commands */

static int transfer(int writing, long n, size_t block)
{
	char *p = calloc(1, block);

	if (!p || write(1, "R", 1) != 1)
		return complain("ready");
	while (n > 0) {
		size_t want = (size_t)n < block ? (size_t)n : block;
		ssize_t k = writing ? write(1, p, want) : read(0, p, want);

		if (k <= 0)
			return complain(writing ? "write" : "read");
		n -= k;
	}
	if (!writing && write(1, ".", 1) != 1)
		return complain("done");
	/* The end of PID 1's child, or of the port, is no part of it. */
	if (writing)
		pause();
	return 0;
}

static int ready(char **argv)
{
	if (write(1, "R", 1) != 1)
		return complain("ready");
	execv(argv[0], argv);
	return complain(argv[0]);
}

/* PID 1 */

static int open_port(int flags)
{
	for (int tries = 0; tries < 5000; tries++) {
		DIR *d = opendir("/dev");
		struct dirent *de;
		char path[300];
		struct pollfd p;

		while (d && (de = readdir(d))) {
			size_t n = strlen(de->d_name);

			if (n < 7 || strncmp(de->d_name, "vport", 5) != 0 ||
			    strcmp(de->d_name + n - 2, "p1") != 0)
				continue;
			snprintf(path, sizeof(path), "/dev/%s", de->d_name);
			p.fd = open(path, O_RDWR | flags);
			while (p.fd >= 0 && poll(&p, 1, 0) >= 0 && p.revents & POLLHUP)
				usleep(500); /* until the kernel knows of the host */
			closedir(d);
			return p.fd;
		}
		if (d)
			closedir(d);
		usleep(1000);
	}
	return -1;
}

struct pump {
	int from, to;
	size_t at, len;
	char p[BUFFER];
};

/* Moves what can be moved. Returns what it waits for: POLLIN of from, or POLLOUT of to. */
static short pump(struct pump *q)
{
	for (;;) {
		ssize_t k;

		if (q->at == q->len) {
			q->at = q->len = 0;
			k = read(q->from, q->p, sizeof(q->p));
			if (k <= 0)
				return POLLIN;
			q->len = (size_t)k;
		}
		k = write(q->to, q->p + q->at, q->len - q->at);
		if (k <= 0)
			return POLLOUT;
		q->at += (size_t)k;
	}
}

static int relay(int port, char **argv)
{
	static struct pump in, out;
	int a[2], b[2];

	if (pipe(a) < 0 || pipe(b) < 0)
		return complain("pipe");
	if (fork() == 0) {
		dup2(a[0], 0);
		dup2(b[1], 1);
		close(port);
		execv(argv[0], argv);
		_exit(complain(argv[0]));
	}
	fcntl(a[1], F_SETFL, O_NONBLOCK);
	fcntl(b[0], F_SETFL, O_NONBLOCK);
	in.from = out.to = port;
	in.to = a[1];
	out.from = b[0];
	for (;;) {
		short i = pump(&in), o = pump(&out);
		struct pollfd p[3] = {
			{ .fd = port, .events = (short)((i & POLLIN) | (o & POLLOUT)) },
			{ .fd = i == POLLOUT ? in.to : -1, .events = POLLOUT },
			{ .fd = o == POLLIN ? out.from : -1, .events = POLLIN },
		};

		if (poll(p, 3, -1) < 0)
			return complain("poll");
	}
}

static int init(int argc, char **argv)
{
	int raw = argc > 2 && !strcmp(argv[1], "raw");
	int port;

	mount("dev", "/dev", "devtmpfs", 0, NULL);
	if (argc < 3 || (!raw && strcmp(argv[1], "relay") != 0))
		return complain("raw COMMAND... or relay COMMAND...");
	port = open_port(raw ? 0 : O_NONBLOCK);
	if (port < 0)
		return complain("port");
	if (!raw)
		return relay(port, argv + 2);
	if (fork() == 0) { /* PID 1 itself is not to be asked who it is */
		dup2(port, 0);
		dup2(port, 1);
		execv(argv[2], argv + 2);
		_exit(complain(argv[2]));
	}
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	if (getpid() == 1)
		return init(argc, argv);
	if (argc > 2 && !strcmp(argv[1], "ready"))
		return ready(argv + 2);
	if (argc == 4 && !strcmp(argv[1], "source"))
		return transfer(1, strtol(argv[2], NULL, 10), (size_t)strtol(argv[3], NULL, 10));
	if (argc == 4 && !strcmp(argv[1], "sink"))
		return transfer(0, strtol(argv[2], NULL, 10), (size_t)strtol(argv[3], NULL, 10));
	fputs("usage: port-guest source|sink N BLOCK | ready COMMAND...\n", stderr);
	return 125;
}
