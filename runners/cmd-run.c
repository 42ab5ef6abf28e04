/* SPDX-License-Identifier: MIT */
/* `execvm run`, also as `run-in-vm`: options and description -> plan -> runner. */
#include <stdlib.h>
#include <string.h>

#include "lib/cmd.h"
#include "lib/fd.h"
#include "lib/msg.h"
#include "runners/cmd-runners.h"
#include "runners/config.h"
#include "runners/runner.h"

#define RUN_IN_VM "run-in-vm"

/* As run-in-vm, a first word that is no option is the description. Returns the operands. */
static char **operands(struct run_opts *o, int argc, char **argv, bool in_vm, struct err *e)
{
	int at;

	if (in_vm && argc > 1 && argv[1][0] != '-') {
		o->config = argv[1];
		return argv + 2;
	}
	at = opt_parse(run_opts_table, argc, argv, o, e);
	if (at < 0) {
		e->code = at == OPT_WANT_HELP ? 0 : -at;
		return NULL;
	}
	return argv + at;
}

static int run(const struct run_opts *o, char **words, const struct proc_signals *entry, int closed)
{
	const struct runner *r;
	struct vm_spec s = { 0 };
	struct err e = { 0 };
	int code;

	if (config_plan(o, words, &s, &e) < 0) {
		vm_spec_free(&s);
		return fail(&e);
	}
	r = runner_find(s.runner);
	if (!r) {
		code = failf("no runner '%s' (there are %s)", s.runner, runner_names());
	} else {
		code = runner_run(r, &s, entry, closed, &e);
		if (e.msg[0])
			failf("%s", e.msg);
	}
	vm_spec_free(&s);
	return code;
}

static int run_main(int argc, char **argv)
{
	bool in_vm = strstr(argv[0], RUN_IN_VM) != NULL;
	struct run_opts o = { 0 };
	struct proc_signals entry;
	struct err e = { 0 };
	char **words;
	int closed, code;

	proc_signals_save(&entry);
	proc_signals_children();
	closed = fd_fill_std();
	if (closed < 0)
		return EXIT_EXECVM;
	if (in_vm)
		msg_tool(NULL);
	words = operands(&o, argc, argv, in_vm, &e);
	if (in_vm && o.runner && strcmp(o.runner, "vm") != 0)
		code = failf("run-in-vm runs in a machine, not in '%s'", o.runner);
	else if (words) {
		if (in_vm) /* whatever the description says */
			o.runner = "vm";
		if (getenv("EXECVM_DEBUG"))
			o.verbose = 2;
		if (o.verbose)
			msg_set_level(o.verbose > 1 ? MSG_DEBUG : MSG_INFO);
		code = run(&o, words, &entry, closed);
	} else {
		code = e.code ? fail(&e) : cmd_help(&cmd_run);
	}
	run_opts_free(&o);
	return code;
}

const struct cmd cmd_run = {
	.name = "run",
	.alias = RUN_IN_VM,
	.operands = "[--] CMD [ARG...]",
	.takes = CMD_COMMAND,
	.summary = "run one command in a machine, a container, elsewhere, or here",
	.help = "As run-in-vm, a first word that does not start with '-' is the machine description:\n"
		"  run-in-vm CONFIG CMD [ARG...]\n\n"
		"The exit status is the command's own; 128+N killed by signal N; 127 not found; 126 not\n"
		"startable; 124 --timeout; 125 execvm itself.\n",
	.opts = run_opts_table,
	.main = run_main,
};
