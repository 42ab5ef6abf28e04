/* SPDX-License-Identifier: MIT */
/* Variables by their names. */
#include "lib/env.h"

#include <stdbool.h>
#include <string.h>

/* a is "K=V", or "K" alone. */
static bool same_name(const char *a, const char *b)
{
	size_t n = strcspn(a, "=");

	return !strncmp(a, b, n) && b[n] == '=';
}

const char *env_find(const char *const *env, const char *name)
{
	for (; env && *env; env++) {
		if (same_name(name, *env))
			return *env + strlen(name) + 1;
	}
	return NULL;
}

int env_merge(char *const *base, const char *const *over, size_t n, struct argv *out)
{
	int r = 0;

	for (; *base && r == 0; base++) {
		size_t i = 0;

		while (i < n && !same_name(over[i], *base))
			i++;
		if (i == n)
			r = argv_push(out, *base);
	}
	for (size_t i = 0; i < n && r == 0; i++)
		r = argv_push(out, over[i]);
	return r;
}
