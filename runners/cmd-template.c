/* SPDX-License-Identifier: MIT */
/* `execvm template`: the frozen machines that `execvm run --warm` goes on from. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/cmd.h"
#include "lib/fd.h"
#include "lib/msg.h"
#include "lib/num.h"
#include "lib/proc.h"
#include "runners/cmd-runners.h"
#include "runners/config.h"
#include "runners/vm-template.h"

struct template_opts {
	bool json, all;
	const char *limit;
};

#define AT(member) offsetof(struct template_opts, member)

static const struct opt template_opts[] = {
	{ 0, "json", OPT_FLAG, AT(json), NULL, "ls: as JSON" },
	{ 'a', "all", OPT_FLAG, AT(all), NULL, "prune: all of them" },
	{ 0, "limit", OPT_STRING, AT(limit), "SIZE", "prune: until they are at most this (2G)" },
	OPT_HELP_LINE,
	OPT_END,
};

/* create [OPTIONS of run] [-- CMD...]: what a run would do the first time */

static int create_one(const struct run_opts *o, char **words, struct err *e)
{
	static char nothing[] = "/bin/true";
	char *const none[] = { nothing, NULL };
	char id[TEMPLATE_ID];
	struct vm_spec s = { 0 };
	int r = config_plan(o, *words ? words : none, &s, e);

	if (r < 0)
		return r;
	if (strcmp(s.runner, "vm") != 0)
		r = err_set(e, EINVAL, "--runner %s: only machines have templates", s.runner);
	s.warm = true;
	if (r == 0)
		r = vm_template(&s, id, e);
	vm_spec_free(&s);
	if (r == 0)
		puts(id);
	return r;
}

static int create(int argc, char **argv)
{
	struct run_opts o = { 0 };
	struct err e = { 0 };
	int at = opt_parse(run_opts_table, argc, argv, &o, &e);
	int r = at < 0 ? at : 0;

	if (o.verbose)
		msg_set_level(o.verbose > 1 ? MSG_DEBUG : MSG_INFO);
	if (r == 0)
		r = create_one(&o, argv + at, &e);
	run_opts_free(&o);
	if (r == OPT_WANT_HELP)
		return cmd_help(&cmd_template);
	return r < 0 ? fail(&e) : cmd_flush(0);
}

/* ls */

static void print_line(const struct template_entry *t)
{
	const char *root = json_string_value(json_object_get(t->about, "root"));
	const char *accel = json_string_value(json_object_get(t->about, "accel"));
	json_int_t memory = json_integer_value(json_object_get(t->about, "bytes"));
	json_int_t cpus = json_integer_value(json_object_get(t->about, "cpus"));
	time_t used = (time_t)t->used;
	struct tm tm;
	char when[32] = "?";

	if (localtime_r(&used, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M", &tm);
	printf("%s %7.1f MB  %-16s  %6lldM %4lld  %-5s  %s\n", t->id, (double)t->bytes / 1e6, when,
	       (long long)memory >> 20, (long long)cpus, accel ? accel : "?", root ? root : "-");
}

static int print_json(const struct template_list *l, struct err *e)
{
	json_t *all = json_array();
	int r = 0;

	for (size_t i = 0; i < l->n; i++) {
		json_t *o = json_pack("{s:s, s:I, s:I, s:O?}", "id", l->at[i].id, "size",
				      (json_int_t)l->at[i].bytes, "used", (json_int_t)l->at[i].used,
				      "about", l->at[i].about);

		if (!o || json_array_append_new(all, o) < 0)
			r = -1;
	}
	if (r < 0 || !all || json_dumpf(all, stdout, JSON_INDENT(2) | JSON_SORT_KEYS) < 0)
		r = err_memory(e);
	json_decref(all);
	putchar('\n');
	return r;
}

static int list(const struct template_opts *o, char **words, struct err *e)
{
	struct template_list l;
	int r = template_ls(&l, e);

	(void)words;
	if (r == 0 && o->json)
		r = print_json(&l, e);
	else if (r == 0) {
		printf("%-12s %10s  %-16s  %7s %4s  %-5s  %s\n", "ID", "SIZE", "USED", "MEMORY",
		       "CPUS", "ACCEL", "ROOT");
		for (size_t i = 0; i < l.n; i++)
			print_line(&l.at[i]);
	}
	template_list_free(&l);
	return r;
}

/* rm ID..., prune */

static int remove_these(const struct template_opts *o, char **words, struct err *e)
{
	int code = 0;

	(void)o;
	for (; *words; words++) {
		char removed[TEMPLATE_ID];
		struct err why = { 0 };

		if (template_rm(*words, removed, &why) == 0)
			puts(removed);
		else if (code)
			fail(e);
		if (why.code) {
			*e = why;
			code = -why.code;
		}
	}
	return code;
}

static int prune(const struct template_opts *o, char **words, struct err *e)
{
	uint64_t limit = 0, bytes;
	size_t n;
	int r = 0;

	(void)words;
	if (o->all && o->limit)
		return err_set(e, EINVAL, "prune: --all or --limit, not both");
	if (o->limit && num_size(o->limit, 0, INT64_MAX, &limit) < 0)
		return err_set(e, EINVAL, "--limit: '%s' is no size", o->limit);
	if (!o->all && !o->limit)
		r = template_limit(&limit, e);
	if (r == 0)
		r = template_prune(limit, NULL, &n, &bytes, e);
	if (r == 0)
		printf("%zu removed, %.1f MB\n", n, (double)bytes / 1e6);
	return r;
}

static const struct verb {
	const char *name;
	int (*fn)(const struct template_opts *o, char **words, struct err *e);
	size_t min, max;
	const char *usage;
} verbs[] = {
	{ "ls", list, 0, 0, "ls [--json]" },
	{ "rm", remove_these, 1, SIZE_MAX, "rm ID..." },
	{ "prune", prune, 0, 0, "prune [--limit SIZE | --all]" },
};

static int start(const struct verb *v, int argc, char **argv)
{
	cleanup_argv struct argv words = { 0 };
	struct template_opts o = { 0 };
	struct err e = { 0 };
	int r = opt_parse_mixed(template_opts, argc, argv, &o, &words, &e);

	if (r == OPT_WANT_HELP)
		return cmd_help(&cmd_template);
	if (r < 0)
		return fail(&e);
	if (words.n < v->min || words.n > v->max || (o.json && v->fn != list) ||
	    ((o.all || o.limit) && v->fn != prune))
		return failf("usage: execvm template %s", v->usage);
	if (v->fn(&o, words.v ? words.v : (char *[]){ NULL }, &e) < 0)
		return cmd_flush(fail(&e));
	return cmd_flush(0);
}

static int template_main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int closed = fd_fill_std();

	if (closed < 0)
		return EXIT_EXECVM;
	if (closed & 1 << STDOUT_FILENO)
		return failf("stdout is closed");
	proc_signals_children();
	if (!strcmp(what, "--help") || !strcmp(what, "-h"))
		return cmd_help(&cmd_template);
	if (getenv("EXECVM_DEBUG"))
		msg_set_level(MSG_DEBUG);
	if (!strcmp(what, "create"))
		return create(argc - 1, argv + 1);
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (!strcmp(what, verbs[i].name))
			return start(&verbs[i], argc - 1, argv + 1);
	}
	if (!*what)
		return failf("create, ls, rm or prune? See execvm help template");
	return failf("'%s': not create, ls, rm or prune", what);
}

const struct cmd cmd_template = {
	.name = "template",
	.operands = "create [OPTIONS of run] | ls | rm ID... | prune",
	.words = "create ls rm prune",
	.summary = "machines that were frozen when they had booted, for run --warm",
	.help = "create: makes what a run with these options and --warm would go on from.\n"
		"  execvm template create --image debian -m 512M\n"
		"ls: what there is, last used first.\n"
		"prune: removes the least recently used until the rest is small enough.\n",
	.opts = template_opts,
	.main = template_main,
};
