/* SPDX-License-Identifier: MIT */
/*
 * guest-pid1 [-c TEXT] [-d N]... [-m KIB] [-n FILES] ROOT PROGRAM [ARG...]: inside a machine, runs
 * PROGRAM as process 1 of a PID namespace with ROOT as its root and no wire, so that hundreds of
 * boots cost one. Mounts and host name are its own; the devices and the kernel log are not.
 *
 *   -c TEXT   what /proc/cmdline has there
 *   -d N      descriptor N is closed
 *   -m KIB    no more address space than that
 *   -n FILES  no more descriptors than that
 *
 * On stdout goes what process 1 has written there, then what it wrote to the kernel log, a line
 * each with "log: " in front, then how it ended: "ended: reset" (what reboot(2) means in such a
 * namespace), "ended: power-off", "ended: exit N", "ended: signal N", "ended: late".
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_S 40

static const char *root;

static void fail(const char *what)
{
	perror(what);
	_exit(125);
}

static const char *in_root(const char *path)
{
	static char full[512];

	snprintf(full, sizeof(full), "%s%s", root, path);
	return full;
}

/*
 * What is mounted already is left alone by init: so it finds this command line and no port. Each
 * mount of proc is a new one, and the kernel has to be made to say that it is there; it can be told
 * apart by its flags.
 */
static void keep_proc(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mount, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[3])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MS_NOSUID | MS_NODEV | MS_NOEXEC, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EBUSY),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { sizeof(code) / sizeof(*code), code };

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0)
		fail("seccomp");
}

static void prepare(const char *cmdline)
{
	int fd;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		fail("private");
	mkdir(in_root("/proc"), 0755);
	mkdir(in_root("/sys"), 0755);
	if (mount("proc", in_root("/proc"), "proc", 0, NULL) < 0)
		fail("proc");
	if (mount("sysfs", in_root("/sys"), "sysfs", 0, NULL) < 0)
		fail("sysfs");
	if (mount("none", in_root("/sys/bus/virtio/devices"), "tmpfs", 0, NULL) < 0)
		fail("/sys/bus/virtio/devices");
	fd = open("/.cmdline", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, cmdline, strlen(cmdline)) < 0 || write(fd, "\n", 1) < 0)
		fail("/.cmdline");
	close(fd);
	if (mount("/.cmdline", in_root("/proc/cmdline"), NULL, MS_BIND, NULL) < 0)
		fail("/proc/cmdline");
	if (chroot(root) < 0 || chdir("/") < 0)
		fail(root);
	keep_proc();
}

static void limit(int resource, unsigned long n)
{
	struct rlimit r = { n, n };

	if (n && setrlimit(resource, &r) < 0)
		fail("setrlimit");
}

/* Until it has ended; the rest of its namespace goes with it. */
static int wait_for(pid_t pid)
{
	struct timespec nap = { 0, 2000000 };
	time_t end = time(NULL) + PATIENCE_S;
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (time(NULL) > end) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return -1;
		}
		nanosleep(&nap, NULL);
	}
	return status;
}

/* What the kernel says itself has a priority below 8. */
static void show_log(int log)
{
	char record[2048];
	ssize_t n;

	while (log >= 0 && (n = read(log, record, sizeof(record) - 1)) > 0) {
		char *text;

		record[n] = '\0';
		record[strcspn(record, "\n")] = '\0';
		text = strchr(record, ';');
		if (text && atoi(record) >= 8)
			printf("log: %s\n", text + 1);
	}
}

static void show_end(int status)
{
	if (status < 0)
		printf("ended: late\n");
	else if (WIFEXITED(status))
		printf("ended: exit %d\n", WEXITSTATUS(status));
	else if (WTERMSIG(status) == SIGHUP)
		printf("ended: reset\n");
	else if (WTERMSIG(status) == SIGINT)
		printf("ended: power-off\n");
	else
		printf("ended: signal %d\n", WTERMSIG(status));
}

int main(int argc, char **argv)
{
	const char *cmdline = "";
	unsigned long kib = 0, files = 0;
	bool closed[3] = { false, false, false };
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	pid_t pid;
	int c;

	while ((c = getopt(argc, argv, "+c:d:m:n:")) > 0) {
		if (c == 'c')
			cmdline = optarg;
		else if (c == 'd')
			closed[atoi(optarg) % 3] = true;
		else if (c == 'm')
			kib = strtoul(optarg, NULL, 10);
		else if (c == 'n')
			files = strtoul(optarg, NULL, 10);
		else
			return 125;
	}
	if (argc - optind < 2)
		return 125;
	root = argv[optind];
	if (log >= 0)
		lseek(log, 0, SEEK_END);
	if (unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS) < 0)
		fail("unshare");
	pid = fork();
	if (pid < 0)
		fail("fork");
	if (pid == 0) {
		prepare(cmdline);
		for (int i = 0; i < 3; i++) {
			if (closed[i])
				close(i);
		}
		limit(RLIMIT_NOFILE, files);
		limit(RLIMIT_AS, kib << 10);
		execv(argv[optind + 1], argv + optind + 1);
		_exit(124);
	}
	c = wait_for(pid);
	show_log(log);
	show_end(c);
	return 0;
}
