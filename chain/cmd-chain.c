/* SPDX-License-Identifier: MIT */
/*
 * `execvm chain`: run the first command, then become the second.
 *
 * Everything that was inherited goes on untouched: descriptors, environment, directory, blocked
 * and ignored signals. While the first command runs, a signal that somebody sends to the chain is
 * passed on; when it was one that ends programs (INT, TERM, HUP, QUIT), the second command does
 * not start, whatever the first made of it.
 */
#include "chain/cmd-chain.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chain/chain.h"
#include "lib/msg.h"
#include "lib/proc.h"

static int exec_failed(const char *name, int code)
{
	failf("%s: %s", name, strerror(code));
	return proc_exec_code(code);
}

/* Returns 0 when the second command is to run, else the chain's own exit code. */
static int run_first(char **argv, const struct proc_signals *entry)
{
	struct proc_spec s = PROC_SPEC_INIT;
	struct proc_supervised end;
	struct proc_failure f;
	int code;

	s.argv = argv;
	s.path = getenv("PATH");
	if (proc_supervise(&s, entry, 0, &end, &f) < 0) {
		if (!strcmp(f.stage, "exec"))
			return exec_failed(argv[0], f.code);
		return failf("%s %s: %s", f.stage, argv[0], strerror(f.code));
	}
	code = proc_exit_code(&end.status);
	if (end.status.kind == PROC_SIGNALED)
		failf("%s: killed by %s%s", argv[0], proc_signal_name(end.status.value),
		      end.status.core ? ", core dumped" : "");
	if (code == 0 && end.signal)
		code = EXIT_SIGNAL + end.signal;
	return code;
}

/*
 * Is it this very file, as a chain? Then becoming it changes nothing, and the exec can be left out. By
 * another name it could be another tool.
 */
static bool is_chain(char **argv, const struct stat *self)
{
	const char *slash = strrchr(argv[0], '/');
	struct stat next;

	return !strcmp(slash ? slash + 1 : argv[0], "execvm") && argv[1] &&
	       !strcmp(argv[1], cmd_chain.name) &&
	       proc_find(argv[0], getenv("PATH"), NULL, &next) && self->st_ino == next.st_ino &&
	       self->st_dev == next.st_dev;
}

static int chain_main(int argc, char **argv)
{
	struct proc_signals entry;
	struct stat self = { 0 }; /* no file, where there is no /proc */
	char **words = argv + 1;
	struct chain c;
	struct err e;
	int code;

	(void)argc;
	proc_signals_save(&entry);
	/* Nothing is changed here but SIGCHLD, and that only if it was ignored. */
	entry.kept = sigismember(&entry.ignored, SIGCHLD) != 1;
	(void)stat("/proc/self/exe", &self);
	for (;;) {
		if (chain_split(words, &c, &e) < 0) {
			failf("%s (usage: execvm chain DELIM CMD1... DELIM CMD2...)", e.msg);
			return EXIT_EXECVM;
		}
		code = run_first(c.first, &entry);
		if (code)
			return code;
		if (!is_chain(c.second, &self))
			break;
		words = c.second + 2;
	}
	return exec_failed(c.second[0], -proc_exec(c.second, environ, getenv("PATH")));
}

const struct cmd cmd_chain = {
	.name = "chain",
	.operands = "DELIM CMD1... DELIM CMD2...",
	.takes = CMD_CHAIN,
	.summary = "run one command, then become another",
	.help = "The first word is the delimiter: any non-empty word. CMD1 ends at its next\n"
		"occurrence and is waited for; when it ends with 0, CMD2 replaces the chain.\n"
		"Otherwise the chain exits with CMD1's status and CMD2 does not start.\n"
		"There are no options: any word could be the delimiter.\n",
	.main = chain_main,
};
