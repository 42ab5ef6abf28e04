/* SPDX-License-Identifier: MIT */
/* proves: I8 I32 */
#include "lib/json.h"

#include <errno.h>

#include "tests/tap.h"

/* Reads whatever stands there. */
static int read_any(struct json *j, struct err *e)
{
	enum json_kind kind;
	const char *s;
	char *text;
	size_t n;
	bool b;
	int r = json_peek(j, &kind, e);

	if (r < 0)
		return r;
	switch (kind) {
	case JSON_KIND_NULL:
		return json_read_null(j, e);
	case JSON_KIND_BOOL:
		return json_read_bool(j, &b, e);
	case JSON_KIND_NUMBER:
		return json_read_number(j, &s, &n, e);
	case JSON_KIND_STRING:
		return json_read_string(j, &text, e);
	case JSON_KIND_LIST:
		r = json_read_list(j, e);
		while (r == 0 && (r = json_read_element(j, e)) > 0)
			r = read_any(j, e);
		return r;
	case JSON_KIND_OBJECT:
		r = json_read_object(j, e);
		while (r == 0 && (r = json_read_key(j, &text, e)) > 0)
			r = read_any(j, e);
		return r;
	}
	return -EINVAL;
}

/* Reads a copy of the exact size. */
static int parse(const char *text, size_t n, struct err *e)
{
	char *copy = malloc(n ? n : 1);
	struct json j = JSON_INIT(copy, n);
	int r;

	if (!copy)
		bail_out("out of memory");
	memcpy(copy, text, n);
	r = read_any(&j, e);
	if (r == 0)
		r = json_read_end(&j, e);
	free(copy);
	return r;
}

static void the_grammar_is_strict(void)
{
	static const struct {
		const char *text, *sentence;
	} bad[] = {
		{ "", "offset 0: the text ends, a value is expected" },
		{ "  ", "offset 2: the text ends, a value is expected" },
		{ "{\"a\":}", "offset 5: a value is expected" },
		{ "{\"a\"", "offset 4: ':' is expected" },
		{ "{\"a\",\"b\"}", "offset 4: ':' is expected" },
		{ "{\"a\":1,}", "offset 7: a key is expected" },
		{ "{,}", "offset 1: a key is expected" },
		{ "{1:2}", "offset 1: a key is expected" },
		{ "{\"a\":1 \"b\":2}", "offset 7: ',' or '}' is expected" },
		{ "{\"a\":1", "offset 6: ',' or '}' is expected" },
		{ "{\"a\":1]", "offset 6: ',' or '}' is expected" },
		{ "[1,]", "offset 3: a value is expected" },
		{ "[,1]", "offset 1: a value is expected" },
		{ "[1,,2]", "offset 3: a value is expected" },
		{ "[1 2]", "offset 3: ',' or ']' is expected" },
		{ "[1", "offset 2: ',' or ']' is expected" },
		{ "[1}", "offset 2: ',' or ']' is expected" },
		{ "[}", "offset 1: a value is expected" },
		{ "[", "offset 1: the text ends, a value is expected" },
		{ "]", "offset 0: a value is expected" },
		{ "{} {}", "offset 3: something stands behind the value" },
		{ "1 x", "offset 2: something stands behind the value" },
		{ "nul", "offset 0: unknown word" },
		{ "nulL", "offset 0: unknown word" },
		{ "nullx", "offset 4: something stands behind the value" },
		{ "tru", "offset 0: unknown word" },
		{ "falsy", "offset 0: unknown word" },
		{ "True", "offset 0: a value is expected" },
		{ "01", "offset 1: something stands behind the value" },
		{ "-", "offset 1: a digit is expected" },
		{ "+1", "offset 0: a value is expected" },
		{ ".5", "offset 0: a value is expected" },
		{ "1.", "offset 2: a digit is expected" },
		{ "1.e1", "offset 2: a digit is expected" },
		{ "1e", "offset 2: a digit is expected" },
		{ "1e+", "offset 3: a digit is expected" },
		{ "0x10", "offset 1: something stands behind the value" },
		{ "NaN", "offset 0: a value is expected" },
		{ "'a'", "offset 0: a value is expected" },
		{ "[1]/**/", "offset 3: something stands behind the value" },
		{ "\xef\xbb\xbf{}", "offset 0: a value is expected" },
		{ "\xc2\xa0"
		  "1",
		  "offset 0: a value is expected" },
		{ "\v1", "offset 0: a value is expected" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err e = { 0 };

		tap_case("I8: the grammar is strict");
		ok_int(parse(bad[i].text, strlen(bad[i].text), &e), -EINVAL);
		if (!ok_str(e.msg, bad[i].sentence))
			tap_show("text", bad[i].text);
	}
}

static void strings_are_strict(void)
{
	static const struct {
		const char *text, *sentence;
	} bad[] = {
		{ "\"", "offset 1: the text ends in a string" },
		{ "\"a", "offset 2: the text ends in a string" },
		{ "\"a\\", "offset 2: unknown escape" },
		{ "\"\\x\"", "offset 1: unknown escape" },
		{ "\"\\'\"", "offset 1: unknown escape" },
		{ "\"\\u\"", "offset 1: \\u needs four hexadecimal digits" },
		{ "\"\\u12", "offset 1: \\u needs four hexadecimal digits" },
		{ "\"\\u12g4\"", "offset 1: \\u needs four hexadecimal digits" },
		{ "\"\\U0041\"", "offset 1: unknown escape" },
		{ "\"a\\u0000\"", "offset 2: NUL in a string" },
		{ "{\"\\u0000\":1}", "offset 2: NUL in a string" },
		{ "\"\\ud800\"", "offset 1: half of a surrogate pair" },
		{ "\"\\udbff", "offset 1: half of a surrogate pair" },
		{ "\"\\ud800x\"", "offset 1: half of a surrogate pair" },
		{ "\"\\ud800\\n\"", "offset 1: half of a surrogate pair" },
		{ "\"\\ud800\\u0041\"", "offset 1: half of a surrogate pair" },
		{ "\"\\ud800\\ud800\"", "offset 1: half of a surrogate pair" },
		{ "\"\\ud800\\udc0\"", "offset 1: half of a surrogate pair" },
		{ "\"\\udc00\"", "offset 1: half of a surrogate pair" },
		{ "\"\\udfff\\ud800\"", "offset 1: half of a surrogate pair" },
		{ "\"a\x01\"", "offset 2: control byte in a string" },
		{ "\"\x1f\"", "offset 1: control byte in a string" },
		{ "\"\n\"", "offset 1: control byte in a string" },
		{ "\"\x80\"", "offset 1: not UTF-8" },
		{ "\"\xc0\xaf\"", "offset 1: not UTF-8" },
		{ "\"\xc1\xbf\"", "offset 1: not UTF-8" },
		{ "\"\xe0\x9f\xbf\"", "offset 1: not UTF-8" },
		{ "\"\xf0\x8f\xbf\xbf\"", "offset 1: not UTF-8" },
		{ "\"\xed\xa0\x80\"", "offset 1: not UTF-8" },
		{ "\"\xed\xbf\xbf\"", "offset 1: not UTF-8" },
		{ "\"\xf4\x90\x80\x80\"", "offset 1: not UTF-8" },
		{ "\"\xf5\x80\x80\x80\"", "offset 1: not UTF-8" },
		{ "\"\xff\"", "offset 1: not UTF-8" },
		{ "\"\xc3\"", "offset 1: not UTF-8" },
		{ "\"a\xe2\x82\"", "offset 2: not UTF-8" },
		{ "\"\xf0\x9f\x98", "offset 1: not UTF-8" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err e = { 0 };

		tap_case("I8: strings are strict");
		ok_int(parse(bad[i].text, strlen(bad[i].text), &e), -EINVAL);
		if (!ok_str(e.msg, bad[i].sentence))
			tap_show("text", bad[i].text);
	}
	tap_case("I8: a NUL byte is refused wherever it stands");
	for (size_t i = 0; i < 8; i++) {
		char text[] = "[1,\"a\"]\0"; /* one byte more than there is */
		struct err e = { 0 };

		text[i] = '\0';
		ok_int(parse(text, 8, &e), -EINVAL);
	}
}

static void strings_are_decoded_in_place(void)
{
	static const struct {
		const char *text, *want;
	} good[] = {
		{ "\"\"", "" },
		{ " \"a b\" ", "a b" },
		{ "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t" },
		{ "\"\\u0001\\u007f\\u0080\"", "\x01\x7f\xc2\x80" },
		{ "\"\\u07ff\\u0800\\uD7FF\\ue000\\uffff\"",
		  "\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf" },
		{ "\"\\ud800\\udc00\\uDBFF\\uDFFF\"", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf" },
		{ "\"\x7f\xc2\x80\xe0\xa0\x80\xed\x9f\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"",
		  "\x7f\xc2\x80\xe0\xa0\x80\xed\x9f\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		size_t n = strlen(good[i].text);
		char *copy = malloc(n), *s = NULL;
		struct json j = JSON_INIT(copy, n);
		struct err e = { 0 };

		if (!copy)
			bail_out("out of memory");
		memcpy(copy, good[i].text, n);
		tap_case("I8: strings are decoded where they stand");
		ok_int(json_read_string(&j, &s, &e), 0);
		ok_str(s, good[i].want);
		ok(s > copy && s + strlen(s) < copy + j.at);
		ok_int(json_read_end(&j, &e), 0);
		free(copy);
	}
}

static void integers(void)
{
	static const struct {
		const char *text;
		int64_t want;
	} good[] = {
		{ "0", 0 },
		{ "-0", 0 },
		{ "7", 7 },
		{ "-1", -1 },
		{ "1024", 1024 },
		{ "9223372036854775807", INT64_MAX },
		{ "-9223372036854775808", INT64_MIN },
	};
	static const struct {
		const char *text, *sentence;
	} bad[] = {
		{ "9223372036854775808", "offset 0: the number is out of range" },
		{ "-9223372036854775809", "offset 0: the number is out of range" },
		{ "99999999999999999999999", "offset 0: the number is out of range" },
		{ "1.0", "offset 0: an integer is wanted" },
		{ "1e2", "offset 0: an integer is wanted" },
		{ "\"1\"", "offset 0: a number is wanted" },
		{ "null", "offset 0: a number is wanted" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		char copy[32];
		struct json j = JSON_INIT(copy, strlen(good[i].text));
		struct err e = { 0 };
		int64_t v = 42;

		snprintf(copy, sizeof(copy), "%s", good[i].text);
		tap_case("I8: integers up to 64 bits");
		ok_int(json_read_int(&j, &v, &e), 0);
		ok_int(v, good[i].want);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char copy[32];
		struct json j = JSON_INIT(copy, strlen(bad[i].text));
		struct err e = { 0 };
		int64_t v = 42;

		snprintf(copy, sizeof(copy), "%s", bad[i].text);
		tap_case("I8: what is no integer or does not fit is refused");
		ok_int(json_read_int(&j, &v, &e), -EINVAL);
		ok_str(e.msg, bad[i].sentence);
		ok_int(v, 42);
	}
}

static void another_kind_is_refused(void)
{
	struct err e = { 0 };
	char text[] = "true", *s;
	struct json j = JSON_INIT(text, 4);
	bool b = false;

	tap_case("I8: a value of another kind is refused");
	ok_int(json_read_null(&j, &e), -EINVAL);
	ok_str(e.msg, "offset 0: null is wanted");
	ok_int(json_read_string(&j, &s, &e), -EINVAL);
	ok_str(e.msg, "offset 0: a string is wanted");
	ok_int(json_read_list(&j, &e), -EINVAL);
	ok_str(e.msg, "offset 0: a list is wanted");
	ok_int(json_read_object(&j, &e), -EINVAL);
	ok_str(e.msg, "offset 0: an object is wanted");
	ok_int(json_read_bool(&j, &b, &e), 0);
	ok(b);
}

static void depth(void)
{
	static const char flat[] = "[[],[],{},{\"a\":[]},[],[],[],[],[],[],[],[],[],[],[[[[]]]]]";
	char text[2 * JSON_DEPTH + 2];
	struct err e = { 0 };

	memset(text, '[', JSON_DEPTH + 1);
	memset(text + JSON_DEPTH + 1, ']', JSON_DEPTH + 1);
	tap_case("I8: nested as deep as allowed");
	ok_int(parse(text + 1, sizeof(text) - 2, &e), 0);
	tap_case("I8: nested one too deep");
	ok_int(parse(text, sizeof(text), &e), -EINVAL);
	ok_str(e.msg, "offset 16: nested too deep");
	tap_case("I8: side by side is not deep");
	ok_int(parse(flat, sizeof(flat) - 1, &e), 0);
}

static void whole_documents(void)
{
	static const char *const good[] = {
		"{}",
		"[]",
		"[[]]",
		"[{}]",
		"{\"\":{}}",
		" [ ] ",
		"\t{ \"a\" :\r\n 1 , \"b\" : [ ] }\n",
		"[0,-0,1.5,-1.5e3,1E+2,1e-2,10,123456789012345678901234567890]",
		"[null,true,false,\"\",{\"a\":null}]",
		"{\"a\":1,\"a\":2}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct err e = { 0 };

		tap_case("I8: whole documents");
		if (!ok_int(parse(good[i], strlen(good[i]), &e), 0))
			tap_show(good[i], e.msg);
	}
}

/* Every text that is cut anywhere is refused, and nothing behind the cut is looked at. */
static void cut(void)
{
	static const char text[] =
		"{\"a\":[\"\\ud83d\\ude00\xf0\x9f\x98\x80\",true,null,-1.5e3],\"b\":{}}";
	unsigned accepted = 0;

	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		struct err e = { 0 };

		accepted += parse(text, n, &e) != -EINVAL;
	}
	tap_case("I8: what is cut is refused, wherever");
	ok_int(accepted, 0);
}

static void own_refusals_have_the_offset(void)
{
	char text[] = "{\"key\": \"value\"}", *s;
	struct json j = JSON_INIT(text, sizeof(text) - 1);
	struct err e = { 0 };

	tap_case("I8: the caller's refusal has the offset of the last key or value");
	ok_int(json_read_object(&j, &e), 0);
	ok_int(json_read_key(&j, &s, &e), 1);
	ok_str(s, "key");
	ok_int(json_refuse(&j, &e, "unknown key '%s'", s), -EINVAL);
	ok_str(e.msg, "offset 1: unknown key 'key'");
	ok_int(json_read_string(&j, &s, &e), 0);
	ok_int(json_refuse(&j, &e, "bad"), -EINVAL);
	ok_str(e.msg, "offset 8: bad");
	ok_int(e.code, EINVAL);
	ok_int(json_read_key(&j, &s, &e), 0);
	ok_int(json_read_end(&j, &e), 0);
}

static void values_are_not_in_sentences(void)
{
	static const char *const secret[] = {
		"\"hunter2",	       "\"hunter2\\x\"",  "[\"hunter2\" 1]",
		"{\"a\":\"hunter2\"]", "\"hunter2\xff\"", "[\"hunter2\",]",
	};

	for (size_t i = 0; i < ARRAY_SIZE(secret); i++) {
		struct err e = { 0 };

		tap_case("I32: a value is never part of a sentence");
		ok_int(parse(secret[i], strlen(secret[i]), &e), -EINVAL);
		ok(!strstr(e.msg, "hunt"));
	}
}

int main(void)
{
	the_grammar_is_strict();
	strings_are_strict();
	strings_are_decoded_in_place();
	integers();
	another_kind_is_refused();
	depth();
	whole_documents();
	cut();
	own_refusals_have_the_offset();
	values_are_not_in_sentences();
	return tap_done();
}
