/* SPDX-License-Identifier: MIT */
/* proves: X6 C21 */
#include "lib/opt.h"

#include <errno.h>

#include "lib/argv.h"
#include "tests/tap.h"

struct dest {
	bool dry_run, force;
	unsigned verbose;
	const char *memory;
	struct argv env, layers;
};

static const struct opt table[] = {
	{ 'm', "memory", OPT_STRING, offsetof(struct dest, memory), "SIZE", "guest memory" },
	{ 'n', "dry-run", OPT_FLAG, offsetof(struct dest, dry_run), NULL, "print the plan only" },
	{ 0, "force", OPT_FLAG, offsetof(struct dest, force), NULL, "whatever happens" },
	{ 'v', "verbose", OPT_COUNT, offsetof(struct dest, verbose), NULL, "say more" },
	{ 'e', "env", OPT_LIST, offsetof(struct dest, env), "K=V", "one variable" },
	{ 0, "tar", OPT_ORDER, offsetof(struct dest, layers), "FILE", "an archive" },
	{ 'd', "dir", OPT_ORDER, offsetof(struct dest, layers), "DIR", "a directory" },
	OPT_HELP_LINE,
	OPT_END,
};

#define MAX_WORDS 16

/* words ends with NULL; the tool's name goes in front. */
static int parse(const char *const *words, struct dest *d, struct err *e)
{
	cleanup_argv struct argv a = { 0 };
	int r;

	*d = (struct dest){ 0 };
	if (argv_push(&a, "tool") < 0)
		bail_out("out of memory");
	for (; *words; words++) {
		if (argv_push(&a, *words) < 0)
			bail_out("out of memory");
	}
	r = opt_parse(table, (int)a.n, a.v, d, e);
	if (d->memory) /* it was borrowed from a */
		d->memory = !strcmp(d->memory, "1G") ? "1G" : "(other)";
	return r;
}

static void forget(struct dest *d)
{
	argv_free(&d->env);
	argv_free(&d->layers);
}

static void misuse_is_refused(void)
{
	static const struct {
		const char *words[MAX_WORDS], *sentence;
	} bad[] = {
		{ { "-x", NULL }, "unknown option '-x'" },
		{ { "-nx", "a", NULL }, "unknown option '-x'" },
		{ { "--nope", NULL }, "unknown option '--nope'" },
		{ { "--nope=1", "a", NULL }, "unknown option '--nope=1'" },
		{ { "-m", NULL }, "option --memory needs a value" },
		{ { "-nm", NULL }, "option --memory needs a value" },
		{ { "--memory", NULL }, "option --memory needs a value" },
		{ { "--tar", NULL }, "option --tar needs a value" },
		{ { "--force=yes", NULL }, "option --force takes no value" },
		{ { "--dry-run=yes", NULL }, "option --dry-run takes no value" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err e = { 0 };
		struct dest d;

		tap_case("X6: opt: misuse is refused, and the word is named");
		ok_int(parse(bad[i].words, &d, &e), -EINVAL);
		ok_str(e.msg, bad[i].sentence);
		forget(&d);
	}
}

static void parsing_stops_at_the_first_operand(void)
{
	static const struct {
		const char *words[MAX_WORDS];
		int operand;
		bool dry_run;
	} all[] = {
		{ { NULL }, 1, false },
		{ { "a", "-n", NULL }, 1, false },
		{ { "-n", "a", "-x", "--nope", NULL }, 2, true },
		{ { "-n", "--", "-x", NULL }, 3, true },
		{ { "--", "-n", NULL }, 2, false },
		{ { "a", "--", "-n", NULL }, 1, false },
		{ { "-", "-n", NULL }, 1, false },
		{ { "", "-n", NULL }, 1, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct err e = { 0 };
		struct dest d;

		tap_case("X6: opt: nothing is permuted, operands are not looked at");
		ok_int(parse(all[i].words, &d, &e), all[i].operand);
		ok_int(d.dry_run, all[i].dry_run);
		forget(&d);
	}
}

static void kinds(void)
{
	static const char *const words[] = { "-vvn",	"--verbose", "-m1G",  "-e",
					     "A=1",	"--env=B=2", "--tar", "x",
					     "--dir=y", "-dz",	     "cmd",   NULL };
	struct err e = { 0 };
	struct dest d;

	tap_case("X6: opt: each kind arrives where the table says");
	ok_int(parse(words, &d, &e), 11);
	ok(d.dry_run && !d.force);
	ok_int(d.verbose, 3);
	ok_str(d.memory, "1G");
	ok_int(d.env.n, 2);
	ok_str(d.env.v[0], "A=1");
	ok_str(d.env.v[1], "B=2");
	tap_case("X6: opt: options that build on one another keep their order");
	ok_int(d.layers.n, 3);
	ok_str(d.layers.v[0], "tar=x");
	ok_str(d.layers.v[1], "dir=y");
	ok_str(d.layers.v[2], "dir=z");
	forget(&d);
}

static void help(void)
{
	static const char *const brief[] = { "-nh", "--nope", NULL }, *const words[] = { "--help",
											 NULL };
	static const char *const behind[] = { "a", "--help", NULL };
	cleanup_buf struct buf b = { 0 };
	struct err e = { 0 };
	struct dest d;

	tap_case("C21: opt: help ends parsing, but not behind an operand");
	ok_int(parse(words, &d, &e), OPT_WANT_HELP);
	ok_int(parse(brief, &d, &e), OPT_WANT_HELP);
	ok_int(parse(behind, &d, &e), 1);
	tap_case("C21: opt: a line per option");
	ok_int(opt_help(table, &b), 0);
	ok(strstr(b.p, "  -m, --memory SIZE"));
	ok(strstr(b.p, " guest memory\n"));
	ok(strstr(b.p, "    --force "));
	ok(strstr(b.p, "  -h, --help"));
}

/* getopt keeps its place inside a bundle: the next parse must not see it. */
static void again_from_the_start(void)
{
	static const char *const bad[] = { "-nxv", NULL }, *const good[] = { "-v", "a", NULL };
	struct err e = { 0 };
	struct dest d;

	tap_case("X6: opt: a parse that was given up leaves nothing behind");
	ok_int(parse(bad, &d, &e), -EINVAL);
	ok_int(parse(good, &d, &e), 2);
	ok_int(d.verbose, 1);
	ok(!d.dry_run);
}

int main(void)
{
	misuse_is_refused();
	parsing_stops_at_the_first_operand();
	kinds();
	help();
	again_from_the_start();
	return tap_done();
}
