/* SPDX-License-Identifier: MIT */
/*
 * Machine description and options -> struct vm_spec.
 *
 * BOTH is the one table: a row is an option and the key of a description that says the same. Either
 * comes to the row's setter as a JSON value (an option as a string, a flag as true), so both have
 * the same rules. The description is read first and the options are applied after it: scalars
 * replace what is there, devices and env replace what has the same file or name. What needs the
 * whole plan, or the file system, is checked at the end; lines are kept for those sentences.
 */
#include "runners/config.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/io.h"
#include "runners/config-key.h"
#include "runners/record.h"

/* JSON types of a key. */
enum { T_STRING = 1, T_NUMBER = 2, T_BOOL = 4, T_ARRAY = 8, T_OBJECT = 16, T_REAL = 32 };

/*
 * The table: letter, option, its kind, member of struct run_opts and name of the setter, what it
 * takes, help; then the key of a description and its types.
 */
/* clang-format off */
#define BOTH(ROW) \
	ROW('r', "runner", OPT_STRING, runner, "vm|docker|local|ssh|slurm|wrap|void", \
	    "where it runs (vm)", \
	    "runner", T_STRING), \
	ROW(0, "kernel", OPT_STRING, kernel, "FILE", "vmlinux or bzImage (see execvm kernel ls)", \
	    "kernel", T_STRING), \
	ROW(0, "initrd", OPT_STRING, initrd, "FILE", "instead of the generated one", \
	    "initrd", T_STRING), \
	ROW(0, "append", OPT_STRING, append, "WORDS", "further kernel parameters", \
	    "append", T_STRING), \
	ROW(0, "root", OPT_STRING, root, "FILE", "image of the root file system, or host (none)", \
	    "root", T_STRING), \
	ROW(0, "image", OPT_STRING, image, "NAME", "root image by name (see execvm image ls)", \
	    "image", T_STRING), \
	ROW(0, "root-mode", OPT_STRING, root_mode, "overlay|ro|rw", "what becomes of writes (overlay)", \
	    "root-mode", T_STRING), \
	ROW(0, "read-only", OPT_FLAG, read_only, NULL, "the same as --root-mode ro", \
	    "read-only", T_BOOL), \
	ROW('m', "memory", OPT_STRING, memory, "SIZE", "guest memory (256M)", \
	    "memory", T_STRING | T_NUMBER), \
	ROW(0, "cpus", OPT_STRING, cpus, "N", "virtual CPUs (1)", \
	    "cpus", T_NUMBER | T_REAL), \
	ROW(0, "accel", OPT_STRING, accel, "auto|kvm|tcg", "how it is virtual (auto)", \
	    "accel", T_STRING), \
	ROW(0, "warm", OPT_FLAG, warm, NULL, "start from a frozen machine (see execvm template)", \
	    "warm", T_BOOL), \
	ROW('w', "workdir", OPT_STRING, cwd, "DIR", "directory to start in (/)", \
	    "cwd", T_STRING), \
	ROW('u', "user", OPT_STRING, user, "U[:G]", "user and group, names or numbers (0:0)", \
	    "user", T_STRING | T_NUMBER), \
	ROW(0, "network", OPT_STRING, network, "none|user|passt", "how it is connected (none)", \
	    "network", T_STRING), \
	ROW(0, "name", OPT_STRING, name, "NAME", "name of the run: one of a user's at a time", \
	    "name", T_STRING), \
	ROW(0, "hostname", OPT_STRING, hostname, "NAME", "name of the machine (execvm)", \
	    "hostname", T_STRING), \
	ROW(0, "timeout", OPT_STRING, timeout, "TIME", "end the command after this time: 124", \
	    "timeout", T_STRING | T_NUMBER), \
	ROW('n', "no-stdin", OPT_FLAG, no_stdin, NULL, "leave stdin alone", \
	    "stdin", T_STRING), \
	ROW('t', "tty", OPT_FLAG, tty, NULL, "give the command a terminal", \
	    "tty", T_BOOL), \
	ROW(0, "strict", OPT_FLAG, strict, NULL, "only what is named by its digest goes in", \
	    "strict", T_BOOL), \
	ROW(0, "host", OPT_STRING, host, "[USER@]HOST", "where ssh goes", \
	    "host", T_STRING), \
	ROW(0, "debug", OPT_FLAG, debug, NULL, "show what happens, in the guest too", \
	    "debug", T_BOOL)

#define AT(member) offsetof(struct run_opts, member)
#define AS_OPT(brief, name, kind, member, arg, help, key, types) \
	{ brief, name, kind, AT(member), arg, help }
#define AS_KEY(brief, name, kind, member, arg, help, key, types) \
	{ key, types, config_set_##member, name, kind, AT(member) }
/* clang-format on */

const struct opt run_opts_table[] = {
	{ 'c', "config", OPT_STRING, AT(config), "FILE", "machine description, JSON" },
	BOTH(AS_OPT),
	{ 'i', "interactive", OPT_FLAG, AT(interactive), NULL,
	  "pass stdin on, whatever the description says" },
	{ 0, "disk", OPT_LIST, AT(disks), "FILE=/dev/NAME[,ro]", "a disk with this name" },
	{ 0, "device", OPT_LIST, AT(disks), "FILE=/dev/NAME[,ro]", "the same as --disk" },
	{ 'v', "volume", OPT_ORDER, AT(mounts), "DIR:GUEST[:ro]", "a directory of this host" },
	{ 0, "mount", OPT_ORDER, AT(mounts), "WORDS",
	  "type=bind,source=DIR,target=GUEST[,readonly]" },
	{ 0, "in", OPT_LIST, AT(in), "HOST=GUEST", "copy this in before the command" },
	{ 0, "out", OPT_LIST, AT(out), "GUEST=HOST", "copy this out after the command" },
	{ 0, "net", OPT_STRING, AT(network), "none|user|passt", "the same as --network" },
	{ 'p', "publish", OPT_LIST, AT(publish), "[ADDR:]HOST:GUEST[/PROTO]",
	  "a port that leads to the guest's" },
	{ 0, "tmpfs", OPT_LIST, AT(tmpfs), "DIR[:OPTIONS]", "a directory in guest memory" },
	{ 'e', "env", OPT_ORDER, AT(env), "K[=V]", "set a variable, or pass it on" },
	{ 0, "env-file", OPT_ORDER, AT(env), "FILE", "variables, K[=V] a line" },
	{ 0, "option", OPT_LIST, AT(options), "WORD", "a word for docker run, ssh or srun" },
	{ 0, "wrap", OPT_LIST, AT(wrap), "WORD", "a word in front of the command (-r wrap)" },
	{ 0, "record", OPT_STRING, AT(record), "FILE", "write down what the run was" },
	{ 0, "dry-run", OPT_FLAG, AT(dry_run), NULL, "print what would be started" },
	{ 0, "show-append", OPT_FLAG, AT(show_append), NULL, "print the kernel command line" },
	{ 0, "boot-log", OPT_FLAG, AT(boot_log), NULL, "show the guest's kernel log" },
	{ 0, "timings", OPT_FLAG, AT(timings), NULL, "print how long each part took" },
	{ 0, "verbose", OPT_COUNT, AT(verbose), NULL, "say more; twice: still more" },
	OPT_HELP_LINE,
	OPT_END,
};

static const struct key {
	const char *name;
	int types;
	int (*set)(struct config_plan *p, const json_t *v, struct err *e);
	const char *option; /* NULL: in descriptions only, or applied one by one */
	enum opt_kind kind;
	size_t offset;
} keys[] = {
	BOTH(AS_KEY),
	{ "devices", T_OBJECT, config_set_devices, NULL, OPT_LIST, 0 },
	{ "in", T_OBJECT | T_ARRAY, config_set_in, NULL, OPT_LIST, 0 },
	{ "out", T_OBJECT | T_ARRAY, config_set_out, NULL, OPT_LIST, 0 },
	{ "volumes", T_ARRAY, config_set_volumes, NULL, OPT_LIST, 0 },
	{ "publish", T_ARRAY, config_set_publish, NULL, OPT_LIST, 0 },
	{ "tmpfs", T_ARRAY, config_set_tmpfs, NULL, OPT_LIST, 0 },
	{ "env", T_OBJECT, config_set_env, NULL, OPT_LIST, 0 },
	{ "args", T_ARRAY, config_set_args, NULL, OPT_LIST, 0 },
	{ "options", T_ARRAY, config_set_options, NULL, OPT_LIST, 0 },
	{ "wrap", T_ARRAY, config_set_wrap, NULL, OPT_LIST, 0 },
	{ "umask", T_STRING, config_set_umask, NULL, OPT_LIST, 0 },
};

/* The description. */

static int type_of(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_STRING:
		return T_STRING;
	case JSON_INTEGER:
		return T_NUMBER;
	case JSON_TRUE:
	case JSON_FALSE:
		return T_BOOL;
	case JSON_ARRAY:
		return T_ARRAY;
	case JSON_OBJECT:
		return T_OBJECT;
	case JSON_REAL:
		return T_REAL;
	case JSON_NULL:
		return 0;
	}
	return 0;
}

static int wrong_type(int types, struct err *e)
{
	static const struct {
		int types;
		const char *text;
	} names[] = {
		{ T_STRING, "a string" },
		{ T_NUMBER, "a whole number" },
		{ T_NUMBER | T_REAL, "a number" },
		{ T_STRING | T_NUMBER, "a string or a whole number" },
		{ T_BOOL, "true or false" },
		{ T_ARRAY, "a list" },
		{ T_OBJECT, "an object" },
		{ T_OBJECT | T_ARRAY, "an object or a list" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (names[i].types == types)
			return err_set(e, EINVAL, "must be %s", names[i].text);
	}
	return err_set(e, EINVAL, "has the wrong type");
}

static int read_key(struct config_plan *p, const char *name, const json_t *v, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strcmp(keys[i].name, name) != 0)
			continue;
		if (!(keys[i].types & type_of(v)))
			return wrong_type(keys[i].types, e);
		return keys[i].set(p, v, e);
	}
	return err_set(e, EINVAL, "unknown");
}

/* "FILE:LINE: key 'devices': '/x.img': …" */
static int at_key(const struct config_plan *p, const char *name, struct err *e)
{
	if (p->inner)
		err_wrap(e, "'%s'", p->inner);
	return config_at(p->path, config_line(p->text, p->len, name, p->inner), name, e);
}

static int read_object(struct config_plan *p, json_t *top, struct err *e)
{
	const char *name;
	json_t *v;

	if (!json_is_object(top))
		return err_set(e, EINVAL, "%s%s: not a JSON object", p->path,
			       *p->path == '$' ? "" : ":1");
	json_object_foreach(top, name, v)
	{
		p->inner = NULL;
		if (read_key(p, name, v, e) < 0)
			return at_key(p, name, e);
	}
	return 0;
}

/* Without what stands near: that may be a value, and a value may be a secret. */
static int syntax_error(const struct config_plan *p, json_error_t *je, struct err *e)
{
	char *near = strstr(je->text, " near '");

	if (near && json_error_code(je) != json_error_duplicate_key)
		*near = '\0';
	return err_set(e, EINVAL, "%s:%d:%d: %s", p->path, je->line > 0 ? je->line : 1,
		       je->column > 0 ? je->column : 1, je->text);
}

/* A record of a run has its description inside, and what the run was beside it. */
static int check_record(const struct config_plan *p, json_t *top, struct err *e)
{
	static const char *const beside[] = { "execvm", "out", "run", "status" };
	const char *name;
	json_t *v;

	json_object_foreach(top, name, v)
	{
		size_t i = 0;

		while (i < ARRAY_SIZE(beside) && strcmp(beside[i], name) != 0)
			i++;
		if (i == ARRAY_SIZE(beside))
			return err_set(e, EINVAL, "%s:%u: key '%s': beside the 'run' of a record",
				       p->path, config_top_line(p->text, p->len, name), name);
	}
	return 0;
}

static int read_text(struct config_plan *p, struct err *e)
{
	json_error_t je;
	json_t *top = json_loadb(p->text, p->len, JSON_REJECT_DUPLICATES, &je), *run;
	int r = 0;

	if (!top)
		return syntax_error(p, &je, e);
	run = json_object_get(top, "run");
	if (run)
		r = check_record(p, top, e);
	if (r == 0)
		r = read_object(p, run ? run : top, e);
	json_decref(top);
	return r;
}

static int set_defaults(struct vm_spec *s, struct err *e)
{
	*s = (struct vm_spec){ .memory = VM_MEMORY_DEFAULT, .cpus = 1 };
	s->runner = strdup("vm");
	return s->runner ? 0 : err_memory(e);
}

int config_read(const char *text, size_t n, const char *path, struct vm_spec *s, struct err *e)
{
	struct config_plan p = { .s = s, .path = path, .text = text, .len = n };
	int r = set_defaults(s, e);

	if (r == 0)
		r = read_text(&p, e);
	if (r < 0)
		vm_spec_free(s);
	return r;
}

/* The options. */

static int apply_key(struct config_plan *p, const struct key *k, const struct run_opts *o,
		     struct err *e)
{
	const char *text = NULL;
	json_t *v;
	int r;

	if (k->kind == OPT_STRING)
		text = *(const char *const *)(const void *)((const char *)o + k->offset);
	else if (!*((const bool *)o + k->offset))
		return 0;
	if (k->kind == OPT_STRING && !text)
		return 0;
	v = text ? json_stringn_nocheck(text, strlen(text)) : json_true();
	if (!v)
		return err_memory(e);
	r = k->set(p, v, e);
	json_decref(v);
	return r < 0 ? err_wrap(e, "--%s", k->option) : 0;
}

static int apply_env(struct config_plan *p, const char *word, struct err *e)
{
	static const char file[] = "env-file=";
	int r;

	if (!strncmp(word, file, sizeof(file) - 1)) {
		r = config_env_file(p, word + sizeof(file) - 1, e);
		return r < 0 ? err_wrap(e, "--env-file") : 0;
	}
	r = config_env_word(p, word + strlen("env="), e);
	return r < 0 ? err_wrap(e, "--env") : 0;
}

static int apply_mount(struct config_plan *p, const char *word, struct err *e)
{
	static const char volume[] = "volume=";
	int r;

	if (!strncmp(word, volume, sizeof(volume) - 1)) {
		r = config_volume_word(p, word + sizeof(volume) - 1, e);
		return r < 0 ? err_wrap(e, "--volume") : 0;
	}
	r = config_mount_word(p, word + strlen("mount="), e);
	return r < 0 ? err_wrap(e, "--mount") : 0;
}

static int apply_lists(struct config_plan *p, const struct run_opts *o, struct err *e)
{
	const struct {
		const struct argv *words;
		int (*set)(struct config_plan *p, const char *word, struct err *e);
		const char *option;
	} lists[] = {
		{ &o->disks, config_disk_word, "--disk" },
		{ &o->publish, config_publish_word, "-p" },
		{ &o->tmpfs, config_tmpfs_word, "--tmpfs" },
		{ &o->in, config_in_word, "--in" },
		{ &o->out, config_out_word, "--out" },
		{ &o->options, config_option_word, "--option" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		for (size_t k = 0; k < lists[i].words->n; k++) {
			if (lists[i].set(p, lists[i].words->v[k], e) < 0)
				return err_wrap(e, "%s", lists[i].option);
		}
	}
	return 0;
}

static int apply_options(struct config_plan *p, const struct run_opts *o, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(keys) && r == 0; i++) {
		if (keys[i].option)
			r = apply_key(p, &keys[i], o, e);
	}
	if (r == 0)
		r = apply_lists(p, o, e);
	if (r == 0 && o->wrap.n) {
		argv_free(&p->s->wrap);
		r = argv_push_all(&p->s->wrap, o->wrap.v, o->wrap.n) < 0 ? err_memory(e) : 0;
	}
	for (size_t i = 0; i < o->mounts.n && r == 0; i++)
		r = apply_mount(p, o->mounts.v[i], e);
	for (size_t i = 0; i < o->env.n && r == 0; i++)
		r = apply_env(p, o->env.v[i], e);
	if (r == 0 && o->record && !strcmp(o->record, "-"))
		r = err_set(e, EINVAL, "--record: stdout is the command's");
	if (r == 0 && o->record) {
		p->s->record = strdup(o->record);
		if (!p->s->record)
			r = err_memory(e);
	}
	if (o->interactive && o->no_stdin && r == 0)
		r = err_set(e, EINVAL, "--interactive: not with --no-stdin");
	if (o->interactive)
		p->s->no_stdin = false;
	p->s->dry_run = o->dry_run;
	p->s->show_append = o->show_append;
	p->s->boot_log = o->boot_log;
	p->s->timings = o->timings;
	return r;
}

/* The whole plan against this host. */

/* Puts in front who said it: the option, or the key of the description and its line. */
static int named_by(const char *config, unsigned line, const char *key, const char *option,
		    struct err *e)
{
	if (line)
		return config_at(config, line, key, e);
	return err_wrap(e, "--%s", option);
}

/* An image is looked up for a machine alone; other runners have their own word about it. */
static int find_image(const struct config_plan *p, const char *config, struct err *e)
{
	struct vm_spec *s = p->s;
	int r = 0;

	if (!s->image)
		return 0;
	if (s->root || s->root_host)
		r = err_set(e, EINVAL, "there is a root as well (%.100s): give one of them",
			    s->root ? s->root : "host");
	else if (s->root_mode == ROOT_RW)
		r = err_set(e, EINVAL, "images never change: not with root-mode rw");
	else if (!strcmp(s->runner, "vm"))
		r = spec_image(s, e);
	return r < 0 ? named_by(config, p->line.image, "image", "image", e) : 0;
}

static int check_memory(uint64_t memory, struct err *e)
{
	uint64_t host = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);

	if (memory <= host)
		return 0;
	return err_set(e, ERANGE, "%lluM is more than the %lluM that this host has",
		       (unsigned long long)memory >> 20, (unsigned long long)host >> 20);
}

static int check_file(const char *path, bool block_too, struct err *e)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_sys(e, "%s", path);
	if (S_ISDIR(st.st_mode))
		return err_code(e, EISDIR, "%s", path);
	if (!S_ISREG(st.st_mode) && !(block_too && S_ISBLK(st.st_mode)))
		return err_set(e, EINVAL, "%s: not a regular file", path);
	if (access(path, R_OK) < 0)
		return err_sys(e, "%s", path);
	return 0;
}

static int check_host(const struct config_plan *p, const char *config, struct err *e)
{
	const struct vm_spec *s = p->s;

	bool machine = !strcmp(s->runner, "vm");

	if (machine && s->cpus_milli) {
		err_set(e, EINVAL, "'%g': a machine has whole CPUs only",
			(double)s->cpus_milli / 1000);
		return named_by(config, p->line.cpus, "cpus", "cpus", e);
	}
	if (machine && check_memory(s->memory, e) < 0)
		return named_by(config, p->line.memory, "memory", "memory", e);
	if (s->root_host && s->root_mode == ROOT_RW)
		return err_set(e, EINVAL, "root-mode rw: the host's own root is never changed");
	if (s->root && check_file(s->root, true, e) < 0)
		return named_by(config, p->line.root, "root", "root", e);
	if (s->initrd && check_file(s->initrd, false, e) < 0)
		return named_by(config, p->line.initrd, "initrd", "initrd", e);
	for (size_t i = 0; i < s->ndisks; i++) {
		if (check_file(s->disk[i].file, true, e) < 0)
			return named_by(config, p->line.disk[i], "devices", "disk", e);
	}
	if (s->strict && record_check_strict(s, e) < 0)
		return -e->code;
	if (config_check_shares(p, config, e) < 0)
		return -e->code;
	return config_check_copies(p, config, e);
}

static int plan(const struct run_opts *o, char *const *args, struct vm_spec *s, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	struct config_plan p = { .s = s, .path = o->config };
	const char *config = o->config;
	int r = 0;

	if (o->config) {
		r = io_read_file(o->config, VM_CONFIG_MAX, &text, e);
		p.text = text.p ? text.p : "";
		p.len = text.len;
		if (r == 0)
			r = read_text(&p, e);
	}
	for (size_t i = 0; i < o->ntexts && r == 0; i++) {
		p.path = o->texts[i].path;
		if (i + 1 < o->ntexts) /* the last one names nothing that is looked at later */
			config = p.path;
		p.text = o->texts[i].text;
		p.len = o->texts[i].len;
		p.dir = o->dir;
		p.mode_said = p.read_only_said = false;
		r = read_text(&p, e);
	}
	p.path = NULL;
	p.inner = NULL;
	p.mode_said = p.read_only_said = false;
	if (r == 0)
		r = apply_options(&p, o, e);
	if (r == 0 && args[0]) {
		argv_free(&s->args);
		if (argv_push_all(&s->args, args, argv_count(args)) < 0)
			r = err_memory(e);
	}
	if (r == 0)
		r = find_image(&p, config, e);
	if (r == 0) /* behind the root, which takes a slot, too */
		r = config_finish_network(&p, e);
	if (r == 0 && s->strict)
		s->no_stdin = true;
	return r < 0 ? r : check_host(&p, config, e);
}

int config_plan(const struct run_opts *o, char *const *args, struct vm_spec *s, struct err *e)
{
	const struct runner *runner = NULL;
	int r = set_defaults(s, e);

	if (r == 0)
		r = plan(o, args, s, e);
	if (r == 0)
		runner = runner_find(s->runner);
	if (r == 0 && !s->args.n && !(s->image && runner && runner->own_command))
		r = err_set(e, EINVAL, "no command");
	if (r < 0)
		vm_spec_free(s);
	return r;
}

void run_opts_free(struct run_opts *o)
{
	argv_free(&o->options);
	argv_free(&o->wrap);
	argv_free(&o->disks);
	argv_free(&o->mounts);
	argv_free(&o->in);
	argv_free(&o->out);
	argv_free(&o->publish);
	argv_free(&o->tmpfs);
	argv_free(&o->env);
}
