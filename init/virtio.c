/* SPDX-License-Identifier: MIT */
/*
 * Devices without their drivers.
 *
 * A machine that is to be frozen has more disks and interfaces than a run may want, with nothing
 * behind them. What a driver learns of a device (its size, its features) it learns when it is
 * bound. So the drivers of these are taken away before the freeze: afterwards a run binds what it
 * needs and finds what is there then.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "init/init.h"
#include "lib/cleanup.h"
#include "lib/io.h"
#include "lib/num.h"

#define PREFIX "virtio" /* and a number: a device's name */

/* The first device from *number on of this type that has, or has not, a driver. */
static bool next_device(const char *type, bool bound, uint64_t *number)
{
	cleanup_dir DIR *d = opendir(VIRTIO_DEVICES);
	struct dirent *de;
	uint64_t best = UINT64_MAX, n;

	while (d && (de = readdir(d))) {
		char path[96];

		if (strncmp(de->d_name, PREFIX, strlen(PREFIX)) != 0 ||
		    num_uint(de->d_name + strlen(PREFIX), *number, UINT32_MAX, &n) < 0 ||
		    n >= best || !sysfs_says(VIRTIO_DEVICES, de->d_name, "device", type))
			continue;
		snprintf(path, sizeof(path), VIRTIO_DEVICES "/" PREFIX "%u/driver", (unsigned)n);
		if ((access(path, F_OK) == 0) == bound)
			best = n;
	}
	*number = best;
	return best != UINT64_MAX;
}

static int unbind_all(const char *type, struct err *e)
{
	char path[96], name[32];
	int r = 0;

	for (uint64_t n = 0; r == 0 && next_device(type, true, &n); n++) {
		snprintf(name, sizeof(name), PREFIX "%u", (unsigned)n);
		snprintf(path, sizeof(path), VIRTIO_DEVICES "/%s/driver/unbind", name);
		r = io_write_file(path, name, e);
	}
	return r;
}

int virtio_park(struct guest *g, struct err *e)
{
	int r = unbind_all(VIRTIO_BLOCK, e);

	(void)g;
	return r < 0 ? r : unbind_all(VIRTIO_NET, e);
}

bool virtio_bind(const char *type)
{
	const char *driver = strcmp(type, VIRTIO_BLOCK) == 0 ? "virtio_blk" : "virtio_net";
	char path[96], name[32];
	uint64_t n = 0;
	struct err ignored;

	if (!next_device(type, false, &n))
		return false;
	snprintf(name, sizeof(name), PREFIX "%u", (unsigned)n);
	snprintf(path, sizeof(path), "/sys/bus/virtio/drivers/%s/bind", driver);
	return io_write_file(path, name, &ignored) == 0;
}
