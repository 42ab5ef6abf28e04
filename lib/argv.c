/* SPDX-License-Identifier: MIT */
/* struct argv, and how a list of strings is shown. */
#include "lib/argv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"

/* Takes s over, also when it fails. */
static int push_owned(struct argv *a, char *s)
{
	cleanup_free char *owned = s;

	if (!owned)
		return -ENOMEM;
	if (a->n + 1 >= a->cap) {
		size_t cap = a->cap ? a->cap * 2 : 16;
		char **v = reallocarray(a->v, cap, sizeof(*v));

		if (!v)
			return -ENOMEM;
		a->v = v;
		a->cap = cap;
	}
	a->v[a->n++] = take_ptr(&owned);
	a->v[a->n] = NULL;
	return 0;
}

int argv_push(struct argv *a, const char *s)
{
	return push_owned(a, strdup(s));
}

int argv_pushf(struct argv *a, const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return push_owned(a, n < 0 ? NULL : s);
}

int argv_push_all(struct argv *a, char *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int r = argv_push(a, v[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

size_t argv_count(char *const *v)
{
	size_t n = 0;

	while (v[n])
		n++;
	return n;
}

static int quote_word(struct buf *b, const char *s)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789@%_-+=:,./";
	int r;

	if (*s && !s[strspn(s, plain)])
		return buf_adds(b, s);
	r = buf_addc(b, '\'');
	for (; *s && r == 0; s++)
		r = *s == '\'' ? buf_adds(b, "'\\''") : buf_addc(b, *s);
	return r < 0 ? r : buf_addc(b, '\'');
}

int argv_quote(struct buf *b, char *const *v)
{
	int r = buf_reserve(b, 0);

	for (size_t i = 0; v[i] && r == 0; i++) {
		if (i)
			r = buf_addc(b, ' ');
		if (r == 0)
			r = quote_word(b, v[i]);
	}
	return r;
}

void argv_free(struct argv *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->v[i]);
	free(a->v);
	*a = (struct argv){ 0 };
}
