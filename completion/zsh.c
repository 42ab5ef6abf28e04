/* SPDX-License-Identifier: MIT */
/* The tables of the script for zsh: a call of _arguments for each tool. */
#include <string.h>

#include "completion/completion.h"

/* Inside '[…]' or ':…:' of a specification, which is inside '…' of the shell. */
static int add_text(struct buf *b, const char *text)
{
	int r = 0;

	for (; *text && r == 0; text++) {
		if (*text == '\'')
			r = buf_adds(b, "'\\'");
		else if (strchr("[]:\\", *text))
			r = buf_addc(b, '\\');
		if (r == 0)
			r = buf_addc(b, *text);
	}
	return r;
}

static int add_choices(struct buf *b, const char *words)
{
	int r = buf_addc(b, '(');

	for (; *words && r == 0; words++)
		r = buf_addc(b, *words == '|' ? ' ' : *words);
	return r < 0 ? r : buf_addc(b, ')');
}

/* ":NAME:ACTION" */
static int add_value(struct buf *b, const struct opt *o)
{
	static const char *const actions[] = {
		[VALUE_NONE] = "",
		[VALUE_TEXT] = "",
		[VALUE_WORDS] = "",
		[VALUE_FILES] = "_files",
		[VALUE_DIRECTORIES] = "_files -/",
		[VALUE_PAIR] = "_files -S =",
	};
	enum completion_value v = completion_value(o);
	int r;

	if (v == VALUE_NONE || !o->arg)
		return 0;
	r = buf_addc(b, ':');
	if (r == 0)
		r = add_text(b, o->arg);
	if (r == 0)
		r = buf_addc(b, ':');
	if (r < 0)
		return r;
	return v == VALUE_WORDS ? add_choices(b, o->arg) : buf_adds(b, actions[v]);
}

/* "'(-m --memory)'{-m+,--memory=}'[guest memory]:SIZE:'"; what may come again has a star instead. */
static int add_option(struct buf *b, const struct opt *o)
{
	bool again = o->kind == OPT_LIST || o->kind == OPT_ORDER || o->kind == OPT_COUNT;
	const char *plus = o->arg ? "+" : "", *equal = o->arg ? "=" : "";
	int r = 0;

	if (again)
		r = buf_adds(b, " \\\n\t\t'*'");
	else if (o->brief)
		r = buf_addf(b, " \\\n\t\t'(-%c --%s)'", o->brief, o->name);
	else
		r = buf_adds(b, " \\\n\t\t");
	if (r == 0 && o->brief)
		r = buf_addf(b, "{-%c%s,--%s%s}'[", o->brief, plus, o->name, equal);
	else if (r == 0)
		r = buf_addf(b, "'--%s%s[", o->name, equal);
	if (r == 0)
		r = add_text(b, o->help);
	if (r == 0)
		r = buf_addc(b, ']');
	if (r == 0)
		r = add_value(b, o);
	return r < 0 ? r : buf_addc(b, '\'');
}

/* Words that look like options are options to zsh, too. */
static int add_operands(struct buf *b, const struct cmd *c)
{
	const char *w = c->words;
	int r = 0;

	if (w && *w != '-')
		r = buf_addf(b, " \\\n\t\t'1:what:(%s)'", w);
	while (w && *w == '-' && r == 0) {
		size_t n = strcspn(w, " ");

		r = buf_addf(b, " \\\n\t\t'%.*s'", (int)n, w);
		w += n + strspn(w + n, " ");
	}
	if (r == 0 && c->takes == CMD_COMMAND)
		r = buf_adds(b, " \\\n\t\t'1:command:_execvm_command' '*:argument:_files'");
	if (r == 0 && c->takes == CMD_FILES)
		r = buf_adds(b, " \\\n\t\t'*:file:_files'");
	return r;
}

static int add_tool(struct buf *b, const struct cmd *c)
{
	int r;

	if (c->takes == CMD_CHAIN)
		return buf_addf(b, "_execvm_%s() {\n\t_execvm_in_chain\n}\n\n", c->name);
	r = buf_addf(b, "_execvm_%s() {\n\t_arguments -s -S%s", c->name,
		     c->takes == CMD_COMMAND ? " -A '-*'" : "");
	for (const struct opt *o = c->opts; o && o->name && r == 0; o++)
		r = add_option(b, o);
	if (r == 0)
		r = add_operands(b, c);
	return r < 0 ? r : buf_adds(b, "\n}\n\n");
}

int completion_zsh(const struct cmd *const *tools, struct buf *b)
{
	int r = buf_adds(b, "#compdef execvm run-in-vm\n"
			    "# Completion of execvm and run-in-vm, from: execvm completion zsh\n\n"
			    "typeset -ga _execvm_tools=(\n");

	for (size_t i = 0; tools[i] && r == 0; i++) {
		r = buf_addf(b, "\t'%s:", tools[i]->name);
		if (r == 0)
			r = add_text(b, tools[i]->summary);
		if (r == 0)
			r = buf_adds(b, "'\n");
	}
	if (r == 0)
		r = buf_adds(b, ")\n\n");
	for (size_t i = 0; tools[i] && r == 0; i++)
		r = add_tool(b, tools[i]);
	return r < 0 ? r : buf_adds(b, completion_zsh_rest);
}
