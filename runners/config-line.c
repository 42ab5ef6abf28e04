/* SPDX-License-Identifier: MIT */
/* Where a key stands in a description: jansson reads the text, but does not say from where. */
#include <ctype.h>
#include <string.h>

#include "runners/config-key.h"

struct cursor {
	const char *at, *end;
	unsigned line;
};

/* Moves over a string at c, whose contents become [*from, *to). */
static void skip_string(struct cursor *c, const char **from, const char **to)
{
	*from = ++c->at;
	while (c->at < c->end && *c->at != '"')
		c->at += *c->at == '\\' ? 2 : 1;
	if (c->at > c->end)
		c->at = c->end;
	*to = c->at;
	c->at += c->at < c->end;
}

/* The text between quotes, decoded only where there is an escape. */
static bool same_name(const char *from, const char *to, const char *name)
{
	json_t *v;
	bool same;

	if (!memchr(from, '\\', (size_t)(to - from)))
		return strlen(name) == (size_t)(to - from) && !memcmp(from, name, strlen(name));
	v = json_loadb(from - 1, (size_t)(to - from) + 2, JSON_DECODE_ANY, NULL);
	same = v && !strcmp(json_string_value(v), name);
	json_decref(v);
	return same;
}

static bool colon_follows(struct cursor c)
{
	while (c.at < c.end && isspace((unsigned char)*c.at))
		c.at++;
	return c.at < c.end && *c.at == ':';
}

/* The line of a key of the objects at this depth, or of inner in its value; 0 = there is none. */
static unsigned find(const char *text, size_t n, const char *key, const char *inner, unsigned at)
{
	struct cursor c = { text, text + n, 1 };
	unsigned depth = 0, line = 0;
	bool inside = false;

	while (c.at < c.end) {
		const char *from, *to;

		switch (*c.at) {
		case '{':
			depth++;
			break;
		case '}':
			depth--;
			break;
		case '\n':
			c.line++;
			break;
		case '"':
			skip_string(&c, &from, &to);
			if (depth == at && colon_follows(c)) {
				inside = same_name(from, to, key);
				line = inside ? c.line : line;
			}
			if (inside && !inner)
				return line;
			if (inside && depth == at + 1 && colon_follows(c) &&
			    same_name(from, to, inner))
				return c.line;
			continue;
		}
		c.at++;
	}
	return line;
}

unsigned config_top_line(const char *text, size_t n, const char *key)
{
	unsigned line = find(text, n, key, NULL, 1);

	return line ? line : 1;
}

/* A record of a run has the description one step further in. */
unsigned config_line(const char *text, size_t n, const char *key, const char *inner)
{
	unsigned at = find(text, n, "run", NULL, 1) ? 2 : 1;
	unsigned line = find(text, n, key, inner, at);

	return line ? line : 1;
}
