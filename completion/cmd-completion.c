/* SPDX-License-Identifier: MIT */
/* `execvm completion`: scripts that tell a shell what can follow. */
#include "completion/cmd-completion.h"

#include <stdio.h>
#include <string.h>

#include "completion/completion.h"
#include "lib/buf.h"
#include "lib/msg.h"

static int completion_main(const struct cmd *const *tools, int argc, char **argv)
{
	cleanup_buf struct buf out = { 0 };
	const char *shell = argc == 2 ? argv[1] : "";
	int r;

	if (!strcmp(shell, "--help") || !strcmp(shell, "-h"))
		return cmd_help(&cmd_completion);
	if (!strcmp(shell, "bash"))
		r = completion_bash(tools, &out);
	else if (!strcmp(shell, "zsh"))
		r = completion_zsh(tools, &out);
	else
		return failf("give one of: bash, zsh");
	if (r < 0)
		return failf("out of memory");
	fwrite(out.p, 1, out.len, stdout);
	return cmd_flush(0);
}

const struct cmd cmd_completion = {
	.name = "completion",
	.operands = "bash | zsh",
	.words = "bash zsh",
	.summary = "print a script that completes command lines in a shell",
	.help = "In ~/.bashrc:  source <(execvm completion bash)\n"
		"In ~/.zshrc, behind compinit:  source <(execvm completion zsh)\n"
		"`make install` puts both where the shells look for them.\n",
	.main_tools = completion_main,
};
