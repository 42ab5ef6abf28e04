/* SPDX-License-Identifier: MIT */
/* Which kernel, and what it can do. */
#pragma once

#include <stdbool.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/macro.h"

enum kernel_profile {
	KERNEL_OURS,  /* vmlinux with a PVH note, all built in: -M microvm,acpi=off */
	KERNEL_DISTRO, /* vmlinuz, virtio as modules: microvm with ACPI, modules in the initrd */
};

struct kernel {
	char path[4096];
	char config[4096];   /* its configuration, or "" */
	char release[128];   /* "6.1.0-37-cloud-amd64": directory below /lib/modules; "" = none */
	enum kernel_profile profile;
	const char *origin;  /* "--kernel", "$EXECVM_KERNEL", "make kernel", "/boot"; static */
};

/*
 * The kernel of a run, the first that exists: asked (option or description, may be NULL),
 * $EXECVM_KERNEL, the one that `make kernel` built or installed, the newest in /boot that has its
 * modules. Says which of the two profiles it gets, from its file, and refuses what is no kernel.
 */
int kernel_find(const char *asked, struct kernel *k, struct err *e) must_check nonnull(2, 3);

/* Adds a line per kernel that kernel_find() would look at: path, profile, origin. */
int kernel_list(struct buf *out, struct err *e) must_check nonnull(1, 2);

/* Does its configuration have this symbol as =y? With no configuration: unknown = true for ours. */
bool kernel_has(const struct kernel *k, const char *symbol) must_check nonnull(1, 2);

/*
 * Modules that a distribution kernel needs for a machine with a root of this file system type
 * (NULL = none): names in no special order, NULL-terminated static lists joined into out.
 */
int kernel_modules(const struct kernel *k, struct argv *out) must_check nonnull(1, 2);
