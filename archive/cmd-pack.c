/* SPDX-License-Identifier: MIT */
/* `execvm pack`: a file or a directory as a tar archive on stdout. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "archive/cmd-archive.h"
#include "archive/digest-fd.h"
#include "archive/epoch.h"
#include "archive/pack.h"
#include "lib/fd.h"
#include "lib/msg.h"

struct pack_args {
	const char *name;
	const char *pin;
	const char *digest_fd;
	bool digest;
	bool reproducible;
	bool dirs_last, dirs_only;
};

static const struct opt pack_table[] = {
	{ 'n', "name", OPT_STRING, offsetof(struct pack_args, name), "NAME",
	  "what PATH is called in the archive" },
	{ 'r', "reproducible", OPT_FLAG, offsetof(struct pack_args, reproducible), NULL,
	  "the same contents give the same bytes" },
	{ 0, "dirs-last", OPT_FLAG, offsetof(struct pack_args, dirs_last), NULL,
	  "a directory follows what is in it" },
	{ 0, "dirs-only", OPT_FLAG, offsetof(struct pack_args, dirs_only), NULL,
	  "nothing but the directories" },
	{ 'd', "digest", OPT_FLAG, offsetof(struct pack_args, digest), NULL,
	  "print the digest, write no archive" },
	{ 0, "digest-fd", OPT_STRING, offsetof(struct pack_args, digest_fd), "N",
	  "write the digest to descriptor N at the end" },
	{ 0, "pin", OPT_STRING, offsetof(struct pack_args, pin), "DIGEST",
	  "fail when it is not this one" },
	OPT_HELP_LINE,
	OPT_END,
};

/* The last component of path. */
static int own_name(const char *path, char name[NAME_MAX + 1], struct err *e)
{
	size_t n = strlen(path), from;

	while (n && path[n - 1] == '/')
		n--;
	for (from = n; from && path[from - 1] != '/'; from--)
		;
	if (n - from > NAME_MAX)
		return err_set(e, ENAMETOOLONG, "a name of more than %d bytes", NAME_MAX);
	memcpy(name, path + from, n - from);
	name[n - from] = '\0';
	if (*path && !pack_name_valid(name))
		return err_set(e, EINVAL, "'%s' has no name of its own: --name", path);
	return 0;
}

/* A closed stream is refused before another file lands on its number. */
static int check_fds(const struct pack_args *a, int *digest_fd, struct err *e)
{
	int closed, r = 0;

	if (a->digest_fd)
		r = digest_fd_parse(a->digest_fd, digest_fd, e);
	if (r < 0)
		return r;
	if (*digest_fd == STDOUT_FILENO)
		return err_set(e, EINVAL, "--digest-fd 1: the archive goes there");
	closed = fd_fill_std();
	if (closed < 0)
		return err_code(e, -closed, "open /dev/null");
	if (closed & 1 << STDOUT_FILENO)
		return err_set(e, EBADF, "stdout is closed");
	if (!a->digest && isatty(STDOUT_FILENO))
		return err_set(e, EINVAL, "the archive would go to a terminal");
	return 0;
}

static int run(const struct pack_args *a, const char *path)
{
	struct pack_opts o = {
		.name = a->name,
		.out = a->digest ? -1 : STDOUT_FILENO,
		.stop_fd = -1,
		.reproducible = a->reproducible,
		.dirs_last = a->dirs_last,
		.dirs_only = a->dirs_only,
		.digest = a->digest || a->digest_fd,
		.pin = a->pin,
		.warn = msg_warn,
	};
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	char name[NAME_MAX + 1], digest[DIGEST_TEXT];
	struct err e = { 0 };
	int fd = -1;

	/* A file that hits its limit is an error like a full disk, not a signal. */
	sigaction(SIGXFSZ, &ignore, NULL);
	if (a->digest && a->digest_fd)
		return failf("--digest or --digest-fd, not both");
	if (a->dirs_only && (a->digest || a->digest_fd || a->pin))
		return failf("--dirs-only: there is no digest of that");
	if (a->pin && !digest_valid(a->pin))
		return failf("--pin '%s': not sha256: and 64 hex digits", a->pin);
	if (a->name && !pack_name_valid(a->name))
		return failf("--name '%s': not one component of a path", a->name);
	if (check_fds(a, &fd, &e) < 0 || epoch_read(&o.mtime, &e) < 0)
		return fail(&e);
	if (!o.name && o.out >= 0) {
		if (own_name(path, name, &e) < 0)
			return fail(&e);
		o.name = name;
	}
	if (pack(AT_FDCWD, path, &o, digest, &e) < 0)
		return fail(&e);
	if (fd >= 0 && digest_fd_tell(fd, digest, &e) < 0)
		return fail(&e);
	if (a->digest)
		printf("%s\n", digest);
	return cmd_flush(0);
}

static int pack_main(int argc, char **argv)
{
	struct pack_args a = { 0 };
	struct err e = { 0 };
	int at = opt_parse(pack_table, argc, argv, &a, &e);

	if (at == OPT_WANT_HELP)
		return cmd_help(&cmd_pack);
	if (at < 0)
		return fail(&e);
	if (argc - at != 1)
		return failf("one PATH, please; see execvm help pack");
	return run(&a, argv[at]);
}

const struct cmd cmd_pack = {
	.name = "pack",
	.operands = "PATH",
	.takes = CMD_FILES,
	.summary = "a file or directory as a tar archive on stdout",
	.help = "  execvm pack src | ssh host execvm unpack src\n",
	.opts = pack_table,
	.main = pack_main,
};
