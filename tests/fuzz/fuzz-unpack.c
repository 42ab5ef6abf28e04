/* SPDX-License-Identifier: MIT */
/*
 * D17, D18. The input is an archive and one byte, which says whether it goes to a place that is free or
 * into a tree in which there are ways out. Whatever it is, nothing outside changes and nothing half
 * is left. What was made packs to the digest that was told, and once more unpacked it has the same.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/pack.h"
#include "archive/remove.h"
#include "archive/unpack.h"
#include "lib/cleanup.h"
#include "lib/io.h"
#include "tests/fuzz/fuzz.h"

static const char sentinel[] = "untouched";
static const struct timespec long_ago[2] = { { .tv_sec = 1000000 }, { .tv_sec = 1000000 } };
static char room[] = "/dev/shm/fuzz-unpack.XXXXXX"; /* to, outside/file, outside/dir */
static int room_fd = -1;

static void leave(void)
{
	int shm = open("/dev/shm", O_PATH | O_DIRECTORY | O_CLOEXEC);

	CHECK(remove_tree(shm, strrchr(room, '/') + 1) == 0);
	close(shm);
}

static void enter(void)
{
	int fd;

	CHECK(mkdtemp(room));
	CHECK(atexit(leave) == 0);
	room_fd = open(room, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(room_fd >= 0);
	CHECK(mkdirat(room_fd, "outside", 0700) == 0 && mkdirat(room_fd, "outside/dir", 0700) == 0);
	fd = openat(room_fd, "outside/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
	CHECK(fd >= 0 && io_write_all(fd, sentinel, sizeof(sentinel)) == 0);
	close(fd);
	CHECK(utimensat(room_fd, "outside/file", long_ago, 0) == 0);
	CHECK(utimensat(room_fd, "outside/dir", long_ago, 0) == 0);
	CHECK(utimensat(room_fd, "outside", long_ago, 0) == 0);
}

static unsigned entries(const char *dir)
{
	cleanup_dir DIR *d = NULL;
	int fd = openat(room_fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct dirent *de;
	unsigned n = 0;

	d = fdopendir(fd);
	CHECK(d);
	while ((de = readdir(d)))
		n += strcmp(de->d_name, ".") && strcmp(de->d_name, "..");
	return n;
}

static void check_outside(void)
{
	static const struct {
		const char *path;
		mode_t mode;
	} have[] = {
		{ "outside", S_IFDIR | 0700 },
		{ "outside/dir", S_IFDIR | 0700 },
		{ "outside/file", S_IFREG | 0640 },
	};
	char text[sizeof(sentinel) + 1];
	int fd;

	for (size_t i = 0; i < ARRAY_SIZE(have); i++) {
		struct stat st;

		CHECK(fstatat(room_fd, have[i].path, &st, AT_SYMLINK_NOFOLLOW) == 0);
		CHECK(st.st_mode == have[i].mode && st.st_mtim.tv_sec == long_ago[1].tv_sec);
	}
	fd = openat(room_fd, "outside/file", O_RDONLY | O_CLOEXEC);
	CHECK(io_read_full(fd, text, sizeof(text)) == sizeof(sentinel));
	CHECK(!memcmp(text, sentinel, sizeof(sentinel)));
	close(fd);
	CHECK(entries(".") == 1 && entries("outside") == 2 && entries("outside/dir") == 0);
}

/* A tree to be merged into. */
static void lay(void)
{
	CHECK(mkdirat(room_fd, "to/x", 0755) == 0 && mkdirat(room_fd, "to/x/d", 0755) == 0);
	CHECK(symlinkat("../../outside", room_fd, "to/x/l") == 0);
	CHECK(symlinkat("../../../outside", room_fd, "to/x/d/l") == 0);
	CHECK(symlinkat("../../outside/file", room_fd, "to/x/f") == 0);
	CHECK(linkat(room_fd, "outside/file", room_fd, "to/x/h", 0) == 0);
}

static int unpack_to(int in, const char *name, char digest[DIGEST_TEXT])
{
	const struct unpack_opts o = {
		.stop_fd = -1, .digest = true, .max_size = 1 << 20, .max_entries = 1000
	};
	struct err e = { 0 };
	char target[64];
	int r;

	snprintf(target, sizeof(target), "%s/to/%s", room, name);
	r = unpack(in, target, &o, digest, &e);
	CHECK(r == -e.code || (r == 0 && !e.code));
	CHECK(r == 0 || e.msg[0]);
	return r;
}

static void check_again(const char *digest)
{
	cleanup_close int tar = memfd_create("again", MFD_CLOEXEC);
	struct pack_opts o = { .name = "x", .out = tar, .stop_fd = -1, .digest = true };
	char again[DIGEST_TEXT], path[64];
	struct err e = { 0 };

	snprintf(path, sizeof(path), "%s/to/x", room);
	CHECK(pack(AT_FDCWD, path, &o, again, &e) == 0);
	CHECK(!strcmp(again, digest));
	CHECK(lseek(tar, 0, SEEK_SET) == 0);
	CHECK(unpack_to(tar, "y", again) == 0);
	CHECK(!strcmp(again, digest));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_close int in = memfd_create("fuzz", MFD_CLOEXEC);
	bool merge = size && data[size - 1] % 2;
	size_t n = size ? size - 1 : 0;
	char digest[DIGEST_TEXT];
	int r;

	if (room_fd < 0)
		enter();
	CHECK(mkdirat(room_fd, "to", 0700) == 0);
	if (merge)
		lay();
	CHECK(in >= 0 && io_write_all(in, data, n) == 0 && lseek(in, 0, SEEK_SET) == 0);
	r = unpack_to(in, "x", digest);
	CHECK(entries("to") == (merge || r == 0));
	/* The file of two names is the one outside, which a digest would be of as well. */
	if (r == 0)
		check_again(digest);
	CHECK(remove_tree(room_fd, "to") == 0);
	check_outside();
	return 0;
}
