/* SPDX-License-Identifier: MIT */
/* The delimiter grammar, split and built. */
#include "chain/chain.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"

int chain_split(char **words, struct chain *c, struct err *e)
{
	const char *delim = words[0];
	char **end;

	if (!delim)
		return err_set(e, EINVAL, "no delimiter");
	if (!*delim)
		return err_set(e, EINVAL, "the delimiter is an empty word");
	for (end = words + 1; *end && strcmp(*end, delim); end++)
		;
	if (!*end)
		return err_set(e, EINVAL, "no second '%s' between the commands", delim);
	if (end == words + 1)
		return err_set(e, EINVAL, "no first command before '%s'", delim);
	if (!end[1])
		return err_set(e, EINVAL, "no second command after '%s'", delim);
	*end = NULL;
	*c = (struct chain){ .first = words + 1, .second = end + 1 };
	return 0;
}

static bool occurs(const struct argv *cmds, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < cmds[i].n; k++) {
			if (!strcmp(cmds[i].v[k], word))
				return true;
		}
	}
	return false;
}

int chain_build(const char *program, const struct argv *cmds, size_t n, struct argv *out)
{
	cleanup_buf struct buf delim = { 0 };
	int r = buf_adds(&delim, "--");

	while (r == 0 && occurs(cmds, n - 1, delim.p))
		r = buf_addc(&delim, '-');
	for (size_t i = 0; i + 1 < n && r == 0; i++) {
		const char *head[] = { program, "chain", delim.p };

		for (size_t k = 0; k < 3 && r == 0; k++)
			r = argv_push(out, head[k]);
		if (r == 0)
			r = argv_push_all(out, cmds[i].v, cmds[i].n);
		if (r == 0)
			r = argv_push(out, delim.p);
	}
	return r < 0 ? r : argv_push_all(out, cmds[n - 1].v, cmds[n - 1].n);
}
