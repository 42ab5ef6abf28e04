/* SPDX-License-Identifier: MIT */
#include "late/late.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "late/archive.h"
#include "late/kmod.h"

struct function {
	const char *name;
	void *to; /* the pointer to it, of whatever type */
};

struct library {
	const char *name;
	const struct function *functions;
	size_t n;
	bool loaded; /* what was loaded stays */
};

#define POINTER(f) __typeof__(late_##f) late_##f;
#define FUNCTION(f) { #f, &late_##f },
LATE_ARCHIVE(POINTER)
LATE_KMOD(POINTER)
static const struct function archive_functions[] = { LATE_ARCHIVE(FUNCTION) };
static const struct function kmod_functions[] = { LATE_KMOD(FUNCTION) };

static int load(struct library *l, struct err *e)
{
	void *library;

	if (l->loaded)
		return 0;
	library = dlopen(l->name, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return err_set(e, ELIBACC, "%s", dlerror());
	for (size_t i = 0; i < l->n; i++) {
		void *address = dlsym(library, l->functions[i].name);

		if (!address)
			return err_set(e, ELIBACC, "%s", dlerror());
		memcpy(l->functions[i].to, &address, sizeof(address));
	}
	l->loaded = true;
	return 0;
}

int late_archive(struct err *e)
{
	static struct library archive = { "libarchive.so.13", archive_functions,
					  ARRAY_SIZE(archive_functions), false };

	return load(&archive, e);
}

int late_kmod(struct err *e)
{
	static struct library kmod = { "libkmod.so.2", kmod_functions, ARRAY_SIZE(kmod_functions),
				       false };

	return load(&kmod, e);
}
