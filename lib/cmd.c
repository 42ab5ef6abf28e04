/* SPDX-License-Identifier: MIT */
/* From argv[0] or argv[1] to the tool. */
#include "lib/cmd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/msg.h"
#include "version.h"

int cmd_flush(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	if (errno == EPIPE)
		return EXIT_EXECVM;
	return failf("write stdout: %s", strerror(errno));
}

int cmd_help(const struct cmd *c)
{
	cleanup_buf struct buf b = { 0 };

	if (c->opts && opt_help(c->opts, &b) < 0)
		return failf("out of memory");
	printf("usage: execvm %s %s%s\n%s\n", c->name, c->opts ? "[OPTIONS] " : "", c->operands,
	       c->summary);
	if (b.len)
		printf("\n%s", b.p);
	if (c->help)
		printf("\n%s", c->help);
	return cmd_flush(0);
}

static void list(FILE *to, const struct cmd *const *tools)
{
	fprintf(to, "usage: execvm TOOL [ARG...]\n\n");
	for (; *tools; tools++)
		fprintf(to, "  %-11s %s\n", (*tools)->name, (*tools)->summary);
	fprintf(to, "\n  execvm help TOOL, execvm --version\n");
}

static const struct cmd *find(const struct cmd *const *tools, const char *name)
{
	for (; *tools; tools++) {
		if (!strcmp((*tools)->name, name))
			return *tools;
	}
	return NULL;
}

static int unknown(const struct cmd *const *tools, const char *name)
{
	int status = failf("no tool '%s'", name);

	list(stderr, tools);
	return status;
}

static int help(const struct cmd *const *tools, const char *name)
{
	const struct cmd *c = name ? find(tools, name) : NULL;

	if (c)
		return cmd_help(c);
	if (name)
		return unknown(tools, name);
	list(stdout, tools);
	return cmd_flush(0);
}

static int start(const struct cmd *const *tools, const struct cmd *c, int argc, char **argv)
{
	msg_tool(c->name);
	if (c->main_tools)
		return c->main_tools(tools, argc, argv);
	return c->main(argc, argv);
}

int cmd_dispatch(const struct cmd *const *tools, int argc, char **argv)
{
	const char *self = argc ? argv[0] : "execvm";
	const struct cmd *c;

	if (strrchr(self, '/'))
		self = strrchr(self, '/') + 1;
	for (const struct cmd *const *t = tools; *t; t++) {
		if (!strcmp((*t)->name, self) || ((*t)->alias && !strcmp((*t)->alias, self)))
			return start(tools, *t, argc, argv);
	}
	if (argc < 2) {
		list(stderr, tools);
		return EXIT_EXECVM;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("execvm " EXECVM_VERSION);
		return cmd_flush(0);
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return help(tools, NULL);
	if (!strcmp(argv[1], "help"))
		return help(tools, argc > 2 ? argv[2] : NULL);
	c = find(tools, argv[1]);
	return c ? start(tools, c, argc - 1, argv + 1) : unknown(tools, argv[1]);
}
