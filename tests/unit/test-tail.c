/* SPDX-License-Identifier: MIT */
/* P5: the last bytes of a stream that is passed on whole. */
#include "pipeline/tail.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "tests/tap.h"

#define STREAM 200000u

static char stream[STREAM], passed[STREAM + 1];

/* xorshift64: the same cases every time. */
static uint64_t state = 0x9e3779b97f4a7c15u;

static unsigned below(unsigned n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 33) % n;
}

/* n bytes come in pieces of up to piece; the tail and what was passed on are as they should be. */
static bool one(size_t n, size_t max, unsigned piece)
{
	int in[2], out[2];
	struct tail t = TAIL_INIT;
	size_t have = 0, want = n < max ? n : max, sent = 0;
	const char *kept;
	bool good;

	if (fd_pipe(&in[0], &in[1], 0) < 0 || fd_pipe(&out[0], &out[1], O_NONBLOCK) < 0)
		bail_out("pipe");
	t.fd = in[0];
	t.max = max;
	while (sent < n || t.fd >= 0) {
		size_t k = 1 + below(piece);
		ssize_t came;

		if (k > n - sent)
			k = n - sent;
		if (k && write(in[1], stream + sent, k) != (ssize_t)k)
			bail_out("write");
		sent += k;
		if (sent == n && in[1] >= 0)
			close(take_fd(&in[1]));
		/* The pipe must never be full: the tail does not wait for us to read it. */
		do {
			tail_move(&t, out[1]);
			came = read(out[0], passed + have, sizeof(passed) - have);
			have += came > 0 ? (size_t)came : 0;
		} while (came > 0 && have < sent);
	}
	kept = tail_bytes(&t, &sent);
	good = have == n && !memcmp(passed, stream, n) && sent == want && t.bytes == n &&
	       !memcmp(kept, stream + n - want, want) && t.b.len <= 2 * max;
	tail_free(&t);
	close(out[0]);
	close(out[1]);
	return good;
}

int main(void)
{
	static const size_t sizes[] = { 1, 2, 4095, 4096, 4097, 10000, 1 << 20 };
	struct tail t = TAIL_INIT;
	unsigned bad = 0;
	size_t n = 1;
	int w;

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < STREAM; i++)
		stream[i] = (char)below(256);
	tap_case("P5: the tail is exact, and everything is passed on");
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (unsigned k = 0; k < 20; k++)
			bad += !one(below(STREAM), sizes[i], 1 + below(10000));
		bad += !one(sizes[i] < STREAM ? sizes[i] : STREAM, sizes[i], 4096);
		bad += !one(0, sizes[i], 1);
	}
	ok_int(bad, 0);
	tap_case("P5: nothing was said");
	ok_str(tail_bytes(&t, &n), "");
	ok_int(n, 0);
	tap_case("P5: nobody reads what is passed on: it is kept all the same");
	if (fd_pipe(&t.fd, &w, 0) < 0 || write(w, "abc", 3) != 3)
		bail_out("pipe");
	t.max = 2;
	tail_move(&t, -1);
	ok(!memcmp(tail_bytes(&t, &n), "bc", 2));
	ok_int(n, 2);
	close(w);
	tail_move(&t, -1);
	ok_int(t.fd, -1);
	tail_free(&t);
	return tap_done();
}
