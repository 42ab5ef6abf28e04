/* SPDX-License-Identifier: MIT */
/* `execvm tar`: files as a tar on stdout, as a Tar of a pipeline does it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "archive/epoch.h"
#include "archive/pack.h"
#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/msg.h"
#include "pipeline/cmd-pipeline.h"

struct tar_args {
	bool gzip, bzip2, xz, zstd, deterministic;
	const char *directory;
};

static const struct opt tar_table[] = {
	{ 'z', "gzip", OPT_FLAG, offsetof(struct tar_args, gzip), NULL, "compress with gzip" },
	{ 'j', "bzip2", OPT_FLAG, offsetof(struct tar_args, bzip2), NULL, "compress with bzip2" },
	{ 'J', "xz", OPT_FLAG, offsetof(struct tar_args, xz), NULL, "compress with xz" },
	{ 0, "zstd", OPT_FLAG, offsetof(struct tar_args, zstd), NULL, "compress with zstd" },
	{ 'C', "directory", OPT_STRING, offsetof(struct tar_args, directory), "DIR",
	  "files are relative to this directory" },
	{ 0, "deterministic", OPT_FLAG, offsetof(struct tar_args, deterministic), NULL,
	  "the same contents give the same bytes" },
	OPT_HELP_LINE,
	OPT_END,
};

/* The one that was asked for. */
static int compression(const struct tar_args *a, enum tar_compression *c, struct err *e)
{
	const struct {
		bool asked;
		enum tar_compression c;
	} ways[] = {
		{ a->gzip, TAR_GZIP },
		{ a->bzip2, TAR_BZIP2 },
		{ a->xz, TAR_XZ },
		{ a->zstd, TAR_ZSTD },
	};

	*c = TAR_PLAIN;
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		if (ways[i].asked && *c != TAR_PLAIN)
			return err_set(e, EINVAL, "one way to compress, please");
		if (ways[i].asked)
			*c = ways[i].c;
	}
	return 0;
}

static int run(const struct tar_args *a, char *const *files, size_t n, struct err *e)
{
	struct pack_opts o = {
		.out = STDOUT_FILENO,
		.stop_fd = -1,
		.reproducible = a->deterministic,
		.owners = true,
		.warn = msg_warn,
	};
	cleanup_close int dir = -1;

	if (compression(a, &o.compression, e) < 0)
		return -e->code;
	if (a->directory) {
		dir = open(a->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0)
			return err_sys(e, "--directory: %s", a->directory);
	}
	if (isatty(STDOUT_FILENO))
		return err_set(e, EINVAL, "the archive would go to a terminal");
	if (epoch_read(&o.mtime, e) < 0)
		return -e->code;
	return pack_list(dir < 0 ? AT_FDCWD : dir, files, n, &o, e);
}

static int tar_main(int argc, char **argv)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct tar_args a = { 0 };
	struct err e = { 0 };
	int closed = fd_fill_std(), at = opt_parse(tar_table, argc, argv, &a, &e);

	if (at == OPT_WANT_HELP)
		return cmd_help(&cmd_tar);
	if (at < 0)
		return fail(&e);
	if (at == argc)
		return failf("no files; see execvm help tar");
	if (closed < 0 || closed & 1 << STDOUT_FILENO)
		return failf("stdout is closed");
	/* A file that hits its limit is an error like a full disk, not a signal. */
	sigaction(SIGXFSZ, &ignore, NULL);
	return run(&a, argv + at, (size_t)(argc - at), &e) < 0 ? fail(&e) : 0;
}

const struct cmd cmd_tar = {
	.name = "tar",
	.operands = "FILE...",
	.takes = CMD_FILES,
	.summary = "files as a tar archive on stdout",
	.help = "  execvm tar -z src | run-in-vm debian.json /bin/tar -xzf -\n",
	.opts = tar_table,
	.main = tar_main,
};
