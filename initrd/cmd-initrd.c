/* SPDX-License-Identifier: MIT */
/* `execvm initrd`: builds initrds, and says what is in one. */
#include "initrd/cmd-initrd.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "initrd/guest-image.h"
#include "initrd/initrd.h"
#include "lib/argv.h"
#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/layout.h"
#include "lib/msg.h"
#include "lib/num.h"
#include "lib/output.h"

struct initrd_opts {
	struct argv sources; /* "archive=…", "tree=…", in order */
	const char *output, *compress;
	bool init, list, no_check, drop_xattrs;
	unsigned verbose;
};

static const struct opt initrd_opts[] = {
	{ 0, "archive", OPT_ORDER, offsetof(struct initrd_opts, sources), "FILE",
	  "source: a tar or cpio archive, compressed or not; - is stdin" },
	{ 0, "tree", OPT_ORDER, offsetof(struct initrd_opts, sources), "DIR",
	  "source: what is below a directory" },
	{ 0, "add", OPT_ORDER, offsetof(struct initrd_opts, sources), "HOST=GUEST",
	  "source: a file; ,mode=OCTAL ,uid=N ,gid=N may follow" },
	{ 0, "make", OPT_ORDER, offsetof(struct initrd_opts, sources), "GUEST=TYPE",
	  "source: dir, fifo, char:MAJOR:MINOR, block:..., symlink:TARGET" },
	{ 0, "modules", OPT_ORDER, offsetof(struct initrd_opts, sources), "KVER:NAME,...",
	  "source: kernel modules, with what they need" },
	{ 0, "rename", OPT_ORDER, offsetof(struct initrd_opts, sources), "OLD=NEW",
	  "the archives and trees behind this: move what is at and below OLD" },
	{ 0, "init", OPT_FLAG, offsetof(struct initrd_opts, init), NULL,
	  "our own init as /init, whatever the sources have" },
	{ 0, "drop-xattrs", OPT_FLAG, offsetof(struct initrd_opts, drop_xattrs), NULL,
	  "leave extended attributes, ACLs and flags out" },
	{ 0, "compress", OPT_STRING, offsetof(struct initrd_opts, compress), "METHOD",
	  "none (default), gzip, zstd or lz4" },
	{ 'o', "output", OPT_STRING, offsetof(struct initrd_opts, output), "FILE",
	  "where it goes; default: stdout" },
	{ 'l', "list", OPT_FLAG, offsetof(struct initrd_opts, list), NULL,
	  "print the entries instead" },
	{ 0, "no-check", OPT_FLAG, offsetof(struct initrd_opts, no_check), NULL,
	  "accept an archive that has no /init to start" },
	{ 'v', "verbose", OPT_COUNT, offsetof(struct initrd_opts, verbose), NULL,
	  "say how large it has become" },
	OPT_HELP_LINE,
	OPT_END,
};

static void opts_free(struct initrd_opts *o)
{
	argv_free(&o->sources);
}
#define cleanup_opts __attribute__((cleanup(opts_free)))

static void cleanup_initrd_fn(struct initrd **in)
{
	initrd_free(*in);
}
#define cleanup_initrd __attribute__((cleanup(cleanup_initrd_fn)))

static int parse_compress(const char *text, enum initrd_compress *c, struct err *e)
{
	static const char *const names[] = {
		[INITRD_NONE] = "none",
		[INITRD_GZIP] = "gzip",
		[INITRD_ZSTD] = "zstd",
		[INITRD_LZ4] = "lz4",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(text, names[i])) {
			*c = (enum initrd_compress)i;
			return 0;
		}
	}
	return err_set(e, EINVAL, "--compress '%s': not none, gzip, zstd or lz4", text);
}

/* KVER:NAME[,NAME...]; an alias may have colons. */
static int add_modules(struct initrd *in, const char *word, struct err *e)
{
	const char *colon = strchr(word, ':');
	cleanup_free char *kver = colon ? strndup(word, (size_t)(colon - word)) : NULL;
	cleanup_argv struct argv names = { 0 };

	if (!colon || colon == word || !colon[1])
		return err_set(e, EINVAL, "--modules '%s': not KVER:NAME[,NAME...]", word);
	for (const char *at = colon + 1; *at;) {
		size_t n = strcspn(at, ",");

		if (!n)
			return err_set(e, EINVAL, "--modules '%s': an empty name", word);
		if (argv_pushf(&names, "%.*s", (int)n, at) < 0)
			return err_code(e, ENOMEM, "%s", word);
		at += n;
		at += *at == ',';
	}
	return kver ? initrd_add_modules(in, kver, names.v, names.n, e)
		    : err_code(e, ENOMEM, "%s", word);
}

static int add_archive(struct initrd *in, const char *path, struct err *e)
{
	if (!strcmp(path, "-") && isatty(STDIN_FILENO))
		return err_set(e, EINVAL, "stdin is a terminal, no archive");
	return initrd_add_archive(in, path, e);
}

static int add_source(struct initrd *in, const char *word, struct err *e)
{
	static const struct {
		const char *option;
		int (*add)(struct initrd *in, const char *value, struct err *e);
	} kinds[] = {
		{ "archive=", add_archive }, { "tree=", initrd_add_tree },
		{ "add=", initrd_add_word }, { "make=", initrd_make_word },
		{ "modules=", add_modules }, { "rename=", initrd_rename },
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		size_t n = strlen(kinds[i].option);

		if (!strncmp(word, kinds[i].option, n))
			return kinds[i].add(in, word + n, e);
	}
	return err_set(e, EINVAL, "'%s': no such source", word);
}

static int set_epoch(struct initrd *in, struct err *e)
{
	const char *text = getenv("SOURCE_DATE_EPOCH");
	uint64_t epoch;

	if (!text)
		return 0;
	if (num_uint(text, 0, UINT32_MAX, &epoch) < 0)
		return err_set(e, EINVAL, "$SOURCE_DATE_EPOCH '%s': not seconds of 32 bits", text);
	initrd_set_epoch(in, (uint32_t)epoch);
	return 0;
}

/* A closed stream is refused before another file lands on its number. */
static int check_std(const struct initrd_opts *o, struct err *e)
{
	bool to_stdout = o->list || !o->output || !strcmp(o->output, "-");
	unsigned from_stdin = 0;
	int closed = fd_fill_std();

	if (closed < 0)
		return err_code(e, -closed, "open /dev/null");
	for (size_t i = 0; i < o->sources.n; i++)
		from_stdin += !strcmp(o->sources.v[i], "archive=-");
	if (from_stdin > 1)
		return err_set(e, EINVAL, "--archive - is there more than once");
	if (from_stdin && (closed & 1 << STDIN_FILENO))
		return err_set(e, EBADF, "stdin is closed");
	if (to_stdout && (closed & 1 << STDOUT_FILENO))
		return err_set(e, EBADF, "stdout is closed");
	return 0;
}

/* All that was said, into in. */
static int add_all(struct initrd *in, const struct initrd_opts *o, struct err *e)
{
	int r = set_epoch(in, e);

	initrd_set_warn(in, msg_warn);
	if (o->drop_xattrs)
		initrd_drop_extra(in);
	for (size_t i = 0; i < o->sources.n && r == 0; i++)
		r = add_source(in, o->sources.v[i], e);
	if (r == 0 && o->init)
		r = initrd_add_bytes(in, GUEST_INIT, guest_image,
				     (uintptr_t)guest_image_end - (uintptr_t)guest_image, 0755, e);
	return r;
}

static int list(struct initrd *in, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	int r = initrd_list(in, &text, e);

	if (r < 0)
		return r;
	fwrite(text.p ? text.p : "", 1, text.len, stdout);
	return 0;
}

static int write_to(struct initrd *in, const char *path, enum initrd_compress compress,
		    struct err *e)
{
	cleanup_output struct output out = OUTPUT_INIT;
	struct initrd_info made;
	int r = output_open(&out, path, e);

	if (r == 0 && isatty(out.fd))
		r = err_set(e, EINVAL, "the archive would go to a terminal; use -o FILE");
	if (r == 0)
		r = initrd_write(in, out.fd, compress, &made, e);
	if (r == 0)
		r = output_commit(&out, e);
	if (r == 0)
		msg_info("%s: %ju entries, %ju bytes, %ju unpacked", path, (uintmax_t)made.entries,
			 (uintmax_t)made.file, (uintmax_t)made.unpacked);
	return r;
}

static int build(const struct initrd_opts *o)
{
	cleanup_initrd struct initrd *in = initrd_new(0);
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	enum initrd_compress compress = INITRD_NONE;
	struct err e = { 0 };

	/* A file that hits its limit is an error like a full disk, not a signal. */
	sigaction(SIGXFSZ, &ignore, NULL);
	if (!in)
		return failf("out of memory");
	if (o->list && o->output)
		return failf("--list writes no archive: without -o");
	if (o->compress && parse_compress(o->compress, &compress, &e) < 0)
		return fail(&e);
	if (check_std(o, &e) < 0 || add_all(in, o, &e) < 0)
		return fail(&e);
	if (o->list)
		return list(in, &e) < 0 ? fail(&e) : cmd_flush(0);
	if (!o->no_check && initrd_check(in, compress, &e) < 0)
		return failf("%s (--no-check accepts it)", e.msg);
	if (write_to(in, o->output ? o->output : "-", compress, &e) < 0)
		return fail(&e);
	return 0;
}

static int info(char **files)
{
	if (!*files)
		return failf("info: which FILE?");
	for (; *files; files++) {
		struct initrd_info i;
		struct err e = { 0 };

		if (initrd_measure(*files, &i, &e) < 0)
			return fail(&e);
		printf("%s: %ju entries, %ju bytes, %ju unpacked, %s /init\n", *files,
		       (uintmax_t)i.entries, (uintmax_t)i.file, (uintmax_t)i.unpacked,
		       i.has_init ? "with" : "without");
	}
	return cmd_flush(0);
}

/* Options may be on both sides of the word that says what to do. */
static int initrd_main(int argc, char **argv)
{
	cleanup_opts struct initrd_opts o = { 0 };
	struct err e = { 0 };
	const char *what;
	int at = opt_parse(initrd_opts, argc, argv, &o, &e);

	if (at == OPT_WANT_HELP)
		return cmd_help(&cmd_initrd);
	if (at < 0)
		return fail(&e);
	what = argv[at];
	if (!what)
		return failf("build or info? See execvm help initrd");
	argc -= at;
	argv += at;
	at = opt_parse(initrd_opts, argc, argv, &o, &e);
	if (at == OPT_WANT_HELP)
		return cmd_help(&cmd_initrd);
	if (at < 0)
		return fail(&e);
	msg_set_level(o.verbose ? MSG_INFO : MSG_WARNING);
	if (!strcmp(what, "info"))
		return info(argv + at);
	if (strcmp(what, "build"))
		return failf("'%s': not build, not info", what);
	if (argv[at])
		return failf("build: '%s' is no option", argv[at]);
	return build(&o);
}

const struct cmd cmd_initrd = {
	.name = "initrd",
	.operands = "build | info FILE...",
	.summary = "build an initrd from archives, trees and files",
	.help = "build: sources are merged in the order in which they are given; the last one wins.\n"
		"  tar -cf - rootfs | execvm initrd build --rename rootfs=/ --archive - --init \\\n"
		"    -o initrd.cpio\n"
		"info: entries and size, packed and unpacked, of initrds that exist.\n",
	.opts = initrd_opts,
	.main = initrd_main,
};
