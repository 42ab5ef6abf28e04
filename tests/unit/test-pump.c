/* SPDX-License-Identifier: MIT */
/* P5, P7, C18: what goes through a pump is counted, whole, and never waited for. */
#include "pipeline/pump.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "tests/tap.h"

static char piece[1 << 16];

/* Writes n bytes of which each says where it is. */
static void put(int fd, size_t n)
{
	for (size_t i = 0; i < n; i++)
		piece[i] = (char)(i * 7);
	if (write(fd, piece, n) != (ssize_t)n)
		bail_out("write");
}

/* Whether exactly that comes. */
static bool got(int fd, size_t n)
{
	char have[sizeof(piece)];
	size_t at = 0;

	while (at < n) {
		ssize_t k = read(fd, have + at, n - at);

		if (k <= 0)
			return false;
		at += (size_t)k;
	}
	return !memcmp(have, piece, n);
}

/* Fills what takes no more, and says how much that was. */
static size_t stuff(int fd)
{
	size_t n = 0;
	ssize_t k;

	if (fd_nonblock(fd) < 0)
		bail_out("fcntl");
	while ((k = write(fd, piece, 4096)) > 0)
		n += (size_t)k;
	return n;
}

/* A pump between two pipes: *w is what a stage writes to, *r what one reads. */
static struct pump between(int *w, int *r)
{
	struct pump p = PUMP_INIT;

	if (pump_pipe(&p.from, w) < 0 || pump_pipe(r, &p.to) < 0)
		bail_out("pipe");
	return p;
}

static void from_pipe_to_pipe(void)
{
	int w, r;
	struct pump p = between(&w, &r);

	tap_case("P5: what moves is counted and the same");
	put(w, 50000);
	ok_int(pump_move(&p), 0);
	ok_int(p.bytes, 50000);
	ok(got(r, 50000));
	tap_case("P7: nothing there: it does not wait");
	ok_int(pump_move(&p), 0);
	ok_int(p.bytes, 50000);
	ok(!p.full && !p.refused && p.from >= 0);
	tap_case("P7: no room: it does not wait, and says so");
	while (!p.full) {
		put(w, 50000);
		ok_int(pump_move(&p), 0);
		if (p.bytes > 64 << 20)
			bail_out("the pipe has no end");
	}
	ok(p.from >= 0 && !p.refused);
	ok(p.bytes >= 65536);
	tap_case("P5: an end is passed on");
	close(w);
	close(r);
	pump_close(&p);
	p = between(&w, &r);
	put(w, 10);
	close(w);
	ok_int(pump_move(&p), 0);
	ok_int(pump_move(&p), 0);
	ok(p.from < 0 && p.to < 0 && !p.refused);
	ok(got(r, 10) && read(r, piece, 1) == 0);
	close(r);
	tap_case("C18: nobody reads: who writes hears of it");
	p = between(&w, &r);
	put(w, 10);
	close(r);
	ok_int(pump_move(&p), 0);
	ok(p.from < 0 && p.refused);
	ok_int(p.bytes, 0);
	ok(write(w, "x", 1) < 0 && errno == EPIPE);
	close(w);
}

static void to_something_else(void)
{
	struct pump p = PUMP_INIT;
	int w = -1, pair[2], full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	int file = open("log", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	tap_case("P5: behind what is in a file already");
	if (file < 0 || full < 0 || pump_pipe(&p.from, &w) < 0 || write(file, "old", 3) != 3)
		bail_out("open");
	ok_int(pump_to(&p, file), 0);
	put(w, 40000);
	while (p.bytes < 40000 && pump_move(&p) == 0)
		;
	ok_int(p.bytes, 40000);
	ok(p.to != file && lseek(file, 3, SEEK_SET) == 3 && got(file, 40000));
	pump_close(&p);
	ok(fcntl(file, F_GETFD) >= 0);
	close(file);
	close(w);

	tap_case("P7: a full disk is told, not waited for");
	p = (struct pump)PUMP_INIT;
	if (pump_pipe(&p.from, &w) < 0)
		bail_out("pipe");
	ok_int(pump_to(&p, full), 0);
	put(w, 10);
	ok_int(pump_move(&p), -ENOSPC);
	ok(p.from < 0 && !p.refused);
	close(w);
	close(full);

	tap_case("P7: a socket without room is not waited for");
	p = (struct pump)PUMP_INIT;
	if (pump_pipe(&p.from, &w) < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		bail_out("socketpair");
	ok_int(pump_to(&p, pair[0]), 0);
	put(w, 5000);
	while (p.bytes < 5000 && pump_move(&p) == 0)
		;
	ok(got(pair[1], 5000));
	ok(stuff(pair[0]) > 0);
	ok_int(fcntl(pair[0], F_SETFL, O_RDWR), 0);
	put(w, 5000);
	alarm(5); /* a pump that waits is killed */
	ok_int(pump_move(&p), 0);
	alarm(0);
	ok(p.full && p.bytes == 5000);
	close(pair[1]);
	ok_int(pump_move(&p), 0);
	ok(p.refused);
	close(pair[0]);
	close(w);
}

static void a_handle_is_no_end(void)
{
	int r, w, handle;
	char c;

	tap_case("P4: who reads a pipe, seen by a handle of it");
	ok_int(pump_pipe(&r, &w), 0);
	ok_int(pump_handle(r, &handle), 0);
	ok(pump_has_reader(handle));
	put(w, 3);
	close(w);
	for (int i = 0; i < 3; i++)
		ok_int(read(r, &c, 1), 1);
	ok(pump_has_reader(handle));
	ok_int(read(r, &c, 1), 0); /* the handle does not hold the end back */
	close(r);
	ok(!pump_has_reader(handle));
	close(handle);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	from_pipe_to_pipe();
	to_something_else();
	a_handle_is_no_end();
	return tap_done();
}
