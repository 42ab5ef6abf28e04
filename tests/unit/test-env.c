/* SPDX-License-Identifier: MIT */
/* Environments: I6. */
#include "lib/env.h"
#include "tests/tap.h"

static void a_name_is_found_whole(void)
{
	const char *const env[] = { "PATHS=1", "PATH=/bin:=x", "EMPTY=", "NONE", NULL };

	tap_case("find");
	ok_str(env_find(env, "PATH"), "/bin:=x");
	ok_str(env_find(env, "EMPTY"), "");
	ok(env_find(env, "NONE") == NULL);
	ok(env_find(env, "PAT") == NULL);
	ok(env_find(NULL, "PATH") == NULL);
}

static void what_is_over_wins(void)
{
	char *const base[] = { (char *)"A=1", (char *)"AB=2", (char *)"C=3", NULL };
	const char *const over[] = { "A=x", "D=", NULL };
	struct argv out = { 0 };

	tap_case("merge");
	ok_int(env_merge(base, over, 2, &out), 0);
	ok_int((long)out.n, 4);
	ok_str(out.v[0], "AB=2");
	ok_str(out.v[1], "C=3");
	ok_str(out.v[2], "A=x");
	ok_str(out.v[3], "D=");
	argv_free(&out);
	ok_int(env_merge(base, NULL, 0, &out), 0);
	ok_int((long)out.n, 3);
	argv_free(&out);
}

int main(void)
{
	a_name_is_found_whole();
	what_is_over_wins();
	return tap_done();
}
