/* SPDX-License-Identifier: MIT */
/* The loopback interface and the host name. */
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "init/init.h"
#include "lib/cleanup.h"
#include "lib/layout.h"

/* The kernel gives lo its addresses, 127.0.0.1 and ::1, when it comes up. */
static int loopback_up(struct err *e)
{
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { .ifr_name = "lo" };

	if (fd < 0 && (errno == EAFNOSUPPORT || errno == ENOSYS))
		return 0; /* a kernel without network */
	if (fd < 0)
		return err_sys(e, "socket");
	if (ioctl(fd, SIOCGIFFLAGS, &ifr) < 0)
		return err_sys(e, "flags of lo");
	ifr.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
		return err_sys(e, "bring lo up");
	return 0;
}

int network_up(struct guest *g, struct err *e)
{
	const char *name = g->machine->hostname ? g->machine->hostname : GUEST_DEFAULT_HOSTNAME;

	if (sethostname(name, strlen(name)) < 0)
		return err_sys(e, "host name '%s'", name);
	return loopback_up(e);
}
