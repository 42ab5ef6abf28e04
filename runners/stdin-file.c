/* SPDX-License-Identifier: MIT */
/* A file that is stdin, for a machine. */
#include "runners/stdin-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/io.h"
#include "runners/erofs.h"

#define SECTOR 512u
#define BLOCK_SECTORS (EROFS_BLOCK / SECTOR)

static bool same(int a, int b, struct stat *st)
{
	struct stat other;

	return fstat(a, st) == 0 && fstat(b, &other) == 0 && st->st_dev == other.st_dev &&
	       st->st_ino == other.st_ino;
}

void stdin_file_look(struct stdin_file *in)
{
	int flags = fcntl(STDIN_FILENO, F_GETFL);
	cleanup_close int own = -1;
	off_t at = lseek(STDIN_FILENO, 0, SEEK_CUR);
	struct stat st;

	if (flags < 0 || flags & O_PATH || (flags & O_ACCMODE) != O_RDONLY || at < 0 ||
	    fstat(STDIN_FILENO, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	own = open("/proc/self/fd/0", O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (own < 0 || !same(own, STDIN_FILENO, &st) || st.st_size <= 0 ||
	    (uint64_t)st.st_size > EROFS_FILE_MAX)
		return;
	in->fd = take_fd(&own);
	in->size = (uint64_t)st.st_size;
	in->at = (uint64_t)at;
	in->mtime = st.st_mtim;
	in->way = in->size > STDIN_MEMORY_MAX ? STDIN_DISK : STDIN_MEMORY;
}

bool stdin_file_load(const struct stdin_file *in, struct buf *out)
{
	/* One more than there should be: has it grown, or does its size say nothing? */
	size_t want = (size_t)in->size + 1;

	ssize_t n;

	if (buf_reserve(out, want) < 0 || lseek(in->fd, 0, SEEK_SET) < 0)
		return false;
	n = io_read_full(in->fd, out->p, want);
	out->len = n > 0 ? (size_t)n : 0;
	return out->len == in->size;
}

/* The head, and behind it zeros for what the last block of the file lacks. */
static int make_head(struct stdin_file *in, struct err *e)
{
	uint8_t block[2 * EROFS_BLOCK] = { 0 };
	int r;

	erofs_head(in->size, &in->mtime, block);
	in->head = memfd_create("stdin-head", MFD_CLOEXEC);
	if (in->head < 0)
		return err_sys(e, "memfd_create");
	r = io_write_all(in->head, block, sizeof(block));
	return r < 0 ? err_code(e, -r, "write to memory") : 0;
}

int stdin_file_disk(struct stdin_file *in, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	uint64_t sectors = (in->size + SECTOR - 1) / SECTOR;
	int r = make_head(in, e);

	if (r < 0)
		return r;
	r = buf_addf(&text,
		     "# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\n"
		     "createType=\"twoGbMaxExtentFlat\"\n"
		     "RW %u FLAT \"/proc/self/fd/%d\" 0\nRW %llu FLAT \"/proc/self/fd/%d\" 0\n",
		     BLOCK_SECTORS, in->head, (unsigned long long)sectors, in->fd);
	if (r == 0 && sectors % BLOCK_SECTORS)
		r = buf_addf(&text, "RW %u FLAT \"/proc/self/fd/%d\" %u\n",
			     BLOCK_SECTORS - (unsigned)(sectors % BLOCK_SECTORS), in->head,
			     BLOCK_SECTORS);
	if (r < 0)
		return err_memory(e);
	in->image = memfd_create("stdin-image", MFD_CLOEXEC);
	if (in->image < 0)
		return err_sys(e, "memfd_create");
	r = io_write_all(in->image, text.p, text.len);
	return r < 0 ? err_code(e, -r, "write to memory") : 0;
}

int stdin_file_end(const struct stdin_file *in, struct err *e)
{
	struct stat st;

	if (!in->moved)
		return 0;
	if (in->to != in->at && lseek(STDIN_FILENO, 0, SEEK_CUR) == (off_t)in->at &&
	    lseek(STDIN_FILENO, (off_t)in->to, SEEK_SET) < 0)
		return err_sys(e, "stdin: move the offset");
	if (in->way == STDIN_DISK && fstat(in->fd, &st) == 0 && (uint64_t)st.st_size < in->size)
		return err_set(e, EIO, "stdin was cut while the command ran");
	return 0;
}

void stdin_file_free(struct stdin_file *in)
{
	int *all[] = { &in->fd, &in->head, &in->image };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (*all[i] >= 0)
			close(take_fd(all[i]));
	}
	in->way = STDIN_STREAM;
}
