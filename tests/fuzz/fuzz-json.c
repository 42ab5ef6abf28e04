/* SPDX-License-Identifier: MIT */
/*
 * proves: I8
 * Ours against jansson. What ours accepts, jansson accepts, with the same values; what jansson
 * accepts, ours accepts unless it is nested too deep or has a NUL byte (jansson steps over one
 * behind a number: `[1<NUL>]`). Duplicate keys and numbers that are too great for a double, which
 * ours leaves to its caller, are refused here.
 */
#include <errno.h>
#include <jansson.h>
#include <math.h>

#include "lib/json.h"
#include "tests/fuzz/fuzz.h"

static json_t *read_value(struct json *j, struct err *e);

static json_t *read_list(struct json *j, struct err *e)
{
	json_t *list = json_array();
	int r = json_read_list(j, e);

	while (r == 0 && (r = json_read_element(j, e)) > 0) {
		json_t *v = read_value(j, e);

		r = v ? json_array_append_new(list, v) : -EINVAL;
	}
	if (r == 0)
		return list;
	json_decref(list);
	return NULL;
}

static json_t *read_object(struct json *j, struct err *e)
{
	json_t *object = json_object();
	int r = json_read_object(j, e);
	char *key;

	while (r == 0 && (r = json_read_key(j, &key, e)) > 0) {
		json_t *v = NULL;

		if (json_object_get(object, key))
			json_refuse(j, e, "duplicate key");
		else
			v = read_value(j, e);
		r = -EINVAL;
		if (v) {
			r = json_object_set_new(object, key, v);
			CHECK(r == 0); /* jansson looks at the key: it is UTF-8 */
		}
	}
	if (r == 0)
		return object;
	json_decref(object);
	return NULL;
}

static json_t *read_string(struct json *j, struct err *e)
{
	json_t *v;
	char *s;

	if (json_read_string(j, &s, e) < 0)
		return NULL;
	CHECK(s + strlen(s) < j->text + j->at);
	v = json_string(s);
	CHECK(v); /* the same for the value */
	return v;
}

static json_t *read_number(struct json *j, struct err *e)
{
	struct json again = *j;
	struct err unused = { 0 };
	const char *s;
	int64_t i;
	size_t n;
	double d;
	char *text;

	if (json_read_number(j, &s, &n, e) < 0)
		return NULL;
	CHECK(n > 0 && s + n == j->text + j->at);
	if (json_read_int(&again, &i, &unused) == 0) {
		CHECK(again.at == j->at);
		return json_integer(i);
	}
	text = strndup(s, n);
	CHECK(text);
	d = strtod(text, NULL);
	if (isinf(d) || !strpbrk(text, ".eE")) {
		free(text);
		json_refuse(j, e, "the number is out of range");
		return NULL;
	}
	free(text);
	return json_real(d);
}

static json_t *read_value(struct json *j, struct err *e)
{
	enum json_kind kind;
	bool b;

	if (json_peek(j, &kind, e) < 0)
		return NULL;
	switch (kind) {
	case JSON_KIND_NULL:
		return json_read_null(j, e) < 0 ? NULL : json_null();
	case JSON_KIND_BOOL:
		return json_read_bool(j, &b, e) < 0 ? NULL : json_boolean(b);
	case JSON_KIND_NUMBER:
		return read_number(j, e);
	case JSON_KIND_STRING:
		return read_string(j, e);
	case JSON_KIND_LIST:
		return read_list(j, e);
	case JSON_KIND_OBJECT:
		return read_object(j, e);
	}
	return NULL;
}

/* A refusal has its offset, and nothing but our own words behind it. */
static void check_sentence(const struct err *e, size_t size)
{
	size_t offset = 0;
	int end = 0;

	CHECK(e->code == EINVAL);
	CHECK(sscanf(e->msg, "offset %zu: %n", &offset, &end) == 1 && end > 0);
	CHECK(offset <= size && e->msg[end]);
	for (const char *p = e->msg; *p; p++)
		CHECK(*p >= ' ' && *p <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_copy(data, size);
	struct json j = JSON_INIT(text, size);
	struct err e = { 0 };
	json_error_t je;
	json_t *ours = read_value(&j, &e);
	json_t *theirs =
		json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &je);

	if (ours && json_read_end(&j, &e) < 0) {
		json_decref(ours);
		ours = NULL;
	}
	CHECK(j.at <= size);
	CHECK(!j.at || !memcmp(text + j.at, data + j.at, size - j.at)); /* ahead: untouched */
	if (!ours)
		check_sentence(&e, size);
	if (ours)
		CHECK(theirs && json_equal(ours, theirs) && !j.depth && !memchr(data, '\0', size));
	else if (theirs)
		CHECK(strstr(e.msg, "nested too deep") || memchr(data, '\0', size));
	json_decref(ours);
	json_decref(theirs);
	free(text);
	return 0;
}
