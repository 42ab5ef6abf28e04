/* SPDX-License-Identifier: MIT */
/*
 * Disks by serial and by name.
 *
 * The kernel names disks in the order in which they come up; the user asked for names. A node is
 * nothing but a name for a device number, so names are given by making nodes: first all disks that
 * were asked for lose theirs, then each gets the one asked for, with its partitions. Another disk
 * that has that name moves to a free one. /sys keeps the kernel's names.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "init/init.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/num.h"

#define DEVICE_WAIT_MS 10000
#define NAME_MAX_BYTES 32u /* of a disk or a partition in /sys, with its NUL */
#define PAUSE_MIN_US 100u
#define PAUSE_MAX_US 10000u

struct name {
	char s[NAME_MAX_BYTES];
};

struct pause {
	uint64_t deadline_ms;
	unsigned us;
};

/* In a machine from a template disks come when asked for. Else: sleeps, each time a little longer. */
static bool again(struct pause *p)
{
	if (virtio_bind(VIRTIO_BLOCK))
		return true;
	if (clock_ms() >= p->deadline_ms)
		return false;
	usleep(p->us);
	p->us = p->us * 3 / 2 < PAUSE_MAX_US ? p->us * 3 / 2 : PAUSE_MAX_US;
	return true;
}

/* The content of a small file; empty when there is none. */
static size_t read_small(char *out, size_t size, const char *path)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, size - 1);

	out[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

/* /sys/block/DISK/FILE, or with a partition, cut behind the first line. */
static bool attribute(char *out, size_t size, const struct name *disk, const char *part,
		      const char *file)
{
	char path[3 * NAME_MAX_BYTES + 32];

	snprintf(path, sizeof(path), "/sys/block/%s/%s%s%s", disk->s, part, *part ? "/" : "", file);
	if (!read_small(out, size, path))
		return false;
	out[strcspn(out, "\n")] = '\0';
	return true;
}

static bool number_of(const struct name *disk, const char *part, dev_t *dev)
{
	uint64_t major, minor;
	char text[32], *colon;

	if (!attribute(text, sizeof(text), disk, part, "dev"))
		return false;
	colon = strchr(text, ':');
	if (!colon)
		return false;
	*colon = '\0';
	if (num_uint(text, 0, UINT32_MAX, &major) < 0 ||
	    num_uint(colon + 1, 0, UINT32_MAX, &minor) < 0)
		return false;
	*dev = makedev((unsigned)major, (unsigned)minor);
	return true;
}

static bool is_node(const char *path, dev_t dev)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISBLK(st.st_mode) && st.st_rdev == dev;
}

/* The next name that fits in dir, or false. */
static bool next_name(DIR *dir, struct name *out)
{
	struct dirent *d;

	while ((d = readdir(dir))) {
		if (d->d_name[0] != '.' && strlen(d->d_name) < sizeof(out->s)) {
			memcpy(out->s, d->d_name, strlen(d->d_name) + 1);
			return true;
		}
	}
	return false;
}

static bool by_serial(const char *serial, struct name *out)
{
	cleanup_dir DIR *dir = opendir("/sys/block");
	char text[64];

	while (dir && next_name(dir, out)) {
		if (attribute(text, sizeof(text), out, "", "serial") && !strcmp(text, serial))
			return true;
	}
	return false;
}

static bool by_number(dev_t dev, struct name *out)
{
	cleanup_dir DIR *dir = opendir("/sys/block");
	dev_t have;

	while (dir && next_name(dir, out)) {
		if (number_of(out, "", &have) && have == dev)
			return true;
	}
	return false;
}

/* The sentence for a disk that did not come, with those that did. */
static int not_there(const char *name, struct err *e)
{
	cleanup_dir DIR *dir = opendir("/sys/block");
	struct name disk;
	bool any = false;

	err_set(e, ENODEV, "no block device '%.64s'; there", name);
	while (dir && next_name(dir, &disk)) {
		char path[NAME_MAX_BYTES + 32], serial[64];
		size_t n = strlen(e->msg);

		/* Loop devices and such have no hardware. */
		snprintf(path, sizeof(path), "/sys/block/%s/device", disk.s);
		if (access(path, F_OK) < 0)
			continue;
		if (attribute(serial, sizeof(serial), &disk, "", "serial") && *serial)
			snprintf(e->msg + n, sizeof(e->msg) - n, "%s %s (serial '%.20s')",
				 any ? "," : " is", disk.s, serial);
		else
			snprintf(e->msg + n, sizeof(e->msg) - n, "%s %s", any ? "," : " is",
				 disk.s);
		any = true;
	}
	if (!any) {
		size_t n = strlen(e->msg);

		snprintf(e->msg + n, sizeof(e->msg) - n, " is none");
	}
	return -ENODEV;
}

static int make_node(const char *path, dev_t dev, struct err *e)
{
	char dir[PATH_MAX];
	int r;

	if ((size_t)snprintf(dir, sizeof(dir), "%s", path) >= sizeof(dir))
		return err_set(e, ENAMETOOLONG, "device node '%.100s...'", path);
	*strrchr(dir, '/') = '\0';
	r = mount_mkdir(dir, e);
	if (r == 0 && mknod(path, S_IFBLK | 0600, dev) < 0)
		r = err_sys(e, "make device node %s", path);
	return r;
}

/* A node of a disk that is there, into path. */
static int path_of(const struct name *disk, char *path, size_t size, struct err *e)
{
	dev_t dev;

	if (!number_of(disk, "", &dev))
		return err_set(e, ENODEV, "device '%s' is gone", disk->s);
	if ((size_t)snprintf(path, size, "/dev/%s", disk->s) >= size)
		return err_set(e, ENAMETOOLONG, "device '%s'", disk->s);
	if (is_node(path, dev))
		return 0;
	/* It was given another name; this is the one that never changes. */
	if ((size_t)snprintf(path, size, "/dev/block/%u:%u", major(dev), minor(dev)) >= size)
		return err_set(e, ENAMETOOLONG, "device '%s'", disk->s);
	return is_node(path, dev) ? 0 : make_node(path, dev, e);
}

/* A node comes before its disk can be used. */
static bool is_usable(const char *path)
{
	cleanup_close int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	return fd >= 0 || errno != ENXIO;
}

int device_find(const char *name, unsigned timeout_ms, char *path, size_t size, struct err *e)
{
	struct pause p = { clock_ms() + timeout_ms, PAUSE_MIN_US };

	do {
		struct name disk;
		struct stat st;

		if (*name != '/') {
			if (!by_serial(name, &disk))
				continue;
			if (path_of(&disk, path, size, e) < 0)
				return -e->code;
		} else {
			if (stat(name, &st) < 0)
				continue;
			if (!S_ISBLK(st.st_mode))
				return err_set(e, ENOTBLK, "'%.200s' is no block device", name);
			if ((size_t)snprintf(path, size, "%s", name) >= size)
				return err_set(e, ENAMETOOLONG, "'%.200s...'", name);
		}
		if (is_usable(path))
			return 0;
	} while (again(&p));
	return not_there(name, e);
}

size_t device_types(const char *node, const char **types, size_t max)
{
	/* ext4 reads its ancestors, but not every kernel has it. */
	static const struct {
		const char *type;
		unsigned offset, size;
		const char *magic;
	} known[] = {
		{ "squashfs", 0, 4, "hsqs" },	   { "erofs", 1024, 4, "\xe2\xe1\xf5\xe0" },
		{ "ext4", 1080, 2, "\x53\xef" },   { "ext3", 1080, 2, "\x53\xef" },
		{ "ext2", 1080, 2, "\x53\xef" },   { "xfs", 0, 4, "XFSB" },
		{ "btrfs", 65600, 8, "_BHRfS_M" }, { "iso9660", 32769, 5, "CD001" },
		{ "vfat", 82, 5, "FAT32" },	   { "vfat", 54, 3, "FAT" },
	};
	cleanup_close int fd = open(node, O_RDONLY | O_CLOEXEC);
	char have[8];
	size_t n = 0;

	for (size_t i = 0; fd >= 0 && i < ARRAY_SIZE(known) && n < max; i++) {
		if (pread(fd, have, known[i].size, known[i].offset) == (ssize_t)known[i].size &&
		    !memcmp(have, known[i].magic, known[i].size))
			types[n++] = known[i].type;
	}
	return n;
}

/* base, or base and the number of a partition, as the kernel writes it: vda1, sr0p1. */
static bool node_name(char *out, size_t size, const char *base, const char *number)
{
	char last = base[strlen(base) - 1];
	bool p = *number && last >= '0' && last <= '9';

	return (size_t)snprintf(out, size, "%s%s%s", base, p ? "p" : "", number) < size;
}

/* Makes or removes the nodes of a disk and of its partitions under the name base. */
static int disk_nodes(const struct name *disk, const char *base, bool make, struct err *e)
{
	char path[PATH_MAX];
	cleanup_dir DIR *dir = NULL;
	struct name part = { "" };
	int r = 0;

	snprintf(path, sizeof(path), "/sys/block/%s", disk->s);
	dir = opendir(path);
	if (!dir)
		return err_sys(e, "open %s", path);
	do {
		char number[16] = "";
		dev_t dev;

		if (*part.s && !attribute(number, sizeof(number), disk, part.s, "partition"))
			continue;
		if (!number_of(disk, part.s, &dev))
			continue;
		if (!node_name(path, sizeof(path), base, number))
			return err_set(e, ENAMETOOLONG, "device node '%.100s...'", base);
		if (make)
			r = make_node(path, dev, e);
		else if (is_node(path, dev) && unlink(path) < 0)
			r = err_sys(e, "remove %s", path);
	} while (r == 0 && next_name(dir, &part));
	return r;
}

/* a, b, ... z, aa, ab, ...: what the kernel puts behind "vd". */
static void letters(unsigned n, char out[4])
{
	char *p = out;

	if (n >= 26)
		*p++ = (char)('a' + n / 26 - 1);
	*p++ = (char)('a' + n % 26);
	*p = '\0';
}

/* A name like that of the disk that nobody has or wants. */
static int free_name(const struct payload_machine *m, const struct name *disk, char *out,
		     size_t size, struct err *e)
{
	size_t base = strlen(disk->s);
	bool digits = base && disk->s[base - 1] <= '9';

	while (base && digits && disk->s[base - 1] >= '0' && disk->s[base - 1] <= '9')
		base--;
	if (!digits && base > 2)
		base = 2; /* vdaa */
	for (unsigned n = 0; n < 26 * 27; n++) {
		struct stat st;
		char tail[12];
		size_t i = 0;

		if (digits)
			snprintf(tail, sizeof(tail), "%u", n);
		else
			letters(n, tail);
		snprintf(out, size, "/dev/%.*s%s", (int)base, disk->s, tail);
		while (i < m->ndevices && strcmp(m->device[i].node, out) != 0)
			i++;
		if (i == m->ndevices && lstat(out, &st) < 0 && errno == ENOENT)
			return 0;
	}
	return err_set(e, EEXIST, "no free name for %s", disk->s);
}

/* Whoever has the name of node moves away. */
static int make_way(const struct payload_machine *m, const char *node, struct err *e)
{
	char path[NAME_MAX_BYTES + 16];
	struct name disk;
	struct stat st;
	int r;

	if (lstat(node, &st) < 0)
		return errno == ENOENT ? 0 : err_sys(e, "device node %.200s", node);
	if (!S_ISBLK(st.st_mode))
		return err_set(e, EEXIST, "'%.200s' is asked for, but is no block device", node);
	if (!by_number(st.st_rdev, &disk))
		return err_set(e, EEXIST, "'%.200s' is asked for, but is no whole disk", node);
	r = free_name(m, &disk, path, sizeof(path), e);
	if (r == 0)
		r = disk_nodes(&disk, node, false, e);
	return r < 0 ? r : disk_nodes(&disk, path, true, e);
}

/* The disk and the node that the kernel makes for it: the one comes shortly after the other. */
static bool is_there(const char *serial, struct name *disk)
{
	char path[NAME_MAX_BYTES + 16];
	dev_t dev;

	if (!by_serial(serial, disk) || !number_of(disk, "", &dev))
		return false;
	snprintf(path, sizeof(path), "/dev/%s", disk->s);
	return is_node(path, dev);
}

int devices_name(struct guest *g, struct err *e)
{
	const struct payload_machine *m = g->machine;
	struct pause p = { clock_ms() + DEVICE_WAIT_MS, PAUSE_MIN_US };
	struct name disk[PAYLOAD_DEVICES];
	int r = 0;

	for (size_t i = 0; i < m->ndevices; i++) {
		while (!is_there(m->device[i].serial, &disk[i])) {
			if (!again(&p))
				return not_there(m->device[i].serial, e);
		}
	}
	for (size_t i = 0; i < m->ndevices && r == 0; i++) {
		char path[NAME_MAX_BYTES + 16];

		snprintf(path, sizeof(path), "/dev/%s", disk[i].s);
		r = disk_nodes(&disk[i], path, false, e);
	}
	for (size_t i = 0; i < m->ndevices && r == 0; i++) {
		r = make_way(m, m->device[i].node, e);
		if (r == 0)
			r = disk_nodes(&disk[i], m->device[i].node, true, e);
	}
	return r;
}
