/* SPDX-License-Identifier: MIT */
/*
 * proves: X6 C21
 * The option parser with the largest table there is. The input is a command line, words divided by
 * NUL. What is refused has a sentence; what is taken stops at the first operand; the parser takes
 * the words in order, so what is behind the operands makes no difference.
 */
#include <errno.h>

#include "runners/config.h"
#include "tests/fuzz/fuzz.h"

#define MAX_WORDS 64

static int split(char *text, size_t size, char **argv)
{
	int n = 0;

	argv[n++] = (char *)"run";
	for (char *w = text; w < text + size && n < MAX_WORDS; w += strlen(w) + 1)
		argv[n++] = w;
	argv[n] = NULL;
	return n;
}

static int parse(int argc, char **argv, struct run_opts *o, struct err *e)
{
	int r = opt_parse(run_opts_table, argc, argv, o, e);

	CHECK(r == OPT_WANT_HELP || (r >= 1 && r <= argc) || (r < 0 && e->code == -r && e->msg[0]));
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run_opts o = { 0 }, again = { 0 };
	struct err e = { 0 };
	char *text = malloc(size + 1), *argv[MAX_WORDS + 1];
	int argc, r;

	CHECK(text);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	argc = split(text, size, argv);
	r = parse(argc, argv, &o, &e);
	if (r > 0) {
		/* the words were left alone, and those before the first operand decide everything */
		argv[r] = NULL;
		CHECK(parse(r, argv, &again, &e) == r);
		CHECK(o.disks.n == again.disks.n && o.env.n == again.env.n);
		CHECK(o.memory == again.memory && o.verbose == again.verbose);
		CHECK(o.no_stdin == again.no_stdin);
	}
	run_opts_free(&o);
	run_opts_free(&again);
	free(text);
	return 0;
}
