/* SPDX-License-Identifier: MIT */
/* `execvm file`: stdin to a file that is there when it is whole, as a File of a pipeline does it. */
#include <signal.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/msg.h"
#include "lib/output.h"
#include "pipeline/cmd-pipeline.h"
#include "pipeline/file.h"

static const struct opt file_table[] = {
	OPT_HELP_LINE,
	OPT_END,
};

static int file_main(int argc, char **argv)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	cleanup_output struct output o = OUTPUT_INIT;
	struct err e = { 0 };
	uint64_t bytes = 0;
	int closed = fd_fill_std(), at = opt_parse(file_table, argc, argv, &bytes, &e);

	if (at == OPT_WANT_HELP)
		return cmd_help(&cmd_file);
	if (at < 0)
		return fail(&e);
	if (argc - at != 1 || !strcmp(argv[at], "-"))
		return failf("one NAME of a file, please; see execvm help file");
	if (closed < 0 || closed & 1)
		return failf("stdin is closed");
	sigaction(SIGXFSZ, &ignore, NULL);
	if (output_open(&o, argv[at], &e) < 0 || file_fill(&o, argv[at], &bytes, &e) < 0 ||
	    output_commit(&o, &e) < 0)
		return fail(&e);
	return 0;
}

const struct cmd cmd_file = {
	.name = "file",
	.operands = "NAME",
	.takes = CMD_FILES,
	.summary = "stdin to a file, whole or not at all",
	.help = "  make -s report | execvm file report.txt\n",
	.opts = file_table,
	.main = file_main,
};
