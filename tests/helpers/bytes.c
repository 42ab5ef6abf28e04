/* SPDX-License-Identifier: MIT */
/*
 * bytes N [SEED]: writes N bytes, all 256 values among them, the same ones for the same SEED.
 * bytes -c N [SEED]: reads and says whether exactly those come, then end of file: exit 0, else 1
 * and where on stderr.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t state;

static void fill(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i += 8) {
		state ^= state << 13; /* xorshift64 */
		state ^= state >> 7;
		state ^= state << 17;
		memcpy(p + i, &state, n - i < 8 ? n - i : 8);
	}
}

/* Whole blocks, so that both ends draw the same numbers however short their transfers are. */
static size_t transfer(int check, uint8_t *p, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t k = check ? read(0, p + done, n - done) : write(1, p + done, n - done);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			perror("bytes");
		if (k <= 0)
			break;
		done += (size_t)k;
	}
	return done;
}

int main(int argc, char **argv)
{
	static uint8_t want[65536], have[65536];
	int check = argc > 1 && !strcmp(argv[1], "-c");
	unsigned long long left, at = 0;

	if (argc < 2 + check)
		return 125;
	left = strtoull(argv[1 + check], NULL, 10);
	state = 0x9e3779b97f4a7c15u + (argc > 2 + check ? strtoull(argv[2 + check], NULL, 10) : 0);
	while (left) {
		size_t n = left < sizeof(want) ? (size_t)left : sizeof(want);

		fill(want, n);
		if (transfer(check, check ? have : want, n) != n ||
		    (check && memcmp(have, want, n))) {
			fprintf(stderr, "bytes: short or different within %zu bytes from %llu\n", n,
				at);
			return 1;
		}
		left -= n;
		at += n;
	}
	if (check && transfer(check, have, 1)) {
		fprintf(stderr, "bytes: more than %llu\n", at);
		return 1;
	}
	return 0;
}
