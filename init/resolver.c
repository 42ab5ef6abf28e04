/* SPDX-License-Identifier: MIT */
/*
 * /etc/resolv.conf and /etc/hosts of a machine that has a network.
 *
 * What is on an image is never changed, so it depends on where /etc lies. In memory (an initrd, or
 * the upper layer of a root) resolv.conf is replaced: a link too, wherever it leads. On an image
 * that takes writes, a file of /run is mounted over the one that is there; a link into /run, where
 * systemd-resolved has its file, is given what it leads to. An image with neither keeps none.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "init/init.h"
#include "lib/cleanup.h"
#include "lib/io.h"
#include "lib/layout.h"

#define RESOLV "/etc/resolv.conf"
#define HOSTS "/etc/hosts"
#define LINKS_MAX 16 /* one after the other; the kernel takes 40 */

static bool in_memory(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

/* Does what is written into a directory stay in memory? A disk may be mounted there. */
static bool is_scratch(const struct guest *g, const char *dir)
{
	struct stat root, st;

	if (in_memory(dir))
		return true;
	return !g->root_writable && stat("/", &root) == 0 && stat(dir, &st) == 0 &&
	       st.st_dev == root.st_dev;
}

static int make_file(const char *path, const char *text, struct err *e)
{
	cleanup_close int fd =
		open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	int r;

	if (fd < 0)
		return err_sys(e, "make %s", path);
	r = io_write_all(fd, text, strlen(text));
	return r < 0 ? err_code(e, -r, "write %s", path) : 0;
}

/* A file in memory, instead of what has the name. */
static int replace(const char *path, const char *text, struct err *e)
{
	if (unlink(path) < 0 && errno != ENOENT)
		return err_sys(e, "replace %s", path);
	return make_file(path, text, e);
}

/* Puts the target of a link in the place of its name. False when it is none, or too long. */
static bool follow(char path[PATH_MAX])
{
	char target[PATH_MAX], next[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	int dir = (int)(strrchr(path, '/') - path), len;

	if (n <= 0)
		return false;
	target[n] = '\0';
	len = *target == '/' ? snprintf(next, sizeof(next), "%s", target)
			     : snprintf(next, sizeof(next), "%.*s/%s", dir, path, target);
	if (len < 0 || (size_t)len >= sizeof(next))
		return false;
	memcpy(path, next, (size_t)len + 1);
	return true;
}

/*
 * Where a file that is not there would be, without links on the way; only when that is in memory.
 * The directories that are missing must not lead back up.
 */
static bool missing_place(char path[PATH_MAX])
{
	char dir[PATH_MAX], real[PATH_MAX], out[PATH_MAX];
	int len;

	memcpy(dir, path, strlen(path) + 1);
	do
		*strrchr(dir, '/') = '\0';
	while (*dir && !realpath(dir, real));
	if (!*dir || !in_memory(real) || strstr(path + strlen(dir), "/.."))
		return false;
	len = snprintf(out, sizeof(out), "%s%s", real, path + strlen(dir));
	if (len < 0 || (size_t)len >= sizeof(out))
		return false;
	memcpy(path, out, (size_t)len + 1);
	return true;
}

static int make_at_end_of_link(const char *text, struct err *e)
{
	char path[PATH_MAX] = RESOLV, dir[PATH_MAX];
	int r;

	for (int i = 0; i < LINKS_MAX && follow(path); i++)
		;
	if (!missing_place(path))
		return err_set(e, ENOENT, "there is no " RESOLV ", and none is put on the image");
	memcpy(dir, path, sizeof(dir));
	*strrchr(dir, '/') = '\0';
	r = mount_mkdir(dir, e);
	return r < 0 ? r : make_file(path, text, e);
}

static int put_resolv(const struct guest *g, const char *text, struct err *e)
{
	struct stat st;
	int r;

	if (is_scratch(g, "/etc")) {
		r = replace(RESOLV, text, e);
		if (r != -EROFS && r != -EBUSY)
			return r;
	}
	if (stat(RESOLV, &st) < 0)
		return make_at_end_of_link(text, e);
	if (!S_ISREG(st.st_mode))
		return err_set(e, EINVAL, RESOLV " is no file");
	r = mount_mkdir(GUEST_RUN_DIR, e);
	if (r == 0)
		r = replace(GUEST_RESOLV, text, e);
	return r < 0 ? r : mount_bind(GUEST_RESOLV, RESOLV, e);
}

static int put_hosts(const struct guest *g, struct err *e)
{
	const struct payload_machine *m = g->machine;
	cleanup_buf struct buf text = { 0 };
	const char *own = m->network.address ? m->network.address : m->network.address6;
	struct stat st;
	int r;

	if (lstat(HOSTS, &st) == 0 || !is_scratch(g, "/etc"))
		return 0;
	r = buf_addf(&text, "127.0.0.1 localhost\n::1 localhost\n%.*s %s\n", (int)strcspn(own, "/"),
		     own, m->hostname ? m->hostname : GUEST_DEFAULT_HOSTNAME);
	return r < 0 ? err_memory(e) : make_file(HOSTS, text.p, e);
}

/* A command can do without either, so what cannot be done is a warning. */
int resolver_write(struct guest *g, struct err *e)
{
	const struct payload_network *n = &g->machine->network;
	cleanup_buf struct buf text = { 0 };
	struct err why = { 0 };

	if (!n->address && !n->address6)
		return 0;
	if (!g->root_writable && mount_mkdir("/etc", &why) < 0)
		power_log("warning: %s", why.msg);
	if (n->nameserver && buf_addf(&text, "nameserver %s\n", n->nameserver) < 0)
		return err_memory(e);
	if (text.len && put_resolv(g, text.p, &why) < 0)
		power_log("warning: %s", why.msg);
	if (put_hosts(g, &why) < 0)
		power_log("warning: %s", why.msg);
	return 0;
}
