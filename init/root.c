/* SPDX-License-Identifier: MIT */
/*
 * The root: wait for its device, mount it, make it "/", give the memory of the initrd back.
 *
 *	rw       the device, as it is
 *	overlay  the device read-only, changes in a tmpfs above it
 *	ro       the same, and binary_install() ends the writing when all that init adds is there
 *
 * A kernel without overlay can still do "ro" with a root that has all mount points.
 *
 * The scratch directory lies in the initrd's own file system, which always takes writes and is
 * emptied in the end. It is emptied after the switch, by a descriptor of the old root: what was
 * moved away by then cannot be met any more, and other file systems are left alone.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "init/init.h"
#include "lib/cleanup.h"
#include "lib/layout.h"

#define ROOT_WAIT_MS 10000
#define SCRATCH "/.execvm"
#define LOWER SCRATCH "/lower"
#define UPPER SCRATCH "/upper"
#define MERGED SCRATCH "/root"

static const char *const moved[] = { "/proc", "/sys", "/dev", "/run" };

/* Switching from anything else would leave a file system behind that somebody may want. */
static int check_initrd(struct err *e)
{
	struct statfs fs;

	if (statfs("/", &fs) < 0)
		return err_sys(e, "statfs /");
	if (fs.f_type != RAMFS_MAGIC && fs.f_type != TMPFS_MAGIC)
		return err_set(e, EINVAL, "/ is no initramfs: the root is not switched");
	return 0;
}

static int check_mounted(const char *target, struct err *e)
{
	struct stat st, root;

	if (stat(target, &st) < 0 || stat("/", &root) < 0)
		return err_sys(e, "stat %s", target);
	if (st.st_dev == root.st_dev)
		return err_set(e, EINVAL, "%s is no mount point: the root is not switched", target);
	return 0;
}

/* The root directory of the merged tree is the upper one: it has to look like the lower one. */
static int make_upper(struct err *e)
{
	struct stat st;
	int r = mount_one("tmpfs", UPPER, "tmpfs", "mode=0700", e);

	if (r < 0)
		return r;
	if (stat(LOWER, &st) < 0)
		return err_sys(e, "stat %s", LOWER);
	if (mkdir(UPPER "/work", 0700) < 0 || mkdir(UPPER "/root", 0700) < 0 ||
	    chown(UPPER "/root", st.st_uid, st.st_gid) < 0 ||
	    chmod(UPPER "/root", st.st_mode & 07777) < 0)
		return err_sys(e, "make " UPPER "/root");
	return 0;
}

static int mount_overlay(struct err *e)
{
	int r = make_upper(e);

	if (r == 0)
		r = mount_one("overlay", MERGED, "overlay",
			      "lowerdir=" LOWER ",upperdir=" UPPER "/root,workdir=" UPPER "/work",
			      e);
	/* The merged tree holds on to its layers; their own names would only be in the way. */
	if (r == 0)
		r = mount_detach(UPPER, e);
	if (r == 0)
		r = mount_detach(LOWER, e);
	return r;
}

/* A directory of the host: its name is a tag, and there is nothing to wait for. */
static bool is_share(const struct payload_machine *m)
{
	return m->fstype && (!strcmp(m->fstype, "9p") || !strcmp(m->fstype, "virtiofs"));
}

/* What is read from a share is kept, as from a disk: it is not to change during a run. */
static int mount_lower(const struct payload_machine *m, const char *device, struct err *e)
{
	if (!is_share(m))
		return mount_device(device, LOWER, m->fstype, "ro", e);
	return mount_one(device, LOWER, m->fstype,
			 *m->fstype == '9' ? "ro," GUEST_9P_OPTIONS ",cache=loose" : "ro", e);
}

static int mount_layers(const struct payload_machine *m, const char *device, struct err *e)
{
	int r = mount_lower(m, device, e);

	if (r < 0)
		return r;
	r = mount_overlay(e);
	if (r != -ENODEV || m->root_mode != ROOT_RO)
		return r;
	r = mount_detach(UPPER, e);
	if (r == 0)
		r = mount_move(LOWER, MERGED, e);
	return r;
}

/* The file systems that stay, into the new root; what they are mounted on must not be a link. */
static int move_mounts(struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(moved); i++) {
		char to[64];
		struct stat st;
		int r;

		snprintf(to, sizeof(to), MERGED "%s", moved[i]);
		if (lstat(to, &st) < 0 && mkdir(to, 0755) < 0)
			return err_sys(e, "the root has no directory %s, and making it", moved[i]);
		if (lstat(to, &st) == 0 && !S_ISDIR(st.st_mode))
			return err_set(e, ENOTDIR, "%s of the root is no directory", moved[i]);
		r = mount_move(moved[i], to, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int enter(struct err *e)
{
	int r;

	if (chdir(MERGED) < 0)
		return err_sys(e, "chdir " MERGED);
	r = mount_move(".", "/", e);
	if (r < 0)
		return r;
	if (chroot(".") < 0 || chdir("/") < 0)
		return err_sys(e, "chroot");
	return 0;
}

/* Empties a directory; takes its descriptor over. What cannot be removed stays: it costs memory. */
static void empty(int dir, dev_t dev)
{
	cleanup_dir DIR *d = fdopendir(dir);
	struct dirent *de;

	if (!d) {
		close(dir);
		return;
	}
	while ((de = readdir(d))) {
		const char *name = de->d_name;
		struct stat st;
		int fd;

		if (!strcmp(name, ".") || !strcmp(name, ".."))
			continue;
		if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_dev != dev)
			continue;
		if (!S_ISDIR(st.st_mode)) {
			unlinkat(dir, name, 0);
			continue;
		}
		fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0)
			empty(fd, dev);
		unlinkat(dir, name, AT_REMOVEDIR);
	}
}

int root_switch(struct guest *g, struct err *e)
{
	const struct payload_machine *m = g->machine;
	cleanup_close int old = -1;
	char device[PATH_MAX];
	struct stat st;
	int r;

	if (!m->root || g->rooted)
		return 0;
	r = check_initrd(e);
	if (r == 0 && is_share(m))
		snprintf(device, sizeof(device), "%s", m->root);
	else if (r == 0)
		r = device_find(m->root, ROOT_WAIT_MS, device, sizeof(device), e);
	if (r < 0)
		return r;
	if (m->root_mode == ROOT_RW && is_share(m))
		return err_set(e, EROFS, "a directory of the host is no root to change");
	if (m->root_mode == ROOT_RW)
		r = mount_device(device, MERGED, m->fstype, "rw", e);
	else
		r = mount_layers(m, device, e);
	if (r == 0)
		r = check_mounted(MERGED, e);
	if (r < 0)
		return r;
	g->root_writable = m->root_mode == ROOT_RW;
	old = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (old < 0 || fstat(old, &st) < 0)
		return err_sys(e, "open /");
	r = move_mounts(e);
	if (r == 0)
		r = enter(e);
	if (r < 0)
		return r;
	g->rooted = true;
	empty(take_fd(&old), st.st_dev);
	return 0;
}
