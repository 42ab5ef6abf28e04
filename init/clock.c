/* SPDX-License-Identifier: MIT */
/* What boot@execvm brings besides the machine: entropy and the time. */
#include <fcntl.h>
#include <linux/random.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "init/init.h"
#include "lib/cleanup.h"

/*
 * Two machines from one template have the same generator. Entropy that is only added would not
 * part them before the next regular reseeding: that has to be asked for.
 */
static int seed(struct guest *g, struct err *e)
{
	cleanup_close int fd = open("/dev/urandom", O_WRONLY | O_CLOEXEC);
	union {
		struct rand_pool_info info;
		uint8_t room[sizeof(struct rand_pool_info) + WIRE_ENTROPY];
	} pool = { .info = { .entropy_count = WIRE_ENTROPY * 8, .buf_size = WIRE_ENTROPY } };
	int r = 0;

	if (fd < 0)
		return err_sys(e, "open /dev/urandom");
	memcpy(pool.info.buf, g->boot.entropy, WIRE_ENTROPY);
	if (ioctl(fd, RNDADDENTROPY, &pool) < 0)
		r = err_sys(e, "RNDADDENTROPY");
	else if (ioctl(fd, RNDRESEEDCRNG) < 0)
		r = err_sys(e, "RNDRESEEDCRNG");
	explicit_bzero(&pool, sizeof(pool));
	explicit_bzero(g->boot.entropy, sizeof(g->boot.entropy));
	return r;
}

int clock_set(struct guest *g, struct err *e)
{
	struct timespec now = { .tv_sec = (time_t)g->boot.sec, .tv_nsec = g->boot.nsec };
	int r;

	if (!g->booted)
		return 0;
	r = seed(g, e);
	if (r == 0 && clock_settime(CLOCK_REALTIME, &now) < 0)
		r = err_sys(e, "set the clock");
	return r;
}
