/* SPDX-License-Identifier: MIT */
/* C1, C5, C15: the delimiter grammar, and that its two directions are inverse. */
#include "chain/chain.h"

#include <errno.h>
#include <stdint.h>

#include "tests/tap.h"

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define MAX_WORDS 32

/* The words as one text, for comparing: "a|b|". */
static const char *joined(char *const *v)
{
	static char text[4][4096];
	static unsigned turn;
	char *out = text[turn++ % 4];

	out[0] = '\0';
	for (; *v; v++) {
		size_t n = strlen(out);

		snprintf(out + n, sizeof(text[0]) - n, "%s|", *v);
	}
	return out;
}

/* Splitting writes into the list of words. */
static char **copy(char **out, const char *const *words)
{
	size_t n;

	for (n = 0; words[n] && n < MAX_WORDS; n++)
		out[n] = (char *)words[n];
	out[n] = NULL;
	return out;
}

static void splits(const char *name, const char *const *list, const char *first, const char *second)
{
	char *words[MAX_WORDS + 1];
	struct chain c = { 0 };
	struct err e = { 0 };

	tap_case(name);
	if (!ok_int(chain_split(copy(words, list), &c, &e), 0))
		return;
	ok_str(joined(c.first), first);
	ok_str(joined(c.second), second);
	ok(c.first == words + 1);
}

static void refuses(const char *name, const char *const *list, const char *sentence)
{
	char *words[MAX_WORDS + 1];
	const char *before = joined(copy(words, list));
	struct chain c = { 0 };
	struct err e = { 0 };

	tap_case(name);
	ok_int(chain_split(words, &c, &e), -EINVAL);
	ok_int(e.code, EINVAL);
	ok_str(e.msg, sentence);
	ok_str(joined(words), before);
}

static void split(void)
{
	splits("C1: two commands", WORDS("--", "a", "--", "b"), "a|", "b|");
	splits("C1: with arguments", WORDS("--", "a", "1", "2", "--", "b", "3"), "a|1|2|", "b|3|");
	splits("C1: any word", WORDS(">>=", "a", "--", ">>=", "b"), "a|--|", "b|");
	splits("C1: the first occurrence splits", WORDS("--", "a", "--", "b", "--", "c", "--"),
	       "a|", "b|--|c|--|");
	splits("C1: exact match", WORDS("--", "a", "---", "-", "--x", "--", "b"), "a|---|-|--x|",
	       "b|");
	splits("C1: empty arguments", WORDS("--", "a", "", "--", "", "b"), "a||", "|b|");
	splits("C1: an empty name is a command", WORDS("--", "", "--", ""), "|", "|");
	splits("C1: the delimiter is a command's name", WORDS("a", "b", "a", "a", "b"), "b|",
	       "a|b|");

	refuses("C5: no word", WORDS(NULL), "no delimiter");
	refuses("C5: an empty delimiter", WORDS("", "a", "", "b"),
		"the delimiter is an empty word");
	refuses("C5: nothing behind it", WORDS("--"), "no second '--' between the commands");
	refuses("C5: it does not come again", WORDS("--", "a", "b"),
		"no second '--' between the commands");
	refuses("C5: CMD1 is empty", WORDS("--", "--", "b"), "no first command before '--'");
	refuses("C5: CMD2 is empty", WORDS("--", "a", "--"), "no second command after '--'");
	refuses("C5: both are", WORDS("--", "--"), "no first command before '--'");
}

static void long_delimiter(void)
{
	char word[1024];
	char *words[MAX_WORDS + 1];
	struct chain c;
	struct err e;

	memset(word, '-', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	splits("C1: a long delimiter", WORDS(word, "a", "--", word, "b"), "a|--|", "b|");
	tap_case("C5: a sentence longer than its place is cut");
	ok_int(chain_split(copy(words, WORDS(word, "a", "--", "b")), &c, &e), -EINVAL);
	ok_int(strlen(e.msg), ERR_MSG_MAX - 1);
}

static void builds(const char *name, size_t n, const char *const *const *cmds, const char *want)
{
	struct argv in[8] = { { 0 } };
	char *words[MAX_WORDS + 1];
	cleanup_argv struct argv out = { 0 };
	int r = 0;

	tap_case(name);
	for (size_t i = 0; i < n && r == 0; i++)
		r = argv_push_all(&in[i], words, argv_count(copy(words, cmds[i])));
	ok_int(r, 0);
	ok_int(chain_build("execvm", in, n, &out), 0);
	ok_str(joined(out.v), want);
	for (size_t i = 0; i < n; i++)
		argv_free(&in[i]);
}
#define BUILDS(name, want, ...)                                                                    \
	do {                                                                                       \
		const char *const *const cmds_[] = { __VA_ARGS__ };                                \
		builds(name, ARRAY_SIZE(cmds_), cmds_, want);                                      \
	} while (0)

static void build(void)
{
	BUILDS("C15: one command is itself", "a|b|", WORDS("a", "b"));
	BUILDS("C15: two", "execvm|chain|--|a|--|b|", WORDS("a"), WORDS("b"));
	BUILDS("C15: three nest to the right", "execvm|chain|--|a|--|execvm|chain|--|b|--|c|1|",
	       WORDS("a"), WORDS("b"), WORDS("c", "1"));
	BUILDS("C15: a delimiter that no command but the last has",
	       "execvm|chain|----|a|---|----|execvm|chain|----|b|--|----|c|--|----|",
	       WORDS("a", "---"), WORDS("b", "--"), WORDS("c", "--", "----"));
	BUILDS("C15: the last may have it", "execvm|chain|--|a|--|b|--|c|", WORDS("a"),
	       WORDS("b", "--", "c"));
	BUILDS("C15: a chain in the first place", "execvm|chain|---|execvm|chain|--|a|--|b|---|c|",
	       WORDS("execvm", "chain", "--", "a", "--", "b"), WORDS("c"));
}

/* xorshift64: the same cases every time. */
static uint64_t state = 0x9e3779b97f4a7c15u;

static unsigned below(unsigned n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 33) % n;
}

/* Takes out apart, which must be n commands, and compares them with in. */
static bool same(const struct argv *out, const struct argv *in, size_t n)
{
	char *words[256];
	char **at = words;

	if (out->n >= ARRAY_SIZE(words))
		return false;
	memcpy(words, out->v, (out->n + 1) * sizeof(*words));
	for (size_t i = 0; i < n; i++) {
		struct chain c = { 0 };
		struct err e;

		if (i + 1 < n) {
			if (strcmp(at[0], "program") || strcmp(at[1], "chain") ||
			    chain_split(at + 2, &c, &e) < 0)
				return false;
		} else {
			c.first = at;
		}
		if (argv_count(c.first) != in[i].n)
			return false;
		for (size_t k = 0; k < in[i].n; k++) {
			if (strcmp(c.first[k], in[i].v[k]))
				return false;
		}
		at = c.second;
	}
	return true;
}

/* One random case; the words are such that every kind of mistaken delimiter is likely. */
static bool round_trip(void)
{
	static const char *const words[] = { "--",	"---", "----", "-",	"",	"chain",
					     "program", ">>=", "a",    "-----", "\xff", "x y" };
	struct argv in[6] = { { 0 } };
	cleanup_argv struct argv out = { 0 };
	cleanup_argv struct argv nested = { 0 };
	size_t n = 1 + below(ARRAY_SIZE(in));
	int r = 0;
	bool good;

	for (size_t i = 0; i < n && r == 0; i++) {
		unsigned k = 1 + below(7);

		while (k-- && r == 0)
			r = argv_push(&in[i], words[below(ARRAY_SIZE(words))]);
	}
	/* Now and then a command is itself such a chain. */
	if (r == 0 && n > 2 && below(3) == 0) {
		size_t at = below((unsigned)n);

		r = chain_build("program", in, n, &nested);
		argv_free(&in[at]);
		in[at] = nested;
		nested = (struct argv){ 0 };
	}
	if (r == 0)
		r = chain_build("program", in, n, &out);
	good = r == 0 && same(&out, in, n);
	for (size_t i = 0; i < n; i++)
		argv_free(&in[i]);
	return good;
}

static void property(void)
{
	unsigned bad = 0;

	tap_case("C15: split is the inverse of build, 20,000 cases");
	for (unsigned i = 0; i < 20000; i++)
		bad += !round_trip();
	ok_int(bad, 0);
}

int main(void)
{
	split();
	long_delimiter();
	build();
	property();
	return tap_done();
}
