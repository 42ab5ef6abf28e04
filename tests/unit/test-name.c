/* SPDX-License-Identifier: MIT */
/* D18: the one form of a name of an archive, and which have none. */
#include "archive/name.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tap.h"

static void forms(void)
{
	static const struct {
		const char *path, *want; /* NULL: refused */
	} cases[] = {
		{ "", "" },	    { ".", "" },	  { "./", "" },
		{ "./a", "a" },	    { "a", "a" },	  { "a/", "a" },
		{ "a//b", "a/b" },  { "a/./b/.", "a/b" }, { "...", "..." },
		{ "a/.b", "a/.b" }, { "..a", "..a" },	  { "a..", "a.." },
		{ "/", NULL },	    { "/a", NULL },	  { "..", NULL },
		{ "../a", NULL },   { "a/..", NULL },	  { "a/../b", NULL },
		{ "./..", NULL },   { "a//../", NULL },	  { "\xff\n", "\xff\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_buf struct buf b = { 0 };
		struct err e = { 0 };
		int r = name_normal(cases[i].path, &b, &e);

		if (cases[i].want) {
			ok(r == 0);
			ok_str(b.p, cases[i].want);
		} else {
			ok(r == -EPERM && e.msg[0]);
		}
	}
}

static void limit(void)
{
	cleanup_buf struct buf b = { 0 };
	char path[NAME_PATH_MAX + 2];
	struct err e = { 0 };

	memset(path, 'a', sizeof(path));
	path[NAME_PATH_MAX + 1] = '\0';
	ok(name_normal(path, &b, &e) == -ENAMETOOLONG);
	path[NAME_PATH_MAX] = '\0';
	ok(name_normal(path, &b, &e) == 0 && b.len == NAME_PATH_MAX);
	ok(strlen(name_shown(path)) < 200);
	ok_str(name_shown("short"), "short");
}

int main(void)
{
	forms();
	limit();
	return tap_done();
}
