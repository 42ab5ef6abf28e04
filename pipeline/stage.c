/* SPDX-License-Identifier: MIT */
/* Each kind of stage. */
#include "pipeline/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/epoch.h"
#include "archive/pack.h"
#include "lib/cleanup.h"
#include "lib/io.h"
#include "lib/msg.h"
#include "pipeline/file.h"

static int run_tar(const struct stage *s, struct err *e)
{
	struct pack_opts o = {
		.out = STDOUT_FILENO,
		.stop_fd = -1,
		.reproducible = s->deterministic,
		.owners = true,
		.compression = s->compression,
		.warn = msg_warn,
	};

	if (epoch_read(&o.mtime, e) < 0)
		return EXIT_EXECVM;
	return pack_list(AT_FDCWD, s->files.v, s->files.n, &o, e) < 0 ? EXIT_EXECVM : 0;
}

/* Whole, or not at all: also when it was somebody else who failed. */
static int run_file(const struct stage *s, int verdict, struct stage_told *told, struct err *e)
{
	struct output output = s->output; /* this process' own */
	char byte;

	if (file_fill(&output, s->name, &told->bytes, e) < 0)
		return EXIT_EXECVM;
	if (io_read_full(verdict, &byte, 1) != 1)
		return 0;
	return output_commit(&output, e) < 0 ? EXIT_EXECVM : 0;
}

/*
 * docker build reads the context from stdin, and with --quiet prints the image's id and nothing
 * else; when it fails it prints what there was to say on stderr.
 */
static int run_docker_build(const struct stage *s, const struct proc_signals *entry, struct err *e)
{
	const char *words[] = { runner_program(s->how), "build", "--quiet",
				"--force-rm",		"--tag", s->name };
	cleanup_argv struct argv argv = { 0 };
	struct proc_spec p = PROC_SPEC_INIT;
	struct proc_supervised end;
	struct proc_failure f;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(words) && r == 0; i++)
		r = argv_push(&argv, words[i]);
	if (r == 0 && s->file)
		r = argv_pushf(&argv, "--file=%s", s->file);
	if (r == 0)
		r = argv_push(&argv, "-");
	if (r < 0) {
		err_memory(e);
		return EXIT_EXECVM;
	}
	p.argv = argv.v;
	p.path = getenv("PATH");
	p.death_signal = SIGTERM;
	p.second_term_kills = true;
	if (proc_supervise(&p, entry, 0, &end, &f) == 0)
		return proc_exit_code(&end.status);
	err_code(e, f.code, "%s %s", f.stage, argv.v[0]);
	return EXIT_EXECVM;
}

/* For what is done here: a file that hits its limit is an error like a full disk. */
static void signals_of_ours(const struct proc_signals *entry)
{
	struct proc_signals s = *entry;

	sigaddset(&s.ignored, SIGXFSZ);
	proc_signals_restore(&s);
}

int stage_run(const struct stage *s, const struct proc_signals *entry, int closed, int verdict,
	      struct stage_told *told)
{
	struct err e = { 0 };
	int code = EXIT_EXECVM;

	switch (s->type) {
	case STAGE_COMMAND:
	case STAGE_CHAIN:
		code = runner_run(s->how, &s->spec, entry, closed, &e);
		break;
	case STAGE_TAR:
		signals_of_ours(entry);
		code = run_tar(s, &e);
		break;
	case STAGE_FILE:
		signals_of_ours(entry);
		code = run_file(s, verdict, told, &e);
		break;
	case STAGE_DOCKER_BUILD:
		code = run_docker_build(s, entry, &e);
		break;
	}
	if (e.msg[0]) {
		failf("%s", e.msg);
		told->own = true;
		memcpy(told->msg, e.msg, sizeof(told->msg));
	}
	return code;
}
