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

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/io.h"
#include "lib/num.h"

#define TIMEOUT_MAX ((uint64_t)1 << 40) /* ms: 34 years */
#define ENV_FILE_MAX ((size_t)4 << 20)	/* bytes */

/* JSON types of a key. */
enum { T_STRING = 1, T_NUMBER = 2, T_BOOL = 4, T_ARRAY = 8, T_OBJECT = 16 };

/* What is being put together, and where the current value comes from. */
struct plan {
	struct vm_spec *s;
	const char *path;  /* of the description; NULL while options are applied */
	const char *text;
	size_t len;
	const char *inner; /* of an object: the name that is looked at, or NULL */
	struct {		   /* of the description, for sentences about the whole plan; */
		unsigned root, initrd, memory, disk[VM_DISKS]; /* 0 = an option, or nothing */
	} line;
};

/* Small helpers of the setters. */

static int no_memory(struct err *e)
{
	return err_set(e, ENOMEM, "out of memory");
}

static int replace(char **at, char *owned, struct err *e)
{
	if (!owned)
		return no_memory(e);
	free(*at);
	*at = owned;
	return 0;
}

static int set_text(char **at, const json_t *v, struct err *e)
{
	const char *text = json_string_value(v);

	if (!text || !*text)
		return err_set(e, EINVAL, "must not be empty");
	return replace(at, strdup(text), e);
}

/* Text of a number, or of a string: what num_*() want. */
static const char *number_text(const json_t *v, char buf[32])
{
	if (!json_is_integer(v))
		return json_string_value(v);
	snprintf(buf, 32, "%lld", (long long)json_integer_value(v));
	return buf;
}

/* Relative paths of a description are relative to its directory. */
static char *path_dup(const struct plan *p, const char *path)
{
	const char *slash = p->path ? strrchr(p->path, '/') : NULL;
	char *out = NULL;

	if (*path == '/' || !slash)
		return strdup(path);
	if (asprintf(&out, "%.*s/%s", (int)(slash - p->path), p->path, path) < 0)
		return NULL;
	return out;
}

static int set_path(struct plan *p, char **at, const json_t *v, struct err *e)
{
	const char *path = json_string_value(v);

	if (!path || !*path)
		return err_set(e, EINVAL, "must not be empty");
	return replace(at, path_dup(p, path), e);
}

/* Where things stand in the description. */

struct cursor {
	const char *at, *end;
	unsigned line;
};

/* Moves over a string at c, whose contents become [*from, *to). */
static void skip_string(struct cursor *c, const char **from, const char **to)
{
	*from = ++c->at;
	while (c->at < c->end && *c->at != '"')
		c->at += *c->at == '\\' ? 2 : 1;
	if (c->at > c->end)
		c->at = c->end;
	*to = c->at;
	c->at += c->at < c->end;
}

/* The text between quotes, decoded only where there is an escape. */
static bool same_name(const char *from, const char *to, const char *name)
{
	json_t *v;
	bool same;

	if (!memchr(from, '\\', (size_t)(to - from)))
		return strlen(name) == (size_t)(to - from) && !memcmp(from, name, strlen(name));
	v = json_loadb(from - 1, (size_t)(to - from) + 2, JSON_DECODE_ANY, NULL);
	same = v && !strcmp(json_string_value(v), name);
	json_decref(v);
	return same;
}

static bool colon_follows(struct cursor c)
{
	while (c.at < c.end && isspace((unsigned char)*c.at))
		c.at++;
	return c.at < c.end && *c.at == ':';
}

/*
 * The line of a key of the description, or of inner in the object that is its value. jansson has
 * accepted the text, so it is JSON; 1 when the key is not there.
 */
static unsigned line_of(const struct plan *p, const char *key, const char *inner)
{
	struct cursor c = { p->text, p->text + p->len, 1 };
	unsigned depth = 0, line = 1;
	bool inside = false;

	while (c.at < c.end) {
		const char *from, *to;

		switch (*c.at) {
		case '{':
		case '[':
			depth++;
			break;
		case '}':
		case ']':
			depth--;
			break;
		case '\n':
			c.line++;
			break;
		case '"':
			skip_string(&c, &from, &to);
			if (depth == 1 && colon_follows(c)) {
				inside = same_name(from, to, key);
				line = inside ? c.line : line;
			}
			if (inside && !inner)
				return line;
			if (inside && depth == 2 && colon_follows(c) && same_name(from, to, inner))
				return c.line;
			continue;
		}
		c.at++;
	}
	return line;
}

/* Setters: *v is a value of one of the types of the row, or a string or true from an option. */

static int set_runner(struct plan *p, const json_t *v, struct err *e)
{
	return set_text(&p->s->runner, v, e);
}

static int set_kernel(struct plan *p, const json_t *v, struct err *e)
{
	return set_path(p, &p->s->kernel, v, e);
}

static int set_initrd(struct plan *p, const json_t *v, struct err *e)
{
	p->line.initrd = p->path ? line_of(p, "initrd", NULL) : 0;
	return set_path(p, &p->s->initrd, v, e);
}

/* "--" would end the kernel's own parameters, and an open quote would swallow what follows. */
static int set_append(struct plan *p, const json_t *v, struct err *e)
{
	const char *text = json_string_value(v);
	unsigned quotes = 0;
	size_t n;

	for (const char *c = text; *c; c++) {
		quotes += *c == '"';
		if ((unsigned char)*c < ' ')
			return err_set(e, EINVAL, "must be one line without control characters");
	}
	if (quotes % 2)
		return err_set(e, EINVAL, "a double quote is not closed");
	for (const char *c = text + strspn(text, " "); *c; c += n + strspn(c + n, " ")) {
		n = strcspn(c, " ");
		if (n == 2 && !memcmp(c, "--", 2))
			return err_set(e, EINVAL, "the word -- would end the kernel's parameters");
	}
	return replace(&p->s->append, strdup(text), e);
}

static int set_root(struct plan *p, const json_t *v, struct err *e)
{
	p->line.root = p->path ? line_of(p, "root", NULL) : 0;
	return set_path(p, &p->s->root, v, e);
}

static int set_root_mode(struct plan *p, const json_t *v, struct err *e)
{
	const char *text = json_string_value(v);

	if (payload_root_mode(text, &p->s->root_mode) < 0)
		return err_set(e, EINVAL, "'%s' is none of overlay, ro, rw", text);
	return 0;
}

static int set_memory(struct plan *p, const json_t *v, struct err *e)
{
	char number[32];
	const char *text = number_text(v, number);
	int r = num_size(text, VM_MEMORY_MIN, VM_MEMORY_MAX, &p->s->memory);

	if (r == -ERANGE)
		return err_set(e, ERANGE, "'%s' is not in %lluM..%lluM", text,
			       (unsigned long long)VM_MEMORY_MIN >> 20,
			       (unsigned long long)VM_MEMORY_MAX >> 20);
	if (r < 0)
		return err_set(e, EINVAL, "'%s' is no size (256M, 1G, or bytes)", text);
	p->line.memory = p->path ? line_of(p, "memory", NULL) : 0;
	return 0;
}

static int set_cpus(struct plan *p, const json_t *v, struct err *e)
{
	char number[32];
	const char *text = number_text(v, number);
	uint64_t n;

	if (num_uint(text, 1, VM_CPUS_MAX, &n) < 0)
		return err_set(e, EINVAL, "'%s' is not a number in 1..%u", text, VM_CPUS_MAX);
	p->s->cpus = (unsigned)n;
	return 0;
}

static int set_accel(struct plan *p, const json_t *v, struct err *e)
{
	static const char *const names[] = {
		[ACCEL_AUTO] = "auto", [ACCEL_KVM] = "kvm", [ACCEL_TCG] = "tcg"
	};
	const char *text = json_string_value(v);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(text, names[i])) {
			p->s->accel = (enum vm_accel)i;
			return 0;
		}
	}
	return err_set(e, EINVAL, "'%s' is none of auto, kvm, tcg", text);
}

static int set_cwd(struct plan *p, const json_t *v, struct err *e)
{
	const char *text = json_string_value(v);

	if (*text != '/')
		return err_set(e, EINVAL, "'%s' is not an absolute path", text);
	return replace(&p->s->cwd, strdup(text), e);
}

static int set_user(struct plan *p, const json_t *v, struct err *e)
{
	char number[32];
	const char *text = number_text(v, number);

	if (!*text || *text == ':' || *text == '-')
		return err_set(e, EINVAL, "'%s' is not USER[:GROUP]", text);
	return replace(&p->s->user, strdup(text), e);
}

static int set_hostname(struct plan *p, const json_t *v, struct err *e)
{
	const char *text = json_string_value(v);
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_");

	if (!n || text[n] || n > PAYLOAD_HOSTNAME)
		return err_set(e, EINVAL, "'%s' is not 1..%u letters, digits, '.', '-', '_'", text,
			       PAYLOAD_HOSTNAME);
	return replace(&p->s->hostname, strdup(text), e);
}

static int set_timeout(struct plan *p, const json_t *v, struct err *e)
{
	char number[32];
	const char *text = number_text(v, number);

	if (num_duration(text, 0, TIMEOUT_MAX, &p->s->timeout_ms) < 0)
		return err_set(e, EINVAL, "'%s' is no duration (10, 1.5s, 500ms, 2m, 1h)", text);
	return 0;
}

static int set_stdin(struct plan *p, const json_t *v, struct err *e)
{
	const char *text = json_is_true(v) ? "none" : json_string_value(v);

	if (strcmp(text, "none") != 0 && strcmp(text, "inherit") != 0)
		return err_set(e, EINVAL, "'%s' is neither inherit nor none", text);
	p->s->no_stdin = !strcmp(text, "none");
	return 0;
}

static int set_tty(struct plan *p, const json_t *v, struct err *e)
{
	(void)e;
	p->s->tty = json_is_true(v);
	return 0;
}

static int set_umask(struct plan *p, const json_t *v, struct err *e)
{
	const char *text = json_string_value(v);
	unsigned mask = 0;

	if (!*text || strlen(text) > 4 || text[strspn(text, "01234567")])
		return err_set(e, EINVAL, "'%s' is not octal digits up to 0777", text);
	for (; *text; text++)
		mask = mask << 3 | (unsigned)(*text - '0');
	if (mask > 0777)
		return err_set(e, EINVAL, "'%s' is not octal digits up to 0777", json_string_value(v));
	p->s->umask = mask;
	p->s->has_umask = true;
	return 0;
}

static int set_args(struct plan *p, const json_t *v, struct err *e)
{
	argv_free(&p->s->args);
	for (size_t i = 0; i < json_array_size(v); i++) {
		const char *text = json_string_value(json_array_get(v, i));

		if (!text)
			return err_set(e, EINVAL, "element %zu is not a string", i);
		if (argv_push(&p->s->args, text) < 0)
			return no_memory(e);
	}
	return 0;
}

/* The environment: sorted by name, each name once. */

static int compare_names(const char *a, size_t na, const char *b)
{
	size_t nb = strcspn(b, "=");
	int c = memcmp(a, b, na < nb ? na : nb);

	return c ? c : (na > nb) - (na < nb);
}

/* Puts "NAME=VALUE" in its place. */
static int put_env(struct argv *env, const char *pair)
{
	size_t low = 0, high = env->n, n = strcspn(pair, "=");
	char *added;
	int r;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = compare_names(pair, n, env->v[mid]);

		if (c == 0) {
			char *copy = strdup(pair);

			if (!copy)
				return -ENOMEM;
			free(env->v[mid]);
			env->v[mid] = copy;
			return 0;
		}
		if (c > 0)
			low = mid + 1;
		else
			high = mid;
	}
	r = argv_push(env, pair);
	if (r < 0)
		return r;
	added = env->v[env->n - 1];
	memmove(env->v + low + 1, env->v + low, (env->n - 1 - low) * sizeof(*env->v));
	env->v[low] = added;
	return 0;
}

static int set_env(struct plan *p, const json_t *v, struct err *e)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)v, name, value) {
		cleanup_buf struct buf pair = { 0 };

		p->inner = name;
		if (!*name || strchr(name, '='))
			return err_set(e, EINVAL, "no name of a variable");
		if (!json_is_string(value))
			return err_set(e, EINVAL, "the value is not a string");
		if (buf_addf(&pair, "%s=%s", name, json_string_value(value)) < 0 ||
		    put_env(&p->s->env, pair.p) < 0)
			return no_memory(e);
	}
	p->inner = NULL;
	return 0;
}

/* "K=V", or "K": from our own environment, if it is there. Values are never in a sentence. */
static int env_word(struct plan *p, const char *word, struct err *e)
{
	size_t n = strcspn(word, "=");
	cleanup_buf struct buf pair = { 0 };
	const char *value;

	p->s->env_private = true;
	if (!n)
		return err_set(e, EINVAL, "the name of a variable is missing");
	if (word[n])
		return put_env(&p->s->env, word) < 0 ? no_memory(e) : 0;
	value = getenv(word);
	if (!value)
		return 0;
	if (buf_addf(&pair, "%s=%s", word, value) < 0 || put_env(&p->s->env, pair.p) < 0)
		return no_memory(e);
	return 0;
}

/* docker's rules: blank lines and those that begin with '#' do not count, no quoting of any kind. */
static int env_line(struct plan *p, char *line, struct err *e)
{
	line += strspn(line, " \t\r\v\f");
	if (!*line || *line == '#')
		return 0;
	if (line[strcspn(line, " \t=")] != '=' && line[strcspn(line, " \t=")])
		return err_set(e, EINVAL, "the name of a variable has a blank in it");
	return env_word(p, line, e);
}

static int env_file(struct plan *p, const char *path, struct err *e)
{
	cleanup_buf struct buf b = { 0 };
	unsigned number = 1;
	int r = io_read_file(path, ENV_FILE_MAX, &b, e);
	char *line = b.p;

	if (r < 0 || !b.len)
		return r;
	if (memchr(b.p, '\0', b.len))
		return err_set(e, EINVAL, "%s: has a NUL in it", path);
	if (!strncmp(line, "\xef\xbb\xbf", 3))
		line += 3;
	for (char *next; line && r == 0; line = next, number++) {
		size_t n;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		n = strlen(line);
		if (n && line[n - 1] == '\r')
			line[n - 1] = '\0';
		r = env_line(p, line, e);
		if (r < 0)
			err_wrap(e, "%s:%u", path, number);
	}
	return r;
}

/* Disks. */

static int check_node(const char *node, struct err *e)
{
	size_t n;

	if (strncmp(node, "/dev/", 5) != 0)
		return err_set(e, EINVAL, "'%s' is not /dev/NAME", node);
	n = strspn(node + 5, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
	if (!n || node[5 + n] || node[5] == '.')
		return err_set(e, EINVAL, "'%s' is not /dev/NAME", node);
	return 0;
}

/* Takes file over. The same file replaces what the description says about it. */
static int put_disk(struct plan *p, char *file, const char *node, bool readonly, struct err *e)
{
	cleanup_free char *owned = file;
	struct vm_spec *s = p->s;
	size_t at = s->ndisks;

	if (!owned)
		return no_memory(e);
	if (check_node(node, e) < 0)
		return -EINVAL;
	for (size_t i = 0; i < s->ndisks; i++) {
		bool same_file = !strcmp(s->disk[i].file, file);

		if (same_file && (p->path || !p->line.disk[i]))
			return err_set(e, EEXIST, "%s is given twice", file);
		if (same_file)
			at = i;
		else if (!strcmp(s->disk[i].node, node))
			return err_set(e, EEXIST, "%s is %s already", s->disk[i].file, node);
	}
	if (at == VM_DISKS)
		return err_set(e, E2BIG, "more than %u disks", VM_DISKS);
	if (at < s->ndisks) {
		free(s->disk[at].file);
		free(s->disk[at].node);
	} else {
		s->ndisks++;
	}
	s->disk[at] = (struct vm_disk){ take_ptr(&owned), strdup(node), readonly };
	p->line.disk[at] = p->path ? line_of(p, "devices", p->inner) : 0;
	return s->disk[at].node ? 0 : no_memory(e);
}

/* {"FILE": "/dev/NAME"} or {"FILE": {"node": "/dev/NAME", "readonly": true}} */
static int set_devices(struct plan *p, const json_t *v, struct err *e)
{
	const char *file, *key;
	json_t *value, *field;

	json_object_foreach((json_t *)v, file, value) {
		const json_t *node = value;
		bool readonly = false;
		int r;

		p->inner = file;
		if (json_is_object(value)) {
			node = json_object_get(value, "node");
			readonly = json_is_true(json_object_get(value, "readonly"));
			json_object_foreach(value, key, field) {
				if (strcmp(key, "node") != 0 && strcmp(key, "readonly") != 0)
					return err_set(e, EINVAL, "unknown key '%s'", key);
				if (!strcmp(key, "readonly") && !json_is_boolean(field))
					return err_set(e, EINVAL, "readonly is not true or false");
			}
		}
		if (!*file || !json_is_string(node))
			return err_set(e, EINVAL, "not \"FILE\": \"/dev/NAME\"");
		r = put_disk(p, path_dup(p, file), json_string_value(node), readonly, e);
		if (r < 0)
			return r;
	}
	p->inner = NULL;
	return 0;
}

/* FILE=/dev/NAME[,ro]; the file's name may have both '=' and ',' in it. */
static int disk_word(struct plan *p, const char *word, struct err *e)
{
	cleanup_free char *copy = strdup(word);
	char *equals, *comma;

	if (!copy)
		return no_memory(e);
	equals = strrchr(copy, '=');
	if (!equals || equals == copy)
		return err_set(e, EINVAL, "'%s' is not FILE=/dev/NAME[,ro]", word);
	*equals = '\0';
	comma = strchr(equals + 1, ',');
	if (comma && strcmp(comma, ",ro") != 0)
		return err_set(e, EINVAL, "'%s' is not FILE=/dev/NAME[,ro]", word);
	if (comma)
		*comma = '\0';
	return put_disk(p, strdup(copy), equals + 1, comma != NULL, e);
}

/*
 * The table. A row: letter, option, its kind, member of struct run_opts, what it takes, help; then
 * the key of a description, its types, the setter.
 */
#define BOTH(ROW)                                                                                  \
	ROW('r', "runner", OPT_STRING, runner, "NAME", "void, local, docker or vm (vm)",           \
	    "runner", T_STRING, set_runner)                                                        \
	ROW(0, "kernel", OPT_STRING, kernel, "FILE", "vmlinux or bzImage (see execvm kernel ls)",  \
	    "kernel", T_STRING, set_kernel)                                                        \
	ROW(0, "initrd", OPT_STRING, initrd, "FILE", "instead of the generated one", "initrd",     \
	    T_STRING, set_initrd)                                                                  \
	ROW(0, "append", OPT_STRING, append, "WORDS", "further kernel parameters", "append",       \
	    T_STRING, set_append)                                                                  \
	ROW(0, "root", OPT_STRING, root, "FILE", "image of the root file system (none)", "root",   \
	    T_STRING, set_root)                                                                    \
	ROW(0, "root-mode", OPT_STRING, root_mode, "MODE", "overlay, ro or rw (overlay)",          \
	    "root-mode", T_STRING, set_root_mode)                                                  \
	ROW('m', "memory", OPT_STRING, memory, "SIZE", "guest memory (256M)", "memory",            \
	    T_STRING | T_NUMBER, set_memory)                                                       \
	ROW(0, "cpus", OPT_STRING, cpus, "N", "virtual CPUs (1)", "cpus", T_NUMBER, set_cpus)      \
	ROW(0, "accel", OPT_STRING, accel, "HOW", "auto, kvm or tcg (auto)", "accel", T_STRING,    \
	    set_accel)                                                                             \
	ROW('w', "workdir", OPT_STRING, cwd, "DIR", "directory to start in (/)", "cwd", T_STRING,  \
	    set_cwd)                                                                               \
	ROW('u', "user", OPT_STRING, user, "U[:G]", "user and group, names or numbers (0:0)",      \
	    "user", T_STRING | T_NUMBER, set_user)                                                 \
	ROW(0, "hostname", OPT_STRING, hostname, "NAME", "name of the machine (execvm)",           \
	    "hostname", T_STRING, set_hostname)                                                    \
	ROW(0, "timeout", OPT_STRING, timeout, "TIME", "end the command after this time: 124",     \
	    "timeout", T_STRING | T_NUMBER, set_timeout)                                           \
	ROW('n', "no-stdin", OPT_FLAG, no_stdin, NULL, "leave stdin alone", "stdin", T_STRING,     \
	    set_stdin)                                                                             \
	ROW('t', "tty", OPT_FLAG, tty, NULL, "give the command a terminal", "tty", T_BOOL, set_tty)

#define AT(member) offsetof(struct run_opts, member)
#define AS_OPT(brief, name, kind, member, arg, help, ...)                                          \
	{ brief, name, kind, AT(member), arg, help },
#define AS_KEY(brief, name, kind, member, arg, help, key, types, set)                              \
	{ key, types, set, name, kind, AT(member) },

const struct opt run_opts_table[] = {
	{ 'c', "config", OPT_STRING, AT(config), "FILE", "machine description, JSON" },
	BOTH(AS_OPT)
	{ 0, "disk", OPT_LIST, AT(disks), "FILE=/dev/NAME[,ro]", "a disk with this name" },
	{ 0, "device", OPT_LIST, AT(disks), "FILE=/dev/NAME[,ro]", "the same" },
	{ 'e', "env", OPT_ORDER, AT(env), "K[=V]", "set a variable, or pass it on" },
	{ 0, "env-file", OPT_ORDER, AT(env), "FILE", "variables, K[=V] a line" },
	{ 0, "dry-run", OPT_FLAG, AT(dry_run), NULL, "print what would be started" },
	{ 0, "show-append", OPT_FLAG, AT(show_append), NULL, "print the kernel command line" },
	{ 0, "boot-log", OPT_FLAG, AT(boot_log), NULL, "show the guest's kernel log" },
	{ 0, "timings", OPT_FLAG, AT(timings), NULL, "print how long each part took" },
	{ 0, "debug", OPT_FLAG, AT(debug), NULL, "show what happens, in the guest too" },
	{ 'v', "verbose", OPT_COUNT, AT(verbose), NULL, "say more; twice: still more" },
	OPT_HELP_LINE,
	OPT_END,
};

static const struct key {
	const char *name;
	int types;
	int (*set)(struct plan *p, const json_t *v, struct err *e);
	const char *option; /* NULL: in descriptions only, or applied by apply_lists() */
	enum opt_kind kind;
	size_t offset;
} keys[] = {
	BOTH(AS_KEY)
	{ "devices", T_OBJECT, set_devices, NULL, OPT_LIST, 0 },
	{ "env", T_OBJECT, set_env, NULL, OPT_LIST, 0 },
	{ "args", T_ARRAY, set_args, NULL, OPT_LIST, 0 },
	{ "umask", T_STRING, set_umask, NULL, OPT_LIST, 0 },
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
		{ T_STRING | T_NUMBER, "a string or a whole number" },
		{ T_BOOL, "true or false" },
		{ T_ARRAY, "a list" },
		{ T_OBJECT, "an object" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (names[i].types == types)
			return err_set(e, EINVAL, "must be %s", names[i].text);
	}
	return err_set(e, EINVAL, "has the wrong type");
}

static int read_key(struct plan *p, const char *name, const json_t *v, struct err *e)
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
static int at_key(const struct plan *p, const char *name, struct err *e)
{
	if (p->inner)
		err_wrap(e, "'%s'", p->inner);
	return err_wrap(e, "%s:%u: key '%s'", p->path, line_of(p, name, p->inner), name);
}

static int read_object(struct plan *p, json_t *top, struct err *e)
{
	const char *name;
	json_t *v;

	if (!json_is_object(top))
		return err_set(e, EINVAL, "%s:1: not a JSON object", p->path);
	json_object_foreach(top, name, v) {
		p->inner = NULL;
		if (read_key(p, name, v, e) < 0)
			return at_key(p, name, e);
	}
	return 0;
}

static int read_text(struct plan *p, struct err *e)
{
	json_error_t je;
	json_t *top = json_loadb(p->text, p->len, JSON_REJECT_DUPLICATES, &je);
	int r;

	if (!top)
		return err_set(e, EINVAL, "%s:%d:%d: %s", p->path, je.line > 0 ? je.line : 1,
			       je.column > 0 ? je.column : 1, je.text);
	r = read_object(p, top, e);
	json_decref(top);
	return r;
}

static int set_defaults(struct vm_spec *s, struct err *e)
{
	*s = (struct vm_spec){ .memory = VM_MEMORY_DEFAULT, .cpus = 1 };
	s->runner = strdup("vm");
	return s->runner ? 0 : no_memory(e);
}

int config_read(const char *text, size_t n, const char *path, struct vm_spec *s, struct err *e)
{
	struct plan p = { .s = s, .path = path, .text = text, .len = n };
	int r = set_defaults(s, e);

	if (r == 0)
		r = read_text(&p, e);
	if (r < 0)
		vm_spec_free(s);
	return r;
}

/* The options. */

static int apply_key(struct plan *p, const struct key *k, const struct run_opts *o, struct err *e)
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
		return no_memory(e);
	r = k->set(p, v, e);
	json_decref(v);
	return r < 0 ? err_wrap(e, "--%s", k->option) : 0;
}

static int apply_env(struct plan *p, const char *word, struct err *e)
{
	static const char file[] = "env-file=";
	int r;

	if (!strncmp(word, file, sizeof(file) - 1)) {
		r = env_file(p, word + sizeof(file) - 1, e);
		return r < 0 ? err_wrap(e, "--env-file") : 0;
	}
	r = env_word(p, word + strlen("env="), e);
	return r < 0 ? err_wrap(e, "--env") : 0;
}

static int apply_options(struct plan *p, const struct run_opts *o, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(keys) && r == 0; i++) {
		if (keys[i].option)
			r = apply_key(p, &keys[i], o, e);
	}
	for (size_t i = 0; i < o->disks.n && r == 0; i++) {
		if (disk_word(p, o->disks.v[i], e) < 0)
			r = err_wrap(e, "--disk");
	}
	for (size_t i = 0; i < o->env.n && r == 0; i++)
		r = apply_env(p, o->env.v[i], e);
	p->s->dry_run = o->dry_run;
	p->s->show_append = o->show_append;
	p->s->boot_log = o->boot_log;
	p->s->timings = o->timings;
	p->s->debug = o->debug;
	return r;
}

/* The whole plan against this host. */

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

/* Puts in front who said it: the option, or the key of the description and its line. */
static int named_by(const char *config, unsigned line, const char *key, const char *option,
		    struct err *e)
{
	if (line)
		return err_wrap(e, "%s:%u: key '%s'", config, line, key);
	return err_wrap(e, "--%s", option);
}

static int check_host(const struct plan *p, const char *config, struct err *e)
{
	const struct vm_spec *s = p->s;

	if (check_memory(s->memory, e) < 0)
		return named_by(config, p->line.memory, "memory", "memory", e);
	if (s->root && check_file(s->root, true, e) < 0)
		return named_by(config, p->line.root, "root", "root", e);
	if (s->initrd && check_file(s->initrd, false, e) < 0)
		return named_by(config, p->line.initrd, "initrd", "initrd", e);
	for (size_t i = 0; i < s->ndisks; i++) {
		if (check_file(s->disk[i].file, true, e) < 0)
			return named_by(config, p->line.disk[i], "devices", "disk", e);
	}
	return 0;
}

static int plan(const struct run_opts *o, char *const *args, struct vm_spec *s, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	struct plan p = { .s = s, .path = o->config };
	int r = 0;

	if (o->config) {
		r = io_read_file(o->config, VM_CONFIG_MAX, &text, e);
		p.text = text.p ? text.p : "";
		p.len = text.len;
		if (r == 0)
			r = read_text(&p, e);
	}
	p.path = NULL;
	p.inner = NULL;
	if (r == 0)
		r = apply_options(&p, o, e);
	if (r == 0 && args[0]) {
		argv_free(&s->args);
		if (argv_push_all(&s->args, args, argv_count(args)) < 0)
			r = no_memory(e);
	}
	return r < 0 ? r : check_host(&p, o->config, e);
}

int config_plan(const struct run_opts *o, char *const *args, struct vm_spec *s, struct err *e)
{
	int r = set_defaults(s, e);

	if (r == 0)
		r = plan(o, args, s, e);
	if (r == 0 && !s->args.n)
		r = err_set(e, EINVAL, "no command");
	if (r < 0)
		vm_spec_free(s);
	return r;
}

void run_opts_free(struct run_opts *o)
{
	argv_free(&o->disks);
	argv_free(&o->env);
}
