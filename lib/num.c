/* SPDX-License-Identifier: MIT */
/* Numbers, sizes and durations from text. */
#include "lib/num.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* Digits at *s, which is moved behind them. */
static int digits(const char **s, uint64_t *out)
{
	uint64_t n = 0;

	if (**s < '0' || **s > '9')
		return -EINVAL;
	for (; **s >= '0' && **s <= '9'; (*s)++) {
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(**s - '0'), &n))
			return -ERANGE;
	}
	*out = n;
	return 0;
}

static int in_range(uint64_t n, uint64_t min, uint64_t max, uint64_t *out)
{
	if (n < min || n > max)
		return -ERANGE;
	*out = n;
	return 0;
}

int num_uint(const char *s, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t n;
	int r = digits(&s, &n);

	if (r < 0)
		return r;
	return *s ? -EINVAL : in_range(n, min, max, out);
}

int num_size(const char *s, uint64_t min, uint64_t max, uint64_t *bytes)
{
	static const char units[] = "KMGT";
	uint64_t n;
	int r = digits(&s, &n);

	if (r < 0)
		return r;
	if (*s) {
		const char *u = strchr(units, *s & ~0x20);

		if (u && *u) {
			if (n > UINT64_MAX >> (10 * (u - units + 1)))
				return -ERANGE;
			n <<= 10 * (u - units + 1);
			s++;
			if (!strcasecmp(s, "ib"))
				s += 2;
		}
		if (!strcasecmp(s, "b"))
			s++;
	}
	return *s ? -EINVAL : in_range(n, min, max, bytes);
}

int num_duration(const char *s, uint64_t min, uint64_t max, uint64_t *ms)
{
	static const struct {
		const char *name;
		uint64_t ms;
	} units[] = { { "", 1000 },   { "s", 1000 },	{ "ms", 1 },
		      { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 } };
	uint64_t n, micro = 0; /* the fraction, in millionths of the unit */
	int r = digits(&s, &n);

	if (r < 0)
		return r;
	if (*s == '.') {
		uint64_t place = 100000;

		s++;
		if (*s < '0' || *s > '9')
			return -EINVAL;
		for (; *s >= '0' && *s <= '9'; s++, place /= 10)
			micro += (uint64_t)(*s - '0') * place;
	}
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		uint64_t whole;

		if (strcmp(s, units[i].name))
			continue;
		if (__builtin_mul_overflow(n, units[i].ms, &whole) ||
		    __builtin_add_overflow(whole, (micro * units[i].ms + 999999) / 1000000, &whole))
			return -ERANGE;
		return in_range(whole, min, max, ms);
	}
	return -EINVAL;
}
