/* SPDX-License-Identifier: MIT */
/* A3: the nodes of the library: their JSON, and that a failure goes through to the end. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/execvm.h"
#include "pipeline/pipeline.h"
#include "tests/tap.h"

static const char *const words[] = { "echo", "a b", NULL };

static void json_is(struct execvm *node, const char *want)
{
	char *text = execvm_json(node);

	ok_str(text, want);
	free(text);
	execvm_free(node);
}

static void nodes_are_json(void)
{
	const char *const bytes[] = { "\xff", NULL };
	const char *const files[] = { "f", "g", NULL };

	tap_case("A3: nodes");
	json_is(execvm_command(words), "{\"type\":\"Command\",\"args\":[\"echo\",\"a b\"]}");
	json_is(execvm_command(bytes), "{\"type\":\"Command\",\"args\":[{\"base64\":\"/w==\"}]}");
	json_is(execvm_tar(files, NULL), "{\"type\":\"Tar\",\"files\":[\"f\",\"g\"]}");
	json_is(execvm_tar(files, "gzip"),
		"{\"type\":\"Tar\",\"files\":[\"f\",\"g\"],\"compression\":\"gzip\"}");
	json_is(execvm_file("out"), "{\"type\":\"File\",\"name\":\"out\"}");
	json_is(execvm_docker_build("t:1", "D"),
		"{\"type\":\"DockerBuild\",\"tag\":\"t:1\",\"file\":\"D\"}");
	json_is(execvm_cwd(execvm_env(execvm_env(execvm_command(words), "A", "1"), "B", ""), "/d"),
		"{\"type\":\"Command\",\"args\":[\"echo\",\"a b\"],\"env\":{\"A\":\"1\",\"B\":\"\"},"
		"\"cwd\":\"/d\"}");
	json_is(execvm_runner(execvm_command(words), "local"),
		"{\"type\":\"Command\",\"args\":[\"echo\",\"a b\"],\"runner\":\"local\"}");
	json_is(execvm_runner(execvm_command(words), "{\"runner\":\"docker\",\"image\":\"i\"}"),
		"{\"type\":\"Command\",\"args\":[\"echo\",\"a b\"],"
		"\"runner\":{\"runner\":\"docker\",\"image\":\"i\"}}");
}

static void pipes_nest(void)
{
	struct execvm *a = execvm_pipe(execvm_command(words), execvm_command(words));

	tap_case("A3: pipes");
	json_is(execvm_pipe(a, execvm_file("f")),
		"{\"type\":\"Command\",\"args\":[\"echo\",\"a b\"],\"output\":"
		"{\"type\":\"Command\",\"args\":[\"echo\",\"a b\"],\"output\":"
		"{\"type\":\"File\",\"name\":\"f\"}}}");
	a = execvm_pipe(execvm_file("x"),
			execvm_pipe(execvm_command(words), execvm_command(words)));
	json_is(a, "{\"type\":\"File\",\"name\":\"x\",\"output\":"
		   "{\"type\":\"Command\",\"args\":[\"echo\",\"a b\"],\"output\":"
		   "{\"type\":\"Command\",\"args\":[\"echo\",\"a b\"]}}}");
}

static void chains_hold_commands(void)
{
	struct execvm *both[] = { execvm_command(words), execvm_command(words) };
	struct execvm *bad[] = { execvm_command(words), NULL };
	struct execvm *pipe[] = { execvm_pipe(execvm_command(words), execvm_command(words)) };

	tap_case("A3: chains");
	json_is(execvm_chain(both, 2),
		"{\"type\":\"Chain\",\"commands\":[{\"type\":\"Command\",\"args\":[\"echo\",\"a b\"]},"
		"{\"type\":\"Command\",\"args\":[\"echo\",\"a b\"]}]}");
	ok(execvm_chain(bad, 2) == NULL);
	ok(execvm_chain(pipe, 1) == NULL);
}

static void failures_go_through(void)
{
	struct execvm_result *r = (struct execvm_result *)&r;

	tap_case("A3: what failed stays failed");
	ok(execvm_command(NULL) == NULL);
	ok(execvm_tar(NULL, "gzip") == NULL);
	ok(execvm_file(NULL) == NULL);
	ok(execvm_env(NULL, "A", "1") == NULL);
	ok(execvm_env(execvm_command(words), NULL, "1") == NULL);
	ok(execvm_env(execvm_command(words), "\xff", "1") == NULL);
	ok(execvm_env(execvm_command(words), "A", NULL) == NULL);
	ok(execvm_cwd(execvm_command(words), NULL) == NULL);
	ok(execvm_runner(execvm_command(words), "{not json") == NULL);
	ok(execvm_pipe(execvm_command(words), NULL) == NULL);
	ok(execvm_pipe(NULL, execvm_command(words)) == NULL);
	ok(execvm_json(NULL) == NULL);
	ok_int(execvm_run(NULL, NULL, NULL, &r), -EINVAL);
	ok(r == NULL);
	ok_int((long)execvm_result_stages(NULL), 0);
	ok_int(execvm_result_status(NULL, 0), -1);
	ok_int(execvm_result_failed(NULL, 0), 0);
	ok_int((long)execvm_result_bytes(NULL, 0), 0);
	ok(execvm_result_error(NULL, 0) == NULL);
	execvm_result_free(NULL);
	execvm_free(NULL);
}

/* Deep ones are built, written and freed without a stack of that depth. */
static void many_are_read_back(void)
{
	static struct pipeline p;
	struct execvm *node = execvm_command(words);
	struct err e = { 0 };
	char *text;

	tap_case("A3: 256 stages");
	for (int i = 1; i < 256; i++)
		node = execvm_pipe(node, execvm_command(words));
	text = execvm_json(node);
	if (!text)
		bail_out("out of memory");
	ok_int(pipeline_read(text, strlen(text), &p, &e), 0);
	ok_int((long)p.n, 256);
	pipeline_free(&p);
	free(text);
	execvm_free(node);
}

int main(void)
{
	nodes_are_json();
	pipes_nest();
	chains_hold_commands();
	failures_go_through();
	many_are_read_back();
	return tap_done();
}
