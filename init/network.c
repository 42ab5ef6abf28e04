/* SPDX-License-Identifier: MIT */
/*
 * The loopback interface, the host name, and the one interface that a machine may have besides.
 *
 * Addresses and routes are said over rtnetlink(7), which has one form for both families, and
 * answers every request. An IPv6 address is usable at once: nobody else is on this link, so nothing
 * is waited for and nothing is learned from it.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "init/init.h"
#include "lib/cleanup.h"
#include "lib/io.h"
#include "lib/layout.h"
#include "lib/num.h"

#define INTERFACE_WAIT_MS 10000 /* as for a disk */
#define CARRIER_WAIT_MS 1000

/* The kernel gives lo its addresses, 127.0.0.1 and ::1, when it comes up. */
static int bring_up(const char *name, struct err *e)
{
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { 0 };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (fd < 0)
		return err_sys(e, "socket");
	if (ioctl(fd, SIOCGIFFLAGS, &ifr) < 0)
		return err_sys(e, "flags of %s", name);
	ifr.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
		return err_sys(e, "bring %s up", name);
	return 0;
}

/* The first interface by its name that is a device and not one of the kernel's own. */
static bool find_device(char name[IF_NAMESIZE])
{
	cleanup_dir DIR *d = opendir("/sys/class/net");
	struct dirent *de;

	*name = '\0';
	while (d && (de = readdir(d))) {
		char path[sizeof("/sys/class/net//device") + NAME_MAX];

		snprintf(path, sizeof(path), "/sys/class/net/%s/device", de->d_name);
		if (de->d_name[0] == '.' || strlen(de->d_name) >= IF_NAMESIZE ||
		    access(path, F_OK) < 0)
			continue;
		if (!*name || strcmp(de->d_name, name) < 0)
			snprintf(name, IF_NAMESIZE, "%.*s", IF_NAMESIZE - 1, de->d_name);
	}
	return *name;
}

static int wait_device(char name[IF_NAMESIZE], struct err *e)
{
	struct timespec pause = { 0, 1000000 };

	for (unsigned ms = 0; !find_device(name); ms += (unsigned)(pause.tv_nsec / 1000000)) {
		if (virtio_bind(VIRTIO_NET))
			continue;
		if (ms >= INTERFACE_WAIT_MS)
			return err_set(
				e, ENODEV,
				"the machine has no network interface that its kernel knows");
		if (ms && pause.tv_nsec < 100000000)
			pause.tv_nsec *= 2;
		nanosleep(&pause, NULL);
	}
	return 0;
}

/* A driver says a moment later that there is a link; what is sent before that is dropped. */
static void wait_carrier(const char *name)
{
	const struct timespec pause = { 0, 1000000 };
	char path[64];

	snprintf(path, sizeof(path), "/sys/class/net/%s/carrier", name);
	for (unsigned ms = 0; ms < CARRIER_WAIT_MS; ms++) {
		cleanup_buf struct buf text = { 0 };
		struct err ignored;

		if (io_read_file(path, 16, &text, &ignored) == 0 && text.p && *text.p == '1')
			return;
		nanosleep(&pause, NULL);
	}
	power_log("warning: %s: no link", name);
}

/* rtnetlink: a request is a header, what it is about, and attributes. */

struct request {
	struct nlmsghdr head;
	union {
		struct ifaddrmsg address;
		struct rtmsg route;
	} u;
	char attributes[64];
};

static void add_attribute(struct request *q, unsigned short type, const void *p, size_t n)
{
	struct rtattr a = { .rta_len = (unsigned short)RTA_LENGTH(n), .rta_type = type };
	char *at = (char *)q + NLMSG_ALIGN(q->head.nlmsg_len);

	memcpy(at, &a, sizeof(a));
	memcpy(at + RTA_LENGTH(0), p, n);
	q->head.nlmsg_len = (unsigned)(NLMSG_ALIGN(q->head.nlmsg_len) + RTA_SPACE(n));
}

/* Returns what the kernel says to it. */
static int ask(int fd, struct request *q)
{
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
		char rest[256];
	} answer;
	ssize_t n;

	if (send(fd, q, q->head.nlmsg_len, 0) < 0)
		return -errno;
	n = recv(fd, &answer, sizeof(answer), 0);
	if (n < 0)
		return -errno;
	if ((size_t)n < NLMSG_LENGTH(sizeof(answer.error)) || answer.head.nlmsg_type != NLMSG_ERROR)
		return -EPROTO;
	return answer.error.error;
}

struct address {
	unsigned char family, prefix;
	size_t size;
	unsigned char bytes[16];
};

/* ADDRESS, or ADDRESS/PREFIX. */
static int parse(const char *text, int family, bool prefix, struct address *a, struct err *e)
{
	size_t n = strcspn(text, "/");
	uint64_t bits = 0;
	char host[64];

	a->family = (unsigned char)family;
	a->size = family == AF_INET ? 4 : 16;
	if (n < sizeof(host)) {
		memcpy(host, text, n);
		host[n] = '\0';
	}
	if (n >= sizeof(host) || inet_pton(family, host, a->bytes) != 1 ||
	    prefix != (text[n] == '/') ||
	    (prefix && num_uint(text + n + 1, 1, a->size * 8, &bits) < 0))
		return err_set(e, EINVAL, "'%.80s' is no %s address%s", text,
			       family == AF_INET ? "IPv4" : "IPv6", prefix ? " with a prefix" : "");
	a->prefix = (unsigned char)bits;
	return 0;
}

static int add_address(int fd, unsigned interface, const struct address *a)
{
	struct request q = { .head = { .nlmsg_len = NLMSG_LENGTH(sizeof(q.u.address)),
				       .nlmsg_type = RTM_NEWADDR,
				       .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE },
			     .u.address = { .ifa_family = a->family,
					    .ifa_prefixlen = a->prefix,
					    .ifa_flags = IFA_F_NODAD,
					    .ifa_index = interface } };

	add_attribute(&q, IFA_LOCAL, a->bytes, a->size);
	add_attribute(&q, IFA_ADDRESS, a->bytes, a->size);
	return ask(fd, &q);
}

static int add_default_route(int fd, unsigned interface, const struct address *gateway)
{
	struct request q = { .head = { .nlmsg_len = NLMSG_LENGTH(sizeof(q.u.route)),
				       .nlmsg_type = RTM_NEWROUTE,
				       .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE },
			     .u.route = { .rtm_family = gateway->family,
					  .rtm_table = RT_TABLE_MAIN,
					  .rtm_protocol = RTPROT_BOOT,
					  .rtm_scope = RT_SCOPE_UNIVERSE,
					  .rtm_type = RTN_UNICAST } };

	add_attribute(&q, RTA_GATEWAY, gateway->bytes, gateway->size);
	add_attribute(&q, RTA_OIF, &interface, sizeof(interface));
	return ask(fd, &q);
}

/* One family. A kernel without IPv6 does without. */
static int set_family(int fd, unsigned interface, int family, const char *address,
		      const char *gateway, struct err *e)
{
	struct address a, g;
	int r;

	if (!address)
		return 0;
	if (parse(address, family, true, &a, e) < 0 ||
	    (gateway && parse(gateway, family, false, &g, e) < 0))
		return -e->code;
	r = add_address(fd, interface, &a);
	if (family == AF_INET6 && (r == -EOPNOTSUPP || r == -EAFNOSUPPORT || r == -EACCES)) {
		power_log("warning: no IPv6: %s", strerror(-r));
		return 0;
	}
	if (r < 0)
		return err_code(e, -r, "address %s", address);
	r = gateway ? add_default_route(fd, interface, &g) : 0;
	return r < 0 ? err_code(e, -r, "route by %s", gateway) : 0;
}

/* Nothing is learned, and nobody is asked whether an address is taken. */
static void no_questions(const char *name)
{
	static const char *const files[] = { "accept_ra", "accept_dad" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char path[96];
		struct err ignored; /* no IPv6 */

		snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/%s", name, files[i]);
		if (io_write_file(path, "0", &ignored) < 0)
			return;
	}
}

static int interface_up(const struct payload_network *n, struct err *e)
{
	cleanup_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	char name[IF_NAMESIZE];
	unsigned interface;
	int r;

	if (fd < 0)
		return err_sys(e, "netlink");
	r = wait_device(name, e);
	if (r < 0)
		return r;
	no_questions(name);
	r = bring_up(name, e);
	if (r < 0)
		return r;
	wait_carrier(name);
	interface = if_nametoindex(name);
	r = set_family(fd, interface, AF_INET, n->address, n->gateway, e);
	if (r == 0)
		r = set_family(fd, interface, AF_INET6, n->address6, n->gateway6, e);
	return r < 0 ? err_wrap(e, "%s", name) : 0;
}

/* A kernel without network does without. */
int loopback_up(struct guest *g, struct err *e)
{
	int r = bring_up("lo", e);

	(void)g;
	if (r != -EAFNOSUPPORT && r != -ENOSYS)
		return r;
	*e = (struct err){ 0 };
	return 0;
}

int network_up(struct guest *g, struct err *e)
{
	const struct payload_network *n = &g->machine->network;
	const char *name = g->machine->hostname ? g->machine->hostname : GUEST_DEFAULT_HOSTNAME;

	if (sethostname(name, strlen(name)) < 0)
		return err_sys(e, "host name '%s'", name);
	return n->address || n->address6 ? interface_up(n, e) : 0;
}
