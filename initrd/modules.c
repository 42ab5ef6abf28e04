/* SPDX-License-Identifier: MIT */
/*
 * libkmod, without the modprobe configuration of this host: the same kernel gives the same list on
 * every machine.
 *
 * Soft dependencies ("pre:") count as well: a file system that finds its checksum only when it
 * mounts names it that way, and no modprobe runs in the guest. What they name may be missing. Where
 * such a name is an alias of several modules (crc32c), the one that runs on every CPU is taken:
 * crypto calls it NAME_generic.
 */
#include "initrd/modules.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "late/kmod.h"
#include "lib/cleanup.h"

#define DEPTH_MAX 64 /* a chain of modules that need each other */

static void cleanup_ctx_fn(struct kmod_ctx **ctx)
{
	if (*ctx)
		kmod_unref(*ctx);
}
static void cleanup_list_fn(struct kmod_list **list)
{
	kmod_module_unref_list(*list);
}
static void cleanup_info_fn(struct kmod_list **list)
{
	kmod_module_info_free_list(*list);
}
static void cleanup_mod_fn(struct kmod_module **mod)
{
	kmod_module_unref(*mod);
}
#define cleanup_ctx __attribute__((cleanup(cleanup_ctx_fn)))
#define cleanup_list __attribute__((cleanup(cleanup_list_fn)))
#define cleanup_info __attribute__((cleanup(cleanup_info_fn)))
#define cleanup_mod __attribute__((cleanup(cleanup_mod_fn)))

struct search {
	struct kmod_ctx *ctx;
	const char *dir;
	struct argv *files;
	struct argv *seen; /* names that are done, or being done */
};

static bool known(const struct argv *a, const char *s)
{
	for (size_t i = 0; i < a->n; i++) {
		if (!strcmp(a->v[i], s))
			return true;
	}
	return false;
}

static int add(struct search *s, struct kmod_module *mod, int depth, struct err *e);

static int add_soft(struct search *s, const char *name, int depth, struct err *e)
{
	cleanup_list struct kmod_list *found = NULL;
	cleanup_mod struct kmod_module *mod = NULL;
	char generic[128];
	struct kmod_list *l;

	if (kmod_module_new_from_lookup(s->ctx, name, &found) < 0 || !found)
		return 0;
	if (!kmod_list_next(found, found)) {
		mod = kmod_module_get_module(found);
		return add(s, mod, depth, e);
	}
	snprintf(generic, sizeof(generic), "%s_generic", name);
	kmod_list_foreach(l, found)
	{
		cleanup_mod struct kmod_module *one = kmod_module_get_module(l);

		if (!strcmp(kmod_module_get_name(one), generic))
			return add(s, one, depth, e);
	}
	return 0;
}

/* "pre: a b post: c": a and b. */
static int add_softdep(struct search *s, const char *value, int depth, struct err *e)
{
	bool pre = false;
	int r = 0;

	while (r == 0 && *value) {
		size_t n = strcspn(value, " \t");
		char name[100];

		if (n && value[n - 1] == ':') {
			pre = n == 4 && !memcmp(value, "pre:", 4);
		} else if (n && n < sizeof(name) && pre) {
			memcpy(name, value, n);
			name[n] = '\0';
			r = add_soft(s, name, depth, e);
		}
		value += n;
		value += strspn(value, " \t");
	}
	return r;
}

static int add_softdeps(struct search *s, struct kmod_module *mod, int depth, struct err *e)
{
	cleanup_info struct kmod_list *info = NULL;
	struct kmod_list *l;
	int r = kmod_module_get_info(mod, &info);

	if (r == -ENOENT || r == -ENODATA)
		return 0; /* it says nothing about itself */
	if (r < 0)
		return err_code(e, -r, "read %s", kmod_module_get_path(mod));
	r = 0;
	kmod_list_foreach(l, info)
	{
		if (r == 0 && !strcmp(kmod_module_info_get_key(l), "softdep"))
			r = add_softdep(s, kmod_module_info_get_value(l), depth, e);
	}
	return r;
}

/* The file, behind everything it needs. */
static int add(struct search *s, struct kmod_module *mod, int depth, struct err *e)
{
	cleanup_list struct kmod_list *deps = NULL;
	const char *name = kmod_module_get_name(mod), *path;
	size_t dir_len = strlen(s->dir);
	struct kmod_list *l;
	int r;

	if (known(s->seen, name))
		return 0;
	if (depth > DEPTH_MAX)
		return err_set(e, ELOOP, "module %s: more than %d modules deep", name, DEPTH_MAX);
	if (argv_push(s->seen, name) < 0)
		return err_code(e, ENOMEM, "module %s", name);
	path = kmod_module_get_path(mod);
	if (!path && kmod_module_get_initstate(mod) == KMOD_MODULE_BUILTIN)
		return 0;
	if (!path)
		return err_set(e, ENOENT, "module %s: not in %s", name, s->dir);
	if (strncmp(path, s->dir, dir_len) || path[dir_len] != '/')
		return err_set(e, EINVAL, "module %s: %s is not below %s", name, path, s->dir);
	deps = kmod_module_get_dependencies(mod);
	r = 0;
	kmod_list_foreach(l, deps)
	{
		cleanup_mod struct kmod_module *dep = kmod_module_get_module(l);

		if (r == 0)
			r = add(s, dep, depth + 1, e);
	}
	if (r == 0)
		r = add_softdeps(s, mod, depth + 1, e);
	if (r == 0 && argv_push(s->files, path + dir_len + 1) < 0)
		r = err_code(e, ENOMEM, "module %s", name);
	return r;
}

static int add_named(struct search *s, const char *name, struct err *e)
{
	cleanup_list struct kmod_list *found = NULL;
	struct kmod_list *l;
	int r = kmod_module_new_from_lookup(s->ctx, name, &found);

	if (r < 0 && r != -ENOENT && r != -ENOSYS)
		return err_code(e, -r, "module %s", name);
	if (!found)
		return err_set(e, ENOENT, "module %s: not in %s", name, s->dir);
	r = 0;
	kmod_list_foreach(l, found)
	{
		cleanup_mod struct kmod_module *mod = kmod_module_get_module(l);

		if (r == 0)
			r = add(s, mod, 0, e);
	}
	return r;
}

static void silent(void *data, int priority, const char *file, int line, const char *fn,
		   const char *format, va_list args)
{
	(void)data, (void)priority, (void)file, (void)line, (void)fn, (void)format, (void)args;
}

int modules_find(const char *dir, char *const *names, size_t n, struct argv *files, struct err *e)
{
	static const char *const no_config[] = { NULL };
	cleanup_ctx struct kmod_ctx *ctx = NULL;
	cleanup_argv struct argv seen = { 0 };
	cleanup_free char *real = realpath(dir, NULL);
	cleanup_free char *dep = NULL;
	struct search s = { 0 };
	int r = 0;

	if (!real)
		return err_sys(e, "%s", dir);
	if (asprintf(&dep, "%s/modules.dep.bin", real) < 0)
		return err_code(e, ENOMEM, "%s", dir);
	if (access(dep, R_OK) < 0)
		return err_sys(e, "%s", dep);
	r = late_kmod(e);
	if (r < 0)
		return r;
	ctx = kmod_new(real, no_config);
	if (!ctx)
		return err_set(e, ENOMEM, "libkmod: cannot start with %s", dir);
	kmod_set_log_fn(ctx, silent, NULL);
	s = (struct search){ .ctx = ctx, .dir = real, .files = files, .seen = &seen };
	for (size_t i = 0; i < n && r == 0; i++)
		r = add_named(&s, names[i], e);
	return r;
}
