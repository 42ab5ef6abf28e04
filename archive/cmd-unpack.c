/* SPDX-License-Identifier: MIT */
/*
 * `execvm unpack`: a tar archive on stdin becomes a file or a directory.
 *
 * A signal that ends us stays pending until everything is cleaned up: it is blocked, a signalfd
 * says that it is there, nobody reads it, and when the mask is the old one again it does what it
 * does. So the caller sees the death that it asked for, and there is no handler.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "archive/cmd-archive.h"
#include "archive/digest-fd.h"
#include "archive/unpack.h"
#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/msg.h"
#include "lib/num.h"
#include "lib/proc.h"

struct unpack_args {
	const char *digest_fd;
	const char *max_size;
	const char *max_entries;
};

static const struct opt unpack_table[] = {
	{ 0, "max-size", OPT_STRING, offsetof(struct unpack_args, max_size), "SIZE",
	  "no more bytes of contents than this" },
	{ 0, "max-entries", OPT_STRING, offsetof(struct unpack_args, max_entries), "N",
	  "no more members than this" },
	{ 0, "digest-fd", OPT_STRING, offsetof(struct unpack_args, digest_fd), "N",
	  "write the digest to descriptor N at the end" },
	OPT_HELP_LINE,
	OPT_END,
};

static int parse_limits(const struct unpack_args *a, struct unpack_opts *o, struct err *e)
{
	if (a->max_size && num_size(a->max_size, 0, INT64_MAX, &o->max_size) < 0)
		return err_set(e, EINVAL, "--max-size '%s': not a size", a->max_size);
	if (a->max_entries && num_uint(a->max_entries, 0, INT64_MAX, &o->max_entries) < 0)
		return err_set(e, EINVAL, "--max-entries '%s': not a number", a->max_entries);
	return 0;
}

static int check_fds(const struct unpack_args *a, int *digest_fd, struct err *e)
{
	int closed, r = 0;

	if (a->digest_fd)
		r = digest_fd_parse(a->digest_fd, digest_fd, e);
	if (r < 0)
		return r;
	closed = fd_fill_std();
	if (closed < 0)
		return err_code(e, -closed, "open /dev/null");
	if (closed & 1 << STDIN_FILENO)
		return err_set(e, EBADF, "stdin is closed");
	if (isatty(STDIN_FILENO))
		return err_set(e, EINVAL, "stdin is a terminal, no archive");
	return 0;
}

/* Signals that end us, but for those that the caller ignores. */
static int block(const struct proc_signals *entry, struct err *e)
{
	static const int ends[] = { SIGINT,  SIGTERM, SIGHUP,  SIGQUIT,
				    SIGUSR1, SIGUSR2, SIGALRM, SIGXCPU };
	sigset_t set;
	int fd;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		if (!sigismember(&entry->ignored, ends[i]) && !sigismember(&entry->mask, ends[i]))
			sigaddset(&set, ends[i]);
	}
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_sys(e, "block signals");
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	return fd < 0 ? err_sys(e, "signalfd") : fd;
}

static int run(const struct unpack_args *a, const char *target, const struct proc_signals *entry)
{
	struct unpack_opts o = {
		.digest = a->digest_fd != NULL,
		.max_size = UNPACK_NO_LIMIT,
		.max_entries = UNPACK_NO_LIMIT,
	};
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	cleanup_close int stop = -1;
	char digest[DIGEST_TEXT];
	struct err e = { 0 };
	int fd = -1;

	if (parse_limits(a, &o, &e) < 0 || check_fds(a, &fd, &e) < 0)
		return fail(&e);
	/* A file that hits its limit is an error like a full disk, not a signal. */
	sigaction(SIGXFSZ, &ignore, NULL);
	stop = block(entry, &e);
	if (stop < 0)
		return fail(&e);
	o.stop_fd = stop;
	if (unpack(STDIN_FILENO, target, &o, digest, &e) < 0)
		return fail(&e);
	if (fd >= 0 && digest_fd_tell(fd, digest, &e) < 0)
		return fail(&e);
	return 0;
}

static int unpack_main(int argc, char **argv)
{
	struct unpack_args a = { 0 };
	struct proc_signals entry;
	struct err e = { 0 };
	int at = opt_parse(unpack_table, argc, argv, &a, &e);
	int status;

	if (at == OPT_WANT_HELP)
		return cmd_help(&cmd_unpack);
	if (at < 0)
		return fail(&e);
	if (argc - at != 1)
		return failf("one TARGET, please; see execvm help unpack");
	proc_signals_save(&entry);
	status = run(&a, argv[at], &entry);
	proc_signals_restore(&entry);
	return status;
}

const struct cmd cmd_unpack = {
	.name = "unpack",
	.operands = "TARGET",
	.takes = CMD_FILES,
	.summary = "a tar archive on stdin becomes a file or directory",
	.help = "  execvm pack src | ssh host execvm unpack src\n",
	.opts = unpack_table,
	.main = unpack_main,
};
