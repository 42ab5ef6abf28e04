/* SPDX-License-Identifier: MIT */
/*
 * proves: I2 I4 I5
 * The line against a second reading of it, which cuts a copy as the kernel does; then what it
 * tells: a refusal has a sentence and leaves nothing, words have their bounds.
 */
#include <errno.h>

#include "init/init.h"
#include "lib/argv.h"
#include "tests/fuzz/fuzz.h"

static bool blank(unsigned char c)
{
	return c && (strchr(" \t\n\v\f\r", c) || c == 0xa0);
}

/* Cuts the next word off; *value is NULL without '='. */
static char *cut(char **at, char **value)
{
	char *name, *end;
	bool in = false, first;

	while (blank((unsigned char)**at))
		++*at;
	if (!**at)
		return NULL;
	first = **at == '"';
	if (first) {
		in = true;
		++*at;
	}
	name = *at;
	*value = NULL;
	for (end = name; *end && (in || !blank((unsigned char)*end)); end++) {
		if (*end == '"')
			in = !in;
		else if (*end == '=' && !*value && end > name)
			*value = end;
	}
	*at = *end ? end + 1 : end;
	*end = '\0';
	if (*value) {
		*(*value)++ = '\0';
		if (**value == '"') {
			++*value;
			first = true;
		}
	}
	if (first && end > name && end[-1] == '"')
		end[-1] = '\0';
	return name;
}

static void against_the_kernel(const char *line, const struct argv *told)
{
	char *copy = strdup(line), *at = copy, *name, *value, *last = NULL;
	const char *got = NULL;
	ssize_t n = cmdline_param(line, "x=", &got);
	size_t words = 0;
	bool behind = false;

	CHECK(copy);
	while ((name = cut(&at, &value))) {
		if (behind) {
			size_t k = strlen(name);

			CHECK(words < told->n);
			CHECK(!strncmp(told->v[words], name, k));
			CHECK(!value || told->v[words][k] == '=');
			CHECK(!strcmp(told->v[words] + k + !!value, value ? value : ""));
			words++;
		} else if (!value && !strcmp(name, "--")) {
			behind = true;
		} else if (value && !strcmp(name, "x")) {
			last = value;
		}
	}
	CHECK(words == told->n);
	CHECK(n == (last ? (ssize_t)strlen(last) : -ENOENT));
	CHECK(!last || !memcmp(got, last, strlen(last)));
	free(copy);
}

static void what_it_tells(const char *line, char *const *words)
{
	struct buf text = { 0 };
	struct payload p;
	struct err e = { 0 };
	int r = cmdline_payload(line, words, &text, &p, &e);

	if (r < 0) {
		CHECK(e.code == -r && *e.msg);
		CHECK(!p.process.args && !p.process.env && !p.machine.root);
	}
	for (size_t i = 0; i < p.process.nargs; i++) {
		const char *s = p.process.args[i];

		CHECK(s >= text.p && s + strlen(s) < text.p + text.cap);
	}
	CHECK(!p.process.args || (p.process.nargs && !p.process.args[p.process.nargs]));
	payload_free(&p);
	buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size + 1), *line;
	struct argv told = { 0 };
	char *one[] = { NULL, NULL };

	CHECK(copy);
	if (size)
		memcpy(copy, data, size);
	copy[size] = '\0';
	line = strdup(copy); /* ends where the text ends */
	CHECK(line);
	CHECK(cmdline_words(line, &told) == 0);
	against_the_kernel(line, &told);
	what_it_tells(line, one);
	if (told.n)
		what_it_tells(line, told.v);
	one[0] = line;
	what_it_tells("", one);
	argv_free(&told);
	free(line);
	free(copy);
	return 0;
}
