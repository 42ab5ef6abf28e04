/* SPDX-License-Identifier: MIT */
/* P1, P2, P3, P10, P13, C19: JSON -> stages -> plan, its limits, and chains against their parser. */
#include "pipeline/pipeline.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include "chain/chain.h"
#include "lib/b64.h"
#include "lib/cleanup.h"
#include "tests/tap.h"

/* Large, so there is one. */
static struct pipeline p;
static struct err e;

static int read_text(const char *text, size_t n)
{
	pipeline_free(&p);
	memset(&p, 0, sizeof(p));
	e = (struct err){ 0 };
	return pipeline_read(text, n, &p, &e);
}

static int reads(const char *text)
{
	return read_text(text, strlen(text));
}

static int plans(const char *runner)
{
	const struct pipeline_run run = { .runner = runner };

	return pipeline_plan(&p, &run, &e);
}

static void refused(const char *text, const char *sentence)
{
	int r = reads(text);

	ok(r < 0 && r == -e.code);
	ok_str(e.msg, sentence);
}

static void every_type_of_node(void)
{
	tap_case("P1: every type of node, and its fields");
	ok_int(reads("{\"type\":\"Tar\",\"files\":[\"a\",\"b\"],\"compression\":\"zstd\",\"deterministic\":true,\"output\":"
		     "{\"type\":\"Command\",\"args\":[\"c\",\"\"],\"env\":{\"A\":\"1\"},\"cwd\":\"/d\",\"runner\":\"void\",\"output\":"
		     "{\"type\":\"Chain\",\"commands\":[[\"e\"],{\"args\":[\"f\"]},{\"commands\":[[\"g\"],[\"h\"]]}],\"output\":"
		     "{\"type\":\"DockerBuild\",\"tag\":\"t:1\",\"file\":\"D\",\"output\":"
		     "{\"type\":\"File\",\"name\":\"n\"}}}}}"),
	       0);
	ok_int(p.n, 5);
	ok_int(p.stage[0].type, STAGE_TAR);
	ok_int(p.stage[0].files.n, 2);
	ok_str(p.stage[0].files.v[1], "b");
	ok_int(p.stage[0].compression, TAR_ZSTD);
	ok(p.stage[0].deterministic);
	ok_int(p.stage[1].type, STAGE_COMMAND);
	ok_int(p.stage[1].args.n, 2);
	ok_str(p.stage[1].args.v[1], "");
	ok_str(json_string_value(json_object_get(p.stage[1].runner, "runner")), "void");
	ok_int(p.stage[2].type, STAGE_CHAIN);
	ok_int(p.stage[2].chain.nlinks, 3);
	ok_str(p.stage[2].chain.links[1].args.v[0], "f");
	ok_int(p.stage[2].chain.links[2].nlinks, 2);
	ok(!p.stage[2].runner);
	ok_int(p.stage[3].type, STAGE_DOCKER_BUILD);
	ok_str(p.stage[3].name, "t:1");
	ok_str(p.stage[3].file, "D");
	ok_int(p.stage[4].type, STAGE_FILE);
	ok_str(p.stage[4].name, "n");
	for (int i = STAGE_COMMAND; i <= STAGE_DOCKER_BUILD; i++)
		ok(*stage_type_name((enum stage_type)i));
}

static void known_by_a_field(void)
{
	static const struct {
		const char *text;
		enum stage_type type;
	} nodes[] = {
		{ "{\"args\":[\"a\"]}", STAGE_COMMAND },
		{ "{\"commands\":[[\"a\"]]}", STAGE_CHAIN },
		{ "{\"files\":[\"a\"]}", STAGE_TAR },
		{ "{\"name\":\"a\"}", STAGE_FILE },
		{ "{\"tag\":\"a\"}", STAGE_DOCKER_BUILD },
	};

	tap_case("P1: without a type, the field that only it has says what a node is");
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		ok_int(reads(nodes[i].text), 0);
		ok_int(p.stage[0].type, nodes[i].type);
	}
}

static void the_published_form(void)
{
	tap_case("P2: the type in front of the object");
	ok_int(reads("Command{\"args\": [\"/bin/echo\", \"hello\"], \"env\": {},\n"
		     "  \"output\": Command{\"args\": [\"/bin/wc\", \"-c\"], \"env\": {}}}"),
	       0);
	ok_int(p.n, 2);
	ok_str(p.stage[1].args.v[0], "/bin/wc");
	ok_int(reads("Tar {\"files\":[\"a\"],\"output\":\n File\t\r\n{\"name\":\"b\"}}"), 0);
	ok_int(p.n, 2);
	tap_case("P2: but not in strings");
	ok_int(reads("{\"args\":[\"Tar{\",\"\\\"Tar{\\\\\",\"x\",\"File{}\"]}"), 0);
	ok_int(p.stage[0].args.n, 4);
	ok_str(p.stage[0].args.v[0], "Tar{");
	ok_str(p.stage[0].args.v[1], "\"Tar{\\");
	ok_str(p.stage[0].args.v[3], "File{}");
	tap_case("P2: what stands there is looked at as any type");
	refused("Foo{\"args\":[\"a\"]}",
		"$.type: 'Foo': none of Command, Chain, Tar, File, DockerBuild");
	refused("Command{}", "$.args: not a list");
	ok(reads("File{\"name\":\"a\",\"type\":\"File\"}") < 0);
	ok(strstr(e.msg, "duplicate object key near '\"type\"'"));
	refused("{\"args\":[\"a\"] Foo}", "line 1, column 17: '}' expected near 'Foo'");
	ok(read_text("File\0{\"name\":\"a\"}", 17) < 0);
}

static void refusals_say_where(void)
{
	tap_case("P1: a refusal says where and what");
	refused("", "line 1, column 0: '[' or '{' expected near end of file");
	refused("[]", "$: not an object");
	refused("{}", "$: no type, and none of args, commands, files, name, tag");
	refused("{\"type\":7}", "$.type: '?': none of Command, Chain, Tar, File, DockerBuild");
	refused("{\"type\":\"command\"}",
		"$.type: 'command': none of Command, Chain, Tar, File, DockerBuild");
	refused("{\"args\":[\"a\"],\"name\":\"b\"}", "$: no type, and both args and name");
	refused("{\"args\":[\"a\"],\"colour\":1}", "$.colour: a Command has no such field");
	refused("{\"type\":\"Command\",\"args\":[\"a\"],\"files\":[]}",
		"$.files: a Command has no such field");
	refused("{\"name\":\"a\",\"output\":{\"args\":[\"b\"]}}",
		"$.output: a File has no such field");
	refused("{\"args\":[]}", "$.args: must not be empty");
	refused("{\"args\":{}}", "$.args: not a list");
	refused("{\"args\":\"a\"}", "$.args: not a list");
	refused("{\"args\":[\"a\",1]}", "$.args[1]: not a string");
	refused("{\"args\":[null]}", "$.args[0]: not a string");
	refused("{\"args\":[[\"a\"]]}", "$.args[0]: not a string");
	refused("{\"args\":[{\"base64\":1}]}", "$.args[0]: not a string");
	refused("{\"args\":[{\"base64\":\"!\"}]}", "$.args[0]: not a string");
	refused("{\"args\":[{\"base64\":\"YQBi\"}]}", "$.args[0]: not a string");
	refused("{\"args\":[{\"base64\":\"YQ\",\"x\":1}]}", "$.args[0]: not a string");
	refused("{\"args\":[\"a\"],\"runner\":1}", "$.runner: neither a name nor an object");
	refused("{\"args\":[\"a\"],\"output\":null}", "$.output: not an object");
	refused("{\"args\":[\"a\"],\"output\":[]}", "$.output: not an object");
	refused("{\"args\":[\"a\"],\"args\":[\"b\"]}",
		"line 1, column 20: duplicate object key near '\"args\"'");
	refused("{\"args\":[\"a\\u0000b\"]}",
		"line 1, column 19: \\u0000 is not allowed without JSON_ALLOW_NUL near "
		"'\"a\\u0000b\"'");
	refused("{\"commands\":[]}", "$.commands: must not be empty");
	refused("{\"commands\":1}", "$.commands: not a list");
	refused("{\"commands\":[[]]}", "$.commands[0].args: must not be empty");
	refused("{\"commands\":[[\"a\"],1]}", "$.commands[1]: neither a list of words nor a node");
	refused("{\"commands\":[{\"files\":[\"a\"]}]}",
		"$.commands[0]: a Tar cannot be in a chain");
	refused("{\"commands\":[{\"args\":[\"a\"],\"cwd\":\"/\"}]}",
		"$.commands[0].cwd: a command of a chain has no such field");
	refused("{\"commands\":[[\"a\"],{\"commands\":[[\"b\"],[\"c\",1]]}]}",
		"$.commands[1].commands[1].args[1]: not a string");
	refused("{\"files\":[]}", "$.files: must not be empty");
	refused("{\"files\":[\"a\"],\"compression\":\"lzma\"}",
		"$.compression: 'lzma' is none of none, gzip, bzip2, xz, zstd");
	refused("{\"files\":[\"a\"],\"compression\":1}", "$.compression: not a string");
	refused("{\"files\":[\"a\"],\"deterministic\":1}",
		"$.deterministic: must be true or false");
	refused("{\"type\":\"File\"}", "$.name: missing");
	refused("{\"name\":\"\"}", "$.name: must not be empty");
	refused("{\"name\":1}", "$.name: not a string");
	refused("{\"type\":\"DockerBuild\"}", "$.tag: missing");
	refused("{\"tag\":\"a\",\"file\":2}", "$.file: not a string");
	refused("{\"args\":[\"a\"],\"output\":{\"args\":[\"b\"],\"output\":{\"args\":[0]}}}",
		"$.output.output.args[0]: not a string");
	tap_case("P1: bytes that are no UTF-8 are no JSON");
	ok(reads("{\"args\":[\"a\xff\"]}") < 0);
	ok(strstr(e.msg, "unable to decode byte 0xff"));
	tap_case("P1: and arrive by base64");
	ok_int(reads("{\"args\":[{\"base64\":\"/wo=\"},{\"base64\":\"_wo\"},{\"base64\":\"\"}]}"),
	       0);
	ok_str(p.stage[0].args.v[0], "\xff\n");
	ok_str(p.stage[0].args.v[1], "\xff\n");
	ok_str(p.stage[0].args.v[2], "");
}

/* n times in, then the middle, n times out. */
static int nested(const char *in, const char *middle, const char *out, size_t n)
{
	cleanup_buf struct buf b = { 0 };
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = buf_adds(&b, in);
	if (r == 0)
		r = buf_adds(&b, middle);
	for (size_t i = 0; i < n && r == 0; i++)
		r = buf_adds(&b, out);
	if (r < 0)
		bail_out("no memory");
	return read_text(b.p, b.len);
}

#define STEP "{\"args\":[\"a\"],\"output\":"
#define LAST "{\"args\":[\"a\"]}"

static void limits(void)
{
	tap_case("P1: 256 stages, no more");
	ok_int(nested(STEP, LAST, "}", PIPELINE_STAGES - 1), 0);
	ok_int(p.n, PIPELINE_STAGES);
	ok_int(nested(STEP, LAST, "}", PIPELINE_STAGES), -E2BIG);
	ok_str(e.msg, "more than 256 stages");
	ok_int(nested(STEP, LAST, "}", 5000), -E2BIG);
	ok_str(e.msg, "more than 256 stages");
	tap_case("P1: a path of many steps leaves room for the sentence");
	ok(nested(STEP, "{\"args\":[1]}", "}", PIPELINE_STAGES - 1) < 0);
	ok_str(e.msg, "$(.output)*255.args[0]: not a string");
	ok(nested(STEP, "{\"args\":[1]}", "}", 8) < 0);
	ok_str(e.msg,
	       "$.output.output.output.output.output.output.output.output.args[0]: not a string");
	tap_case("P10: 64 chains deep, no more");
	ok_int(nested("{\"commands\":[", "[\"a\"]", "]}", PIPELINE_NESTING), 0);
	ok_int(nested("{\"commands\":[", "[\"a\"]", "]}", PIPELINE_NESTING + 1), -E2BIG);
	ok(strstr(e.msg, "64 chains deep"));
}

static int chain_of(size_t n)
{
	cleanup_buf struct buf b = { 0 };
	int r = buf_adds(&b, "{\"commands\":[{\"commands\":[[\"a\"]");

	for (size_t i = 2; i < n && r == 0; i++)
		r = buf_adds(&b, i % 2 ? ",[\"a\"]" : ",[\"a\",\"--\"]");
	if (r < 0 || buf_adds(&b, "]}]}") < 0)
		bail_out("no memory");
	return read_text(b.p, b.len);
}

static void limits_of_chains(void)
{
	tap_case("P10: 4096 commands in a chain, those of inner ones too");
	ok_int(chain_of(PIPELINE_CHAIN), 0);
	ok_int(plans("local"), 0);
	ok_int(p.stage[0].args.n, 4095 + 2047 + 4 * 4094);
	ok_int(chain_of(PIPELINE_CHAIN + 1), -E2BIG);
	ok(strstr(e.msg, "more than 4096 commands"));
}

static void plan_refused(const char *text, const char *sentence)
{
	if (!ok_int(reads(text), 0))
		tap_show("said", e.msg);
	ok(plans("local") < 0);
	ok_str(e.msg, sentence);
}

static void what_is_not_there(void)
{
	tap_case("P3: everything is looked at before anything runs");
	plan_refused("{\"files\":[\".\",\"no-such\"]}",
		     "$.files[1]: no-such: No such file or directory");
	plan_refused("{\"args\":[\"a\"],\"output\":{\"name\":\"no-such/x\"}}",
		     "$.output.name: create no-such/x: No such file or directory");
	plan_refused("{\"name\":\"-\"}", "$.name: '-' is no file");
	plan_refused("{\"tag\":\"-x\"}", "$.tag: '-x' is none");
	plan_refused("{\"args\":[\"a\"],\"env\":{\"A\":1}}",
		     "$.env: 'A': the value is not a string");
	plan_refused("{\"args\":[\"a\"],\"env\":[]}", "$.env: must be an object");
	plan_refused("{\"args\":[\"a\"],\"cwd\":\"x\"}", "$.cwd: 'x' is not an absolute path");
	plan_refused("{\"args\":[\"a\"],\"cwd\":{}}", "$.cwd: must be a string");
	plan_refused("{\"args\":[\"a\"],\"runner\":{\"colour\":1}}", "$.runner.colour: unknown");
	plan_refused("{\"args\":[\"a\"],\"runner\":{\"memory\":\"x\"}}",
		     "$.runner.memory: 'x' is no size (256M, 1G, or bytes)");
	plan_refused("{\"args\":[\"a\"],\"runner\":{\"config\":1}}",
		     "$.runner.config: not a string");
	plan_refused("{\"args\":[\"a\"],\"runner\":{\"config\":\"no-such\"}}",
		     "$.runner.config: no-such: No such file or directory");
	plan_refused("{\"args\":[\"a\"],\"runner\":\"nope\"}",
		     "$.runner: no runner 'nope' (there are vm, docker, local, ssh, slurm, wrap, "
		     "void)");
	plan_refused("{\"args\":[\"a\"],\"runner\":{\"runner\":\"local\",\"image\":\"x\"}}",
		     "$: runner local: it has no --image");
	plan_refused("{\"args\":[\"a\"],\"runner\":{\"runner\":\"void\",\"strict\":true}}",
		     "$.runner.strict: not in a pipeline");
	plan_refused("{\"args\":[\"a\"],\"runner\":{\"runner\":\"wrap\",\"wrap\":[\"no-such\"]}}",
		     "$.runner: wrap: no-such: not found: is it installed?");
	setenv("EXECVM_DOCKER", "/no/such", 1);
	plan_refused("{\"args\":[\"a\"],\"output\":{\"args\":[\"a\"],\"runner\":{\"runner\":"
		     "\"docker\",\"image\":\"i\"}}}",
		     "$.output.runner: docker: /no/such: not found: is it installed?");
	plan_refused("{\"tag\":\"t\"}", "$.runner: docker: /no/such: not found: is it installed?");
}

/* The first word of a chain says which program it is. */
static void chain_program(const char *node, const char *want)
{
	cleanup_buf struct buf b = { 0 };

	if (buf_addf(&b, "{\"commands\":[[\"a\"],[\"b\"]],\"runner\":%s}", node) < 0)
		bail_out("no memory");
	ok_int(read_text(b.p, b.len), 0);
	if (!ok_int(plans(NULL), 0))
		tap_show("said", e.msg);
	else
		ok_str(p.stage[0].args.v[0], want);
}

static void which_chain(void)
{
	char own[4096];
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);

	own[n < 0 ? 0 : n] = '\0';
	tap_case("P10: which execvm is the chain, the runner decides");
	setenv("EXECVM_DOCKER", "/bin/true", 1);
	setenv("EXECVM_SSH", "/bin/true", 1);
	chain_program("\"local\"", own);
	chain_program("{\"runner\":\"docker\",\"image\":\"i\"}", "/bin/execvm");
	chain_program("{\"runner\":\"ssh\",\"host\":\"h\"}", "execvm");
	chain_program("\"vm\"", "/bin/execvm");
}

static void shows(void)
{
	cleanup_buf struct buf b = { 0 };

	tap_case("P13: a plan as a tree");
	ok_int(reads("{\"files\":[\".\"],\"compression\":\"xz\",\"deterministic\":true,\"output\":"
		     "{\"commands\":[[\"a b\",\"--\"],{\"commands\":[[\"c\"],[\"d\"]]}],\"output\":"
		     "{\"args\":[\"e\",{\"base64\":\"/w==\"}],\"runner\":\"void\",\"output\":"
		     "{\"name\":\"shown\"}}}}"),
	       0);
	ok_int(plans("local"), 0);
	ok_int(pipeline_show(&p, &b), 0);
	ok_str(b.p, "Tar xz deterministic: .\n"
		    "└─ Chain local\n"
		    "      1. 'a b' --\n"
		    "      2. Chain\n"
		    "         1. c\n"
		    "         2. d\n"
		    "   └─ Command void: e '\xff'\n"
		    "      └─ File: shown\n");
	tap_case("P13: nothing is made by looking");
	ok(access("shown", F_OK) < 0);
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

static char own_program[4096];

/* The words are such that every kind of mistaken delimiter is likely. */
static const char *random_word(void)
{
	static const char *const words[] = { "--", "---", "----", "-", "",	"chain",
					     "a",  ">>=", "x y",  "ü", "\xff--" };
	unsigned i = below(ARRAY_SIZE(words) + 1);

	return i < ARRAY_SIZE(words) ? words[i] : own_program;
}

static json_t *text_json(const char *word)
{
	cleanup_buf struct buf b = { 0 };
	json_t *v = json_string(word);

	if (v)
		return v;
	if (b64_encode(word, strlen(word), &b) < 0)
		bail_out("no memory");
	return json_pack("{s:s}", "base64", b.p);
}

/* A list of words, a Command, or a Chain. */
static json_t *random_link(unsigned depth)
{
	json_t *list = json_array();
	unsigned n = 1 + below(5);
	bool chain = depth && (depth == 3 || below(3) == 0);

	for (unsigned i = 0; i < n; i++)
		json_array_append_new(list,
				      chain ? random_link(depth - 1) : text_json(random_word()));
	if (chain)
		return json_pack("{s:o}", "commands", list);
	return below(2) ? list : json_pack("{s:o}", "args", list);
}

static bool same_text(const json_t *v, const char *word)
{
	const json_t *base64 = json_object_get(v, "base64");
	char bytes[64];
	ssize_t n;

	if (!base64)
		return !strcmp(json_string_value(v), word);
	n = b64_decode(json_string_value(base64), json_string_length(base64), bytes);
	return n >= 0 && strlen(word) == (size_t)n && !memcmp(word, bytes, (size_t)n);
}

static bool same_link(const json_t *v, char **words);

/* What a chain of the commands from at on has to be, taken apart by the parser. */
static bool same_links(const json_t *list, size_t at, char **words)
{
	struct chain c = { 0 };
	struct err why;

	if (at + 1 == json_array_size(list))
		return same_link(json_array_get(list, at), words);
	return words[0] && words[1] && !strcmp(words[0], own_program) &&
	       !strcmp(words[1], "chain") && chain_split(words + 2, &c, &why) == 0 &&
	       same_link(json_array_get(list, at), c.first) && same_links(list, at + 1, c.second);
}

static bool same_link(const json_t *v, char **words)
{
	const json_t *list = json_object_get(v, "commands");

	if (list)
		return same_links(list, 0, words);
	list = json_is_array(v) ? v : json_object_get(v, "args");
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (!words[i] || !same_text(json_array_get(list, i), words[i]))
			return false;
	}
	return !words[json_array_size(list)];
}

static bool round_trip(void)
{
	json_t *node = random_link(3);
	cleanup_free char *text = json_dumps(node, 0);
	cleanup_free char **words = NULL;
	bool good = text && reads(text) == 0 && plans("local") == 0;

	if (good) {
		const struct argv *a = &p.stage[0].spec.args;

		words = calloc(a->n + 1, sizeof(*words));
		if (!words)
			bail_out("no memory");
		memcpy(words, a->v, a->n * sizeof(*words));
		good = a->n == p.stage[0].args.n && same_link(node, words);
	}
	if (!good)
		tap_show("case", text);
	json_decref(node);
	return good;
}

static void property(void)
{
	ssize_t n = readlink("/proc/self/exe", own_program, sizeof(own_program) - 1);
	unsigned bad = 0;

	own_program[n < 0 ? 0 : n] = '\0';
	tap_case("P10: the parser finds in a chain what the JSON said, 3,000 cases");
	for (unsigned i = 0; i < 3000; i++)
		bad += !round_trip();
	ok_int(bad, 0);
}

int main(void)
{
	every_type_of_node();
	known_by_a_field();
	the_published_form();
	refusals_say_where();
	limits();
	limits_of_chains();
	what_is_not_there();
	which_chain();
	shows();
	property();
	pipeline_free(&p);
	return tap_done();
}
