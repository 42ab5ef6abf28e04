/* SPDX-License-Identifier: MIT */
/* The tables of the script for bash: an associative array of options and what stands behind each. */
#include <string.h>

#include "completion/completion.h"

/* The words between two separators become words between blanks. */
static int add_words(struct buf *b, const char *words)
{
	int r = buf_adds(b, "'words");

	while (*words && r == 0) {
		size_t n = strcspn(words, "|");

		r = buf_addf(b, " %.*s", (int)n, words);
		words += n + (words[n] == '|');
	}
	return r < 0 ? r : buf_addc(b, '\'');
}

static int add_option(struct buf *b, const struct opt *o, const char *name)
{
	static const char *const kinds[] = {
		[VALUE_NONE] = "none",	 [VALUE_TEXT] = "text",
		[VALUE_FILES] = "files", [VALUE_DIRECTORIES] = "directories",
		[VALUE_PAIR] = "pair",
	};
	enum completion_value v = completion_value(o);
	int r = buf_addf(b, " [%s]=", name);

	if (r < 0)
		return r;
	return v == VALUE_WORDS ? add_words(b, o->arg) : buf_adds(b, kinds[v]);
}

static int add_tool(struct buf *b, const struct cmd *c)
{
	static const char *const takes[] = {
		[CMD_WORDS] = "none",
		[CMD_FILES] = "files",
		[CMD_COMMAND] = "command",
		[CMD_CHAIN] = "chain",
	};
	int r = buf_addf(b, "\t%s)\n\t\toperands=%s words='%s' value=(", c->name, takes[c->takes],
			 c->words ? c->words : "");

	for (const struct opt *o = c->opts; o && o->name && r == 0; o++) {
		const char brief[] = { '-', (char)o->brief, '\0' };
		char name[64] = "--";

		if (o->brief)
			r = add_option(b, o, brief);
		strncat(name, o->name, sizeof(name) - 3);
		if (r == 0)
			r = add_option(b, o, name);
	}
	return r < 0 ? r : buf_adds(b, " )\n\t\t;;\n");
}

int completion_bash(const struct cmd *const *tools, struct buf *b)
{
	int r = buf_adds(b, "# shellcheck shell=bash\n"
			    "# Completion of execvm and run-in-vm, from: execvm completion bash\n\n"
			    "_execvm_tools='");

	for (size_t i = 0; tools[i] && r == 0; i++)
		r = buf_addf(b, "%s%s", i ? " " : "", tools[i]->name);
	if (r == 0)
		r = buf_adds(b, "'\n\n_execvm_table() { # TOOL\n\tcase $1 in\n");
	for (size_t i = 0; tools[i] && r == 0; i++)
		r = add_tool(b, tools[i]);
	if (r == 0)
		r = buf_adds(b, "\t*) return 1 ;;\n\tesac\n}\n\n");
	return r < 0 ? r : buf_adds(b, completion_bash_rest);
}
