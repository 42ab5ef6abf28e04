/* SPDX-License-Identifier: MIT */
/*
 * proves: I4 I9
 * The input as bytes: decode(encode(x)) = x. The input as text: refused exactly when the rules,
 * written down a second time, say so; otherwise encode(decode(x)) = x but for padding and alphabet.
 */
#include <errno.h>

#include "lib/b64.h"
#include "tests/fuzz/fuzz.h"

static int value(char c)
{
	static const char url[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const char *p;

	if (c == '+' || c == '/')
		return c == '+' ? 62 : 63;
	p = c ? strchr(url, c) : NULL;
	return p ? (int)(p - url) : -1;
}

/* How many characters before the padding; -1 when the text is not valid. */
static ssize_t valid(const char *s, size_t n)
{
	size_t k = 0, pad;

	while (k < n && value(s[k]) >= 0)
		k++;
	pad = n - k;
	for (size_t i = k; i < n; i++) {
		if (s[i] != '=')
			return -1;
	}
	if (pad > 2 || k % 4 == 1 || (pad && n % 4))
		return -1;
	if ((k % 4 == 2 && value(s[k - 1]) & 15) || (k % 4 == 3 && value(s[k - 1]) & 3))
		return -1;
	return (ssize_t)k;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf b = { 0 };
	char *text = fuzz_copy(data, size), *back;
	ssize_t k = valid(text, size), n = b64_decode(text, size, text);

	CHECK(n == (k < 0 ? -EINVAL : k * 6 / 8));
	if (n >= 0) {
		CHECK((size_t)n <= b64_decoded_max(size));
		CHECK(b64_encode(text, (size_t)n, &b) == 0);
		CHECK((ssize_t)b.len == k);
		for (size_t i = 0; i < b.len; i++)
			CHECK(value(b.p[i]) == value((char)data[i]));
	}
	free(text);
	buf_free(&b);

	CHECK(b64_encode(data, size, &b) == 0);
	CHECK(valid(b.p, b.len) == (ssize_t)b.len);
	back = fuzz_copy(b.p, b.len);
	CHECK(b64_decode(back, b.len, back) == (ssize_t)size);
	CHECK(!size || !memcmp(back, data, size));
	free(back);
	buf_free(&b);
	return 0;
}
