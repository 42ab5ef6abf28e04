/* SPDX-License-Identifier: MIT */
/* Words to entries. Attributes are taken off from behind, so that a path may hold commas. */
#include "initrd/spec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/num.h"

#define OWNER_MAX (UINT32_MAX - 1) /* the last one is -1, "leave it" */

int spec_path(const char *text, struct buf *out, struct err *e)
{
	size_t start = out->len;

	if (buf_reserve(out, strlen(text)) < 0)
		return err_code(e, ENOMEM, "'%s'", text);
	for (const char *at = text; *at;) {
		size_t n = strcspn(at, "/");

		if (n == 2 && !memcmp(at, "..", 2))
			return err_set(e, EINVAL, "'%s': '..' is refused", text);
		if (n && (n != 1 || *at != '.')) {
			if ((out->len > start && buf_addc(out, '/') < 0) || buf_add(out, at, n) < 0)
				return err_code(e, ENOMEM, "'%s'", text);
		}
		at += n;
		at += *at == '/';
	}
	out->p[out->len] = '\0';
	return out->len > start ? tree_check(out->p + start, e) : 0;
}

/* An octal mode of at most 07777. */
static int octal(const char *s, uint32_t *mode)
{
	size_t n = strlen(s);
	uint32_t v = 0;

	if (!n || n > 5 || strspn(s, "01234567") != n)
		return -EINVAL;
	for (; *s; s++)
		v = v * 8 + (uint32_t)(*s - '0');
	if (v > 07777)
		return -ERANGE;
	*mode = v;
	return 0;
}

static int attribute(const char *text, struct spec *s, const char *word, struct err *e)
{
	const char *value = strchr(text, '=') + 1;
	uint64_t v;
	int r;

	if (!strncmp(text, "mode=", 5)) {
		s->has_mode = true;
		r = octal(value, &s->mode);
	} else if (!strncmp(text, "uid=", 4) || !strncmp(text, "gid=", 4)) {
		r = num_uint(value, 0, OWNER_MAX, &v);
		if (r == 0)
			*(*text == 'u' ? &s->uid : &s->gid) = (uint32_t)v;
	} else {
		return err_set(e, EINVAL, "'%s': '%s' is not one of mode=, uid=, gid=", word, text);
	}
	return r < 0 ? err_set(e, EINVAL, "'%s': '%s' is not valid", word, text) : 0;
}

/* ",key=value" with a key of letters only: nothing else is an attribute. */
static bool is_attribute(const char *comma)
{
	size_t n = strspn(comma + 1, "abcdefghijklmnopqrstuvwxyz");

	return n && comma[1 + n] == '=';
}

/* Takes the attributes off text (which is word, copied). */
static int attributes(char *text, struct spec *s, const char *word, struct err *e)
{
	for (char *comma = strrchr(text, ','); comma && is_attribute(comma);
	     comma = strrchr(text, ',')) {
		int r = attribute(comma + 1, s, word, e);

		if (r < 0)
			return r;
		*comma = '\0';
	}
	return 0;
}

/* The owned guest path of s. */
static int set_guest(struct spec *s, const char *text, const char *word, struct err *e)
{
	cleanup_buf struct buf b = { 0 };
	int r;

	if (*text != '/')
		return err_set(e, EINVAL, "'%s': the guest path must begin with '/'", word);
	r = spec_path(text, &b, e);
	if (r < 0)
		return r;
	if (!b.len)
		return err_set(e, EINVAL, "'%s': the guest path is the root itself", word);
	s->guest = b.p;
	b = (struct buf){ 0 };
	return 0;
}

int spec_add(const char *word, struct spec *s, struct err *e)
{
	cleanup_free char *text = strdup(word);
	const char *equals;
	int r;

	*s = (struct spec){ .type = TREE_FILE };
	if (!text)
		return err_code(e, ENOMEM, "'%s'", word);
	r = attributes(text, s, word, e);
	if (r < 0)
		return r;
	equals = strstr(text, "=/");
	if (!equals || equals == text)
		return err_set(e, EINVAL, "'%s': not HOST=/GUEST[,mode=,uid=,gid=]", word);
	s->from = strndup(text, (size_t)(equals - text));
	r = s->from ? set_guest(s, equals + 1, word, e) : err_code(e, ENOMEM, "'%s'", word);
	if (r < 0)
		spec_free(s);
	return r;
}

/* "MAJOR:MINOR" */
static int device(const char *text, struct spec *s)
{
	cleanup_free char *copy = strdup(text);
	char *colon = copy ? strchr(copy, ':') : NULL;
	uint64_t major, minor;

	if (!copy)
		return -ENOMEM;
	if (!colon)
		return -EINVAL;
	*colon = '\0';
	if (num_uint(copy, 0, TREE_MAJOR_MAX, &major) < 0 ||
	    num_uint(colon + 1, 0, TREE_MINOR_MAX, &minor) < 0)
		return -EINVAL;
	s->major = (uint32_t)major;
	s->minor = (uint32_t)minor;
	return 0;
}

/* What stands behind GUEST=, without attributes. */
static int kind(const char *text, struct spec *s)
{
	static const struct {
		const char *name;
		enum tree_type type;
		uint32_t mode;
	} kinds[] = {
		{ "dir", TREE_DIR, 0755 },	    { "fifo", TREE_FIFO, 0644 },
		{ "char:", TREE_CHAR, 0600 },	    { "block:", TREE_BLOCK, 0600 },
		{ "symlink:", TREE_SYMLINK, 0777 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		size_t n = strlen(kinds[i].name);
		bool more = kinds[i].name[n - 1] == ':';

		if (strncmp(text, kinds[i].name, n) || (!more && text[n]))
			continue;
		s->type = kinds[i].type;
		if (!s->has_mode)
			s->mode = kinds[i].mode;
		if (s->type == TREE_CHAR || s->type == TREE_BLOCK)
			return device(text + n, s);
		if (s->type != TREE_SYMLINK)
			return 0;
		if (!text[n] || strlen(text + n) > TREE_TARGET_MAX || s->has_mode)
			return -EINVAL;
		s->from = strdup(text + n);
		return s->from ? 0 : -ENOMEM;
	}
	return -EINVAL;
}

int spec_make(const char *word, struct spec *s, struct err *e)
{
	cleanup_free char *text = strdup(word);
	char *equals;
	int r;

	*s = (struct spec){ 0 };
	if (!text)
		return err_code(e, ENOMEM, "'%s'", word);
	r = attributes(text, s, word, e);
	if (r < 0)
		return r;
	equals = strchr(text, '=');
	if (!equals)
		return err_set(e, EINVAL, "'%s': not /GUEST=TYPE[,mode=,uid=,gid=]", word);
	*equals = '\0';
	r = kind(equals + 1, s);
	if (r == -ENOMEM)
		r = err_code(e, ENOMEM, "'%s'", word);
	else if (r < 0)
		r = err_set(
			e, EINVAL,
			"'%s': not dir, fifo, char:MAJOR:MINOR, block:MAJOR:MINOR, symlink:TARGET",
			word);
	else
		r = set_guest(s, text, word, e);
	if (r < 0)
		spec_free(s);
	return r;
}

void spec_free(struct spec *s)
{
	free(s->guest);
	free(s->from);
	*s = (struct spec){ 0 };
}

int spec_rename(const char *word, struct spec_rename *rule, struct err *e)
{
	cleanup_free char *old = strdup(word);
	cleanup_buf struct buf from = { 0 };
	cleanup_buf struct buf to = { 0 };
	char *equals = old ? strchr(old, '=') : NULL;
	int r;

	*rule = (struct spec_rename){ 0 };
	if (!old)
		return err_code(e, ENOMEM, "'%s'", word);
	if (!equals || equals == old || !equals[1])
		return err_set(e, EINVAL, "'%s': not OLD=NEW", word);
	*equals = '\0';
	r = spec_path(old, &from, e);
	if (r == 0)
		r = spec_path(equals + 1, &to, e);
	if (r < 0)
		return r;
	*rule = (struct spec_rename){ .from = from.p, .to = to.p };
	from = to = (struct buf){ 0 };
	return 0;
}

void spec_rename_free(struct spec_rename *rule)
{
	free(rule->from);
	free(rule->to);
	*rule = (struct spec_rename){ 0 };
}

/* Behind the rule's prefix of path ("" or "/..."), or NULL when it does not match. */
static const char *match(const struct spec_rename *rule, const char *path)
{
	size_t n = strlen(rule->from);

	if (strncmp(path, rule->from, n) || (n && path[n] && path[n] != '/'))
		return NULL;
	return path + n + (path[n] == '/');
}

int spec_member(const char *text, struct spec_rename *rules, size_t n, struct buf *out,
		struct err *e)
{
	cleanup_buf struct buf path = { 0 };
	const char *rest = NULL, *to = "";
	size_t start = out->len;
	int r = spec_path(text, &path, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n && !rest; i++) {
		rest = match(&rules[i], path.p);
		if (rest) {
			to = rules[i].to;
			rules[i].used = true;
		}
	}
	if (!rest)
		rest = path.p;
	if (buf_addf(out, "%s%s%s", to, *to && *rest ? "/" : "", rest) < 0)
		return err_code(e, ENOMEM, "'%s'", text);
	return out->len > start ? tree_check(out->p + start, e) : 0;
}
