/* SPDX-License-Identifier: MIT */
/* Is /init something that a kernel can start? */
#pragma once

#include "initrd/content.h"
#include "initrd/initrd.h"
#include "initrd/tree.h"
#include "lib/err.h"
#include "lib/macro.h"

/*
 * /init is there (symlinks are followed), a file, executable, and a program of this machine that is
 * static or has its interpreter in the tree, or a script that has. -ENOEXEC or -ENOENT if not.
 */
int check_init(const struct tree *t, const struct spool *s, struct err *e) must_check
	nonnull(1, 2, 3);

/*
 * Can the kernel unpack this? Says -EOPNOTSUPP when the configuration of that kernel version (in
 * /boot, or in its directory of modules) is there and says no.
 */
int check_kernel(const char *kver, const char *modules_dir, enum initrd_compress compress,
		 struct err *e) must_check nonnull(1, 2, 4);
