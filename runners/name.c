/* SPDX-License-Identifier: MIT */
/* The name of a run is an abstract address of a unix socket: execvm/UID/NAME. */
#include "runners/name.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/cleanup.h"

int name_hold(const char *name, struct err *e)
{
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int n = snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "execvm/%u/%s", (unsigned)getuid(),
			 name);

	if (fd < 0)
		return err_sys(e, "socket");
	if (n < 0 || (size_t)n >= sizeof(a.sun_path) - 1)
		return err_code(e, ENAMETOOLONG, "--name %s", name);
	if (bind(fd, (const struct sockaddr *)&a,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) == 0)
		return take_fd(&fd);
	if (errno == EADDRINUSE)
		return err_set(e, EADDRINUSE, "--name %s: another run has this name", name);
	return err_sys(e, "--name %s", name);
}
