/* SPDX-License-Identifier: MIT */
/* Stages -> a plan of which everything has been looked at: runners, chains, files. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chain/chain.h"
#include "lib/cleanup.h"
#include "pipeline/pipeline.h"
#include "runners/config.h"

/* "$.output.output.runner"; the plan is made once, so it may cost a little. */
static int path_of(size_t at, const char *field, struct err *path)
{
	*path = (struct err){ 0 };
	err_set(path, EINVAL, "%s", field ? field : ".");
	if (pipeline_at(at, path) == -ENOMEM)
		return -ENOMEM;
	if (!field)
		path->msg[strlen(path->msg) - 1] = '\0';
	return 0;
}

/* A word for every command: chains in chains are words, too. */
static int build(const struct link *l, const char *program, struct argv *out)
{
	struct argv *each;
	int r = 0;

	if (!l->nlinks)
		return argv_push_all(out, l->args.v, l->args.n);
	each = calloc(l->nlinks, sizeof(*each));
	if (!each)
		return -ENOMEM;
	for (size_t i = 0; i < l->nlinks && r == 0; i++)
		r = build(&l->links[i], program, &each[i]);
	if (r == 0)
		r = chain_build(program, each, l->nlinks, out);
	for (size_t i = 0; i < l->nlinks; i++)
		argv_free(&each[i]);
	free(each);
	return r;
}

/* Where a process here finds this program. */
static int own_path(char *path, size_t size, struct err *e)
{
	ssize_t n = readlink("/proc/self/exe", path, size - 1);

	if (n < 0)
		return err_sys(e, "read /proc/self/exe");
	path[n] = '\0';
	return 0;
}

static int plan_chain(struct stage *s, struct err *e)
{
	const char *program = runner_chain(s->how, &s->spec);
	char own[4096];

	if (!program) {
		if (own_path(own, sizeof(own), e) < 0)
			return -e->code;
		program = own;
	}
	if (build(&s->chain, program, &s->args) < 0)
		return err_memory(e);
	argv_free(&s->spec.args);
	return argv_push_all(&s->spec.args, s->args.v, s->args.n) < 0 ? err_memory(e) : 0;
}

static int check_program(const struct stage *s, struct err *e)
{
	const char *program = runner_program(s->how);

	if (s->spec.wrap.n)
		program = s->spec.wrap.v[0];
	if (program && s->how->can != CAN_ALL && !proc_find(program, getenv("PATH"), NULL, NULL))
		return err_set(e, ENOENT, ".runner: %s: %s: not found: is it installed?",
			       s->how->name, program);
	return 0;
}

/* The path of "config" in a runner. NULL when there is none, or no memory. */
static char *config_of(const struct stage *s, const struct pipeline_run *run)
{
	const char *file = json_string_value(json_object_get(s->runner, "config"));
	bool here = !file || *file == '/' || !run->dir;
	char *path = NULL;

	if (!file || asprintf(&path, "%s%s%s", here ? "" : run->dir, here ? "" : "/", file) < 0)
		return NULL;
	return path;
}

/* It is the file that is read before the runner; the rest is a description. */
static int take_config(struct stage *s, const char *config, struct err *e)
{
	const json_t *v = json_object_get(s->runner, "config");
	json_t *rest;

	if (!v)
		return 0;
	if (!json_is_string(v))
		return err_set(e, EINVAL, "not a string");
	if (!config)
		return err_memory(e);
	if (access(config, R_OK) < 0)
		return err_sys(e, "%s", config);
	rest = json_copy(s->runner);
	if (!rest)
		return err_memory(e);
	json_object_del(rest, "config");
	json_decref(s->runner);
	s->runner = rest;
	return 0;
}

static int plan_spec(struct stage *s, size_t at, const struct pipeline_run *run, struct err *e)
{
	cleanup_free char *config = config_of(s, run);
	cleanup_free char *node = json_dumps(s->node, JSON_COMPACT);
	cleanup_free char *runner = s->runner ? json_dumps(s->runner, JSON_COMPACT) : NULL;
	char *const placeholder[] = { (char *)"chain", NULL };
	struct config_text texts[2];
	struct run_opts o = { .texts = texts, .dir = run->dir };
	struct err of_node, of_runner;
	int r;

	if (!node || (s->runner && !runner) || path_of(at, NULL, &of_node) < 0 ||
	    path_of(at, ".runner", &of_runner) < 0)
		return err_memory(e);
	if (s->runner && json_object_get(s->runner, "args"))
		return err_set(e, EINVAL, "%s.args: the command has them", of_runner.msg);
	if (s->runner) {
		if (take_config(s, config, e) < 0)
			return err_wrap(e, "%s.config", of_runner.msg);
		free(runner);
		runner = json_dumps(s->runner, JSON_COMPACT);
		if (!runner)
			return err_memory(e);
		o.config = config;
		texts[o.ntexts++] = (struct config_text){ of_runner.msg, runner, strlen(runner) };
	} else {
		o.config = run->config;
		o.runner = run->runner;
		o.image = run->image;
	}
	texts[o.ntexts++] = (struct config_text){ of_node.msg, node, strlen(node) };
	r = config_plan(&o, s->args.n ? s->args.v : placeholder, &s->spec, e);
	if (r == 0) {
		s->how = runner_find(s->spec.runner);
		if (!s->how)
			r = err_set(e, EINVAL, "%s: no runner '%s' (there are %s)",
				    s->runner ? of_runner.msg : of_node.msg, s->spec.runner,
				    runner_names());
	}
	return r;
}

static int plan_command(struct stage *s, size_t at, const struct pipeline_run *run, struct err *e)
{
	int r = plan_spec(s, at, run, e);

	if (r < 0)
		return r;
	if (s->type == STAGE_CHAIN)
		r = plan_chain(s, e);
	if (r == 0)
		r = runner_check(s->how, &s->spec, e);
	if (r == 0)
		r = check_program(s, e);
	if (r == 0 && s->spec.strict)
		r = err_set(e, EINVAL, ".runner.strict: not in a pipeline");
	return r < 0 ? pipeline_at(at, e) : 0;
}

static int plan_tar(const struct stage *s, struct err *e)
{
	for (size_t i = 0; i < s->files.n; i++) {
		struct stat st;

		if (lstat(s->files.v[i], &st) < 0)
			return err_sys(e, ".files[%zu]: %s", i, s->files.v[i]);
	}
	return 0;
}

static int plan_file(struct stage *s, bool dry, struct err *e)
{
	int r;

	if (!strcmp(s->name, "-"))
		return err_set(e, EINVAL, ".name: '-' is no file");
	r = dry ? output_check(s->name, e) : output_open(&s->output, s->name, e);
	return r < 0 ? err_wrap(e, ".name") : 0;
}

static int plan_docker_build(struct stage *s, struct err *e)
{
	s->how = &runner_docker;
	if (*s->name == '-')
		return err_set(e, EINVAL, ".tag: '%s' is none", s->name);
	return check_program(s, e);
}

int pipeline_plan(struct pipeline *p, const struct pipeline_run *run, struct err *e)
{
	for (size_t i = 0; i < p->n; i++) {
		struct stage *s = &p->stage[i];
		int r = 0;

		switch (s->type) {
		case STAGE_COMMAND:
		case STAGE_CHAIN:
			if (plan_command(s, i, run, e) < 0)
				return -e->code; /* it says where */
			break;
		case STAGE_TAR:
			r = plan_tar(s, e);
			break;
		case STAGE_FILE:
			r = plan_file(s, run->dry, e);
			break;
		case STAGE_DOCKER_BUILD:
			r = plan_docker_build(s, e);
			break;
		}
		if (r < 0)
			return pipeline_at(i, e);
	}
	return 0;
}
