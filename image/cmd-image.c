/* SPDX-License-Identifier: MIT */
/* `execvm image`: root images by name. */
#include "image/cmd-image.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "image/image.h"
#include "image/load.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/fd.h"
#include "lib/msg.h"
#include "lib/output.h"
#include "lib/proc.h"

#define PROGRESS_MS 200u /* between two lines */
#define SHORT_ID 12	 /* hex digits, as docker shows them */

struct image_opts {
	const char *tree, *input, *output;
	bool json, quiet;
};

static const struct opt image_opts[] = {
	{ 0, "tree", OPT_STRING, offsetof(struct image_opts, tree), "DIR",
	  "import: what is below a directory, instead of stdin" },
	{ 'i', "input", OPT_STRING, offsetof(struct image_opts, input), "FILE",
	  "load: from a file instead of stdin" },
	{ 'o', "output", OPT_STRING, offsetof(struct image_opts, output), "FILE",
	  "save: to a file instead of stdout" },
	{ 0, "json", OPT_FLAG, offsetof(struct image_opts, json), NULL, "ls: as JSON" },
	{ 'q', "quiet", OPT_FLAG, offsetof(struct image_opts, quiet), NULL,
	  "import, load, save: no progress" },
	OPT_HELP_LINE,
	OPT_END,
};

/* Progress: one line, on a terminal only. */

struct progress {
	uint64_t next; /* not before this time, in ms */
	bool on, shown;
};
static struct progress progress;

static void progress_clear(void)
{
	if (progress.shown && write(STDERR_FILENO, "\r\033[K", 4) < 0)
		progress.on = false;
	progress.shown = false;
}

static void show_progress(void *ctx, const char *what, uint64_t bytes)
{
	uint64_t now = progress.on ? clock_ms() : 0;
	char line[80];
	int n;

	(void)ctx;
	if (!progress.on || now < progress.next)
		return;
	progress.next = now + PROGRESS_MS;
	n = snprintf(line, sizeof(line), "\r\033[K%s: %llu MB", what,
		     (unsigned long long)bytes / 1000000);
	progress.shown = true;
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		progress.on = false;
}

static void warn_above(const char *fmt, ...) printf_like(1, 2);
static void warn_above(const char *fmt, ...)
{
	char text[ERR_MSG_MAX];
	va_list ap;

	progress_clear();
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	msg_warn("%s", text);
}

static const struct watch watch = { show_progress, warn_above, NULL };

static int end(int r, const struct err *e)
{
	progress_clear();
	return r < 0 ? fail(e) : cmd_flush(0);
}

/* import NAME, load [NAME] */

static int check_stdin(int closed, struct err *e)
{
	if (closed & 1 << STDIN_FILENO)
		return err_set(e, EBADF, "stdin is closed");
	if (isatty(STDIN_FILENO))
		return err_set(e, EINVAL, "stdin is a terminal, no archive");
	return 0;
}

static int import(const struct image_opts *o, char **words, int closed)
{
	char digest[DIGEST_TEXT];
	struct err e = { 0 };
	int r = o->tree ? 0 : check_stdin(closed, &e);

	if (r == 0)
		r = image_import(words[0], STDIN_FILENO, o->tree, &watch, digest, &e);
	progress_clear();
	if (r == 0)
		puts(digest);
	return end(r, &e);
}

static void say_loaded(void *ctx, const char *name, const char *digest)
{
	(void)ctx, (void)digest;
	progress_clear();
	printf("Loaded image: %s\n", name);
}

static int load(const struct image_opts *o, char **words, int closed)
{
	cleanup_store struct store s = STORE_INIT;
	cleanup_close int file = -1;
	struct err e = { 0 };
	int r = 0;

	if (o->input) {
		file = open(o->input, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		r = file < 0 ? err_sys(&e, "open %s", o->input) : 0;
	} else {
		r = check_stdin(closed, &e);
	}
	if (r == 0)
		r = store_open(&s, true, &e);
	if (r == 0)
		r = load_archive(&s, o->input ? file : STDIN_FILENO, words[0], say_loaded, NULL,
				 &watch, &e);
	return end(r, &e);
}

/* save NAME */

static int save(const struct image_opts *o, char **words, int closed)
{
	const char *path = o->output ? o->output : "-";
	cleanup_output struct output out = OUTPUT_INIT;
	cleanup_store struct store s = STORE_INIT;
	cleanup_stored struct stored st = { 0 };
	struct err e = { 0 };
	int r = store_open(&s, false, &e);

	if (r == 0)
		r = store_find(&s, words[0], &st, &e);
	if (r == 0 && !o->output && closed & 1 << STDOUT_FILENO)
		r = err_set(&e, EBADF, "stdout is closed");
	if (r == 0)
		r = output_open(&out, path, &e);
	if (r == 0 && isatty(out.fd))
		r = err_set(&e, EINVAL, "the image would go to a terminal; use -o FILE");
	if (r == 0)
		r = save_image(&s, &st, out.fd, &watch, &e);
	if (r == 0)
		r = output_commit(&out, &e);
	return end(r, &e);
}

/* ls, inspect NAME */

static json_t *describe(const struct stored *st)
{
	return json_pack("{s:s, s:s, s:s, s:I}", "name", st->name, "digest", st->digest, "root",
			 st->record.root, "size", (json_int_t)st->size);
}

static int print_json(const json_t *j, struct err *e)
{
	if (!j || json_dumpf(j, stdout, JSON_INDENT(2) | JSON_SORT_KEYS) < 0)
		return err_memory(e);
	putchar('\n');
	return 0;
}

static int add_json(void *ctx, const struct stored *st, struct err *e)
{
	return json_array_append_new(ctx, describe(st)) < 0 ? err_memory(e) : 0;
}

static int print_line(void *ctx, const struct stored *st, struct err *e)
{
	bool small = st->size < 1000000;

	(void)ctx, (void)e;
	printf("%-40s %.*s %8.1f %s\n", st->name, SHORT_ID, st->digest + strlen(DIGEST_PREFIX),
	       (double)st->size / (small ? 1e3 : 1e6), small ? "kB" : "MB");
	return 0;
}

static int list(const struct image_opts *o, char **words, int closed)
{
	cleanup_store struct store s = STORE_INIT;
	cleanup_json json_t *all = o->json ? json_array() : NULL;
	struct err e = { 0 };
	int r = store_open(&s, false, &e);

	(void)words, (void)closed;
	if (r == 0 && !o->json)
		printf("%-40s %-*s %11s\n", "NAME", SHORT_ID, "DIGEST", "SIZE");
	if (r == 0)
		r = store_each(&s, o->json ? add_json : print_line, all, &e);
	if (r == 0 && o->json)
		r = print_json(all, &e);
	return end(r, &e);
}

static int inspect(const struct image_opts *o, char **words, int closed)
{
	cleanup_image struct image im = { 0 };
	cleanup_json json_t *j = NULL;
	struct err e = { 0 };
	int r = image_find(words[0], &im, &e);

	(void)o, (void)closed;
	if (r < 0)
		return fail(&e);
	j = describe(&im.stored);
	/* The record's keys are among them, as they are in it. */
	if (!j || json_object_update_missing_new(j, record_json(&im.stored.record)) < 0 ||
	    json_object_set_new(j, "path", json_string(im.path.p)) < 0)
		return failf("out of memory");
	return end(print_json(j, &e), &e);
}

/* rm NAME... */

static int remove_images(const struct image_opts *o, char **words, int closed)
{
	cleanup_store struct store s = STORE_INIT;
	struct err e = { 0 };
	int code = 0;

	(void)o, (void)closed;
	if (store_open(&s, false, &e) < 0)
		return fail(&e);
	for (; *words; words++) {
		char name[NAME_SIZE] = "", deleted[DIGEST_TEXT] = "";

		e = (struct err){ 0 };
		if (store_remove(&s, *words, name, deleted, &e) < 0)
			code = fail(&e);
		if (!e.code && *name)
			printf("Untagged: %s\n", name);
		if (!e.code && *deleted)
			printf("Deleted: %s\n", deleted);
	}
	return cmd_flush(code);
}

/* The words that say what to do, how many names each takes and which options. */
static const struct verb {
	const char *name;
	int (*fn)(const struct image_opts *o, char **words, int closed);
	int min, max;
	const char *usage;
	const char *opts; /* first letters of the long ones */
} verbs[] = {
	{ "import", import, 1, 1, "import NAME [--tree DIR]", "tq" },
	{ "load", load, 0, 1, "load [-i FILE] [NAME]", "iq" },
	{ "ls", list, 0, 0, "ls [--json]", "j" },
	{ "inspect", inspect, 1, 1, "inspect NAME", "" },
	{ "rm", remove_images, 1, INT32_MAX, "rm NAME...", "" },
	{ "save", save, 1, 1, "save NAME [-o FILE]", "oq" },
};

static int start(const struct verb *v, const struct image_opts *o, char **words, int n)
{
	const struct {
		char letter;
		bool given;
		const char *name;
	} given[] = {
		{ 't', o->tree, "tree" }, { 'i', o->input, "input" }, { 'o', o->output, "output" },
		{ 'j', o->json, "json" }, { 'q', o->quiet, "quiet" },
	};
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	int closed;

	for (size_t i = 0; i < ARRAY_SIZE(given); i++) {
		if (given[i].given && !strchr(v->opts, given[i].letter))
			return failf("%s: takes no --%s", v->name, given[i].name);
	}
	if (n < v->min || n > v->max)
		return failf("usage: execvm image %s", v->usage);
	closed = fd_fill_std();
	if (closed < 0)
		return failf("open /dev/null: %s", strerror(-closed));
	/* A limit, and a program at the other end that is gone, are errors to be told. */
	sigaction(SIGXFSZ, &ignore, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	proc_signals_children();
	progress.on = !o->quiet && isatty(STDERR_FILENO);
	return v->fn(o, words, closed);
}

static int image_main(int argc, char **argv)
{
	cleanup_argv struct argv words = { 0 };
	struct image_opts o = { 0 };
	struct err e = { 0 };
	int r = opt_parse_mixed(image_opts, argc, argv, &o, &words, &e);

	if (r == OPT_WANT_HELP)
		return cmd_help(&cmd_image);
	if (r < 0)
		return fail(&e);
	if (!words.n)
		return failf("import, load, ls, inspect, rm or save? See execvm help image");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (!strcmp(words.v[0], verbs[i].name))
			return start(&verbs[i], &o, words.v + 1, (int)words.n - 1);
	}
	return failf("'%s': not import, load, ls, inspect, rm or save", words.v[0]);
}

const struct cmd cmd_image = {
	.name = "image",
	.operands = "import NAME | load [NAME] | ls | inspect NAME | rm NAME... | save NAME",
	.summary = "root images by name: import, load, list, remove, save",
	.help = "import: a tar of a root file system on stdin becomes an image.\n"
		"  mmdebstrap --variant=essential bookworm - | execvm image import debian\n"
		"load: what docker save, skopeo copy and image save write, on stdin.\n"
		"  docker save IMAGE | execvm image load\n"
		"save: an archive that image load reads elsewhere.\n"
		"  execvm image save debian | ssh HOST execvm image load\n",
	.words = "import load ls inspect rm save",
	.opts = image_opts,
	.main = image_main,
};
