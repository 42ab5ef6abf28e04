/* SPDX-License-Identifier: MIT */
/*
 * Unit tests: one process per file, TAP on stdout.
 *
 *	static void wrap_puts_the_outer_step_first(void)
 *	{
 *		tap_case("X6: wrap puts the outer step first");
 *		ok_int(err_wrap(&e, "read %s", "initrd"), -EINVAL);
 *		ok_str(e.msg, "read initrd: bad magic");
 *	}
 *	int main(void)
 *	{
 *		wrap_puts_the_outer_step_first();
 *		return tap_done();
 *	}
 *
 * What is compared with ok_str() and ok_int() is shown when it differs.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
	const char *name; /* of the case */
	unsigned run, failed;
} tap;

/* Names the claim that the following checks prove; borrowed. No '#' in it. */
static inline void tap_case(const char *name)
{
	tap.name = name;
}

static inline bool tap_check(bool pass, const char *what, const char *file, int line)
{
	printf("%sok %u - %s", pass ? "" : "not ", ++tap.run, tap.name ? tap.name : file);
	if (!pass)
		printf("\n# %s:%d: %s", file, line, what);
	putchar('\n');
	tap.failed += !pass;
	return pass;
}

/* One line, whatever is in it. */
static inline void tap_show(const char *label, const char *s)
{
	printf("# %s ", label);
	if (!s) {
		puts("(none)");
		return;
	}
	putchar('\'');
	for (size_t i = 0; s[i] && i < 400; i++) {
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
			printf("\\x%02x", (unsigned char)s[i]);
		else
			putchar(s[i]);
	}
	puts(strlen(s) > 400 ? "'..." : "'");
}

static inline bool tap_str(const char *got, const char *want, const char *what, const char *file,
			   int line)
{
	bool same = got && want ? !strcmp(got, want) : got == want;

	if (!tap_check(same, what, file, line)) {
		tap_show("got ", got);
		tap_show("want", want);
	}
	return same;
}

static inline bool tap_int(long long got, long long want, const char *what, const char *file,
			   int line)
{
	if (!tap_check(got == want, what, file, line))
		printf("# got  %lld\n# want %lld\n", got, want);
	return got == want;
}

/* Each is one test and says whether it passed. */
#define ok(cond) tap_check((cond), #cond, __FILE__, __LINE__)
#define ok_str(got, want) tap_str((got), (want), #got, __FILE__, __LINE__)
#define ok_int(got, want) tap_int((long long)(got), (long long)(want), #got, __FILE__, __LINE__)

static inline void tap_skip(const char *why)
{
	printf("ok %u - %s # SKIP %s\n", ++tap.run, tap.name ? tap.name : "", why);
}

/* When going on makes no sense, as without memory. */
static inline void __attribute__((noreturn)) bail_out(const char *why)
{
	printf("Bail out! %s\n", why);
	fflush(stdout);
	exit(99);
}

/* The plan, at the end. Returns what main() is to return. */
static inline int tap_done(void)
{
	printf("1..%u\n", tap.run);
	if (fflush(stdout) || !tap.run)
		return 1;
	return tap.failed != 0;
}
