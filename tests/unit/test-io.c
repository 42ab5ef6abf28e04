/* SPDX-License-Identifier: MIT */
/* proves: W3 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/io.h"
#include "tests/tap.h"

#define MUCH ((size_t)1 << 20)

static char bytes[MUCH], back[MUCH + 1];

static void *read_late(void *fd)
{
	usleep(50000);
	return (void *)io_read_full(*(int *)fd, back, sizeof(back));
}

static void a_full_pipe_is_waited_for(void)
{
	int rd = -1, wr = -1, r;
	pthread_t reader;
	void *n = NULL;

	tap_case("a pipe with O_NONBLOCK that is full is waited for");
	ok(fd_pipe(&rd, &wr, O_NONBLOCK) == 0 && fcntl(rd, F_SETFL, 0) == 0);
	ok(pthread_create(&reader, NULL, read_late, &rd) == 0);
	r = io_write_all(wr, bytes, MUCH);
	close(wr);
	pthread_join(reader, &n);
	ok_int(r, 0);
	ok_int((long long)n, MUCH);
	ok(!memcmp(bytes, back, MUCH));
	close(rd);
}

static void nobody_reads(void)
{
	int rd = -1, wr = -1;

	tap_case("a pipe that nobody reads is an error");
	ok(fd_pipe(&rd, &wr, O_NONBLOCK) == 0);
	close(rd);
	ok_int(io_write_all(wr, bytes, MUCH), -EPIPE);
	close(wr);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < MUCH; i++)
		bytes[i] = (char)(i * 2654435761u >> 13);
	a_full_pipe_is_waited_for();
	nobody_reads();
	return tap_done();
}
