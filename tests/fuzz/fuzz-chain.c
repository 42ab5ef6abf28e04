/* SPDX-License-Identifier: MIT */
/*
 * C5, C15. The input is a list of words, each ended by NUL. As a chain: refused with a sentence and
 * nothing changed, or cut into two commands that together are all the words. As commands, each ended
 * by an empty word: built into a chain and taken apart again they are the same.
 */
#include <errno.h>

#include "chain/chain.h"
#include "tests/fuzz/fuzz.h"

#define MAX_WORDS 512

static size_t words_of(char *text, size_t size, char **v)
{
	size_t n = 0;

	for (char *p = text; p < text + size && n < MAX_WORDS; p += strlen(p) + 1)
		v[n++] = p;
	v[n] = NULL;
	return n;
}

static void as_chain(char **v, size_t n)
{
	char *w[MAX_WORDS + 1];
	struct err e = { 0 };
	struct chain c = { 0 };
	size_t k;

	memcpy(w, v, (n + 1) * sizeof(*v));
	if (chain_split(w, &c, &e) < 0) {
		CHECK(e.code == EINVAL && e.msg[0]);
		CHECK(!memcmp(w, v, (n + 1) * sizeof(*v)));
		return;
	}
	CHECK(n >= 4 && *v[0]);
	k = argv_count(c.first);
	CHECK(c.first == w + 1 && c.second == w + k + 2);
	CHECK(k > 0 && argv_count(c.second) == n - k - 2 && n - k - 2 > 0);
	CHECK(!strcmp(v[k + 1], v[0]));
	for (size_t i = 1; i <= k; i++)
		CHECK(w[i] == v[i] && strcmp(v[i], v[0]));
	for (size_t i = k + 2; i < n; i++)
		CHECK(w[i] == v[i]);
}

static void compare(char **have, const struct argv *want)
{
	CHECK(argv_count(have) == want->n);
	for (size_t i = 0; i < want->n; i++)
		CHECK(!strcmp(have[i], want->v[i]));
}

static void as_commands(char **v)
{
	static struct argv cmds[MAX_WORDS];
	static char *copy[8 * MAX_WORDS + 1];
	cleanup_argv struct argv out = { 0 };
	size_t n = 0;
	char **at;

	for (; *v; v++) {
		if (**v)
			CHECK(argv_push(&cmds[n], *v) == 0);
		else if (cmds[n].n)
			n++;
	}
	n += cmds[n].n > 0;
	if (!n)
		return;
	CHECK(chain_build("program", cmds, n, &out) == 0);
	CHECK(out.n < ARRAY_SIZE(copy));
	memcpy(copy, out.v, (out.n + 1) * sizeof(*copy)); /* splitting takes the delimiters out */
	at = copy;
	for (size_t i = 0; i + 1 < n; i++) {
		struct err e = { 0 };
		struct chain c;

		CHECK(!strcmp(at[0], "program") && !strcmp(at[1], "chain"));
		CHECK(chain_split(at + 2, &c, &e) == 0);
		compare(c.first, &cmds[i]);
		at = c.second;
	}
	compare(at, &cmds[n - 1]);
	for (size_t i = 0; i < n; i++)
		argv_free(&cmds[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *v[MAX_WORDS + 1];
	char *text = malloc(size + 1);
	size_t n;

	CHECK(text);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	n = words_of(text, size, v);
	as_chain(v, n);
	as_commands(v);
	free(text);
	return 0;
}
