/* SPDX-License-Identifier: MIT */
/* The runner that runs nothing: stdin is read to its end, the argv is shown with --debug. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/msg.h"
#include "runners/runner.h"

static int void_run(const struct vm_spec *s, const struct proc_signals *entry, int closed,
		    struct err *e)
{
	cleanup_buf struct buf line = { 0 };
	char chunk[16384];
	ssize_t n = 0;

	if (s->dry_run)
		return 0;
	proc_signals_restore(entry);
	if (s->debug) {
		int r = argv_quote(&line, s->args.v);

		if (r == 0)
			r = buf_addc(&line, '\n');
		if (r == 0)
			r = io_write_all(STDERR_FILENO, line.p, line.len);
		if (r < 0) {
			err_code(e, -r, "write stderr");
			return EXIT_EXECVM;
		}
	}
	if (!s->no_stdin && !(closed & 1)) {
		while ((n = io_read_full(STDIN_FILENO, chunk, sizeof(chunk))) > 0)
			;
	}
	if (n < 0) {
		err_code(e, (int)-n, "read stdin");
		return EXIT_EXECVM;
	}
	return 0;
}

const struct runner runner_void = {
	.name = "void",
	.summary = "run nothing, read stdin to its end",
	.can = CAN_ALL,
	.run = void_run,
};
