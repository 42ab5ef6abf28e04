/* SPDX-License-Identifier: MIT */
/*
 * The one table of what can be said about a run: it feeds the option parser, the reader of machine
 * descriptions, --help and the check of the man page.
 */
#pragma once

#include "lib/err.h"
#include "lib/macro.h"
#include "lib/opt.h"
#include "runners/runner.h"

/* A description that is a part of something larger. Borrowed. */
struct config_text {
	const char *path; /* where it is, as a JSON path, for sentences: "$.output.runner" */
	const char *text; /* JSON */
	size_t len;
};

/* What the command line said, as text, before it is checked. */
struct run_opts {
	const char *runner, *kernel, *initrd, *append, *root, *image, *root_mode, *memory, *cpus,
		*accel;
	const char *cwd, *user, *hostname, *timeout, *config, *record, *network, *name, *host;
	struct argv disks;   /* FILE=/dev/NAME[,ro] */
	struct argv mounts;  /* "volume=DIR:GUEST[:ro]" and "mount=WORDS", in order */
	struct argv in, out; /* HOST=GUEST, GUEST=HOST */
	struct argv publish; /* [ADDR:]HOST:GUEST[/tcp|/udp] */
	struct argv tmpfs;   /* DIR[:OPTIONS] */
	struct argv options; /* words */
	struct argv wrap;    /* words */
	struct argv env;     /* "env=K=V" and "env-file=F", in order */
	bool no_stdin, interactive, tty, read_only, strict, warm;
	bool dry_run, show_append, boot_log, timings, debug;
	unsigned verbose;
	/* Not from the command line: read in this order, behind what config names. */
	const struct config_text *texts;
	size_t ntexts;
	const char *dir; /* their paths are relative to it; NULL = the current directory */
};

extern const struct opt run_opts_table[];

/*
 * Defaults, then the machine description o->config names (if any), then the options, into *s. args
 * are the operands (they replace the description's). The files that the plan names are there and
 * are files, the host has the memory, there is a command; whether there is such a runner is the
 * caller's to check. A sentence about the description has file, line and key, one about an option
 * its name. On failure *s is empty.
 */
int config_plan(const struct run_opts *o, char *const *args, struct vm_spec *s,
		struct err *e) must_check nonnull(1, 2, 3, 4);

/*
 * The description alone: text of n bytes, path for messages and for relative paths. Defaults for
 * what it does not say; *s is overwritten. Pure: looks at no file.
 */
int config_read(const char *text, size_t n, const char *path, struct vm_spec *s,
		struct err *e) must_check nonnull(1, 3, 4, 5);

void run_opts_free(struct run_opts *o) nonnull(1);
