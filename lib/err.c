/* SPDX-License-Identifier: MIT */
/* struct err: set, add the system's reason, put the outer step in front. */
#include "lib/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void add_reason(struct err *e, int code)
{
	size_t n = strlen(e->msg);

	snprintf(e->msg + n, sizeof(e->msg) - n, ": %s", strerror(code));
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	e->code = code;
	return -code;
}

int err_sys(struct err *e, const char *fmt, ...)
{
	int code = errno;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	e->code = code;
	add_reason(e, code);
	return -code;
}

int err_code(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	e->code = code;
	add_reason(e, code);
	return -code;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	char inner[ERR_MSG_MAX];
	size_t n;
	va_list ap;

	memcpy(inner, e->msg, sizeof(inner));
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	n = strlen(e->msg);
	snprintf(e->msg + n, sizeof(e->msg) - n, ": %s", inner);
	return -e->code;
}

int err_memory(struct err *e)
{
	return err_set(e, ENOMEM, "out of memory");
}
