/* SPDX-License-Identifier: MIT */
/* Messages: put together in one buffer, cleaned, written once. */
#include "lib/msg.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MSG_MAX 1024

static const char *tool_name;
static enum msg_level shown = MSG_WARNING;
static bool is_raw;

void msg_tool(const char *tool)
{
	tool_name = tool;
}

void msg_set_level(enum msg_level level)
{
	shown = level;
}

enum msg_level msg_level(void)
{
	return shown;
}

void msg_set_raw(bool raw)
{
	is_raw = raw;
}

bool msg_is_raw(void)
{
	return is_raw;
}

void msg_clean(char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];
		unsigned char next = i + 1 < n ? (unsigned char)text[i + 1] : 0;

		if ((c < ' ' && c != '\n' && c != '\t') || c == 0x7f)
			text[i] = '?';
		else if (c == 0xc2 && next >= 0x80 && next < 0xa0)
			text[i] = text[i + 1] = '?';
	}
}

static void say(const char *prefix, const char *fmt, va_list ap) printf_like(2, 0);
static void say(const char *prefix, const char *fmt, va_list ap)
{
	int saved = errno;
	char line[MSG_MAX];
	size_t n;
	int k;

	snprintf(line, sizeof(line) - 2, "execvm%s%s: %s", tool_name ? " " : "",
		 tool_name ? tool_name : "", prefix);
	n = strlen(line);
	k = vsnprintf(line + n, sizeof(line) - 2 - n, fmt, ap);
	if (k > 0)
		n += (size_t)k < sizeof(line) - 2 - n ? (size_t)k : sizeof(line) - 3 - n;
	msg_clean(line, n);
	for (char *c = line; (c = memchr(c, '\n', n - (size_t)(c - line)));)
		*c = '?'; /* one line */
	if (is_raw)
		line[n++] = '\r';
	line[n++] = '\n';
	/* Nobody is left to tell when this fails. */
	if (write(STDERR_FILENO, line, n) < 0)
		n = 0;
	errno = saved;
}

void msg_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("warning: ", fmt, ap);
	va_end(ap);
}

void msg_info(const char *fmt, ...)
{
	va_list ap;

	if (shown < MSG_INFO)
		return;
	va_start(ap, fmt);
	say("", fmt, ap);
	va_end(ap);
}

void msg_debug(const char *fmt, ...)
{
	va_list ap;

	if (shown < MSG_DEBUG)
		return;
	va_start(ap, fmt);
	say("debug: ", fmt, ap);
	va_end(ap);
}

int failf(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("", fmt, ap);
	va_end(ap);
	return EXIT_EXECVM;
}

int fail(const struct err *e)
{
	return failf("%s", e->msg);
}

void msg_assert(const char *what, const char *file, int line)
{
	failf("bug: %s:%d: %s", file, line, what);
	abort();
}
