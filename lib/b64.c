/* SPDX-License-Identifier: MIT */
/* Base64, in and out. */
#include "lib/b64.h"

#include <errno.h>
#include <stdint.h>

static int value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	if (c == '/' || c == '_')
		return 63;
	return -1;
}

/* Never writes ahead of what it reads: out may be text. */
ssize_t b64_decode(const char *text, size_t n, void *out)
{
	unsigned char *w = out;
	uint32_t bits = 0; /* the unwritten ones are at the bottom */
	unsigned count = 0;

	/* Padding is only where it makes whole groups of four. */
	for (int i = 0; i < 2 && n && n % 4 == (i ? 3 : 0) && text[n - 1] == '='; i++)
		n--;
	if (n % 4 == 1)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		int v = value(text[i]);

		if (v < 0)
			return -EINVAL;
		bits = bits << 6 | (uint32_t)v;
		count += 6;
		if (count >= 8) {
			count -= 8;
			*w++ = (unsigned char)(bits >> count);
		}
	}
	if (bits & ((1u << count) - 1))
		return -EINVAL;
	return w - (unsigned char *)out;
}

int b64_encode(const void *p, size_t n, struct buf *out)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				       "0123456789-_";
	const unsigned char *in = p;
	uint32_t bits = 0;
	unsigned count = 0;
	int r;

	if (n > SIZE_MAX / 4)
		return -ENOMEM;
	r = buf_reserve(out, n / 3 * 4 + 4);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		bits = bits << 8 | in[i];
		for (count += 8; count >= 6; count -= 6)
			out->p[out->len++] = alphabet[bits >> (count - 6) & 63];
	}
	if (count)
		out->p[out->len++] = alphabet[bits << (6 - count) & 63];
	out->p[out->len] = '\0';
	return 0;
}

int b64_encode_padded(const void *p, size_t n, struct buf *out)
{
	size_t from = out->len;
	int r = b64_encode(p, n, out);

	for (size_t i = from; i < out->len; i++) {
		if (out->p[i] == '-')
			out->p[i] = '+';
		else if (out->p[i] == '_')
			out->p[i] = '/';
	}
	while (r == 0 && (out->len - from) % 4)
		r = buf_addc(out, '=');
	return r;
}
