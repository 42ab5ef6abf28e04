/* SPDX-License-Identifier: MIT */
/* proves: C9 */
#include "lib/argv.h"

#include <errno.h>

#include "tests/tap.h"

static void null_terminated_at_every_moment(void)
{
	cleanup_argv struct argv a = { 0 };
	unsigned bad = 0;

	for (size_t n = 1; n <= 100; n++) {
		if (argv_pushf(&a, "%zu", n) < 0)
			bail_out("out of memory");
		bad += a.n != n || a.v[n] || argv_count(a.v) != n;
	}
	tap_case("C9: argv: NULL-terminated at every moment");
	ok_int(bad, 0);
	ok_str(a.v[0], "1");
	ok_str(a.v[99], "100");
}

static void copies(void)
{
	cleanup_argv struct argv a = { 0 }, b = { 0 };
	char s[] = "abc";

	tap_case("C9: argv: copies, byte for byte");
	ok_int(argv_push(&a, s), 0);
	s[0] = 'x';
	ok_str(a.v[0], "abc");
	ok_int(argv_push(&a, ""), 0);
	ok_int(argv_push(&a, "-n \xff\n\x01"), 0);
	ok_int(argv_push_all(&b, a.v, a.n), 0);
	ok_int(argv_push_all(&b, NULL, 0), 0);
	ok_int(argv_push_all(&b, a.v, 1), 0);
	argv_free(&a);
	ok(!a.v && !a.n && !a.cap);
	ok_int(b.n, 4);
	ok_str(b.v[0], "abc");
	ok_str(b.v[1], "");
	ok_str(b.v[2], "-n \xff\n\x01");
	ok_str(b.v[3], "abc");
	ok(!b.v[4]);
}

static void hundred_thousand(void)
{
	cleanup_argv struct argv a = { 0 };
	int r = 0;

	for (unsigned i = 0; i < 100000 && r == 0; i++)
		r = argv_push(&a, "");
	tap_case("C9: argv: 100 000 arguments");
	ok_int(r, 0);
	ok_int(argv_count(a.v), 100000);
}

static void quote(void)
{
	static const struct {
		const char *v[4], *want;
	} all[] = {
		{ { NULL }, "" },
		{ { "", NULL }, "''" },
		{ { "a", "b", NULL }, "a b" },
		{ { "a b", NULL }, "'a b'" },
		{ { "it's", NULL }, "'it'\\''s'" },
		{ { "'", NULL }, "''\\'''" },
		{ { "$x", "*", "a;b", NULL }, "'$x' '*' 'a;b'" },
		{ { "/a/b-c_d.e:f=g,h+i@j%k", "~", NULL }, "/a/b-c_d.e:f=g,h+i@j%k '~'" },
		{ { "\n", "\"", "\\", NULL }, "'\n' '\"' '\\'" },
		{ { "\xff", NULL }, "'\xff'" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		cleanup_argv struct argv a = { 0 };
		cleanup_buf struct buf b = { 0 };

		tap_case("C9: argv: quoted as a shell wants it");
		for (size_t k = 0; all[i].v[k]; k++)
			ok_int(argv_push(&a, all[i].v[k]), 0);
		ok_int(argv_quote(&b, a.v ? a.v : (char *[]){ NULL }), 0);
		ok_str(b.p, all[i].want);
	}
}

int main(void)
{
	null_terminated_at_every_moment();
	copies();
	hundred_thousand();
	quote();
	return tap_done();
}
