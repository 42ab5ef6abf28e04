/* SPDX-License-Identifier: MIT */
/* proves: X6 */
#include "lib/num.h"

#include <errno.h>

#include "tests/tap.h"

typedef int number(const char *s, uint64_t min, uint64_t max, uint64_t *out);

/* want is what comes out, or a negative errno; then nothing comes out. */
static void is(number *fn, const char *s, uint64_t min, uint64_t max, int r, uint64_t want)
{
	uint64_t out = 4711;

	bool same = ok_int(fn(s, min, max, &out), r);

	if (!ok_int(out, r ? 4711 : want) || !same)
		tap_show("text", s);
}

static void integers(void)
{
	static const char *const bad[] = { "",	  " ", "+1", "-1",  " 1",  "1 ",  "1.0",     "1e3",
					   "0x1", "a", "1a", "1,0", "\t1", "1\n", "\xd9\xa1" };

	tap_case("X6: uint: what is not a number is refused");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		is(num_uint, bad[i], 0, UINT64_MAX, -EINVAL, 0);
	tap_case("X6: uint: at the limits and one past");
	is(num_uint, "0", 0, 0, 0, 0);
	is(num_uint, "1", 0, 0, -ERANGE, 0);
	is(num_uint, "4", 5, 7, -ERANGE, 0);
	is(num_uint, "5", 5, 7, 0, 5);
	is(num_uint, "7", 5, 7, 0, 7);
	is(num_uint, "8", 5, 7, -ERANGE, 0);
	is(num_uint, "18446744073709551615", 0, UINT64_MAX, 0, UINT64_MAX);
	is(num_uint, "18446744073709551616", 0, UINT64_MAX, -ERANGE, 0);
	is(num_uint, "99999999999999999999999", 0, UINT64_MAX, -ERANGE, 0);
	tap_case("X6: uint: base 10, zeros in front or not");
	is(num_uint, "010", 0, 100, 0, 10);
}

static void sizes(void)
{
	static const char *const bad[] = { "",	  "K",	  "1X",	 "1KK",	 "1 K",	  "1K ",
					   "-1K", "1.5G", "1iB", "1i",	 "1KiBB", "1BB",
					   "1Ki", "1Kb1", "1P",	 "1\x0b" };
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{ "0", 0 },
		{ "1", 1 },
		{ "1B", 1 },
		{ "1b", 1 },
		{ "1K", 1 << 10 },
		{ "1k", 1 << 10 },
		{ "1KB", 1 << 10 },
		{ "1KiB", 1 << 10 },
		{ "1kib", 1 << 10 },
		{ "512M", 512u << 20 },
		{ "2G", 2ull << 30 },
		{ "1T", 1ull << 40 },
		{ "1TiB", 1ull << 40 },
		{ "0T", 0 },
	};

	tap_case("X6: size: what is not a size is refused");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		is(num_size, bad[i], 0, UINT64_MAX, -EINVAL, 0);
	tap_case("X6: size: units, powers of 1024");
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		is(num_size, good[i].text, 0, UINT64_MAX, 0, good[i].bytes);
	tap_case("X6: size: at the limits and one past");
	is(num_size, "1K", 1025, 2048, -ERANGE, 0);
	is(num_size, "2K", 1025, 2048, 0, 2048);
	is(num_size, "2049", 1025, 2048, -ERANGE, 0);
	is(num_size, "16777215T", 0, UINT64_MAX, 0, 16777215ull << 40);
	is(num_size, "16777216T", 0, UINT64_MAX, -ERANGE, 0);
	is(num_size, "18446744073709551616", 0, UINT64_MAX, -ERANGE, 0);
}

static void durations(void)
{
	static const char *const bad[] = { "",	  ".5",	   "1.",  "1.s", "s",  "-1",
					   "+1",  "1 s",   "1x",  "1sm", "1S", "1us",
					   "1,5", "1.5.5", "inf", "0x1", "1e3" };
	static const struct {
		const char *text;
		uint64_t ms;
	} good[] = {
		{ "0", 0 },	      { "1", 1000 },
		{ "1s", 1000 },	      { "250ms", 250 },
		{ "1.5", 1500 },      { "0.5m", 30000 },
		{ "2m", 120000 },     { "1h", 3600000 },
		{ "1d", 86400000 },   { "0.001", 1 },
		{ "0.0001", 1 },      { "1.5ms", 2 },
		{ "0.000000s", 0 },   { "1.0000000000", 1000 },
		{ "1.999999", 2000 },
	};

	tap_case("X6: duration: what is not a duration is refused");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		is(num_duration, bad[i], 0, UINT64_MAX, -EINVAL, 0);
	tap_case("X6: duration: units and fractions, rounded up");
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		is(num_duration, good[i].text, 0, UINT64_MAX, 0, good[i].ms);
	tap_case("X6: duration: at the limits and one past");
	is(num_duration, "10", 0, 10000, 0, 10000);
	is(num_duration, "10.001", 0, 10000, -ERANGE, 0);
	is(num_duration, "0.999", 1000, 10000, -ERANGE, 0);
	is(num_duration, "18446744073709551615ms", 0, UINT64_MAX, 0, UINT64_MAX);
	is(num_duration, "18446744073709551616ms", 0, UINT64_MAX, -ERANGE, 0);
	is(num_duration, "18446744073709551615.5ms", 0, UINT64_MAX, -ERANGE, 0);
	is(num_duration, "18446744073709552", 0, UINT64_MAX, -ERANGE, 0);
}

int main(void)
{
	integers();
	sizes();
	durations();
	return tap_done();
}
