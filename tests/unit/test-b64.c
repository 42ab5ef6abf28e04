/* SPDX-License-Identifier: MIT */
/* proves: I4 I9 */
#include "lib/b64.h"

#include <errno.h>
#include <stdint.h>

#include "tests/tap.h"

/* Decodes a copy that ends where the text ends, in place. -EINVAL, or the bytes in *out. */
static ssize_t decode(const char *text, char *out)
{
	size_t n = strlen(text);
	char *copy = malloc(n ? n : 1);
	ssize_t r;

	if (!copy)
		bail_out("out of memory");
	memcpy(copy, text, n);
	r = b64_decode(copy, n, copy);
	if (r > 0)
		memcpy(out, copy, (size_t)r);
	if (r >= 0)
		out[r] = '\0';
	free(copy);
	return r;
}

static void what_is_not_base64_is_refused(void)
{
	static const char *const bad[] = {
		"A",	 "AAAAA", /* a single character is no byte */
		"=",	 "==",	   "===",    "====",	 "A=",	 "A==",	    "A===",	  "QQ=",
		"QUI==", "QUJD=",  "QUJD==", "QQ==QQ==", "=QQ=", "Q=Q=",    "QR==",	  "QR",
		"QUJ",	 "QUJ=", /* bits left over */
		"QQ ==", "QQ==\n", " QQ==",  "Q.==",	 "QUJ*", "QUJ\x80", "QU\xc3\xa9", "Q,JD",
	};
	char out[64];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		tap_case("I4: what is not base64 is refused");
		if (!ok_int(decode(bad[i], out), -EINVAL))
			tap_show("text", bad[i]);
	}
	tap_case("I4: NUL in the text is refused");
	ok_int(b64_decode("QQ\0=", 4, out), -EINVAL);
}

static void both_alphabets_with_and_without_padding(void)
{
	static const struct {
		const char *text, *bytes;
	} good[] = {
		{ "", "" },
		{ "Zg==", "f" },
		{ "Zg", "f" },
		{ "Zm8=", "fo" },
		{ "Zm8", "fo" },
		{ "Zm9v", "foo" },
		{ "Zm9vYg==", "foob" },
		{ "Zm9vYg", "foob" },
		{ "Zm9vYmE=", "fooba" },
		{ "Zm9vYmE", "fooba" },
		{ "Zm9vYmFy", "foobar" },
		{ "+//+", "\xfb\xff\xfe" },
		{ "-__-", "\xfb\xff\xfe" },
		{ "-//-", "\xfb\xff\xfe" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		char out[64];

		tap_case("I4: both alphabets, padding optional");
		ok_int(decode(good[i].text, out), (ssize_t)strlen(good[i].bytes));
		ok_str(out, good[i].bytes);
	}
}

static void encode_has_no_padding(void)
{
	static const char *const text[] = { "", "Zg", "Zm8", "Zm9v", "Zm9vYg" };

	for (size_t i = 0; i < ARRAY_SIZE(text); i++) {
		cleanup_buf struct buf b = { 0 };

		tap_case("I4: encode: base64url without padding");
		ok_int(b64_encode("foob", i, &b), 0);
		ok_str(b.p, text[i]);
	}
}

static void encode_adds(void)
{
	cleanup_buf struct buf b = { 0 };

	tap_case("I4: encode adds to what is there");
	ok_int(buf_adds(&b, "x="), 0);
	ok_int(b64_encode("\xfb\xff\xfe", 3, &b), 0);
	ok_str(b.p, "x=-__-");
	ok_int(b.len, 6);
	tap_case("I4: encode: more than memory can hold");
	ok_int(b64_encode("", SIZE_MAX, &b), -ENOMEM);
	ok_int(b.len, 6);
}

/* All lengths, all byte values; the encoded text may not even have room for a NUL. */
static void round_trip(void)
{
	unsigned char in[700];
	unsigned seed = 1, bad = 0;

	for (size_t i = 0; i < sizeof(in); i++) {
		seed = seed * 1103515245u + 12345u;
		in[i] = (unsigned char)(i < 256 ? i : seed >> 16);
	}
	for (size_t n = 0; n <= sizeof(in); n++) {
		cleanup_buf struct buf b = { 0 };
		char *text;

		if (b64_encode(in + sizeof(in) - n, n, &b) < 0)
			bail_out("out of memory");
		text = malloc(b.len ? b.len : 1);
		if (!text)
			bail_out("out of memory");
		memcpy(text, b.p, b.len);
		bad += b64_decode(text, b.len, text) != (ssize_t)n ||
		       memcmp(text, in + sizeof(in) - n, n) || b64_decoded_max(b.len) < n;
		free(text);
	}
	tap_case("I9: decode(encode(x)) = x for every length and byte");
	ok_int(bad, 0);
}

static void padded_is_the_usual_form(void)
{
	static const struct {
		const char *bytes, *want;
	} cases[] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "\xff", "/w==" },
		{ "\xfb\xff\xbf", "+/+/" },
		{ "foobar", "Zm9vYmFy" },
	};

	tap_case("padded, RFC 4648 section 4");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct buf b = { 0 };

		ok_int(buf_adds(&b, "x"), 0);
		ok_int(b64_encode_padded(cases[i].bytes, strlen(cases[i].bytes), &b), 0);
		ok_str(b.p + 1, cases[i].want);
		buf_free(&b);
	}
}

int main(void)
{
	what_is_not_base64_is_refused();
	both_alphabets_with_and_without_padding();
	encode_has_no_padding();
	encode_adds();
	round_trip();
	padded_is_the_usual_form();
	return tap_done();
}
