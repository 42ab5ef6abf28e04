/* SPDX-License-Identifier: MIT */
/*
 * The end of the machine. Nothing here may hang: there may be nobody outside who would notice.
 *
 * Writing back is where a system hangs, in a sleep that no signal and no timer ends. So it is left
 * to the kernel: sysrq 'u' remounts every file system that has a device read-only, clean, even with
 * files open, in a work queue of its own, and the kernel log says when that is done.
 *
 * A machine ends by a reset (which -no-reboot, and every small VMM, turns into an exit). It is
 * never halted, and powered off only when the reset did not work: without ACPI that never ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <time.h>
#include <unistd.h>

#include "init/init.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/io.h"
#include "lib/msg.h"
#include "lib/proc.h"

#define TERM_MS 2000
#define KILL_MS 1000	    /* after SIGKILL: what sleeps in the kernel cannot be waited for */
#define STALL_MS 10000	    /* writing back without any progress */
#define CLEAN_MAX_MS 100000 /* and at all; the host waits a little longer */
#define MOUNTS_MAX ((size_t)1 << 20) /* bytes of the list of mounts */
#define VMSTAT_MAX ((size_t)64 << 10)
#define RECORD_MAX 1024 /* bytes of a line of the kernel log */

void power_log(const char *fmt, ...)
{
	/* Shown on the console with "quiet", too: it may be the only status that there is. */
	static const char head[] = "<3>execvm: ";
	cleanup_close int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char line[512];
	size_t n = sizeof(head) - 1;
	va_list ap;

	memcpy(line, head, sizeof(head));
	va_start(ap, fmt);
	vsnprintf(line + n, sizeof(line) - n - 1, fmt, ap);
	va_end(ap);
	msg_clean(line + n, strlen(line + n));
	for (char *c = line + n; (c = strchr(c, '\n'));)
		*c = '?';
	n = strlen(line);
	line[n++] = '\n';
	if (fd < 0 || write(fd, line, n) < 0)
		(void)!write(STDERR_FILENO, line + 3, n - 3);
}

/* Reaps until no process is left; false when ms were not enough. */
static bool reap_all(long ms)
{
	long deadline = (long)clock_ms() + ms, left;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	do {
		struct timespec t;
		struct proc_status st;
		pid_t pid;

		while ((pid = proc_reap(&st)) > 0)
			;
		if (pid == -ECHILD)
			return true;
		left = deadline - (long)clock_ms();
		if (left > 0) {
			t = (struct timespec){ left / 1000, left % 1000 * 1000000 };
			sigtimedwait(&set, NULL, &t);
		}
	} while (left > 0);
	return false;
}

/* Every process descends from this one: without children there is none. */
static void end_processes(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (reap_all(0))
		return;
	kill(-1, SIGTERM);
	kill(-1, SIGCONT);
	if (reap_all(TERM_MS))
		return;
	kill(-1, SIGKILL);
	if (!reap_all(KILL_MS))
		power_log("warning: processes are left that cannot be killed");
}

/*
 * The next file system of a device in /proc/self/mounts, whose lines are "SOURCE TARGET TYPE
 * OPTIONS 0 0"; the options begin with ro or rw. Returns its target, still with octal escapes.
 */
static char *next_disk(char **at, bool *writable)
{
	while (**at) {
		char *line = *at, *target, *options;

		*at += strcspn(line, "\n");
		if (**at)
			*(*at)++ = '\0';
		target = strchr(line, ' ');
		options = target ? strchr(target + 1, ' ') : NULL;
		if (!options || strncmp(line, "/dev/", 5) != 0)
			continue;
		*target++ = '\0';
		*options++ = '\0';
		options = strchr(options, ' ');
		*writable = options && !strncmp(options, " rw", 3);
		return target;
	}
	return NULL;
}

/* Is a file system of a device mounted for writing, by us or by a command? */
static bool is_writable(const struct guest *g)
{
	cleanup_buf struct buf b = { 0 };
	struct err ignored;
	bool writable;
	char *at;

	if (io_read_file("/proc/self/mounts", MOUNTS_MAX, &b, &ignored) < 0)
		return g->root_writable;
	for (at = b.p; next_disk(&at, &writable);) {
		if (writable)
			return true;
	}
	return false;
}

/* Takes the escapes of a target back: a backslash and three octal digits. */
static void unescape(char *s)
{
	char *to = s;

	while (*s) {
		unsigned c = (unsigned char)*s++;

		if (c == '\\' && s[0] && s[1] && s[2]) {
			c = (unsigned)((s[0] & 7) << 6 | (s[1] & 7) << 3 | (s[2] & 7));
			s += 3;
		}
		*to++ = (char)c;
	}
	*to = '\0';
}

/*
 * Was something lost on the way? The kernel keeps an error of writing back until somebody has seen
 * it; what is read-only by now is not waited for.
 */
static int check_written(struct err *e)
{
	cleanup_buf struct buf b = { 0 };
	char *at, *target;
	bool writable;
	int r = io_read_file("/proc/self/mounts", MOUNTS_MAX, &b, e);

	for (at = b.p; r == 0 && (target = next_disk(&at, &writable));) {
		cleanup_close int fd = -1;

		unescape(target);
		fd = open(target, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		if (writable)
			r = err_set(e, EBUSY, "%s could not be made read-only", target);
		else if (fd >= 0 && syncfs(fd) < 0)
			r = err_sys(e, "write back %s", target);
	}
	return r;
}

static bool log_says(int log, const char *text, long ms)
{
	long deadline = (long)clock_ms() + ms;
	char record[RECORD_MAX];

	for (;;) {
		struct pollfd p = { .fd = log, .events = POLLIN };
		ssize_t n = read(log, record, sizeof(record) - 1);
		long left = deadline - (long)clock_ms();

		if (n > 0) {
			record[n] = '\0';
			if (strstr(record, text))
				return true;
		} else if (n == 0 || (errno != EAGAIN && errno != EPIPE && errno != EINTR)) {
			return false;
		} else if (left <= 0 || (errno == EAGAIN && poll(&p, 1, (int)left) < 0)) {
			return false;
		}
	}
}

/* How many pages were written back since the machine started. */
static unsigned long pages_written(void)
{
	static const char key[] = "\nnr_written ";
	cleanup_buf struct buf b = { 0 };
	struct err ignored;
	const char *at;

	if (io_read_file("/proc/vmstat", VMSTAT_MAX, &b, &ignored) < 0)
		return 0;
	at = strstr(b.p, key);
	return at ? strtoul(at + sizeof(key) - 1, NULL, 10) : 0;
}

static int make_clean(struct err *e)
{
	cleanup_close int log = open("/dev/kmsg", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	unsigned long now = pages_written();

	if (log >= 0)
		lseek(log, 0, SEEK_END);
	if (log < 0 || io_write_file("/proc/sysrq-trigger", "u", e) < 0) {
		sync();
		return mount_readonly("/", e);
	}
	for (long ms = 0; !log_says(log, "Emergency Remount complete", STALL_MS); ms += STALL_MS) {
		unsigned long before = now;

		now = pages_written();
		if (now == before || ms >= CLEAN_MAX_MS)
			return err_set(e, ETIMEDOUT, "not everything could be written back");
	}
	return check_written(e);
}

/* The quickest way, unless the command line has an opinion: others are tried for seconds. */
static void choose_reset(void)
{
	cleanup_buf struct buf line = { 0 };
	struct err ignored;
	const char *value;

	if (io_read_file("/proc/cmdline", (size_t)64 << 10, &line, &ignored) == 0 &&
	    cmdline_param(line.p, "reboot=", &value) < 0 &&
	    io_write_file("/sys/kernel/reboot/type", "triple", &ignored) < 0)
		return; /* an older kernel, or not this architecture */
}

/*
 * Directories of the host have no device that a remount could make clean. Waiting for one may last
 * for ever, so it is done only where a host listens that would end that.
 */
static int sync_shares(const struct guest *g, struct err *e)
{
	for (size_t i = 0; g->machine && i < g->machine->nmounts; i++) {
		const struct payload_mount *m = &g->machine->mount[i];
		cleanup_close int fd = -1;

		if (strcmp(m->mtype, "9p") != 0 && strcmp(m->mtype, "virtiofs") != 0)
			continue;
		fd = open(m->target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 && syncfs(fd) < 0)
			return err_sys(e, "write back %s", m->target);
	}
	return 0;
}

int power_clean(const struct guest *g, struct err *e)
{
	int r;

	end_processes();
	r = g->link && g->booted ? sync_shares(g, e) : 0;
	return r == 0 && is_writable(g) ? make_clean(e) : r;
}

void power_off(const struct guest *g)
{
	struct err e = { 0 };

	if (power_clean(g, &e) < 0)
		power_log("warning: %s", e.msg);
	choose_reset();
	reboot(RB_AUTOBOOT);
	power_log("reset: %s", strerror(errno));
	reboot(RB_POWER_OFF);
	if (io_write_file("/proc/sysrq-trigger", "b", &e) < 0)
		power_log("%s", e.msg);
	for (;;)
		pause();
}
