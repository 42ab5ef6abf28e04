/* SPDX-License-Identifier: MIT */
/*
 * A strict reader of JSON (RFC 8259) that is asked for one value after the other. It allocates
 * nothing: strings are decoded where they stand and are C strings afterwards. Beyond the RFC, NUL
 * in a string is refused, and so is nesting deeper than JSON_DEPTH. Duplicate keys are the
 * caller's to find: it knows which keys there can be.
 *
 * Every refusal is -EINVAL with "offset N: …"; a value is never part of the sentence. After one,
 * the text is only good for being thrown away.
 *
 * The names differ from jansson's: the host's program has both.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/macro.h"

#define JSON_DEPTH 16u /* objects and lists in one another */

enum json_kind {
	JSON_KIND_NULL,
	JSON_KIND_BOOL,
	JSON_KIND_NUMBER,
	JSON_KIND_STRING,
	JSON_KIND_LIST,
	JSON_KIND_OBJECT,
};

struct json {
	char *text;	/* borrowed, and changed; need not end with NUL */
	size_t n;	/* bytes in text */
	size_t at;	/* bytes read; what lies before belongs to the caller */
	size_t start;	/* where the last key or value begins */
	unsigned depth; /* objects and lists that are open */
	bool fresh;	/* one was opened and nothing of it is read */
};
#define JSON_INIT(text_, n_)                                                                       \
	{                                                                                          \
		.text = (text_), .n = (n_)                                                         \
	}

/* What the next value is, without reading it. */
int json_peek(struct json *j, enum json_kind *kind, struct err *e) must_check nonnull(1, 2, 3);

/* Each reads one value of its kind. A string is valid as long as the text. */
int json_read_null(struct json *j, struct err *e) must_check nonnull(1, 2);
int json_read_bool(struct json *j, bool *v, struct err *e) must_check nonnull(1, 2, 3);
int json_read_string(struct json *j, char **s, struct err *e) must_check nonnull(1, 2, 3);

/* A number without fraction and exponent that int64_t can hold. */
int json_read_int(struct json *j, int64_t *v, struct err *e) must_check nonnull(1, 2, 3);

/* Any number: its n characters, not terminated. */
int json_read_number(struct json *j, const char **s, size_t *n, struct err *e) must_check
	nonnull(1, 2, 3, 4);

/* Goes into a list. json_read_element(): 1 = a value is next, 0 = the list has ended. */
int json_read_list(struct json *j, struct err *e) must_check nonnull(1, 2);
int json_read_element(struct json *j, struct err *e) must_check nonnull(1, 2);

/* Goes into an object. json_read_key(): 1 = a key, its value is next, 0 = the object has ended. */
int json_read_object(struct json *j, struct err *e) must_check nonnull(1, 2);
int json_read_key(struct json *j, char **key, struct err *e) must_check nonnull(1, 2, 3);

/* Refuses whatever is left but blanks. */
int json_read_end(struct json *j, struct err *e) must_check nonnull(1, 2);

/* The caller's own refusal of the last key or value: "offset N: …". Returns -EINVAL. */
int json_refuse(const struct json *j, struct err *e, const char *fmt, ...) printf_like(3, 4)
	nonnull(1, 2, 3);

/* Bytes of the UTF-8 character at text, of which n > 0 bytes are there; 0 when it is not valid. */
size_t json_utf8(const char *text, size_t n) must_check nonnull(1);

/* Can the string stand in JSON as it is: is all of it valid UTF-8? */
bool json_is_utf8(const char *s) must_check nonnull(1);
