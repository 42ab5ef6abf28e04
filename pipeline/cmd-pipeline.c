/* SPDX-License-Identifier: MIT */
/* `execvm pipeline`: JSON -> stages -> plan -> run. */
#include "pipeline/cmd-pipeline.h"

#include <errno.h>
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
	const char *runner, *config, *report, *stderr_tail;
	bool dry_run, debug;
};

static const struct opt pipeline_table[] = {
	{ 'r', "runner", OPT_STRING, offsetof(struct pipeline_args, runner), "NAME",
	  "where commands run that do not say it (vm)" },
	{ 'c', "config", OPT_STRING, offsetof(struct pipeline_args, config), "FILE",
	  "machine description for them" },
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

/* The directory of a pipeline that is a file; NULL for what has none that would mean something. */
static int dir_of(const char *file, char **dir, struct err *e)
{
	const char *slash = strrchr(file, '/');
	struct stat st;

	if (!slash || stat(file, &st) < 0 || !S_ISREG(st.st_mode) || !strncmp(file, "/dev/", 5) ||
	    !strncmp(file, "/proc/", 6))
		return 0;
	*dir = strndup(file, slash == file ? 1 : (size_t)(slash - file));
	return *dir ? 0 : err_memory(e);
}

static int read_plan(const char *file, const struct pipeline_args *a, struct pipeline *p,
		     struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_free char *dir = NULL;
	struct pipeline_run run = { .runner = a->runner, .config = a->config };
	int r;

	if (!strcmp(file, "-")) {
		r = io_read_fd(STDIN_FILENO, PIPELINE_MAX, &text);
		if (r < 0)
			return err_code(e, -r, "read stdin");
	} else if (io_read_file(file, PIPELINE_MAX, &text, e) < 0 || dir_of(file, &dir, e) < 0) {
		return -e->code;
	}
	if (pipeline_read(text.p ? text.p : "", text.len, p, e) < 0)
		return err_wrap(e, "%s", strcmp(file, "-") ? file : "stdin");
	run.dir = dir;
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

static int write_report(struct run *r, struct output *to, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	int k;

	if (report_lines(r, &text, e) < 0)
		return -e->code;
	k = io_write_all(to->fd, text.p, text.len);
	return k < 0 ? err_code(e, -k, "--report: write") : output_commit(to, e);
}

static int execute(const struct pipeline_args *a, struct pipeline *p, struct run *r)
{
	cleanup_output struct output report = OUTPUT_INIT;
	struct err e = { 0 };
	uint64_t tail = 0;
	int code;

	if (a->stderr_tail && num_size(a->stderr_tail, 0, TAIL_MAX, &tail) < 0)
		return failf("--stderr-tail: '%s' is no size up to 16M", a->stderr_tail);
	if (a->report && !strcmp(a->report, "-"))
		return failf("--report: stdout is the last stage's");
	if (a->report && output_open(&report, a->report, &e) < 0)
		return fail(&e);
	r->plan = p;
	r->tail = (size_t)tail;
	r->count_last = a->report && p->stage[p->n - 1].type != STAGE_FILE;
	r->progress = isatty(STDERR_FILENO) && !a->debug;
	code = run_pipeline(r, &e);
	if (e.msg[0])
		return fail(&e);
	if (a->report && write_report(r, &report, &e) < 0)
		code = fail(&e);
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
	} else if (read_plan(argv[at], &a, p, &e) < 0) {
		code = fail(&e);
	} else {
		r->entry = &entry;
		r->no_stdin = !strcmp(argv[at], "-");
		code = a.dry_run ? show(p) : execute(&a, p, r);
	}
	if (p)
		pipeline_free(p);
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
