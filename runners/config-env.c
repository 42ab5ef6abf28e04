/* SPDX-License-Identifier: MIT */
/* The environment of the command: of a description, of options, of files. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/io.h"
#include "runners/config-key.h"

#define ENV_FILE_MAX ((size_t)4 << 20) /* bytes */

/* The environment: sorted by name, each name once. */

static int compare_names(const char *a, size_t na, const char *b)
{
	size_t nb = strcspn(b, "=");
	int c = memcmp(a, b, na < nb ? na : nb);

	return c ? c : (na > nb) - (na < nb);
}

/* Puts "NAME=VALUE" in its place. */
static int put_env(struct argv *env, const char *pair)
{
	size_t low = 0, high = env->n, n = strcspn(pair, "=");
	char *added;
	int r;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = compare_names(pair, n, env->v[mid]);

		if (c == 0) {
			char *copy = strdup(pair);

			if (!copy)
				return -ENOMEM;
			free(env->v[mid]);
			env->v[mid] = copy;
			return 0;
		}
		if (c > 0)
			low = mid + 1;
		else
			high = mid;
	}
	r = argv_push(env, pair);
	if (r < 0)
		return r;
	added = env->v[env->n - 1];
	memmove(env->v + low + 1, env->v + low, (env->n - 1 - low) * sizeof(*env->v));
	env->v[low] = added;
	return 0;
}

int config_set_env(struct config_plan *p, const json_t *v, struct err *e)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)v, name, value)
	{
		cleanup_buf struct buf pair = { 0 };
		cleanup_free char *bytes = NULL;
		const char *text = config_text(value, &bytes);

		p->inner = name;
		if (!*name || strchr(name, '='))
			return err_set(e, EINVAL, "no name of a variable");
		if (!text)
			return err_set(e, EINVAL, "the value is not a string");
		if (buf_addf(&pair, "%s=%s", name, text) < 0 || put_env(&p->s->env, pair.p) < 0)
			return err_memory(e);
	}
	p->inner = NULL;
	return 0;
}

/* "K=V", or "K": from our own environment, if it is there. Values are never in a sentence. */
int config_env_word(struct config_plan *p, const char *word, struct err *e)
{
	size_t n = strcspn(word, "=");
	cleanup_buf struct buf pair = { 0 };
	const char *value;

	p->s->env_private = true;
	if (!n)
		return err_set(e, EINVAL, "the name of a variable is missing");
	if (word[n])
		return put_env(&p->s->env, word) < 0 ? err_memory(e) : 0;
	p->s->env_inherited = true;
	value = getenv(word);
	if (!value)
		return 0;
	if (buf_addf(&pair, "%s=%s", word, value) < 0 || put_env(&p->s->env, pair.p) < 0)
		return err_memory(e);
	return 0;
}

/* docker's rules: blank lines and those that begin with '#' do not count, no quoting of any kind. */
static int env_line(struct config_plan *p, char *line, struct err *e)
{
	line += strspn(line, " \t\r\v\f");
	if (!*line || *line == '#')
		return 0;
	if (line[strcspn(line, " \t=")] != '=' && line[strcspn(line, " \t=")])
		return err_set(e, EINVAL, "the name of a variable has a blank in it");
	return config_env_word(p, line, e);
}

int config_env_file(struct config_plan *p, const char *path, struct err *e)
{
	cleanup_buf struct buf b = { 0 };
	unsigned number = 1;
	int r = io_read_file(path, ENV_FILE_MAX, &b, e);
	char *line = b.p;

	if (r < 0 || !b.len)
		return r;
	if (memchr(b.p, '\0', b.len))
		return err_set(e, EINVAL, "%s: has a NUL in it", path);
	if (!strncmp(line, "\xef\xbb\xbf", 3))
		line += 3;
	for (char *next; line && r == 0; line = next, number++) {
		size_t n;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		n = strlen(line);
		if (n && line[n - 1] == '\r')
			line[n - 1] = '\0';
		r = env_line(p, line, e);
		if (r < 0)
			err_wrap(e, "%s:%u", path, number);
	}
	return r;
}
