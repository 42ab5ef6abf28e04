/* SPDX-License-Identifier: MIT */
/* Pure: memory in, memory out. */
#include "archive/name.h"

#include <errno.h>
#include <string.h>

#define SHOWN_MAX 150 /* bytes */

const char *name_shown(const char *path)
{
	size_t n = strlen(path);

	return n > SHOWN_MAX ? path + (n - SHOWN_MAX) : path;
}

int name_normal(const char *path, struct buf *b, struct err *e)
{
	b->len = 0;
	if (buf_adds(b, "") < 0)
		return err_memory(e);
	if (*path == '/')
		return err_set(e, EPERM, "'%s': an absolute name", name_shown(path));
	if (strlen(path) > NAME_PATH_MAX)
		return err_set(e, ENAMETOOLONG, "'%s': a path of more than %d bytes",
			       name_shown(path), NAME_PATH_MAX);
	for (const char *at = path; *at;) {
		size_t n = strcspn(at, "/");

		if (n == 2 && !memcmp(at, "..", 2))
			return err_set(e, EPERM, "'%s': '..' in a name", name_shown(path));
		if (n && !(n == 1 && *at == '.') &&
		    ((b->len && buf_addc(b, '/') < 0) || buf_add(b, at, n) < 0))
			return err_memory(e);
		at += n;
		at += *at == '/';
	}
	return 0;
}
