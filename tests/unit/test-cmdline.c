/* SPDX-License-Identifier: MIT */
/* proves: I2 I4 I5 */
#include <errno.h>

#include "init/init.h"
#include "lib/argv.h"
#include "lib/b64.h"
#include "tests/tap.h"

static void a_parameter_is_read_as_the_kernel_reads_it(void)
{
	static const struct {
		const char *line, *value; /* NULL = there is none */
	} t[] = {
		{ "", NULL },
		{ "a=1 x.y=2 b=3", "2" },
		{ "x.y=2\n", "2" },
		{ "x.y=", "" },
		{ "x.y", NULL },
		{ "x.y 2", NULL },
		{ "ax.y=2", NULL },
		{ "x.y2=2", NULL },
		{ "X.Y=2", NULL },
		{ "  \t x.y=2", "2" },
		{ "x.y=a=b==", "a=b==" },
		{ "x.y=1 x.y=2 x.y=3", "3" }, /* the last one wins */
		{ "x.y=1 x.y", "1" },
		/* quotes hold blanks together, at the begin of a value or of the word */
		{ "x.y=\"a b\" c", "a b" },
		{ "\"x.y=a b\" c", "a b" },
		{ "x.y=a\"b c\"d", "a\"b c\"d" },
		{ "x.y=\"a\"b", "a\"b" },
		{ "x.y=a\"", "a\"" },
		{ "x.y=\"", "" },
		{ "x.y=\"\"", "" },
		{ "x.y=\"a b", "a b" },		       /* never closed */
		{ "c=\"x.y=1 \"x.y=2\" x.y=3", NULL }, /* one word */
		{ "c=\"x.y=1 \"x.y=2 x.y=3", "3" },
		{ "c=\"x.y=1\"", NULL },
		{ "x.y=a\\\"b", "a\\\"b" }, /* no escapes */
		{ "\"x\".y=1", NULL },
		/* "--" ends the parameters */
		{ "-- x.y=1", NULL },
		{ "x.y=1 -- x.y=2", "1" },
		{ "\"--\" x.y=1", NULL },
		{ "--x.y=1 x.y=2", "2" },
		{ "--= x.y=2", "2" },
		{ "=x.y=1 x.y=2", "2" },
		{ "a\xa0x.y=2\xa0z", "2" }, /* a blank to the kernel */
		{ "a\vx.y=2\fz", "2" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		const char *value = NULL;
		ssize_t n = cmdline_param(t[i].line, "x.y=", &value);
		char got[64] = "";

		tap_case("I5: a parameter is read with the kernel's quoting rules");
		if (n >= 0)
			snprintf(got, sizeof(got), "%.*s", (int)n, value);
		if (!ok_int(n, t[i].value ? (int)strlen(t[i].value) : -ENOENT) ||
		    !ok_str(got, t[i].value ? t[i].value : ""))
			tap_show("line", t[i].line);
	}
}

static void forty_unknown_parameters(void)
{
	cleanup_buf struct buf line = { 0 };
	const char *value = NULL;

	for (int i = 0; i < 40; i++) {
		if (buf_addf(&line, "unknown%d mod%d.par=%d var%d=x ", i, i, i, i) < 0)
			bail_out("out of memory");
	}
	if (buf_adds(&line, "x.y=here") < 0)
		bail_out("out of memory");
	tap_case("I5: 40 unknown parameters of each kind do not break it");
	ok_int(cmdline_param(line.p, "x.y=", &value), 4);
	ok_str(value, "here");
}

static void words_behind_the_dashes(void)
{
	static const struct {
		const char *line;
		const char *words[5];
	} t[] = {
		{ "a b", { NULL } },
		{ "a --", { NULL } },
		{ "a -- b", { "b" } },
		{ "--  b  c\n", { "b", "c" } },
		{ "-- b -- c", { "b", "--", "c" } },
		{ "\"--\" b", { "b" } },
		{ "--x -- b", { "b" } },
		{ "-- \"a b\" c=\"d e\" \"f=g h\" i\"j k\"",
		  { "a b", "c=d e", "f=g h", "i\"j k\"" } },
		{ "-- \"\" a=", { "", "a=" } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		cleanup_argv struct argv v = { 0 };
		size_t n = argv_count((char *const *)t[i].words);
		bool same;

		tap_case("I5: the words behind -- are those that PID 1 gets");
		ok_int(cmdline_words(t[i].line, &v), 0);
		same = v.n == n;
		for (size_t k = 0; same && k < n; k++)
			same = !strcmp(v.v[k], t[i].words[k]);
		if (!ok(same)) {
			tap_show("line", t[i].line);
			for (size_t k = 0; k < v.n; k++)
				tap_show("got", v.v[k]);
		}
	}
}

/* What is told is shown as "word|word|", a root of a payload as "/ROOT". */
static int told(const char *line, const char *const *words, char *out, size_t size, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	struct payload p;
	int r = cmdline_payload(line, (char *const *)words, &text, &p, e);
	size_t n = 0;

	*out = '\0';
	if (r == 0 && p.machine.root)
		n += (size_t)snprintf(out, size, "/%s", p.machine.root);
	for (size_t i = 0; r == 0 && i < p.process.nargs; i++)
		n += (size_t)snprintf(out + n, size - n, "%s|", p.process.args[i]);
	if (r == 0 && p.process.args && p.process.args[p.process.nargs])
		r = 1;
	payload_free(&p);
	return r;
}

static void sources_and_their_precedence(void)
{
	/* {"args":["/bin/p"]} and {"root":"r","args":["q"]} */
#define P "eyJhcmdzIjpbIi9iaW4vcCJdfQ"
#define Q "eyJyb290IjoiciIsImFyZ3MiOlsicSJdfQ=="
	static const struct {
		const char *line;
		const char *words[6];
		const char *out;
	} t[] = {
		{ "", { NULL }, "" },
		{ "quiet foo bar=1", { NULL }, "" },
		{ "", { "/bin/true" }, "/bin/true|" },
		{ "", { "a", "b c", "" }, "a|b c||" },
		{ "", { "--", "a", "--", "b" }, "a|--|b|" },
		{ "", { "--" }, "" },
		{ "", { P }, "/bin/p|" },
		{ "", { Q }, "/rq|" },
		{ "", { "--", P }, "/bin/p|" },
		{ "", { P, "x" }, P "|x|" }, /* two words are a command */
		{ "", { "true" }, "true|" }, /* base64, but not of a payload */
		{ "", { "eyJ" }, "eyJ|" },   /* no base64 at all */
		{ "execvm.payload=" P, { NULL }, "/bin/p|" },
		{ "execvm.payload=" P " execvm.payload=" Q, { NULL }, "/rq|" },
		{ "execvm.payload=\"" Q "\" quiet", { NULL }, "/rq|" },
		/* the parameter wins over the words */
		{ "execvm.payload=" P " -- x", { "x" }, "/bin/p|" },
		{ "execvm.payload=" P, { "/bin/true" }, "/bin/p|" },
		/* as the kernel starts PID 1: only what stands behind "--" */
		{ "quiet foo bar", { "foo", "bar" }, "" },
		{ "quiet foo bar", { "quiet", "foo", "bar" }, "" },
		{ "quiet foo -- /bin/x y", { "foo", "/bin/x", "y" }, "/bin/x|y|" },
		{ "quiet foo -- foo y", { "foo", "foo", "y" }, "foo|y|" },
		{ "foo -- " P, { "foo", P }, "/bin/p|" },
		{ "foo -- -- " P " x", { "foo" }, P "|x|" },
		{ "foo -- /c -- a -- b", { "foo", "/c" }, "/c|--|a|--|b|" },
		{ "-- \"a b\" c=\"d e\"", { "a b", "c=d e" }, "a b|c=d e|" },
		{ "foo -- /bin/x", { NULL }, "/bin/x|" },
		/* started by somebody else: what the line says was for him */
		{ "foo -- -c start", { "/bin/x" }, "/bin/x|" },
		{ "foo bar", { "bar", "foo" }, "bar|foo|" },
		{ "foo=1", { "foo=1" }, "foo=1|" },
		{ "-- init /bin/x", { "/bin/x" }, "/bin/x|" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct err e = { 0 };
		char out[256];

		tap_case("I4: where the payload comes from");
		ok_int(told(t[i].line, t[i].words, out, sizeof(out), &e), 0);
		if (!ok_str(out, t[i].out)) {
			tap_show("line", t[i].line);
			tap_show("error", e.msg);
		}
	}
}

static void what_is_wrong_is_refused(void)
{
	static const struct {
		const char *line, *word;
		int r;
		const char *msg;
	} t[] = {
		{ "execvm.payload=", NULL, -EINVAL, "execvm.payload: offset 0: " },
		{ "execvm.payload=A", NULL, -EINVAL, "execvm.payload: not base64" },
		{ "execvm.payload=e30.", NULL, -EINVAL, "execvm.payload: not base64" },
		{ "execvm.payload=\"e30 e30\"", NULL, -EINVAL, "execvm.payload: not base64" },
		{ "execvm.payload=" P "\"", NULL, -EINVAL, "execvm.payload: not base64" },
		/* {"args":[" */
		{ "execvm.payload=eyJhcmdzIjpbIg", NULL, -EINVAL, "execvm.payload: args: offset " },
		/* {"arg":["x"]} */
		{ "execvm.payload=eyJhcmciOlsieCJdfQ", NULL, -EINVAL,
		  "execvm.payload: offset 1: unknown key 'arg'" },
		/* {"args":"x"} */
		{ "execvm.payload=eyJhcmdzIjoieCJ9", NULL, -EINVAL,
		  "execvm.payload: args: offset " },
		/* { */
		{ "", "ew", -EINVAL, "payload: offset " },
		{ "", "", -EINVAL, "the command is empty" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		const char *words[] = { t[i].word, NULL };
		struct err e = { 0 };
		char out[256];

		tap_case("I2: a payload that is none has its sentence");
		ok_int(told(t[i].line, words, out, sizeof(out), &e), t[i].r);
		if (!ok(!strncmp(e.msg, t[i].msg, strlen(t[i].msg)))) {
			tap_show("line", t[i].line);
			tap_show("got ", e.msg);
		}
	}
}

/* {"args":["x…x"]} that has max + over bytes. */
static void the_limit(size_t over, int want)
{
	cleanup_buf struct buf json = { 0 };
	cleanup_buf struct buf line = { 0 };
	cleanup_buf struct buf text = { 0 };
	char *const words[] = { NULL };
	struct payload p;
	struct err e = { 0 };

	if (buf_adds(&json, "{\"args\":[\"") < 0 || buf_reserve(&json, PAYLOAD_MAX + over) < 0)
		bail_out("out of memory");
	memset(json.p + json.len, 'x', PAYLOAD_MAX + over);
	memcpy(json.p + PAYLOAD_MAX + over - 3, "\"]}", 3);
	if (buf_adds(&line, "execvm.payload=") < 0 ||
	    b64_encode(json.p, PAYLOAD_MAX + over, &line) < 0)
		bail_out("out of memory");
	tap_case("I2: a payload at the limit and above it");
	ok_int(cmdline_payload(line.p, words, &text, &p, &e), want);
	ok_int(p.process.nargs, want == 0);
	payload_free(&p);
}

int main(void)
{
	a_parameter_is_read_as_the_kernel_reads_it();
	forty_unknown_parameters();
	words_behind_the_dashes();
	sources_and_their_precedence();
	what_is_wrong_is_refused();
	the_limit(0, 0);
	the_limit(1, -EFBIG);
	the_limit(4096, -EFBIG);
	return tap_done();
}
