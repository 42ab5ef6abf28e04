/* SPDX-License-Identifier: MIT */
/* Descriptors 0 to 2 of PID 1, and what the kernel does when there is no hope. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "init/init.h"
#include "lib/cleanup.h"
#include "lib/io.h"

/* Closed, or the console by the node of the initrd, whose name is about to vanish. */
static bool is_replaced(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 || (S_ISCHR(st.st_mode) && st.st_rdev == makedev(5, 1));
}

/* Opening the console never makes it the controlling terminal: the kernel excepts this node. */
static int open_std(struct err *e)
{
	cleanup_close int fd = open("/dev/console", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "open /dev/console and /dev/null");
	if (fd < 3) { /* or one of the copies would close it */
		int up = fcntl(fd, F_DUPFD_CLOEXEC, 3);

		if (up < 0)
			return err_sys(e, "descriptor");
		close(fd);
		fd = up;
	}
	for (int i = 0; i < 3; i++) {
		if (is_replaced(i) && dup2(fd, i) < 0)
			return err_sys(e, "descriptor %d", i);
	}
	return 0;
}

/*
 * PID 1 itself needs no protection from the out-of-memory killer, which never picks it; so children
 * inherit nothing that they would have to give back.
 */
int console_open(struct guest *g, struct err *e)
{
	struct err why = { 0 };

	(void)g;
	/* A panic ends the machine at once, whatever panic= says: somebody waits for the status. */
	if (io_write_file("/proc/sys/kernel/panic", "-1", &why) < 0 && why.code != ENOENT)
		power_log("warning: %s", why.msg);
	return open_std(e);
}
