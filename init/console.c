/* SPDX-License-Identifier: MIT */
/* Descriptors 0 to 2 of PID 1, and what the kernel does when there is no hope. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "init/init.h"
#include "lib/fd.h"
#include "lib/io.h"

/* They pass to a command without a wire: no close-on-exec. */
static int open_std(void)
{
	int fd = open("/dev/console", O_RDWR | O_NOCTTY);

	return fd < 0 ? open("/dev/null", O_RDWR) : fd;
}

/*
 * The kernel opens /dev/console for PID 1 when the initrd has the node. Opening it never makes a
 * controlling terminal: PID 1 leads no session, and the kernel excepts this node anyway. The
 * lowest free number is given out first, so each open below lands where one is missing.
 *
 * PID 1 needs no protection from the out-of-memory killer: the kernel never picks it.
 */
int console_open(struct guest *g, struct err *e)
{
	struct err ignored = { 0 };

	(void)g;
	for (int i = 0; i < 3; i++) {
		if (fcntl(i, F_GETFD) >= 0)
			continue;
		if (open_std() != i)
			return err_sys(e, "open /dev/console and /dev/null");
	}
	/* A panic ends the machine at once, whatever panic= says: somebody waits for the status. */
	if (io_write_file("/proc/sys/kernel/panic", "-1", &ignored) < 0 && ignored.code != ENOENT)
		power_log("%s", ignored.msg);
	return 0;
}
