/* SPDX-License-Identifier: MIT */
/*
 * What a login shell is given has to mean the same to all of them. They agree on one thing: a
 * backslash in front of a character of punctuation stands for that character. So the line is made of
 * letters, digits and such pairs. What they do not agree on (newlines, control characters, bytes
 * above 127) does not appear in it: then the script that sh gets is a printf(1) of the real one, with
 * those as octal numbers.
 */
#include "runners/remote.h"

#include <errno.h>
#include <string.h>

#include "lib/cleanup.h"

#define SAFE "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_/.-"

int remote_quote(const char *word, struct buf *out)
{
	int r;

	if (*word && !word[strspn(word, SAFE)])
		return buf_adds(out, word);
	r = buf_addc(out, '\'');
	for (; *word && r == 0; word++)
		r = *word == '\'' ? buf_adds(out, "'\\''") : buf_addc(out, *word);
	return r < 0 ? r : buf_addc(out, '\'');
}

/*
 * env(1) starts the command, never the shell: some names are commands of a shell's own. It takes
 * words with a '=' for variables, so the command cannot have one. What the shell would say about a
 * command that was killed is not the command's stderr, which only a subshell has for that reason.
 */
int remote_script(const struct vm_spec *s, bool env, struct buf *out, struct err *e)
{
	int r = 0;

	if (strchr(s->args.v[0], '='))
		return err_set(e, EINVAL, "runner %s: a command with '=' in its name", s->runner);
	if (s->cwd) {
		r = buf_adds(out, "cd ");
		if (r == 0)
			r = remote_quote(s->cwd, out);
		if (r == 0)
			r = buf_adds(out, " || exit 125; ");
	}
	if (r == 0 && s->has_umask)
		r = buf_addf(out, "umask %04o; ", s->umask);
	if (r == 0)
		r = buf_adds(out, "trap : INT TERM HUP QUIT USR1 USR2; exec 3>&2 2>/dev/null; "
				  "(exec env --");
	for (size_t i = 0; env && i < s->env.n && r == 0; i++) {
		r = buf_addc(out, ' ');
		if (r == 0)
			r = remote_quote(s->env.v[i], out);
	}
	if (r == 0)
		r = buf_adds(out, " \"$@\" 2>&3 3>&-); exit $?");
	return r < 0 ? err_memory(e) : 0;
}

static bool is_odd(unsigned char c)
{
	return c < ' ' || c > '~';
}

static bool has_odd(const char *text)
{
	while (*text && !is_odd((unsigned char)*text))
		text++;
	return *text;
}

/* With a backslash in front of whatever is not safe as it is. */
static int escape(const char *text, struct buf *out)
{
	int r = *text ? 0 : buf_adds(out, "''");

	for (; *text && r == 0; text++) {
		if (!strchr(SAFE, *text))
			r = buf_addc(out, '\\');
		if (r == 0)
			r = buf_addc(out, *text);
	}
	return r;
}

/* eval "$(printf FORMAT)": the format gives the text. */
static int as_printf(const char *text, struct buf *out)
{
	int r = buf_adds(out, "eval \"$(printf '");

	for (; *text && r == 0; text++) {
		unsigned char c = (unsigned char)*text;

		if (is_odd(c) || c == '\'' || c == '\\')
			r = buf_addf(out, "\\%03o", c);
		else
			r = buf_addf(out, c == '%' ? "%%%%" : "%c", c);
	}
	return r < 0 ? r : buf_adds(out, "')\"");
}

/* sh -c SCRIPT NAME WORD..., each as the login shell reads it. */
static int plain_line(const char *script, const char *name, char *const *words, struct buf *out)
{
	int r = buf_adds(out, "exec /bin/sh -c ");

	if (r == 0)
		r = escape(script, out);
	if (r == 0)
		r = buf_addc(out, ' ');
	if (r == 0)
		r = escape(name, out);
	for (; *words && r == 0; words++) {
		r = buf_addc(out, ' ');
		if (r == 0)
			r = escape(*words, out);
	}
	return r;
}

int remote_line(const char *script, const char *name, char *const *words, struct buf *out)
{
	cleanup_buf struct buf inner = { 0 };
	cleanup_buf struct buf whole = { 0 };
	char *const none[] = { NULL };
	bool odd = has_odd(script);
	int r;

	for (size_t i = 0; words[i]; i++)
		odd |= has_odd(words[i]);
	if (!odd)
		return plain_line(script, name, words, out);
	/* The words become a part of the script: "set -- WORD...; SCRIPT". */
	r = buf_adds(&inner, "set --");
	for (; *words && r == 0; words++) {
		r = buf_addc(&inner, ' ');
		if (r == 0)
			r = remote_quote(*words, &inner);
	}
	if (r == 0)
		r = buf_addf(&inner, "; %s", script);
	if (r == 0)
		r = as_printf(inner.p, &whole);
	return r ? r : plain_line(whole.p, name, none, out);
}
