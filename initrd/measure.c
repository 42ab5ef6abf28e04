/* SPDX-License-Identifier: MIT */
/* Initrds that are there already: what is in them, and copies that another one can follow. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "initrd/archive.h"
#include "initrd/initrd.h"
#include "initrd/newc.h"
#include "lib/cleanup.h"
#include "lib/io.h"

static ssize_t feed(void *ctx, const void *p, size_t n, uint64_t offset, struct err *e)
{
	struct newc *c = ctx;

	return n ? newc_feed(c, p, n, offset, e) : newc_end(c, e);
}

static int open_regular(const char *path, struct stat *st, struct err *e)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return err_sys(e, "open %s", path);
	if (fstat(fd, st) < 0)
		return err_sys(e, "stat %s", path);
	if (!S_ISREG(st->st_mode))
		return err_set(e, EINVAL, "%s: not a regular file", path);
	return take_fd(&fd);
}

int initrd_measure(const char *path, struct initrd_info *info, struct err *e)
{
	struct newc c = { .strict = false };
	struct stat st;
	cleanup_close int fd = open_regular(path, &st, e);
	int r;

	if (fd < 0)
		return fd;
	r = arc_unpack(fd, feed, &c, e);
	if (r == 0 && !c.entries)
		r = err_set(e, EINVAL, "no archive in it");
	if (r < 0)
		return err_wrap(e, "%s: not an initrd", path);
	*info = (struct initrd_info){
		.file = (uint64_t)st.st_size,
		.unpacked = c.unpacked,
		.entries = c.entries,
		.has_init = c.has_init,
	};
	return 0;
}

int initrd_copy(const char *file, int out, struct err *e)
{
	static const char zeros[4];
	static const char lz4[4] = { '\x02', '\x21', '\x4c', '\x18' };
	char magic[sizeof(lz4)];
	struct stat st;
	cleanup_close int fd = open_regular(file, &st, e);
	off_t k;
	int r;

	if (fd < 0)
		return fd;
	if (pread(fd, magic, sizeof(magic), 0) == sizeof(magic) && !memcmp(magic, lz4, sizeof(lz4)))
		return err_set(e, EINVAL, "%s: nothing can follow an initrd that lz4 compressed",
			       file);
	k = io_copy(fd, out);
	if (k < 0)
		return err_code(e, (int)-k, "copy %s", file);
	r = io_write_all(out, zeros, (size_t)(-k & 3));
	return r < 0 ? err_code(e, -r, "copy %s", file) : 0;
}
