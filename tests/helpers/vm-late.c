/* SPDX-License-Identifier: MIT */
/*
 * vm-late QEMU-ARGS...: EXECVM_QEMU of a test. QEMU gets a socket for the wire that nobody is
 * connected to, and only when the guest has opened its port is it connected with the end that the
 * runner has given (./vm-late.log says so; ./vm-late.pid is who carries the bytes). A real machine may see the same for a moment: that the host is there is told to
 * its kernel by a message behind the one that has the port's name.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WIRE "socket,id=wire,fd="
#define PORT "virtserialport,chardev=wire,"

static void note(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		_exit(96);
	close(fd);
}

static int connect_to(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	strncpy(at.sun_path, path, sizeof(at.sun_path) - 1);
	for (int i = 0; i < 2000; i++) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0)
			return fd;
		close(fd);
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	}
	_exit(99);
}

/* QMP's event comes when the guest opens the port. */
static void wait_for_guest(void)
{
	static const char hello[] = "{\"execute\":\"qmp_capabilities\"}\n";
	char text[1 << 16];
	size_t n = 0;
	int fd = connect_to("qmp.sock");

	if (write(fd, hello, sizeof(hello) - 1) < 0)
		_exit(98);
	while (n < sizeof(text) - 1) {
		ssize_t k = read(fd, text + n, sizeof(text) - 1 - n);

		if (k <= 0)
			_exit(0); /* QEMU has ended */
		n += (size_t)k;
		text[n] = '\0';
		if (strstr(text, "VSERPORT_CHANGE"))
			break;
	}
	note("vm-late.log", "the guest has opened its port");
}

static void copy(int from, int to)
{
	static char text[1 << 17];
	ssize_t n = recv(from, text, sizeof(text), 0);

	if (n <= 0)
		_exit(0);
	for (ssize_t at = 0; at < n;) {
		ssize_t k = send(to, text + at, (size_t)(n - at), MSG_NOSIGNAL);

		if (k <= 0)
			_exit(0);
		at += k;
	}
}

static void carry(int ours, int qemus)
{
	struct pollfd p[2] = { { ours, POLLIN, 0 }, { qemus, POLLIN, 0 } };

	while (poll(p, 2, -1) > 0) {
		if (p[0].revents)
			copy(ours, qemus);
		if (p[1].revents)
			copy(qemus, ours);
	}
}

int main(int argc, char **argv)
{
	char **words = calloc((size_t)argc + 3, sizeof(*words)), port[256];
	int wire = -1, n = 0;
	pid_t pid;

	words[n++] = (char *)"qemu-system-x86_64";
	for (int i = 1; i < argc; i++) {
		words[n++] = argv[i];
		if (!strncmp(argv[i], WIRE, strlen(WIRE))) {
			wire = atoi(argv[i] + strlen(WIRE));
			words[n - 1] = (char *)"socket,id=wire,path=wire.sock,server=on,wait=off";
		} else if (!strncmp(argv[i], PORT, strlen(PORT))) {
			snprintf(port, sizeof(port), "%s,id=port", argv[i]);
			words[n - 1] = port;
		}
	}
	words[n++] = (char *)"-qmp";
	words[n] = (char *)"unix:qmp.sock,server=on,wait=off";
	if (wire < 0)
		return 97;
	pid = fork();
	if (pid == 0) {
		snprintf(port, sizeof(port), "%d", (int)getpid());
		note("vm-late.pid", port);
		wait_for_guest();
		fcntl(wire, F_SETFL, 0);
		carry(wire, connect_to("wire.sock"));
		_exit(0);
	}
	signal(SIGCHLD, SIG_IGN);
	execvp(words[0], words);
	return 127;
}
