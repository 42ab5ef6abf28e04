/* SPDX-License-Identifier: MIT */
/* Ports of this host, before a machine has them. */
#include "runners/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/cleanup.h"

/*
 * As libslirp: TCP with SO_REUSEADDR (a connection that ended lately is no hindrance) and
 * listening, since two that do not listen may share a port; UDP without it.
 */
static int try_port(const struct vm_publish *p)
{
	cleanup_close int fd =
		socket(AF_INET, (p->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(p->host),
				  .sin_addr = p->addr };
	int on = 1;

	if (fd < 0)
		return -errno;
	if (!p->udp && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&to, sizeof(to)) < 0)
		return -errno;
	return !p->udp && listen(fd, 1) < 0 ? -errno : 0;
}

int network_check_ports(const struct vm_spec *s, struct err *e)
{
	for (size_t i = 0; i < s->npublish; i++) {
		const struct vm_publish *p = &s->publish[i];
		int r = try_port(p);

		if (r < 0) {
			char addr[INET_ADDRSTRLEN];

			inet_ntop(AF_INET, &p->addr, addr, sizeof(addr));
			return err_code(e, -r, "-p: %s:%u%s", addr, p->host, p->udp ? "/udp" : "");
		}
	}
	return 0;
}
