/* SPDX-License-Identifier: MIT */
/* proves: X6 */
#include "lib/buf.h"

#include <errno.h>
#include <stdint.h>

#include "tests/tap.h"

static void too_much_is_refused(void)
{
	cleanup_buf struct buf b = { 0 };

	tap_case("X6: buf: growth that would overflow is -ENOMEM, and nothing has changed");
	ok_int(buf_reserve(&b, SIZE_MAX), -ENOMEM);
	ok_int(buf_reserve(&b, SIZE_MAX / 2), -ENOMEM);
	ok(!b.p && !b.len && !b.cap);
	ok_int(buf_adds(&b, "abc"), 0);
	ok_int(buf_reserve(&b, SIZE_MAX - 3), -ENOMEM);
	ok_int(buf_reserve(&b, SIZE_MAX / 2 - 3), -ENOMEM);
	ok_int(buf_add(&b, b.p, SIZE_MAX), -ENOMEM);
	ok_str(b.p, "abc");
	ok_int(b.len, 3);
}

static void nothing_is_something(void)
{
	cleanup_buf struct buf b = { 0 };

	tap_case("X6: buf: nothing can be added");
	ok_int(buf_add(&b, NULL, 0), 0);
	ok_int(buf_adds(&b, ""), 0);
	ok_int(buf_addf(&b, "%s", ""), 0);
	ok_int(b.len, 0);
	ok_str(b.p, "");
}

static void ends_with_nul_at_every_length(void)
{
	cleanup_buf struct buf b = { 0 };
	unsigned bad = 0;

	for (size_t n = 0; n < 1000; n++) {
		if (buf_addc(&b, (char)('a' + n % 26)) < 0)
			bail_out("out of memory");
		bad += b.len != n + 1 || b.cap <= b.len || b.p[b.len] || strlen(b.p) != b.len;
	}
	for (size_t n = 0; n < 1000; n++)
		bad += b.p[n] != (char)('a' + n % 26);
	tap_case("X6: buf: NUL behind the bytes at every length");
	ok_int(bad, 0);
}

static void bytes_and_formats(void)
{
	cleanup_buf struct buf b = { 0 };

	tap_case("X6: buf: bytes, strings and formats one behind the other");
	ok_int(buf_add(&b, "a\0b", 3), 0);
	ok_int(buf_adds(&b, "cd"), 0);
	ok_int(buf_addc(&b, '\0'), 0);
	ok_int(buf_addf(&b, "%d-%s", 42, "x"), 0);
	ok_int(b.len, 10);
	ok(!memcmp(b.p,
		   "a\0bcd\0"
		   "42-x",
		   11));
	ok_int(buf_addf(&b, "%0300d", 7), 0);
	ok_int(b.len, 310);
	ok(b.p[309] == '7' && !b.p[310]);
}

static void free_leaves_it_usable(void)
{
	cleanup_buf struct buf b = { 0 };

	tap_case("X6: buf: empty and usable after buf_free");
	ok_int(buf_adds(&b, "abc"), 0);
	buf_free(&b);
	ok(!b.p && !b.len && !b.cap);
	buf_free(&b);
	ok_int(buf_adds(&b, "d"), 0);
	ok_str(b.p, "d");
}

int main(void)
{
	too_much_is_refused();
	nothing_is_something();
	ends_with_nul_at_every_length();
	bytes_and_formats();
	free_leaves_it_usable();
	return tap_done();
}
