/* SPDX-License-Identifier: MIT */
/*
 * The JSON reader.
 *
 * The only state is a position, a depth and one bit. The caller knows what it is in, because it
 * went there; the bit says whether the comma in front of the next element must be there or must
 * not: it is set when a list or object is opened and cleared by its first element or its end, and
 * whoever is one level up has had an element by then.
 *
 * A decoded string is never longer than its text, so it is written over it and ends at the latest
 * where the closing quote was. Nothing behind the position is ever changed: offsets stay true.
 */
#include "lib/json.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int refuse(const struct json *j, struct err *e, const char *what)
{
	return err_set(e, EINVAL, "offset %zu: %s", j->at, what);
}

/* The byte at the position; -1 at the end. */
static int byte(const struct json *j)
{
	return j->at < j->n ? (unsigned char)j->text[j->at] : -1;
}

static int skip_blanks(struct json *j)
{
	int c;

	while ((c = byte(j)) == ' ' || c == '\t' || c == '\n' || c == '\r')
		j->at++;
	return c;
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

int json_peek(struct json *j, enum json_kind *kind, struct err *e)
{
	int c = skip_blanks(j);

	j->start = j->at;
	if (c == '{')
		*kind = JSON_KIND_OBJECT;
	else if (c == '[')
		*kind = JSON_KIND_LIST;
	else if (c == '"')
		*kind = JSON_KIND_STRING;
	else if (c == '-' || is_digit(c))
		*kind = JSON_KIND_NUMBER;
	else if (c == 't' || c == 'f')
		*kind = JSON_KIND_BOOL;
	else if (c == 'n')
		*kind = JSON_KIND_NULL;
	else
		return refuse(j, e,
			      c < 0 ? "the text ends, a value is expected" : "a value is expected");
	return 0;
}

static int want(struct json *j, enum json_kind kind, struct err *e)
{
	static const char *const names[] = {
		[JSON_KIND_NULL] = "null",	 [JSON_KIND_BOOL] = "true or false",
		[JSON_KIND_NUMBER] = "a number", [JSON_KIND_STRING] = "a string",
		[JSON_KIND_LIST] = "a list",	 [JSON_KIND_OBJECT] = "an object",
	};
	enum json_kind is = kind;
	int r = json_peek(j, &is, e);

	_Static_assert(ARRAY_SIZE(names) == JSON_KIND_OBJECT + 1, "a name for each kind");
	if (r < 0)
		return r;
	return is == kind ? 0 : json_refuse(j, e, "%s is wanted", names[kind]);
}

static int word(struct json *j, const char *w, struct err *e)
{
	size_t n = strlen(w);

	if (j->n - j->at < n || memcmp(j->text + j->at, w, n))
		return refuse(j, e, "unknown word");
	j->at += n;
	return 0;
}

int json_read_null(struct json *j, struct err *e)
{
	int r = want(j, JSON_KIND_NULL, e);

	return r < 0 ? r : word(j, "null", e);
}

int json_read_bool(struct json *j, bool *v, struct err *e)
{
	int r = want(j, JSON_KIND_BOOL, e);

	if (r < 0)
		return r;
	*v = byte(j) == 't';
	return word(j, *v ? "true" : "false", e);
}

size_t json_utf8(const char *text, size_t n)
{
	const unsigned char *p = (const unsigned char *)text;
	unsigned char low = 0x80, high = 0xbf; /* of the second byte */
	size_t len;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	len = 2u + (p[0] >= 0xe0) + (p[0] >= 0xf0);
	if (p[0] == 0xe0 || p[0] == 0xf0) /* no longer than needed */
		low = p[0] == 0xe0 ? 0xa0 : 0x90;
	if (p[0] == 0xed || p[0] == 0xf4) /* no surrogate, nothing above U+10FFFF */
		high = p[0] == 0xed ? 0x9f : 0x8f;
	if (n < len || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	return len;
}

bool json_is_utf8(const char *s)
{
	size_t n = strlen(s), len = 1;

	while (n && len) {
		len = json_utf8(s, n);
		s += len;
		n -= len;
	}
	return len != 0;
}

/* Writes the character; shorter than the escape that it was. Returns its bytes. */
static size_t put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* The 16 bits of the \uXXXX at the position plus skip, or -1. */
static int32_t hex4(const struct json *j, size_t skip)
{
	const char *p = j->text + j->at + skip;
	int32_t v = 0;

	if (j->n - j->at < skip + 6 || p[0] != '\\' || p[1] != 'u')
		return -1;
	for (int i = 2; i < 6; i++) {
		char lower = (char)(p[i] | 0x20);

		if (is_digit(p[i]))
			v = v << 4 | (p[i] - '0');
		else if (lower >= 'a' && lower <= 'f')
			v = v << 4 | (lower - 'a' + 10);
		else
			return -1;
	}
	return v;
}

/* The position is at the backslash and moves behind the escape. Returns the bytes in out. */
static int unescape_u(struct json *j, char *out, struct err *e)
{
	int32_t c = hex4(j, 0), low;

	if (c < 0)
		return refuse(j, e, "\\u needs four hexadecimal digits");
	if (c == 0)
		return refuse(j, e, "NUL in a string");
	if (c < 0xd800 || c > 0xdfff) {
		j->at += 6;
		return (int)put_utf8(out, (uint32_t)c);
	}
	low = hex4(j, 6);
	if (c > 0xdbff || low < 0xdc00 || low > 0xdfff)
		return refuse(j, e, "half of a surrogate pair");
	j->at += 12;
	return (int)put_utf8(out,
			     0x10000u + ((uint32_t)(c - 0xd800) << 10) + (uint32_t)(low - 0xdc00));
}

static int unescape(struct json *j, char *out, struct err *e)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	char c = j->n - j->at > 1 ? j->text[j->at + 1] : '\0';
	const char *at;

	if (c == 'u')
		return unescape_u(j, out, e);
	at = c ? strchr(from, c) : NULL;
	if (!at)
		return refuse(j, e, "unknown escape");
	*out = to[at - from];
	j->at += 2;
	return 1;
}

int json_read_string(struct json *j, char **s, struct err *e)
{
	int c, r = want(j, JSON_KIND_STRING, e);
	char *out;

	if (r < 0)
		return r;
	out = j->text + ++j->at;
	*s = out;
	while ((c = byte(j)) != '"') {
		size_t n;

		if (c < 0)
			return refuse(j, e, "the text ends in a string");
		if (c < 0x20)
			return refuse(j, e, "control byte in a string");
		if (c == '\\') {
			r = unescape(j, out, e);
			if (r < 0)
				return r;
			out += r;
			continue;
		}
		if (c < 0x80) {
			*out++ = (char)c;
			j->at++;
			continue;
		}
		n = json_utf8(j->text + j->at, j->n - j->at);
		if (!n)
			return refuse(j, e, "not UTF-8");
		memmove(out, j->text + j->at, n);
		out += n;
		j->at += n;
	}
	*out = '\0';
	j->at++;
	return 0;
}

/* At least one digit. */
static int digits(struct json *j, struct err *e)
{
	if (!is_digit(byte(j)))
		return refuse(j, e, "a digit is expected");
	while (is_digit(byte(j)))
		j->at++;
	return 0;
}

int json_read_number(struct json *j, const char **s, size_t *n, struct err *e)
{
	int r = want(j, JSON_KIND_NUMBER, e);

	if (r < 0)
		return r;
	*s = j->text + j->at;
	j->at += byte(j) == '-';
	if (byte(j) == '0')
		j->at++;
	else
		r = digits(j, e);
	if (r == 0 && byte(j) == '.') {
		j->at++;
		r = digits(j, e);
	}
	if (r == 0 && (byte(j) == 'e' || byte(j) == 'E')) {
		j->at++;
		j->at += byte(j) == '+' || byte(j) == '-';
		r = digits(j, e);
	}
	*n = j->at - j->start;
	return r;
}

int json_read_int(struct json *j, int64_t *v, struct err *e)
{
	const char *s;
	size_t n;
	int64_t sum = 0;
	bool minus;
	int r = json_read_number(j, &s, &n, e);

	if (r < 0)
		return r;
	minus = *s == '-';
	for (size_t i = minus; i < n; i++) {
		int digit = s[i] - '0';

		if (!is_digit(s[i]))
			return json_refuse(j, e, "an integer is wanted");
		if (__builtin_mul_overflow(sum, 10, &sum) ||
		    __builtin_add_overflow(sum, minus ? -digit : digit, &sum))
			return json_refuse(j, e, "the number is out of range");
	}
	*v = sum;
	return 0;
}

static int enter(struct json *j, enum json_kind kind, struct err *e)
{
	int r = want(j, kind, e);

	if (r < 0)
		return r;
	if (j->depth == JSON_DEPTH)
		return refuse(j, e, "nested too deep");
	j->depth++;
	j->at++;
	j->fresh = true;
	return 0;
}

/* 1: an element may stand here; 0: the end was read. */
static int more(struct json *j, char end, const char *expected, struct err *e)
{
	int c = skip_blanks(j);

	if (c == end) {
		j->at++;
		j->depth--;
		j->fresh = false;
		return 0;
	}
	if (!j->fresh) {
		if (c != ',')
			return refuse(j, e, expected);
		j->at++;
	}
	j->fresh = false;
	return 1;
}

int json_read_list(struct json *j, struct err *e)
{
	return enter(j, JSON_KIND_LIST, e);
}

int json_read_element(struct json *j, struct err *e)
{
	return more(j, ']', "',' or ']' is expected", e);
}

int json_read_object(struct json *j, struct err *e)
{
	return enter(j, JSON_KIND_OBJECT, e);
}

int json_read_key(struct json *j, char **key, struct err *e)
{
	int r = more(j, '}', "',' or '}' is expected", e);

	if (r <= 0)
		return r;
	if (skip_blanks(j) != '"')
		return refuse(j, e, "a key is expected");
	r = json_read_string(j, key, e);
	if (r < 0)
		return r;
	if (skip_blanks(j) != ':')
		return refuse(j, e, "':' is expected");
	j->at++;
	return 1;
}

int json_read_end(struct json *j, struct err *e)
{
	return skip_blanks(j) < 0 ? 0 : refuse(j, e, "something stands behind the value");
}

int json_refuse(const struct json *j, struct err *e, const char *fmt, ...)
{
	char what[ERR_MSG_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return err_set(e, EINVAL, "offset %zu: %s", j->start, what);
}
