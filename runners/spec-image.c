/* SPDX-License-Identifier: MIT */
/* What an image says about a run, below what everybody else has said. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "image/image.h"
#include "lib/cleanup.h"
#include "runners/runner.h"

static int compare(const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;
	size_t n = strcspn(x, "="), k = strcspn(y, "=");
	int c = memcmp(x, y, n < k ? n : k);

	return c ? c : (n > k) - (n < k);
}

static bool has(const struct argv *env, const char *pair)
{
	for (size_t i = 0; i < env->n; i++) {
		if (!compare(&env->v[i], &pair))
			return true;
	}
	return false;
}

/* The last of a name counts, as for a process; what is no "K=V" means nothing. */
static int add_env(struct vm_spec *s, const struct argv *env)
{
	int r = 0;

	for (size_t i = env->n; r == 0 && i-- > 0;) {
		const char *pair = env->v[i];

		if (*pair != '=' && strchr(pair, '=') && !has(&s->env, pair))
			r = argv_push(&s->env, pair);
	}
	if (s->env.n)
		qsort(s->env.v, s->env.n, sizeof(*s->env.v), compare);
	return r;
}

/* docker takes it from the root, too, when it has no slash in front. */
static int set_cwd(struct vm_spec *s, const char *cwd)
{
	return asprintf(&s->cwd, "%s%s", *cwd == '/' ? "" : "/", cwd) < 0 ? -ENOMEM : 0;
}

int spec_image(struct vm_spec *s, struct err *e)
{
	cleanup_image struct image im = { 0 };
	const struct image_config *c = &im.stored.record.config;
	int r = image_find(s->image, &im, e);

	if (r < 0)
		return r;
	s->image_digest = strdup(im.stored.digest);
	s->image_pinned = strstr(s->image, im.stored.digest) != NULL;
	s->root = strdup(im.path.p);
	/* The store is not looked at for every run; where it matters what it was, it is. */
	if (s->strict || s->record)
		s->root_digest = strdup(im.stored.record.root);
	if (!s->image_digest || ((s->strict || s->record) && !s->root_digest))
		return err_memory(e);
	r = s->root ? add_env(s, &c->env) : -ENOMEM;
	if (r == 0 && c->cwd && !s->cwd)
		r = set_cwd(s, c->cwd);
	if (r == 0 && c->user && !s->user) {
		s->user = strdup(c->user);
		r = s->user ? 0 : -ENOMEM;
	}
	if (r == 0 && !s->args.n) {
		r = argv_push_all(&s->args, c->entrypoint.v, c->entrypoint.n);
		if (r == 0)
			r = argv_push_all(&s->args, c->cmd.v, c->cmd.n);
	}
	return r < 0 ? err_memory(e) : 0;
}
