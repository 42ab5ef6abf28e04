/* SPDX-License-Identifier: MIT */
/*
 * The kernel command line, read as the kernel reads it: words are separated by blanks, a double
 * quote hides blanks, there are no escapes, and only a quote at the begin of a word or of a value,
 * with the one at its end, is taken away. "--" ends the parameters; what follows is for PID 1.
 *
 * As arguments, PID 1 gets every bare word that no part of the kernel knew, and then the words
 * behind "--": so arguments alone do not say what somebody wanted to run.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "init/init.h"
#include "lib/argv.h"
#include "lib/b64.h"
#include "lib/cleanup.h"

struct word {
	const char *name;
	size_t nname;
	const char *value; /* NULL = no '=' */
	size_t nvalue;
};

/* The kernel's isspace() is of Latin-1: it takes a no-break space, too. */
static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == '\xa0';
}

/* Reads the next word of *at. */
static bool next_word(const char **at, struct word *w)
{
	const char *s = *at;
	size_t n = 0, eq = 0, value;
	bool quoted, in;

	while (is_blank(*s))
		s++;
	if (!*s)
		return false;
	in = quoted = *s == '"';
	s += quoted;
	for (; s[n] && (in || !is_blank(s[n])); n++) {
		if (s[n] == '=' && !eq)
			eq = n; /* one at the begin is none */
		if (s[n] == '"')
			in = !in;
	}
	*at = s + n;
	value = eq + 1;
	if (eq && s[value] == '"') {
		value++;
		quoted = true;
	}
	if (quoted && n && s[n - 1] == '"')
		n--;
	*w = (struct word){ .name = s, .nname = eq ? eq : n };
	if (eq) {
		w->value = s + value;
		w->nvalue = n > value ? n - value : 0;
	}
	return true;
}

static bool is_end(const struct word *w)
{
	return !w->value && w->nname == 2 && !memcmp(w->name, "--", 2);
}

ssize_t cmdline_param(const char *line, const char *name, const char **value)
{
	size_t n = strlen(name) - 1;
	ssize_t found = -ENOENT;
	struct word w;

	while (next_word(&line, &w) && !is_end(&w)) {
		if (w.value && w.nname == n && !memcmp(w.name, name, n)) {
			*value = w.value;
			found = (ssize_t)w.nvalue;
		}
	}
	return found;
}

static int push(struct argv *out, const struct word *w)
{
	if (!w->value)
		return argv_pushf(out, "%.*s", (int)w->nname, w->name);
	return argv_pushf(out, "%.*s=%.*s", (int)w->nname, w->name, (int)w->nvalue, w->value);
}

int cmdline_words(const char *line, struct argv *out)
{
	bool behind = false;
	struct word w;
	int r = 0;

	while (r == 0 && next_word(&line, &w)) {
		if (behind)
			r = push(out, &w);
		else
			behind = is_end(&w);
	}
	return r;
}

/*
 * Can the kernel have made words of line? told is what it has behind "--", of which the kernel hands
 * on what is before a second "--" (it stops there once more).
 */
static bool from_kernel(const char *line, char *const *words, const struct argv *told)
{
	size_t n = argv_count(words), handed = 0;
	struct word w;

	while (handed < told->n && strcmp(told->v[handed], "--") != 0)
		handed++;
	if (n < handed)
		return n == 0;
	n -= handed;
	for (size_t i = 0; i < handed; i++) {
		if (strcmp(words[n + i], told->v[i]) != 0)
			return false;
	}
	while (n && next_word(&line, &w) && !is_end(&w)) {
		if (!w.value && strlen(*words) == w.nname && !memcmp(*words, w.name, w.nname)) {
			words++;
			n--;
		}
	}
	return n == 0;
}

/* The bytes of n characters of base64 into text, which is empty. */
static ssize_t decode(const char *s, size_t n, struct buf *text)
{
	ssize_t k;

	if (n > PAYLOAD_MAX / 3 * 4 + 4)
		return -EFBIG;
	if (buf_reserve(text, b64_decoded_max(n)) < 0)
		return -ENOMEM;
	k = b64_decode(s, n, text->p);
	text->len = k > 0 ? (size_t)k : 0;
	text->p[text->len] = '\0';
	return k;
}

static int command(char *const *words, struct buf *text, struct payload *out, struct err *e)
{
	size_t n = argv_count(words);
	char *at;

	text->len = 0;
	for (size_t i = 0; i < n; i++) {
		if (buf_add(text, words[i], strlen(words[i]) + 1) < 0)
			return err_memory(e);
	}
	out->process.args = calloc(n + 1, sizeof(*out->process.args));
	if (!out->process.args)
		return err_memory(e);
	out->process.nargs = n;
	at = text->p;
	for (size_t i = 0; i < n; i++) {
		out->process.args[i] = at;
		at += strlen(at) + 1;
	}
	return 0;
}

int cmdline_payload(const char *line, char *const *words, struct buf *text, struct payload *out,
		    struct err *e)
{
	cleanup_argv struct argv told = { 0 };
	const char *value;
	ssize_t n = cmdline_param(line, PAYLOAD_PARAM, &value);

	*out = (struct payload){ 0 };
	text->len = 0;
	if (n >= 0) {
		n = decode(value, (size_t)n, text);
		if (n == -EINVAL)
			return err_set(e, EINVAL, "execvm.payload: not base64");
		if (n < 0)
			return err_code(e, (int)-n, "execvm.payload");
		if (payload_decode(text->p, text->len, PAYLOAD_BOTH, out, e) < 0)
			return err_wrap(e, "execvm.payload");
		return 0;
	}
	if (cmdline_words(line, &told) < 0)
		return err_memory(e);
	if (from_kernel(line, words, &told)) {
		if (!told.n)
			return 0;
		words = told.v;
	}
	if (!strcmp(words[0], "--"))
		words++;
	if (!words[0])
		return 0;
	if (!*words[0])
		return err_set(e, EINVAL, "the command is empty");
	if (!words[1] && decode(words[0], strlen(words[0]), text) > 0 && text->p[0] == '{') {
		if (payload_decode(text->p, text->len, PAYLOAD_BOTH, out, e) < 0)
			return err_wrap(e, "payload");
		return 0;
	}
	return command(words, text, out, e);
}
