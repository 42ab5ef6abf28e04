/* SPDX-License-Identifier: MIT */
/* Paths in a plan: of the host, of the guest, and digests behind them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/digest.h"
#include "lib/cleanup.h"
#include "runners/config-key.h"

/* Relative paths of a description are relative to its directory. */
char *config_path(const struct config_plan *p, const char *path)
{
	bool part = p->path && *p->path == '$';
	const char *slash = p->path && !part ? strrchr(p->path, '/') : NULL;
	char *out = NULL;

	if (part && p->dir && *path != '/')
		return asprintf(&out, "%s/%s", p->dir, path) < 0 ? NULL : out;
	if (*path == '/' || !slash)
		return strdup(path);
	if (asprintf(&out, "%.*s/%s", (int)(slash - p->path), p->path, path) < 0)
		return NULL;
	return out;
}

int config_at(const char *path, unsigned line, const char *key, struct err *e)
{
	if (*path == '$')
		return err_wrap(e, "%s.%s", path, key);
	return err_wrap(e, "%s:%u: key '%s'", path, line, key);
}

int config_guest_path(const char *text, char **out, struct err *e)
{
	char *to = strdup(text), *end = to;

	if (!to)
		return err_memory(e);
	*out = to;
	if (*text != '/')
		return err_set(e, EINVAL, "'%s' is not an absolute path", text);
	while (*text) {
		size_t n;

		text += strspn(text, "/");
		n = strcspn(text, "/");
		if (n == 2 && !memcmp(text, "..", 2))
			return err_set(e, EINVAL, "a path with '..' in it");
		if (n && !(n == 1 && *text == '.')) {
			*end++ = '/';
			memmove(end, text, n);
			end += n;
		}
		text += n;
	}
	*end = '\0';
	return *to ? 0 : err_set(e, EINVAL, "/ of the guest cannot be replaced");
}

int config_take_digest(char *word, char **digest, struct err *e)
{
	char *at = NULL;

	*digest = NULL;
	for (char *next = word; (next = strstr(next, "@" DIGEST_PREFIX)); next++)
		at = next;
	if (!at)
		return 0;
	*at++ = '\0';
	if (!digest_valid(at))
		return err_set(e, EINVAL, "'%s' is not " DIGEST_PREFIX " and 64 hex digits", at);
	*digest = strdup(at);
	return *digest ? 0 : err_memory(e);
}
