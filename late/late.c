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

#define POINTER(f) __typeof__(late_##f) late_##f;
#define FUNCTION(f) { #f, &late_##f },
LATE_ARCHIVE(POINTER)
LATE_KMOD(POINTER)
static const struct function archive_functions[] = { LATE_ARCHIVE(FUNCTION) };
static const struct function kmod_functions[] = { LATE_KMOD(FUNCTION) };

/* What was loaded stays. */
static int load(const char *name, const struct function *f, size_t n, struct err *e)
{
	void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return err_set(e, ELIBACC, "%s", dlerror());
	for (size_t i = 0; i < n; i++) {
		void *address = dlsym(library, f[i].name);

		if (!address)
			return err_set(e, ELIBACC, "%s", dlerror());
		memcpy(f[i].to, &address, sizeof(address));
	}
	return 0;
}

int late_archive(struct err *e)
{
	static bool loaded;
	int r;

	if (loaded)
		return 0;
	r = load("libarchive.so.13", archive_functions,
		 sizeof(archive_functions) / sizeof(*archive_functions), e);
	loaded = r == 0;
	return r;
}

int late_kmod(struct err *e)
{
	static bool loaded;
	int r;

	if (loaded)
		return 0;
	r = load("libkmod.so.2", kmod_functions, sizeof(kmod_functions) / sizeof(*kmod_functions),
		 e);
	loaded = r == 0;
	return r;
}
