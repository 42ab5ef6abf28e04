/* SPDX-License-Identifier: MIT */
/* What is a name, what is a reference. */
#include "image/name.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:"
#define HEX "0123456789abcdef"

static int no_name(const char *text, const char *why, struct err *e)
{
	return err_set(e, EINVAL, "'%.80s': no name of an image: %s", text, why);
}

int name_parse(const char *text, char out[NAME_SIZE], struct err *e)
{
	size_t n = strlen(text);
	const char *slash = strrchr(text, '/');
	const char *tag = strchr(slash ? slash : text, ':');

	if (!n || n > NAME_MAX_BYTES)
		return no_name(text, n ? "longer than 200 bytes" : "empty", e);
	if (text[strspn(text, CHARS)])
		return no_name(text, "letters, digits, '.', '_', '-', '/' and ':' make one", e);
	if (strstr(text, ".."))
		return no_name(text, "it has '..' in it", e);
	for (const char *at = text; at; at = strchr(at, '/') ? strchr(at, '/') + 1 : NULL) {
		if (*at == '.' || *at == '-')
			return no_name(text, "a part begins with '.' or '-'", e);
		if (!*at || *at == '/' || *at == ':')
			return no_name(text, "a part of it is empty", e);
	}
	if (tag && (!tag[1] || tag[1] == '.' || tag[1] == '-' || strchr(tag + 1, ':')))
		return no_name(text, "the tag is none", e);
	if (tag && tag - text == 6 && !strncmp(text, DIGEST_PREFIX, 7))
		return no_name(text, "it looks like a digest", e);
	snprintf(out, NAME_SIZE, "%s%s", text, tag ? "" : ":latest");
	return 0;
}

/* Hex digits that are enough to name an image. */
static bool is_id(const char *text)
{
	size_t n = strspn(text, HEX);

	return !text[n] && n >= ID_MIN && n <= sizeof(((struct image_ref *)0)->id) - 1;
}

int ref_parse(const char *text, struct image_ref *out, struct err *e)
{
	const char *at = strchr(text, '@');
	char name[NAME_MAX_BYTES + 1];
	size_t n = at ? (size_t)(at - text) : strlen(text);

	*out = (struct image_ref){ "", "", "" };
	if (!at && !strncmp(text, DIGEST_PREFIX, strlen(DIGEST_PREFIX))) {
		text += strlen(DIGEST_PREFIX);
		if (!is_id(text))
			return err_set(e, EINVAL,
				       "'sha256:%.80s': not 12 to 64 lower-case hex digits", text);
		memcpy(out->id, text, strlen(text) + 1);
		return 0;
	}
	if (at && !digest_valid(at + 1))
		return err_set(e, EINVAL, "'%.150s': what follows '@' is no sha256 digest", text);
	if (at)
		memcpy(out->pin, at + 1, DIGEST_TEXT);
	if (n >= sizeof(name))
		return no_name(text, "longer than 200 bytes", e);
	memcpy(name, text, n);
	name[n] = '\0';
	if (!at && is_id(name))
		memcpy(out->id, name, n + 1);
	return name_parse(name, out->name, e);
}

static void translate(char *s, char from, char to)
{
	for (; *s; s++) {
		if (*s == from)
			*s = to;
	}
}

void name_to_file(char *name)
{
	translate(name, '/', '+');
}

void name_from_file(char *name)
{
	translate(name, '+', '/');
}
