/* SPDX-License-Identifier: MIT */
/* stdin as a file: of memory, or the only one of a read-only file system. */
#include "init/infile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init/init.h"
#include "lib/cleanup.h"
#include "lib/io.h"

#define DISK_WAIT_MS 10000
#define MOUNT                                                                                      \
	"/dev/execvm-stdin" /* for a moment: nobody finds the file, its disk or a name of it */

static bool is_disk(const struct infile *in)
{
	return *in->is.serial;
}

static int open_disk(struct infile *in, struct err *e)
{
	char node[PATH_MAX];
	int r = device_find(in->is.serial, DISK_WAIT_MS, node, sizeof(node), e);

	if (r == 0)
		r = mount_device(node, MOUNT, "erofs", "ro", e);
	if (r < 0)
		return r;
	in->fd = open(MOUNT "/stdin", O_RDONLY | O_CLOEXEC);
	if (in->fd < 0)
		r = err_sys(e, "open %s", node);
	if (mount_detach(MOUNT, e) < 0)
		r = -e->code;
	rmdir(MOUNT);
	unlink(node);
	return r;
}

static int open_memory(struct infile *in, struct err *e)
{
	in->fd = memfd_create("stdin", MFD_CLOEXEC);
	if (in->fd < 0)
		return err_sys(e, "memfd_create");
	return 0;
}

void infile_open(struct infile *in, const struct wire_file *is)
{
	in->said = true;
	in->is = *is;
	if (is_disk(in))
		open_disk(in, &in->why);
	else
		open_memory(in, &in->why);
}

void infile_data(struct infile *in, const void *p, size_t n)
{
	int r;

	in->have += n;
	if (is_disk(in) || in->fd < 0 || in->have > in->is.size)
		return;
	r = io_write_all(in->fd, p, n);
	if (r < 0 && !in->why.code)
		err_code(&in->why, -r, "keep it in memory");
}

/* What was written is read: a description of its own, a time that is not that of the writing. */
static int close_memory(struct infile *in, struct err *e)
{
	const struct timespec t[2] = { { 0, UTIME_OMIT },
				       { (time_t)in->is.sec, (long)in->is.nsec } };
	cleanup_close int written = take_fd(&in->fd);
	char path[32];

	if (fchmod(written, 0444) < 0 || futimens(written, t) < 0)
		return err_sys(e, "mode and time");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", written);
	in->fd = open(path, O_RDONLY | O_CLOEXEC);
	return in->fd < 0 ? err_sys(e, "open %s", path) : 0;
}

int infile_ready(struct infile *in, struct err *e)
{
	struct stat st;
	int r = in->why.code ? -in->why.code : 0;

	if (r < 0)
		*e = in->why;
	else if (is_disk(in) ? in->have > 0 : in->have != in->is.size)
		r = err_set(e, EPROTO, "%llu bytes came of %llu", (unsigned long long)in->have,
			    (unsigned long long)in->is.size);
	else if (!is_disk(in))
		r = close_memory(in, e);
	if (r == 0 && (fstat(in->fd, &st) < 0 || (uint64_t)st.st_size != in->is.size))
		r = err_set(e, EIO, "it has another size than at the host");
	if (r == 0 && lseek(in->fd, (off_t)in->is.at, SEEK_SET) < 0)
		r = err_sys(e, "lseek");
	return r < 0 ? err_wrap(e, "stdin") : 0;
}

void infile_free(struct infile *in)
{
	if (in->fd >= 0)
		close(in->fd);
	*in = (struct infile)INFILE_INIT;
}
