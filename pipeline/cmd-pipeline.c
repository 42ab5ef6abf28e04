/* SPDX-License-Identifier: MIT */
/* `execvm pipeline`: JSON -> stages -> plan -> run. */
#include "pipeline/cmd-pipeline.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/io.h"
#include "lib/msg.h"
#include "lib/num.h"
#include "pipeline/pipeline.h"
#include "pipeline/report.h"
#include "pipeline/run.h"

#define TAIL_MAX ((uint64_t)16 << 20) /* bytes */

struct pipeline_args {
	const char *runner, *config, *image, *report, *stderr_tail;
	bool dry_run, debug;
};

static const struct opt pipeline_table[] = {
	{ 'r', "runner", OPT_STRING, offsetof(struct pipeline_args, runner), "NAME",
	  "where commands run that do not say it (vm)" },
	{ 'c', "config", OPT_STRING, offsetof(struct pipeline_args, config), "FILE",
	  "machine description for them" },
	{ 0, "image", OPT_STRING, offsetof(struct pipeline_args, image), "NAME",
	  "the image that they run in" },
	{ 0, "report", OPT_STRING, offsetof(struct pipeline_args, report), "FILE",
	  "write how every stage went, a line of JSON each" },
	{ 0, "stderr-tail", OPT_STRING, offsetof(struct pipeline_args, stderr_tail), "SIZE",
	  "with the last bytes of its stderr" },
	{ 0, "dry-run", OPT_FLAG, offsetof(struct pipeline_args, dry_run), NULL,
	  "print the plan as a tree" },
	{ 0, "debug", OPT_FLAG, offsetof(struct pipeline_args, debug), NULL, "show what happens" },
	OPT_HELP_LINE,
	OPT_END,
};

/* The length of the directory's name of a file; 0 for what has none that would mean something. */
static size_t dir_of(const char *file)
{
	const char *slash = strrchr(file, '/');
	struct stat st;

	if (!slash || stat(file, &st) < 0 || !S_ISREG(st.st_mode) || !strncmp(file, "/dev/", 5) ||
	    !strncmp(file, "/proc/", 6))
		return 0;
	return slash == file ? 1 : (size_t)(slash - file);
}

static int read_plan(const char *file, const struct pipeline_args *a, struct pipeline *p,
		     struct err *e)
{
	size_t dir_length = strcmp(file, "-") ? dir_of(file) : 0;
	cleanup_free char *dir = dir_length ? strndup(file, dir_length) : NULL;
	cleanup_buf struct buf text = { 0 };
	struct pipeline_run run = {
		.runner = a->runner,
		.config = a->config,
		.image = a->image,
		.dir = dir,
		.dry = a->dry_run,
	};
	int r;

	if (dir_length && !dir)
		return err_memory(e);
	if (!strcmp(file, "-")) {
		r = io_read_fd(STDIN_FILENO, PIPELINE_MAX, &text);
		if (r < 0)
			return err_code(e, -r, "read stdin");
	} else if (io_read_file(file, PIPELINE_MAX, &text, e) < 0) {
		return -e->code;
	}
	if (pipeline_read(text.p ? text.p : "", text.len, p, e) < 0)
		return err_wrap(e, "%s", strcmp(file, "-") ? file : "stdin");
	return pipeline_plan(p, &run, e);
}

static int show(const struct pipeline *p)
{
	cleanup_buf struct buf text = { 0 };

	if (pipeline_show(p, &text) < 0)
		return failf("out of memory");
	fputs(text.p, stdout);
	return cmd_flush(0);
}

/* How it went, or, with a sentence in *why, why it did not: a line that is about no stage. */
static int write_report(const struct run *r, const struct err *why, struct output *to,
			struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	int k = why->msg[0] ? report_refusal(why, &text, e) : report_lines(r, &text, e);

	if (k < 0)
		return k;
	k = io_write_all(to->fd, text.p, text.len);
	return k < 0 ? err_code(e, -k, "--report: write") : output_commit(to, e);
}

/* "/dev/fd/N" is meant for us: what the stages start does not get it. */
static void keep_private(const char *path)
{
	static const char *const dirs[] = { "/dev/fd/", "/proc/self/fd/" };
	uint64_t fd;

	for (size_t i = 0; path && i < ARRAY_SIZE(dirs); i++) {
		size_t n = strlen(dirs[i]);

		if (!strncmp(path, dirs[i], n) && num_uint(path + n, 3, INT_MAX, &fd) == 0 &&
		    fd_keep((int)fd, false) < 0)
			return; /* there is none; who opens it says so */
	}
}

static int run(const struct pipeline_args *a, const char *file, struct pipeline *p, struct run *r,
	       struct err *e)
{
	if (read_plan(file, a, p, e) < 0)
		return EXIT_EXECVM;
	if (a->dry_run)
		return show(p);
	r->plan = p;
	r->no_stdin = !strcmp(file, "-");
	r->progress = isatty(STDERR_FILENO) && !a->debug;
	r->count = a->report || r->progress;
	r->count_last = a->report && p->stage[p->n - 1].type != STAGE_FILE &&
			!(r->closed & 1 << STDOUT_FILENO);
	return run_pipeline(r, e);
}

static int run_and_report(const struct pipeline_args *a, const char *file, struct pipeline *p,
			  struct run *r)
{
	cleanup_output struct output report = OUTPUT_INIT;
	struct err e = { 0 }, of_report = { 0 };
	uint64_t tail = 0;
	int code;

	if (a->stderr_tail && num_size(a->stderr_tail, 0, TAIL_MAX, &tail) < 0)
		return failf("--stderr-tail: '%s' is no size up to 16M", a->stderr_tail);
	if (a->report && !strcmp(a->report, "-"))
		return failf("--report: stdout is the last stage's");
	keep_private(file);
	keep_private(a->report);
	if (a->report && !a->dry_run && output_open(&report, a->report, &e) < 0)
		return fail(&e);
	r->tail = (size_t)tail;
	code = run(a, file, p, r, &e);
	if (e.msg[0])
		code = fail(&e);
	if (report.fd >= 0 && write_report(r, &e, &report, &of_report) < 0)
		code = fail(&of_report);
	if (r->plan)
		run_free(r);
	return code;
}

static int pipeline_main(int argc, char **argv)
{
	struct pipeline_args a = { 0 };
	struct proc_signals entry;
	struct err e = { 0 };
	struct pipeline *p;
	struct run *r;
	int at, code;

	proc_signals_save(&entry);
	proc_signals_children();
	at = opt_parse(pipeline_table, argc, argv, &a, &e);
	if (at == OPT_WANT_HELP)
		return cmd_help(&cmd_pipeline);
	if (at < 0)
		return fail(&e);
	if (argc - at != 1)
		return failf("one FILE, please; see execvm help pipeline");
	if (a.debug || getenv("EXECVM_DEBUG"))
		msg_set_level(MSG_DEBUG);
	p = calloc(1, sizeof(*p));
	r = calloc(1, sizeof(*r));
	if (!p || !r) {
		code = failf("out of memory");
	} else if ((r->closed = fd_fill_std()) < 0) {
		code = EXIT_EXECVM;
	} else {
		r->entry = &entry;
		code = run_and_report(&a, argv[at], p, r);
		pipeline_free(p);
	}
	free(p);
	free(r);
	return code;
}

const struct cmd cmd_pipeline = {
	.name = "pipeline",
	.operands = "FILE|-",
	.takes = CMD_FILES,
	.summary = "run a pipeline that is data",
	.help = "  {\"type\": \"Tar\", \"files\": [\"src\"], \"output\":\n"
		"    {\"type\": \"Command\", \"args\": [\"wc\", \"-c\"], \"runner\": \"local\"}}\n\n"
		"The exit status is that of the last stage that failed, or 0; 125 execvm itself.\n",
	.opts = pipeline_table,
	.main = pipeline_main,
};
