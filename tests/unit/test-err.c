/* SPDX-License-Identifier: MIT */
/* proves: X6 */
#include "lib/err.h"

#include <errno.h>

#include "tests/tap.h"

static void set(void)
{
	struct err e = { 0 };

	tap_case("X6: err: set gives the sentence and the negative code");
	ok_int(err_set(&e, EINVAL, "bad %s at %d", "magic", 7), -EINVAL);
	ok_int(e.code, EINVAL);
	ok_str(e.msg, "bad magic at 7");
	ok_int(err_set(&e, ENOENT, "x"), -ENOENT);
	ok_str(e.msg, "x");
}

static void reasons(void)
{
	struct err e = { 0 };

	tap_case("X6: err: the system's reason is added");
	errno = ENOENT;
	ok_int(err_sys(&e, "open %s", "a"), -ENOENT);
	ok_int(e.code, ENOENT);
	ok_str(e.msg, "open a: No such file or directory");
	errno = 0;
	ok_int(err_code(&e, EACCES, "open %s", "b"), -EACCES);
	ok_int(e.code, EACCES);
	ok_str(e.msg, "open b: Permission denied");
}

static void wrap(void)
{
	struct err e = { 0 };

	tap_case("X6: err: wrap puts the outer step first");
	err_set(&e, EINVAL, "bad magic");
	ok_int(err_wrap(&e, "read %s", "initrd"), -EINVAL);
	ok_str(e.msg, "read initrd: bad magic");
	ok_int(err_wrap(&e, "run"), -EINVAL);
	ok_str(e.msg, "run: read initrd: bad magic");
	ok_int(e.code, EINVAL);
}

/* One byte less, the same, one more than there is room for, and very much more. */
static void cut(void)
{
	char text[2 * ERR_MSG_MAX];
	struct {
		struct err e;
		char guard[8];
	} s;

	for (size_t n = ERR_MSG_MAX - 2; n < sizeof(text); n += n == ERR_MSG_MAX ? 200 : 1) {
		memset(&s, 'g', sizeof(s));
		memset(text, 'x', sizeof(text));
		text[n] = '\0';
		tap_case("X6: err: cut at the limit, never overrun");
		ok_int(err_set(&s.e, EIO, "%s", text), -EIO);
		ok_int(strlen(s.e.msg), n < ERR_MSG_MAX ? n : ERR_MSG_MAX - 1);
		errno = ENOENT;
		ok_int(err_sys(&s.e, "%s", text), -ENOENT);
		ok_int(strlen(s.e.msg), ERR_MSG_MAX - 1);
		ok_int(err_wrap(&s.e, "a"), -ENOENT);
		ok_int(strlen(s.e.msg), ERR_MSG_MAX - 1);
		ok(!memcmp(s.e.msg, "a: xxx", 6));
		ok_int(err_wrap(&s.e, "%s", text), -ENOENT);
		ok_int(strlen(s.e.msg), ERR_MSG_MAX - 1);
		ok(!memcmp(s.guard, "gggggggg", 8));
	}
}

int main(void)
{
	set();
	reasons();
	wrap();
	cut();
	return tap_done();
}
