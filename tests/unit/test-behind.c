/* SPDX-License-Identifier: MIT */
/* proves: R14 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "initrd/behind.h"
#include "lib/io.h"
#include "tests/tap.h"

#define MOST ((size_t)3 << 20)

static char bytes[MOST], back[MOST + 1];

static int file(void)
{
	int fd = open("behind", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		bail_out("cannot write a file");
	return fd;
}

static bool holds(int fd, size_t n)
{
	return lseek(fd, 0, SEEK_SET) == 0 && io_read_full(fd, back, sizeof(back)) == (ssize_t)n &&
	       memcmp(bytes, back, n) == 0;
}

/* Writes the first n bytes, step at a time; in place: where behind_room() says. */
static int write_in(struct behind *b, size_t n, size_t step, bool in_place)
{
	for (size_t at = 0, k; at < n; at += k) {
		const char *from = bytes + at;
		int r;

		k = n - at < step ? n - at : step;
		if (in_place) {
			size_t room;
			char *to = behind_room(b, &room);

			if (room == 0)
				return -ENOSPC;
			k = k < room ? k : room;
			from = memcpy(to, bytes + at, k);
		}
		r = behind_write(b, from, k);
		if (r < 0)
			return r;
	}
	return 0;
}

static void every_byte_is_written(void)
{
	static const size_t sizes[] = { 0,	1,	4095,	131071, 131072,
					131073, 262144, 524288, 524289, MOST };
	static const size_t steps[] = { 110, 65536, 131072, 200000, MOST };

	tap_case("every byte is written, in order");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		for (size_t j = 0; j < 2 * sizeof(steps) / sizeof(*steps); j++) {
			int fd = file();
			struct behind *b = behind_new(fd);

			ok(b && write_in(b, sizes[i], steps[j / 2], j % 2) == 0);
			ok_int(behind_end(b), 0);
			ok(holds(fd, sizes[i]));
			behind_free(b);
			close(fd);
		}
	}
}

static void a_failed_write_is_said(void)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC), r = 0;
	struct behind *b = behind_new(fd);

	tap_case("a failed write is said, at the latest at the end");
	ok(write_in(b, 100, 100, false) == 0);
	ok_int(behind_end(b), -ENOSPC);
	behind_free(b);
	b = behind_new(fd);
	for (int i = 0; i < 100 && r == 0; i++)
		r = write_in(b, MOST, MOST, i % 2);
	ok_int(r, -ENOSPC);
	tap_case("and it is said again");
	ok_int(write_in(b, MOST, MOST, false), -ENOSPC);
	ok_int(behind_end(b), -ENOSPC);
	behind_free(b);
	close(fd);
}

static void a_pipe_without_a_reader(void)
{
	int p[2], r = 0;
	struct behind *b;

	tap_case("a pipe that nobody reads any more");
	signal(SIGPIPE, SIG_IGN);
	if (pipe(p) < 0)
		bail_out("pipe");
	b = behind_new(p[1]);
	ok(write_in(b, 200000, 4096, true) == 0);
	close(p[0]);
	for (int i = 0; i < 100 && r == 0; i++)
		r = write_in(b, MOST, MOST, false);
	ok_int(r, -EPIPE);
	ok_int(behind_end(b), -EPIPE);
	behind_free(b);
	close(p[1]);
}

static void given_up(void)
{
	int fd = file();
	struct behind *b = behind_new(fd);
	struct stat st;

	tap_case("what is given up leaves no thread that writes");
	ok(write_in(b, MOST, 65536, true) == 0);
	behind_free(b);
	ok(fstat(fd, &st) == 0);
	usleep(20000);
	ok(lseek(fd, 0, SEEK_END) == st.st_size);
	close(fd);
	behind_free(NULL);
}

int main(void)
{
	for (size_t i = 0; i < MOST; i++)
		bytes[i] = (char)(i * 2654435761u >> 13);
	every_byte_is_written();
	a_failed_write_is_said();
	a_pipe_without_a_reader();
	given_up();
	return tap_done();
}
