/* SPDX-License-Identifier: MIT */
/* What the sources of an initrd share: inside this folder only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "initrd/content.h"
#include "initrd/spec.h"
#include "initrd/tree.h"
#include "lib/argv.h"
#include "lib/err.h"
#include "lib/macro.h"

/* A single entry that waits until archives and trees are there. */
struct waiting {
	char *guest;		/* owned, as spec_path() makes it */
	struct tree_node *node; /* owned */
	unsigned source;
};

struct initrd {
	struct tree tree;
	struct spool spool;
	struct waiting *waiting; /* owned */
	size_t nwaiting, cap;
	struct spec_rename *rename; /* owned */
	size_t nrename;
	struct argv modules; /* lines of GUEST_MODULES */
	struct buf modules_text;
	char *kver; /* owned; whose modules they are */
	char *kdir; /* owned; where they are on the host */
	unsigned modules_source;
	unsigned source; /* number of the one that was named last */
	int flags;
	bool has_epoch, drop_extra, finished;
	uint32_t epoch;
	void (*warn)(const char *fmt, ...) printf_like(1, 2);
};

/* 0 without an epoch; else what was, up to the epoch. path is for a warning. */
uint32_t source_mtime(const struct initrd *in, int64_t mtime, const char *path) must_check
	nonnull(1, 3);

/* A node of ours: root's, of the epoch. NULL with a sentence. */
struct tree_node *source_node(const struct initrd *in, enum tree_type type, uint32_t mode,
			      struct err *e) must_check nonnull(1, 4);

/* A single entry of this source; takes *node over on success. */
int source_wait(struct initrd *in, const char *guest, struct tree_node **node, unsigned source,
		struct err *e) must_check nonnull(1, 2, 3, 5);
