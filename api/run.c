/* SPDX-License-Identifier: MIT */
/*
 * `execvm pipeline` as a child: the JSON goes by a file in memory, the report comes by a pipe, whose
 * end is that of the run.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "api/node.h"
#include "lib/argv.h"
#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/io.h"
#include "lib/proc.h"

#define REPORT_MAX ((size_t)256 << 20) /* bytes */

struct execvm_result {
	json_t *lines; /* owned: a list */
};

/* Where the three streams of the child do not land on it. */
static int lift(int *fd)
{
	int k = *fd > STDERR_FILENO ? *fd : fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

	if (k < 0)
		return -errno;
	if (k != *fd)
		close(*fd);
	*fd = k;
	return 0;
}

static int push(struct argv *argv, const char *runner, int report, int json)
{
	const char *program = getenv("EXECVM");
	int r = argv_push(argv, program && *program ? program : "execvm");

	if (r == 0)
		r = argv_push(argv, "pipeline");
	if (r == 0 && runner)
		r = argv_pushf(argv, "--runner=%s", runner);
	if (r == 0)
		r = argv_pushf(argv, "--report=/dev/fd/%d", report);
	return r < 0 ? r : argv_pushf(argv, "/dev/fd/%d", json);
}

static int start(const char *json, const char *runner, const int fds[3], int report, pid_t *pid)
{
	cleanup_argv struct argv argv = { 0 };
	cleanup_close int file = memfd_create("pipeline", MFD_CLOEXEC);
	struct proc_spec s = PROC_SPEC_INIT;
	struct proc_signals signals;
	struct proc_failure f;
	int r = file < 0 ? -errno : io_write_all(file, json, strlen(json));
	int keep[] = { report, -1 };

	if (r == 0)
		r = lift(&file);
	keep[1] = file;
	if (r == 0)
		r = push(&argv, runner, report, file);
	if (r < 0)
		return r;
	proc_signals_save(&signals);
	s.argv = argv.v;
	s.path = getenv("PATH");
	s.signals = &signals;
	s.keep = keep;
	s.nkeep = 2;
	for (size_t i = 0; fds && i < 3; i++)
		s.fd[i] = fds[i];
	return proc_spawn(&s, pid, &f);
}

/* NULL when there are no lines about stages. */
static struct execvm_result *parse(const struct buf *text)
{
	struct execvm_result *r = text->len ? calloc(1, sizeof(*r)) : NULL;
	size_t at = 0;

	if (!r)
		return NULL;
	r->lines = json_array();
	while (at < text->len) {
		size_t n = strcspn(text->p + at, "\n");
		json_t *line = json_loadb(text->p + at, n, 0, NULL);

		if (!json_is_integer(json_object_get(line, "stage")) ||
		    json_array_append(r->lines, line) < 0) {
			json_decref(line);
			execvm_result_free(r);
			return NULL;
		}
		json_decref(line);
		at += n + 1;
	}
	return r;
}

int execvm_run(const struct execvm *node, const char *runner, const int fds[3],
	       struct execvm_result **result)
{
	cleanup_free char *json = execvm_json(node);
	cleanup_buf struct buf report = { 0 };
	cleanup_close int rd = -1;
	cleanup_close int wr = -1;
	struct proc_status st = { 0 };
	pid_t pid = -1;
	int r, k;

	if (result)
		*result = NULL;
	if (!json)
		return node ? -ENOMEM : -EINVAL;
	r = fd_pipe(&rd, &wr, 0);
	if (r == 0)
		r = lift(&wr);
	if (r == 0)
		r = start(json, runner, fds, wr, &pid);
	if (r < 0)
		return r;
	close(take_fd(&wr));
	k = io_read_fd(rd, REPORT_MAX, &report);
	close(take_fd(&rd)); /* if it was too much, it ends by this */
	r = proc_wait(pid, &st);
	if (r < 0)
		return r;
	if (result && k == 0)
		*result = parse(&report);
	return proc_exit_code(&st);
}

size_t execvm_result_stages(const struct execvm_result *r)
{
	return r ? json_array_size(r->lines) : 0;
}

static const json_t *field(const struct execvm_result *r, size_t stage, const char *name)
{
	return r ? json_object_get(json_array_get(r->lines, stage), name) : NULL;
}

int execvm_result_status(const struct execvm_result *r, size_t stage)
{
	const json_t *v = field(r, stage, "status");

	return json_is_integer(v) ? (int)json_integer_value(v) : -1;
}

int execvm_result_failed(const struct execvm_result *r, size_t stage)
{
	return json_is_true(field(r, stage, "failed"));
}

uint64_t execvm_result_bytes(const struct execvm_result *r, size_t stage)
{
	return (uint64_t)json_integer_value(field(r, stage, "bytes"));
}

const char *execvm_result_error(const struct execvm_result *r, size_t stage)
{
	return json_string_value(field(r, stage, "error"));
}

void execvm_result_free(struct execvm_result *r)
{
	if (r)
		json_decref(r->lines);
	free(r);
}
