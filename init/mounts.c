/* SPDX-License-Identifier: MIT */
/*
 * Mounts: those that every program expects, and those that were asked for. The initrd may hold
 * nothing but /init, so every mount point is made first.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "init/init.h"
#include "lib/cleanup.h"
#include "lib/io.h"

#define DATA_MAX 4096	     /* bytes of mount data: the kernel takes one page */
#define DEVICE_WAIT_MS 10000 /* as for the root */
#define FILESYSTEMS_MAX ((size_t)16 << 10)

/* Flags that belong to the mount and not to the file system: a bind mount takes them afterwards. */
#define PER_MOUNT                                                                                  \
	(MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME | MS_RELATIME)

static const struct {
	const char *type, *target;
	unsigned long flags;
	const char *data;
	bool optional; /* not every kernel has it, and commands can do without */
} early[] = {
	{ "proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, false },
	{ "sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, false },
	{ "devtmpfs", "/dev", MS_NOSUID | MS_NOEXEC, "mode=0755", false },
	{ "devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "gid=5,mode=0620,ptmxmode=0666", true },
	{ "tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777", true },
	{ "tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755", false },
	{ "cgroup2", "/sys/fs/cgroup", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, true },
};

static const struct {
	const char *target, *name;
} links[] = {
	{ "/proc/self/fd", "/dev/fd" },
	{ "/proc/self/fd/0", "/dev/stdin" },
	{ "/proc/self/fd/1", "/dev/stdout" },
	{ "/proc/self/fd/2", "/dev/stderr" },
};

/* Words that mount(2) wants as flags. What is no flag of a mount is for the file system. */
static const struct {
	const char *word;
	unsigned long set, clear;
} words[] = {
	{ "defaults", 0, 0 },
	{ "ro", MS_RDONLY, 0 },
	{ "rw", 0, MS_RDONLY },
	{ "nosuid", MS_NOSUID, 0 },
	{ "suid", 0, MS_NOSUID },
	{ "nodev", MS_NODEV, 0 },
	{ "dev", 0, MS_NODEV },
	{ "noexec", MS_NOEXEC, 0 },
	{ "exec", 0, MS_NOEXEC },
	{ "sync", MS_SYNCHRONOUS, 0 },
	{ "async", 0, MS_SYNCHRONOUS },
	{ "dirsync", MS_DIRSYNC, 0 },
	{ "remount", MS_REMOUNT, 0 },
	{ "bind", MS_BIND, 0 },
	{ "rbind", MS_BIND | MS_REC, 0 },
	{ "noatime", MS_NOATIME, MS_RELATIME | MS_STRICTATIME },
	{ "atime", 0, MS_NOATIME },
	{ "nodiratime", MS_NODIRATIME, 0 },
	{ "diratime", 0, MS_NODIRATIME },
	{ "relatime", MS_RELATIME, MS_NOATIME | MS_STRICTATIME },
	{ "norelatime", 0, MS_RELATIME },
	{ "strictatime", MS_STRICTATIME, MS_NOATIME | MS_RELATIME },
	{ "nostrictatime", 0, MS_STRICTATIME },
	{ "lazytime", MS_LAZYTIME, 0 },
	{ "nolazytime", 0, MS_LAZYTIME },
	{ "mand", MS_MANDLOCK, 0 },
	{ "nomand", 0, MS_MANDLOCK },
	{ "silent", MS_SILENT, 0 },
	{ "loud", 0, MS_SILENT },
};

static bool is_word(const char *s, size_t n, const char *word)
{
	return strlen(word) == n && !memcmp(s, word, n);
}

int mount_options(const char *options, unsigned long *flags, char *data, size_t size, struct err *e)
{
	size_t used = 0;

	*flags = 0;
	if (!size)
		return err_set(e, EINVAL, "mount options: too long");
	while (*options) {
		size_t n = strcspn(options, ","), i = 0;

		while (i < ARRAY_SIZE(words) && !is_word(options, n, words[i].word))
			i++;
		if (i < ARRAY_SIZE(words)) {
			*flags = (*flags & ~words[i].clear) | words[i].set;
		} else if (n) {
			if (n + (used > 0) >= size - used)
				return err_set(e, EINVAL, "mount options: too long");
			if (used)
				data[used++] = ',';
			memcpy(data + used, options, n);
			used += n;
		}
		options += n;
		options += *options == ',';
	}
	data[used] = '\0';
	return 0;
}

int mount_mkdir(const char *path, struct err *e)
{
	char part[PATH_MAX];
	size_t n = 0;

	if (*path != '/' || strlen(path) >= sizeof(part))
		return err_set(e, EINVAL, "'%.200s': not an absolute path", path);
	while (path[n]) {
		struct stat st;

		n += 1 + strcspn(path + n + 1, "/");
		memcpy(part, path, n);
		part[n] = '\0';
		/* Asked first: what exists may be on a file system that takes no writes. */
		if (stat(part, &st) < 0 && mkdir(part, 0755) < 0)
			return err_sys(e, "make directory %s", part);
	}
	return 0;
}

int mount_one(const char *device, const char *target, const char *type, const char *options,
	      struct err *e)
{
	unsigned long flags;
	char data[DATA_MAX];
	int r = mount_options(options ? options : "", &flags, data, sizeof(data), e);

	if (r == 0 && !(flags & MS_REMOUNT))
		r = mount_mkdir(target, e);
	if (r < 0)
		return err_wrap(e, "mount %s", target);
	if (mount(device, target, type, flags, data) < 0)
		return err_sys(e, "mount %s on %s as %s", device, target, type);
	if (flags & MS_BIND && flags & PER_MOUNT && !(flags & MS_REMOUNT) &&
	    mount(NULL, target, NULL, MS_REMOUNT | MS_BIND | (flags & PER_MOUNT), NULL) < 0)
		return err_sys(e, "mount %s on %s with its options", device, target);
	return 0;
}

int mount_bind(const char *from, const char *to, struct err *e)
{
	if (mount(from, to, NULL, MS_BIND, NULL) < 0)
		return err_sys(e, "mount %s on %s", from, to);
	return 0;
}

int mount_move(const char *from, const char *to, struct err *e)
{
	if (mount(from, to, NULL, MS_MOVE, NULL) < 0)
		return err_sys(e, "move mount %s to %s", from, to);
	return 0;
}

int mount_readonly(const char *target, struct err *e)
{
	if (mount(NULL, target, NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0)
		return err_sys(e, "make %s read-only", target);
	return 0;
}

int mount_detach(const char *target, struct err *e)
{
	if (umount2(target, MNT_DETACH) < 0)
		return err_sys(e, "unmount %s", target);
	return 0;
}

/* What the kernel has been built with may lack a type; it then says ENODEV, or has no such place. */
static int mount_early(size_t i, struct err *e)
{
	int r = mount_mkdir(early[i].target, e);

	if (r == 0 &&
	    mount(early[i].type, early[i].target, early[i].type, early[i].flags, early[i].data) <
		    0 &&
	    errno != EBUSY)
		r = err_sys(e, "mount %s on %s", early[i].type, early[i].target);
	if (early[i].optional && (r == -ENODEV || r == -ENOENT || r == -EPERM))
		return 0;
	return r;
}

int mounts_early(struct guest *g, struct err *e)
{
	(void)g;
	umask(0);
	for (size_t i = 0; i < ARRAY_SIZE(early); i++) {
		int r = mount_early(i, e);

		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		if (symlink(links[i].target, links[i].name) < 0 && errno != EEXIST)
			return err_sys(e, "link %s", links[i].name);
	}
	/* For commands in the initrd; a root brings its own. */
	if (mkdir("/tmp", 01777) < 0 && errno != EEXIST)
		return err_sys(e, "make directory /tmp");
	return 0;
}

/* One line of /proc/filesystems, "nodev\tTYPE" or "\tTYPE". */
static char *next_type(char **at, bool *nodev)
{
	char *line = *at, *type;

	if (!*line)
		return NULL;
	*at += strcspn(line, "\n");
	if (**at)
		*(*at)++ = '\0';
	type = strchr(line, '\t');
	*nodev = *line != '\t';
	return type ? type + 1 : line;
}

static int read_types(struct buf *b, struct err *e)
{
	b->len = 0;
	return io_read_file("/proc/filesystems", FILESYSTEMS_MAX, b, e);
}

/* Sets the sentence that ends with the types for block devices that the kernel has. */
static int unknown_type(const char *device, const char *type, struct err *e)
{
	cleanup_buf struct buf b = { 0 };
	char *at, *t;
	bool nodev;
	int r = read_types(&b, e);

	if (r < 0)
		return r;
	if (type)
		err_set(e, ENODEV, "mount %.80s: the kernel has no %.40s; it has", device, type);
	else
		err_set(e, ENODEV, "mount %.80s: no file system that the kernel knows; it has",
			device);
	for (at = b.p; (t = next_type(&at, &nodev));) {
		size_t n = strlen(e->msg);

		if (!nodev)
			snprintf(e->msg + n, sizeof(e->msg) - n, " %s", t);
	}
	return -ENODEV;
}

static bool has_word(const char *options, const char *word)
{
	while (*options) {
		size_t n = strcspn(options, ",");

		if (is_word(options, n, word))
			return true;
		options += n;
		options += *options == ',';
	}
	return false;
}

/* Some file systems (squashfs, erofs, iso9660) take "rw" and are read-only all the same. */
static int check_writable(const char *device, const char *target, const char *type, struct err *e)
{
	struct statvfs fs;

	if (statvfs(target, &fs) < 0)
		return err_sys(e, "statvfs %s", target);
	if (!(fs.f_flag & ST_RDONLY))
		return 0;
	if (umount2(target, MNT_DETACH) < 0)
		return err_sys(e, "unmount %s", target);
	return err_set(e, EROFS, "mount %s on %s as %s: it takes no writes", device, target, type);
}

/* As mount(8): a device that takes no writes is mounted read-only unless "rw" stands there. */
static int mount_block(const char *device, const char *target, const char *type,
		       const char *options, struct err *e)
{
	char ro[DATA_MAX + 4];
	int r = mount_one(device, target, type, options, e);

	if (r == 0 && has_word(options, "rw"))
		return check_writable(device, target, type, e);
	if (r == -EROFS && has_word(options, "ro"))
		return err_set(
			e, EROFS,
			"mount %s as %s: it was not unmounted, and takes no writes: check it",
			device, type);
	if ((r != -EACCES && r != -EROFS) || has_word(options, "ro"))
		return r;
	if (has_word(options, "rw"))
		return err_set(e, -r, "mount %s on %s as %s: it takes no writes", device, target,
			       type);
	if ((size_t)snprintf(ro, sizeof(ro), "%s,ro", options) >= sizeof(ro))
		return r;
	return mount_one(device, target, type, ro, e);
}

/* Tries every type that the kernel has for block devices. */
static int mount_any(const char *device, const char *target, const char *options, struct err *e)
{
	cleanup_buf struct buf b = { 0 };
	char *at, *type;
	bool nodev;
	int r = read_types(&b, e);

	if (r < 0)
		return r;
	for (at = b.p; (type = next_type(&at, &nodev));) {
		if (!nodev && mount_block(device, target, type, options, e) == 0)
			return 0;
	}
	return unknown_type(device, NULL, e);
}

int mount_device(const char *device, const char *target, const char *type, const char *options,
		 struct err *e)
{
	const char *found[4];
	size_t n;
	int r = -ENODEV;

	options = options ? options : "";
	if (type && *type && strcmp(type, "auto") != 0) {
		r = mount_block(device, target, type, options, e);
		return r == -ENODEV ? unknown_type(device, type, e) : r;
	}
	n = device_types(device, found, ARRAY_SIZE(found));
	for (size_t i = 0; i < n && r == -ENODEV; i++)
		r = mount_block(device, target, found[i], options, e);
	if (n)
		return r == -ENODEV ? unknown_type(device, found[0], e) : r;
	return mount_any(device, target, options, e);
}

/* Does type need no device? */
static bool is_nodev(const char *type)
{
	cleanup_buf struct buf b = { 0 };
	struct err ignored;
	char *at, *t;
	bool nodev;

	if (read_types(&b, &ignored) < 0)
		return false;
	for (at = b.p; (t = next_type(&at, &nodev));) {
		if (!strcmp(t, type))
			return nodev;
	}
	return false;
}

static int mount_request(const struct payload_mount *m, struct err *e)
{
	const char *options = m->options ? m->options : "";
	char path[PATH_MAX];
	int r;

	if (*m->target != '/')
		return err_set(e, EINVAL, "mount target '%.200s': not an absolute path", m->target);
	if (has_word(options, "bind") || has_word(options, "rbind") ||
	    has_word(options, "remount") || is_nodev(m->mtype))
		return mount_one(m->device, m->target, m->mtype, options, e);
	r = device_find(m->device, DEVICE_WAIT_MS, path, sizeof(path), e);
	if (r < 0)
		return err_wrap(e, "mount %.60s", m->target);
	return mount_device(path, m->target, m->mtype, options, e);
}

int mounts_requested(struct guest *g, struct err *e)
{
	for (size_t i = 0; i < g->machine->nmounts; i++) {
		int r = mount_request(&g->machine->mount[i], e);

		if (r < 0)
			return r;
	}
	return 0;
}
