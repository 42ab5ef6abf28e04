/* SPDX-License-Identifier: MIT */
/* proves: W15 X4 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/io.h"
#include "runners/erofs.h"
#include "runners/stdin-file.h"
#include "tests/tap.h"

#define PATH "stdin-file"

static void make(off_t size)
{
	int fd = open(PATH, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, "first line\nsecond\n", 18) != 18 || ftruncate(fd, size) < 0)
		bail_out("cannot write a file");
	close(fd);
}

/* stdin is path from now on. */
static void take(const char *path, int flags)
{
	int fd = open(path, flags);

	if (fd < 0 || dup2(fd, 0) < 0)
		bail_out(path);
	if (fd)
		close(fd);
}

static enum stdin_way way(void)
{
	struct stdin_file in = STDIN_FILE_INIT;
	enum stdin_way found;

	stdin_file_look(&in);
	found = in.way;
	stdin_file_free(&in);
	ok(in.fd < 0 && in.way == STDIN_STREAM);
	return found;
}

static void ways(void)
{
	int p[2];

	make(18);
	tap_case("a file that can only be read is a file for the guest");
	take(PATH, O_RDONLY);
	ok_int(way(), STDIN_MEMORY);
	take(PATH, O_RDONLY | O_APPEND | O_NONBLOCK);
	ok_int(way(), STDIN_MEMORY);
	tap_case("up to a size in memory, else as a disk");
	make((off_t)STDIN_MEMORY_MAX);
	take(PATH, O_RDONLY);
	ok_int(way(), STDIN_MEMORY);
	make((off_t)STDIN_MEMORY_MAX + 1);
	ok_int(way(), STDIN_DISK);
	tap_case("an empty one, one that can be written, what is none, what says no size");
	make(0);
	ok_int(way(), STDIN_STREAM);
	make(18);
	take(PATH, O_RDWR);
	ok_int(way(), STDIN_STREAM);
	take(PATH, O_WRONLY);
	ok_int(way(), STDIN_STREAM);
	take(PATH, O_PATH);
	ok_int(way(), STDIN_STREAM);
	take(".", O_RDONLY);
	ok_int(way(), STDIN_STREAM);
	take("/dev/null", O_RDONLY);
	ok_int(way(), STDIN_STREAM);
	take("/proc/cpuinfo", O_RDONLY);
	ok_int(way(), STDIN_STREAM);
	if (pipe(p) < 0 || dup2(p[0], 0) < 0)
		bail_out("pipe");
	ok_int(way(), STDIN_STREAM);
	close(p[0]);
	close(p[1]);
	close(0);
	ok_int(way(), STDIN_STREAM);
	take("/dev/null", O_RDONLY);
}

static void load(void)
{
	struct stdin_file in = STDIN_FILE_INIT;
	cleanup_buf struct buf b = { 0 };

	tap_case("all bytes, wherever the offset is, which stays there");
	make(18);
	take(PATH, O_RDONLY);
	ok_int(lseek(0, 11, SEEK_SET), 11);
	stdin_file_look(&in);
	ok_int((int)in.at, 11);
	ok(stdin_file_load(&in, &b));
	ok(b.len == 18 && !memcmp(b.p, "first line\nsecond\n", 18));
	ok_int(lseek(0, 0, SEEK_CUR), 11);
	tap_case("it has grown, it has shrunk");
	make(19);
	b.len = 0;
	ok(!stdin_file_load(&in, &b));
	make(18);
	b.len = 0;
	ok(stdin_file_load(&in, &b));
	if (truncate(PATH, 17) < 0)
		bail_out("truncate");
	b.len = 0;
	ok(!stdin_file_load(&in, &b));
	stdin_file_free(&in);
}

static bool is_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i])
			return false;
	}
	return true;
}

/* A reader of its own of what erofs_head() writes: from the superblock to the file's bytes. */
static void disk(void)
{
	struct stdin_file in = STDIN_FILE_INIT;
	char want[512], text[512];
	uint8_t head[2 * EROFS_BLOCK + 1];
	uint64_t size, file;
	struct err e = { 0 };
	ssize_t n;

	tap_case("an image of three parts: the head, the file, zeros");
	make((off_t)STDIN_MEMORY_MAX + 513);
	take(PATH, O_RDONLY);
	stdin_file_look(&in);
	ok_int(stdin_file_disk(&in, &e), 0);
	n = pread(in.image, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	snprintf(want, sizeof(want),
		 "# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\n"
		 "createType=\"twoGbMaxExtentFlat\"\n"
		 "RW 8 FLAT \"/proc/self/fd/%d\" 0\nRW 8194 FLAT \"/proc/self/fd/%d\" 0\n"
		 "RW 6 FLAT \"/proc/self/fd/%d\" 8\n",
		 in.head, in.fd, in.head);
	ok_str(text, want);
	ok_int(pread(in.head, head, sizeof(head), 0), 2 * EROFS_BLOCK);
	ok(is_zero(head + EROFS_BLOCK, EROFS_BLOCK));
	tap_case("the head: superblock, directory, file");
	ok(!memcmp(head + 1024, "\xe2\xe1\xf5\xe0", 4));
	ok_int(head[1024 + 12], 12);
	file = head[1024 + 14] * 32u; /* the directory, and behind it its entries: the third */
	ok_int(head[file], 1 | 2 << 1);
	file = head[file + 64 + 2 * 12] * 32u;
	ok_int(head[file], 1);
	ok_int(head[file + 16], 1); /* it begins in the second block */
	memcpy(&size, head + file + 8, sizeof(size));
	ok(size == STDIN_MEMORY_MAX + 513);
	stdin_file_free(&in);
}

static int end(struct stdin_file *in)
{
	struct err e = { 0 };

	return stdin_file_end(in, &e);
}

static void offset(void)
{
	struct stdin_file in = STDIN_FILE_INIT;

	tap_case("the offset goes where the command's was");
	make((off_t)STDIN_MEMORY_MAX + 1);
	take(PATH, O_RDONLY);
	stdin_file_look(&in);
	in.to = 9;
	ok_int(end(&in), 0);
	ok_int(lseek(0, 0, SEEK_CUR), 0);
	in.moved = true;
	ok_int(end(&in), 0);
	ok_int(lseek(0, 0, SEEK_CUR), 9);
	tap_case("unless somebody else has moved it");
	in.to = 4;
	ok_int(end(&in), 0);
	ok_int(lseek(0, 0, SEEK_CUR), 9);
	tap_case("a file that was cut, which may have been read as zeros");
	if (truncate(PATH, (off_t)STDIN_MEMORY_MAX) < 0)
		bail_out("truncate");
	ok_int(end(&in), -EIO);
	in.way = STDIN_MEMORY;
	ok_int(end(&in), 0);
	stdin_file_free(&in);
}

int main(void)
{
	ways();
	load();
	disk();
	offset();
	unlink(PATH);
	return tap_done();
}
