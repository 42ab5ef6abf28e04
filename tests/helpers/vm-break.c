/* SPDX-License-Identifier: MIT */
/*
 * vm-break WHAT, inside a machine, as root:
 *
 *   init       process 1 runs into an instruction that is none
 *   wire       bytes that are no packet, on the wire
 *   memory     takes memory until there is none
 *   files      the same with files of every tmpfs, which nothing can take back
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fail(const char *what)
{
	perror(what);
	return 1;
}

/* All of its code becomes ud2: the next instruction is its last, and no signal mask is asked. */
static int break_init(void)
{
	static char ud2[65536];
	char line[512];
	FILE *maps = fopen("/proc/1/maps", "r");
	int mem = open("/proc/1/mem", O_RDWR | O_CLOEXEC);

	for (size_t i = 0; i < sizeof(ud2); i += 2)
		memcpy(ud2 + i, "\x0f\x0b", 2);
	if (!maps || mem < 0)
		return fail("vm-break: /proc/1");
	while (fgets(line, sizeof(line), maps)) {
		unsigned long from, to;
		char mode[8];

		if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) != 3 || mode[2] != 'x' ||
		    strstr(line, "[v"))
			continue;
		while (from < to) {
			size_t n = to - from < sizeof(ud2) ? to - from : sizeof(ud2);

			if (pwrite(mem, ud2, n, (off_t)from) != (ssize_t)n)
				return fail("vm-break: /proc/1/mem");
			from += n;
		}
	}
	return 0;
}

/* Process 1's own descriptor of the port: it cannot be opened twice. */
static int wire(void)
{
	DIR *d = opendir("/proc/1/fd");
	int pid = (int)syscall(SYS_pidfd_open, 1, 0);
	struct dirent *de;

	while (d && (de = readdir(d))) {
		char path[300], to[64] = "";

		snprintf(path, sizeof(path), "/proc/1/fd/%s", de->d_name);
		if (readlink(path, to, sizeof(to) - 1) > 0 && !strncmp(to, "/dev/vport", 10))
			return (int)syscall(SYS_pidfd_getfd, pid, atoi(de->d_name), 0);
	}
	return -1;
}

static int break_wire(void)
{
	char junk[8192];
	int fd = wire();

	for (size_t i = 0; i < sizeof(junk); i++)
		junk[i] = (char)(i * 167 + 13);
	if (fd < 0 || write(fd, junk, sizeof(junk)) < 0)
		return fail("vm-break: the wire");
	return 0;
}

static void take_memory(void)
{
	for (;;) {
		char *p = malloc(1 << 20);

		if (p)
			memset(p, 1, 1 << 20);
	}
}

static void take_files(void)
{
	static const char *const where[] = { "/dev/shm/x", "/run/x", "/x", "/tmp/x" };
	static char block[1 << 16];

	for (;;) {
		for (size_t i = 0; i < sizeof(where) / sizeof(*where); i++) {
			int fd = open(where[i], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

			memset(block, 1, sizeof(block));
			if (fd >= 0) {
				while (write(fd, block, sizeof(block)) > 0)
					;
				close(fd);
			}
		}
	}
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "init"))
		return break_init();
	if (!strcmp(what, "wire"))
		return break_wire();
	if (!strcmp(what, "memory"))
		take_memory();
	if (!strcmp(what, "files"))
		take_files();
	fprintf(stderr, "vm-break: what?\n");
	return 125;
}
