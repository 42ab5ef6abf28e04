/* SPDX-License-Identifier: MIT */
/*
 * guest-look WHAT [UID]: what a command, as that user, finds in its machine. Prints one line, and
 * exits with 1 when something is not as it should be.
 *
 *   tcp      connects to itself on 127.0.0.1 and on ::1
 *   pty      a terminal, and what is typed on one end comes out of the other
 *   shm      a shared memory object
 *   random   16 random bytes, or "not ready": it does not wait
 *   hunt     looks for the text on stdin in everything of the system that it may read: processes and
 *            their memory, devices, the kernel log, /run, /tmp, /dev/shm. A line for each place
 *            that has it, and "looked at N"; not into processes of its own name
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

static int fail(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	return 1;
}

/* tcp */

static int connect_to(const struct sockaddr *a, socklen_t n, const char *name)
{
	int server = socket(a->sa_family, SOCK_STREAM, 0);
	int client = socket(a->sa_family, SOCK_STREAM, 0);
	struct sockaddr_storage at;
	socklen_t len = sizeof(at);
	char c = 0;
	int peer;

	if (bind(server, a, n) < 0 || listen(server, 1) < 0 ||
	    getsockname(server, (struct sockaddr *)&at, &len) < 0 ||
	    connect(client, (struct sockaddr *)&at, len) < 0)
		return fail(name);
	peer = accept(server, NULL, NULL);
	if (write(client, "x", 1) != 1 || read(peer, &c, 1) != 1 || c != 'x')
		return fail(name);
	return 0;
}

static int tcp(void)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };

	v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect_to((struct sockaddr *)&v4, sizeof(v4), "127.0.0.1") != 0 ||
	    connect_to((struct sockaddr *)&v6, sizeof(v6), "::1") != 0)
		return 1;
	puts("127.0.0.1 ::1");
	return 0;
}

/* pty, shm, random */

static int pty(void)
{
	int one = posix_openpt(O_RDWR | O_NOCTTY), other;
	char text[8] = "";

	if (one < 0 || grantpt(one) < 0 || unlockpt(one) < 0)
		return fail("posix_openpt");
	other = open(ptsname(one), O_RDWR | O_NOCTTY);
	if (other < 0 || write(one, "type\n", 5) != 5 || read(other, text, 5) != 5)
		return fail("pty");
	printf("%s %s", ptsname(one), text);
	return 0;
}

static int shm(void)
{
	int fd = shm_open("/guest-look", O_RDWR | O_CREAT | O_EXCL, 0600);

	if (fd < 0 || ftruncate(fd, 4096) < 0)
		return fail("shm_open");
	shm_unlink("/guest-look");
	puts("shm");
	return 0;
}

static int random_bytes(void)
{
	unsigned char b[16];

	if (getrandom(b, sizeof(b), GRND_NONBLOCK) != (ssize_t)sizeof(b)) {
		puts("not ready");
		return 1;
	}
	for (size_t i = 0; i < sizeof(b); i++)
		printf("%02x", b[i]);
	puts("");
	return 0;
}

/* hunt */

static char wanted[256];
static size_t nwanted;
static unsigned looked_at;
static char block[1 << 18];

static bool in_block(size_t n)
{
	return n >= nwanted && memmem(block, n, wanted, nwanted);
}

/* Up to limit bytes from at; blocks overlap by what the text may be cut at. */
static void look(const char *path, int fd, off_t at, unsigned long long limit)
{
	bool found = false;
	size_t have = 0;
	ssize_t n = 0;

	while (limit > 0 && !found) {
		size_t room = sizeof(block) - have;

		room = room < limit ? room : (size_t)limit;
		n = at < 0 ? read(fd, block + have, room) : pread(fd, block + have, room, at);
		if (n <= 0)
			break;
		limit -= (unsigned long long)n;
		at += at < 0 ? 0 : n;
		have += (size_t)n;
		found = in_block(have);
		if (have > nwanted) {
			memmove(block, block + have - nwanted, nwanted);
			have = nwanted;
		}
	}
	looked_at += n >= 0;
	if (found)
		printf("found in %s\n", path);
}

static void look_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return;
	look(path, fd, -1, 8 << 20);
	close(fd);
}

static void look_memory(const char *pid)
{
	char path[64], line[512];
	FILE *maps;
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/maps", pid);
	maps = fopen(path, "re");
	snprintf(path, sizeof(path), "/proc/%s/mem", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (maps && fd >= 0 && fgets(line, sizeof(line), maps)) {
		unsigned long long from, to;

		if (sscanf(line, "%llx-%llx r", &from, &to) == 2 && from < 1ull << 47)
			look(path, fd, (off_t)from, to - from);
	}
	if (maps)
		fclose(maps);
	if (fd >= 0)
		close(fd);
}

static bool is_one_of_us(const char *pid)
{
	char path[64], name[32] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && read(fd, name, sizeof(name) - 1) < 0)
		name[0] = '\0';
	if (fd >= 0)
		close(fd);
	return !strncmp(name, "guest-look", 10);
}

static void look_process(const char *pid)
{
	static const char *const files[] = { "cmdline", "environ",  "auxv",	  "stack",
					     "syscall", "fdinfo/0", "comm",	  "status",
					     "mounts",	"io",	    "personality" };
	char path[300];
	DIR *d;
	struct dirent *de;

	if (is_one_of_us(pid))
		return;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		snprintf(path, sizeof(path), "/proc/%s/%s", pid, files[i]);
		look_file(path);
	}
	look_memory(pid);
	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	d = opendir(path);
	while (d && (de = readdir(d))) {
		struct stat st;

		snprintf(path, sizeof(path), "/proc/%s/fd/%s", pid, de->d_name);
		if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
			look_file(path);
	}
	if (d)
		closedir(d);
}

/* Files below a directory, and its devices; not into /dev/pts and the like of it. */
static void look_below(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *de;

	while (d && (de = readdir(d))) {
		char path[1024];
		struct stat st;

		if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
			continue;
		if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, de->d_name) >=
			    sizeof(path) ||
		    lstat(path, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode))
			look_below(path);
		else if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode) ||
			 (S_ISCHR(st.st_mode) && strcmp(de->d_name, "zero") != 0 &&
			  strcmp(de->d_name, "urandom") != 0 && strcmp(de->d_name, "random") != 0))
			look_file(path);
	}
	if (d)
		closedir(d);
}

static int hunt(void)
{
	DIR *d = opendir("/proc");
	struct dirent *de;

	nwanted = fread(wanted, 1, sizeof(wanted), stdin);
	if (nwanted < 8)
		return fail("stdin");
	while (d && (de = readdir(d))) {
		if (de->d_name[0] >= '0' && de->d_name[0] <= '9')
			look_process(de->d_name);
	}
	if (d)
		closedir(d);
	look_file("/proc/cmdline");
	look_file("/proc/bootconfig");
	look_file("/proc/kcore");
	look_below("/dev");
	look_below("/run");
	look_below("/tmp");
	look_below("/etc");
	look_below("/root");
	printf("looked at %u\n", looked_at);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} what[] = { { "tcp", tcp },
		     { "pty", pty },
		     { "shm", shm },
		     { "random", random_bytes },
		     { "hunt", hunt } };

	if (argc == 3) {
		uid_t uid = (uid_t)atoi(argv[2]);

		if (setgroups(0, NULL) < 0 || setgid(uid) < 0 || setuid(uid) < 0)
			return fail("setuid");
	}
	for (size_t i = 0; i < sizeof(what) / sizeof(*what); i++) {
		if (argc > 1 && !strcmp(argv[1], what[i].name))
			return what[i].run();
	}
	return 125;
}
