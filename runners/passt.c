/* SPDX-License-Identifier: MIT */
/*
 * One passt for one machine: a child in a process group of its own, with one end of a socketpair;
 * QEMU gets the other.
 *
 * It is told the addresses that QEMU's own network would have, so the guest need not know who
 * routes. It ends when the link is closed, so it goes with QEMU even if nobody is left to end it
 * (as root it becomes another user, and loses its death signal by that).
 *
 * It has bound the ports, and has looked for the way out, before it answers on the link. So the
 * gateway is asked for by ARP: the answer, or the end of the link, says whether it works. The
 * frames of the link are packets with their length in front, and are read whole: QEMU goes on from
 * there.
 */
#include "runners/passt.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "lib/argv.h"
#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/io.h"
#include "lib/proc.h"
#include "runners/network.h"

#define ANSWER_S 20 /* seconds; it takes 30 ms */
#define END_MS 1000 /* it takes one or two */
#define FRAME_MAX 65536u
#define TEXT_MAX 65536u

/* ADDR/HOST:GUEST for each port of a protocol; "none" has it bind nothing. */
static int add_ports(const struct vm_spec *s, bool udp, struct argv *out)
{
	const char *option = udp ? "-u" : "-t";
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < s->npublish && r == 0; i++) {
		const struct vm_publish *p = &s->publish[i];
		char addr[INET_ADDRSTRLEN];

		if (p->udp != udp)
			continue;
		n++;
		inet_ntop(AF_INET, &p->addr, addr, sizeof(addr));
		r = argv_push(out, option);
		if (r == 0)
			r = argv_pushf(out, "%s/%u:%u", addr, p->host, p->guest);
	}
	if (r == 0 && !n)
		r = argv_push(out, option);
	return r == 0 && !n ? argv_push(out, "none") : r;
}

static int make_argv(const struct vm_spec *s, int link, struct argv *out)
{
	static const char *const fixed[] = {
		"passt",     "--foreground",   "--stderr",	"--quiet",
		"--address", NETWORK_ADDRESS,  "--netmask",	NETWORK_PREFIX,
		"--gateway", NETWORK_GATEWAY,  "--address",	NETWORK_ADDRESS6,
		"--gateway", NETWORK_GATEWAY6, "--dns-forward", NETWORK_DNS,
		"--no-dhcp", "--no-dhcpv6",    "--no-ra",	"--fd"
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(fixed) && r == 0; i++)
		r = argv_push(out, fixed[i]);
	if (r == 0)
		r = argv_pushf(out, "%d", link);
	if (r == 0)
		r = add_ports(s, false, out);
	return r < 0 ? r : add_ports(s, true, out);
}

static int spawn(const struct vm_spec *s, int link, int err, pid_t *pid, struct err *e)
{
	cleanup_argv struct argv argv = { 0 };
	cleanup_close int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct proc_spec spec = PROC_SPEC_INIT;
	struct proc_failure f;

	if (null < 0)
		return err_sys(e, "open /dev/null");
	if (make_argv(s, link, &argv) < 0)
		return err_memory(e);
	spec.argv = argv.v;
	spec.path = getenv("PATH");
	spec.fd[0] = null;
	spec.fd[1] = spec.fd[2] = err;
	spec.close_rest = true;
	spec.keep = &link;
	spec.nkeep = 1;
	spec.new_group = true;
	spec.death_signal = SIGKILL;
	if (proc_spawn(&spec, pid, &f) == 0)
		return 0;
	if (f.code == ENOENT)
		return err_set(e, ENOENT, "passt is not installed");
	return err_code(e, f.code, "%s passt", f.stage);
}

/* Who has the gateway's address? */
static int ask(int link)
{
	static const unsigned char request[] = {
		0,    0,    0,	  42,				/* length of the frame */
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff,		/* to all */
		0x52, 0x54, 0,	  0x12, 0x34, 0x56, 0x08, 0x06, /* from the guest; ARP */
		0,    1,    0x08, 0,	6,    4,    0,	  1,	/* Ethernet, IPv4, a request */
		0x52, 0x54, 0,	  0x12, 0x34, 0x56, 10,	  0,	2, 15, 0, 0, 0, 0, 0, 0, 10, 0, 2, 2
	};

	return io_write_all(link, request, sizeof(request));
}

/* Reads frames until one is ARP. */
static int await_answer(int link)
{
	cleanup_free unsigned char *frame = malloc(FRAME_MAX);
	uint32_t n;

	if (!frame)
		return -ENOMEM;
	do {
		ssize_t got = io_read_full(link, &n, sizeof(n));

		if (got < 0)
			return (int)got;
		if (got != sizeof(n))
			return -ECONNRESET;
		n = ntohl(n);
		if (n < 14 || n > FRAME_MAX)
			return -EPROTO;
		got = io_read_full(link, frame, n);
		if (got < 0)
			return (int)got;
		if ((size_t)got != n)
			return -ECONNRESET;
	} while (frame[12] != 0x08 || frame[13] != 0x06);
	return 0;
}

static int wait_ready(int link)
{
	const struct timeval limit = { .tv_sec = ANSWER_S }, none = { 0 };
	int r;

	if (setsockopt(link, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0)
		return -errno;
	r = ask(link);
	if (r == 0)
		r = await_answer(link);
	if (r == 0 && setsockopt(link, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof(none)) < 0)
		r = -errno;
	return r;
}

/* The last line that it has said. */
static const char *last_line(struct buf *b)
{
	char *at;

	while (b->len && b->p[b->len - 1] == '\n')
		b->p[--b->len] = '\0';
	if (!b->len)
		return NULL;
	at = strrchr(b->p, '\n');
	return at ? at + 1 : b->p;
}

/* That it cannot reach a system log is nobody's concern, and would be every other line. */
static void drop_noise(struct buf *b)
{
	static const char noise[] = "Failed to send ";
	size_t n, out = 0;

	for (size_t at = 0; at < b->len; at += n) {
		n = strcspn(b->p + at, "\n");
		n += at + n < b->len;
		if (strncmp(b->p + at, noise, sizeof(noise) - 1) != 0) {
			memmove(b->p + out, b->p + at, n);
			out += n;
		}
	}
	b->len = out;
	if (b->p)
		b->p[out] = '\0';
}

static int start(const struct vm_spec *s, struct passt *p, struct err *e)
{
	cleanup_close int theirs = -1;
	cleanup_close int err = -1;
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, "socketpair");
	p->link = pair[0];
	theirs = pair[1];
	/* Nobody reads while it runs: a pipe that is full must not hold it up. */
	if (fd_pipe(&p->err, &err, O_NONBLOCK) < 0)
		return err_sys(e, "pipe");
	r = spawn(s, theirs, err, &p->pid, e);
	if (r < 0)
		return r;
	close(take_fd(&theirs));
	close(take_fd(&err));
	r = wait_ready(p->link);
	if (r == 0)
		return 0;
	if (r == -EAGAIN)
		return err_set(e, ETIMEDOUT, "passt does not answer");
	return err_set(e, -r, "passt has ended");
}

int passt_start(const struct vm_spec *s, struct passt *p, struct err *e)
{
	const char *line;
	int r = start(s, p, e);

	if (r == 0)
		return 0;
	passt_stop(p);
	line = last_line(&p->text);
	if (line)
		err_set(e, -r, "passt: %.160s", line);
	return err_wrap(e, "--network passt");
}

/* It ends by itself when the link is closed; whoever does not is killed. */
static void end(struct passt *p)
{
	struct pollfd hup = { .fd = p->err };
	struct proc_status st = { 0 };
	bool killed = poll(&hup, 1, END_MS) <= 0;

	if (killed)
		kill(p->pid, SIGKILL);
	if (proc_wait(p->pid, &st) == 0 && !killed && (st.kind != PROC_EXITED || st.value != 0)) {
		if (st.kind == PROC_SIGNALED)
			snprintf(p->failure, sizeof(p->failure), "killed by %s",
				 proc_signal_name(st.value));
		else
			snprintf(p->failure, sizeof(p->failure), "status %d", st.value);
	}
	p->pid = 0;
}

void passt_stop(struct passt *p)
{
	if (p->link >= 0)
		close(take_fd(&p->link));
	if (p->pid > 0)
		end(p);
	if (p->err >= 0) {
		/* What is there: it has ended. */
		(void)!io_read_fd(p->err, TEXT_MAX, &p->text);
		close(take_fd(&p->err));
		drop_noise(&p->text);
	}
}

void passt_free(struct passt *p)
{
	passt_stop(p);
	buf_free(&p->text);
}
