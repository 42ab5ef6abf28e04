/* SPDX-License-Identifier: MIT */
/*
 * The payload: JSON to struct payload and back.
 *
 * Reading is driven by one table per object: a key, where its value goes and what reads it.
 *
 * args and env cost no memory but their pointers: as each string is read, it is moved up against
 * the one before it, over JSON that was read already ({"K":"V"} is longer than K=V and a NUL), and
 * when all are there, they are counted and one array of pointers is filled by walking over them.
 * Names that occur twice in env are found by sorting those pointers; walking once more brings back
 * the order of the text.
 *
 * Writing checks little: what was written is read back, so both ends agree on what is valid.
 */
#include "lib/payload.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/b64.h"
#include "lib/cleanup.h"
#include "lib/json.h"

#define KEY_SHOWN 40 /* bytes of a key that we do not know, in a sentence */

struct key {
	const char *name;
	int half;      /* 0: not one of the payload's own keys */
	size_t offset; /* of the destination in the struct that the object fills */
	int (*read)(struct json *j, void *at, struct err *e);
};

static const struct {
	const char *name;
	int resource;
} limit_names[] = {
	{ "as", RLIMIT_AS },
	{ "core", RLIMIT_CORE },
	{ "cpu", RLIMIT_CPU },
	{ "data", RLIMIT_DATA },
	{ "fsize", RLIMIT_FSIZE },
	{ "locks", RLIMIT_LOCKS },
	{ "memlock", RLIMIT_MEMLOCK },
	{ "msgqueue", RLIMIT_MSGQUEUE },
	{ "nice", RLIMIT_NICE },
	{ "nofile", RLIMIT_NOFILE },
	{ "nproc", RLIMIT_NPROC },
	{ "rss", RLIMIT_RSS },
	{ "rtprio", RLIMIT_RTPRIO },
	{ "rttime", RLIMIT_RTTIME },
	{ "sigpending", RLIMIT_SIGPENDING },
	{ "stack", RLIMIT_STACK },
};
_Static_assert(ARRAY_SIZE(limit_names) == PAYLOAD_RLIMITS, "room for each limit once");

static const char *const root_modes[] = {
	[ROOT_OVERLAY] = "overlay",
	[ROOT_RO] = "ro",
	[ROOT_RW] = "rw",
};

const char *payload_root_mode_name(enum root_mode mode)
{
	return root_modes[mode];
}

int payload_root_mode(const char *text, enum root_mode *mode)
{
	for (size_t i = 0; i < ARRAY_SIZE(root_modes); i++) {
		if (!strcmp(text, root_modes[i])) {
			*mode = (enum root_mode)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* Reads an object of known keys, each at most once. The table is short enough for 32 bits. */
static int read_object(struct json *j, const struct key *table, int halves, void *dest,
		       struct err *e)
{
	uint32_t seen = 0;
	char *name;
	int r = json_read_object(j, e);

	if (r < 0)
		return r;
	while ((r = json_read_key(j, &name, e)) > 0) {
		const struct key *k = table;

		while (k->name && strcasecmp(k->name, name))
			k++;
		if (!k->name)
			return json_refuse(j, e, "unknown key '%.*s'", KEY_SHOWN, name);
		if (k->half & ~halves)
			return json_refuse(j, e, "key '%s' does not belong here", k->name);
		if (seen & 1u << (k - table))
			return json_refuse(j, e, "key '%s' stands here twice", k->name);
		seen |= 1u << (k - table);
		r = k->read(j, (char *)dest + k->offset, e);
		if (r < 0)
			return err_wrap(e, "%s", k->name);
	}
	return r;
}

static int read_base64(struct json *j, void *at, struct err *e)
{
	const char **out = at;
	char *s;
	int r = json_read_string(j, &s, e);
	ssize_t n;

	if (r < 0)
		return r;
	n = b64_decode(s, strlen(s), s);
	if (n < 0)
		return json_refuse(j, e, "not base64");
	if (memchr(s, '\0', (size_t)n))
		return json_refuse(j, e, "NUL in the bytes");
	s[n] = '\0';
	*out = s;
	return 0;
}

/* at is of a const char *, as for all readers of strings. */
static int read_text(struct json *j, void *at, struct err *e)
{
	static const struct key keys[] = { { "base64", 0, 0, read_base64 }, { NULL, 0, 0, NULL } };
	const char **out = at, *bytes = NULL;
	enum json_kind kind;
	char *s;
	int r = json_peek(j, &kind, e);

	if (r < 0)
		return r;
	if (kind != JSON_KIND_OBJECT) {
		r = json_read_string(j, &s, e);
		if (r == 0)
			*out = s;
		return r;
	}
	r = read_object(j, keys, 0, &bytes, e);
	if (r < 0)
		return r;
	if (!bytes)
		return json_refuse(j, e, "key 'base64' is missing");
	*out = bytes;
	return 0;
}

static int read_name(struct json *j, void *at, struct err *e)
{
	const char **out = at;
	int r = read_text(j, out, e);

	if (r == 0 && !**out)
		return json_refuse(j, e, "empty");
	return r;
}

static int read_bool(struct json *j, void *at, struct err *e)
{
	return json_read_bool(j, at, e);
}

static int read_root_mode(struct json *j, void *at, struct err *e)
{
	const char *s;
	int r = read_text(j, &s, e);

	if (r == 0 && payload_root_mode(s, at) < 0)
		return json_refuse(j, e, "neither overlay nor ro nor rw");
	return r;
}

static int read_hostname(struct json *j, void *at, struct err *e)
{
	const char **out = at;
	int r = read_name(j, out, e);

	if (r == 0 && strlen(*out) > PAYLOAD_HOSTNAME)
		return json_refuse(j, e, "longer than %u bytes", PAYLOAD_HOSTNAME);
	return r;
}

static int read_network(struct json *j, void *at, struct err *e)
{
	const char **out = at;
	int r = read_text(j, out, e);

	if (r == 0 && strcmp(*out, "none"))
		return json_refuse(j, e, "only none is known");
	return r;
}

static int read_cwd(struct json *j, void *at, struct err *e)
{
	const char **out = at;
	int r = read_text(j, out, e);

	if (r == 0 && **out != '/')
		return json_refuse(j, e, "not an absolute path");
	return r;
}

static int read_umask(struct json *j, void *at, struct err *e)
{
	struct payload_process *p = at;
	unsigned v = 0;
	const char *s;
	int r = read_text(j, &s, e);

	if (r < 0)
		return r;
	for (const char *c = s; *c; c++) {
		v = v << 3 | (unsigned)(*c - '0');
		if (*c < '0' || *c > '7' || v > 0777)
			return json_refuse(j, e, "not octal digits up to 0777");
	}
	if (!*s)
		return json_refuse(j, e, "empty");
	p->umask = v;
	p->has_umask = true;
	return 0;
}

/* /dev/ and names that a path can be made of without leaving it. */
static bool is_node(const char *s)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_.:+@-";

	if (strncmp(s, "/dev", 4))
		return false;
	s += 4;
	do {
		size_t n = *s == '/' ? strspn(s + 1, letters) : 0;

		if (n == 0 || (n == 1 && s[1] == '.') || (n == 2 && s[1] == '.' && s[2] == '.'))
			return false;
		s += 1 + n;
	} while (*s);
	return true;
}

static int read_devices(struct json *j, void *at, struct err *e)
{
	struct payload_machine *m = at;
	const char *node = "";
	char *serial;
	int r = json_read_object(j, e);

	if (r < 0)
		return r;
	while ((r = json_read_key(j, &serial, e)) > 0) {
		if (m->ndevices == PAYLOAD_DEVICES)
			return json_refuse(j, e, "more than %u", PAYLOAD_DEVICES);
		if (!*serial || strlen(serial) > PAYLOAD_SERIAL)
			return json_refuse(j, e, "a serial has 1 to %u bytes", PAYLOAD_SERIAL);
		for (size_t i = 0; i < m->ndevices; i++) {
			if (!strcmp(m->device[i].serial, serial))
				return json_refuse(j, e, "serial '%s' stands here twice", serial);
		}
		r = read_text(j, &node, e);
		if (r < 0)
			return r;
		if (!is_node(node))
			return json_refuse(j, e, "not /dev/NAME");
		for (size_t i = 0; i < m->ndevices; i++) {
			if (!strcmp(m->device[i].node, node))
				return json_refuse(j, e, "another device has this node");
		}
		m->device[m->ndevices++] = (struct payload_device){ serial, node };
	}
	return r;
}

static int read_mounts(struct json *j, void *at, struct err *e)
{
	static const struct key keys[] = {
		{ "device", 0, offsetof(struct payload_mount, device), read_name },
		{ "target", 0, offsetof(struct payload_mount, target), read_name },
		{ "mtype", 0, offsetof(struct payload_mount, mtype), read_text },
		{ "options", 0, offsetof(struct payload_mount, options), read_text },
		{ NULL, 0, 0, NULL },
	};
	struct payload_machine *p = at;
	int r = json_read_list(j, e);

	if (r < 0)
		return r;
	while ((r = json_read_element(j, e)) > 0) {
		struct payload_mount m = { 0 };

		if (p->nmounts == PAYLOAD_MOUNTS)
			return err_set(e, EINVAL, "offset %zu: more than %u", j->at,
				       PAYLOAD_MOUNTS);
		r = read_object(j, keys, 0, &m, e);
		if (r < 0)
			return r;
		if (!m.device || !m.target || !m.mtype)
			return err_set(e, EINVAL, "offset %zu: device, target or mtype is missing",
				       j->at);
		p->mount[p->nmounts++] = m;
	}
	return r;
}

/* Moves s to w, which lies before it. Returns where the next string can go. */
static char *pack(char *w, const char *s)
{
	size_t n = strlen(s) + 1;

	memmove(w, s, n);
	return w + n;
}

static void unpack(const char **v, size_t n, const char *packed)
{
	for (size_t i = 0; i < n; i++) {
		v[i] = packed;
		packed += strlen(packed) + 1;
	}
}

static int read_args(struct json *j, void *at, struct err *e)
{
	struct payload_process *p = at;
	char *packed = j->text + j->at, *w = packed;
	const char *s;
	size_t n = 0;
	int r = json_read_list(j, e);

	if (r < 0)
		return r;
	while ((r = json_read_element(j, e)) > 0) {
		r = read_text(j, &s, e);
		if (r < 0)
			return r;
		if (n == PAYLOAD_STRINGS)
			return json_refuse(j, e, "more than %zu", PAYLOAD_STRINGS);
		if (n == 0 && !*s)
			return json_refuse(j, e, "the command is empty");
		w = pack(w, s);
		n++;
	}
	if (r < 0)
		return r;
	if (!n)
		return json_refuse(j, e, "empty");
	p->args = calloc(n + 1, sizeof(*p->args));
	if (!p->args)
		return err_set(e, ENOMEM, "offset %zu: out of memory", j->at);
	p->nargs = n;
	unpack(p->args, n, packed);
	return 0;
}

/* Orders "K=V" by K. */
static int by_name(const void *a, const void *b)
{
	const char *x = *(const char *const *)a, *y = *(const char *const *)b;

	for (; *x == *y && *x != '='; x++, y++)
		;
	return (*x == '=' ? 0 : (unsigned char)*x) - (*y == '=' ? 0 : (unsigned char)*y);
}

static int check_names(struct payload_process *p, struct err *e, size_t offset)
{
	qsort(p->env, p->nenv, sizeof(*p->env), by_name);
	for (size_t i = 1; i < p->nenv; i++) {
		size_t n = strcspn(p->env[i], "=");

		if (!by_name(&p->env[i - 1], &p->env[i]))
			return err_set(e, EINVAL, "offset %zu: name '%.*s' stands here twice",
				       offset, (int)(n < KEY_SHOWN ? n : KEY_SHOWN), p->env[i]);
	}
	return 0;
}

static int read_env(struct json *j, void *at, struct err *e)
{
	struct payload_process *p = at;
	char *packed = j->text + j->at, *w = packed, *name;
	const char *value;
	size_t n = 0, begin = j->at;
	int r = json_read_object(j, e);

	if (r < 0)
		return r;
	while ((r = json_read_key(j, &name, e)) > 0) {
		if (n == PAYLOAD_STRINGS)
			return json_refuse(j, e, "more than %zu", PAYLOAD_STRINGS);
		if (!*name || strchr(name, '='))
			return json_refuse(j, e, "a name is empty or has a '='");
		w = pack(w, name);
		w[-1] = '=';
		r = read_text(j, &value, e);
		if (r < 0)
			return r;
		w = pack(w, value);
		n++;
	}
	if (r < 0)
		return r;
	p->env = calloc(n + 1, sizeof(*p->env));
	if (!p->env)
		return err_set(e, ENOMEM, "offset %zu: out of memory", j->at);
	p->nenv = n;
	unpack(p->env, n, packed);
	r = check_names(p, e, begin);
	unpack(p->env, n, packed);
	return r;
}

static int read_limit(struct json *j, rlim_t *limit, struct err *e)
{
	enum json_kind kind;
	int64_t v = 0;
	const char *s = "";
	int r = json_peek(j, &kind, e);

	if (r < 0)
		return r;
	if (kind == JSON_KIND_NUMBER) {
		r = json_read_int(j, &v, e);
		if (r == 0 && v < 0)
			return json_refuse(j, e, "the number is out of range");
		*limit = (rlim_t)v;
		return r;
	}
	r = read_text(j, &s, e);
	if (r == 0 && strcmp(s, "unlimited"))
		return json_refuse(j, e, "neither a number nor unlimited");
	*limit = RLIM_INFINITY;
	return r;
}

/* One value for both limits, or [soft, hard]. */
static int read_rlimit(struct json *j, struct rlimit *l, struct err *e)
{
	rlim_t *const to[] = { &l->rlim_cur, &l->rlim_max };
	enum json_kind kind;
	size_t n = 0;
	int r = json_peek(j, &kind, e);

	if (r < 0)
		return r;
	if (kind != JSON_KIND_LIST) {
		r = read_limit(j, &l->rlim_cur, e);
		l->rlim_max = l->rlim_cur;
		return r;
	}
	r = json_read_list(j, e);
	if (r < 0)
		return r;
	while ((r = json_read_element(j, e)) > 0) {
		if (n == ARRAY_SIZE(to))
			return err_set(e, EINVAL, "offset %zu: more than [soft, hard]", j->at);
		r = read_limit(j, to[n++], e);
		if (r < 0)
			return r;
	}
	if (r == 0 && n < ARRAY_SIZE(to))
		return json_refuse(j, e, "less than [soft, hard]");
	if (r == 0 && l->rlim_cur > l->rlim_max)
		return json_refuse(j, e, "soft is above hard");
	return r;
}

static int read_rlimits(struct json *j, void *at, struct err *e)
{
	struct payload_process *p = at;
	char *name;
	int r = json_read_object(j, e);

	if (r < 0)
		return r;
	while ((r = json_read_key(j, &name, e)) > 0) {
		struct proc_rlimit l = { 0 };
		size_t k = 0;

		while (k < ARRAY_SIZE(limit_names) && strcasecmp(name, limit_names[k].name))
			k++;
		if (k == ARRAY_SIZE(limit_names))
			return json_refuse(j, e, "unknown limit '%.*s'", KEY_SHOWN, name);
		l.resource = limit_names[k].resource;
		for (size_t i = 0; i < p->nrlimits; i++) {
			if (p->rlimit[i].resource == l.resource)
				return json_refuse(j, e, "limit '%s' stands here twice",
						   limit_names[k].name);
		}
		r = read_rlimit(j, &l.limit, e);
		if (r < 0)
			return err_wrap(e, "%s", limit_names[k].name);
		p->rlimit[p->nrlimits++] = l;
	}
	return r;
}

#define MACHINE(field) offsetof(struct payload, machine.field)
#define PROCESS(field) offsetof(struct payload, process.field)

static const struct key payload_keys[] = {
	{ "root", PAYLOAD_MACHINE, MACHINE(root), read_name },
	{ "root-mode", PAYLOAD_MACHINE, MACHINE(root_mode), read_root_mode },
	{ "fstype", PAYLOAD_MACHINE, MACHINE(fstype), read_name },
	{ "devices", PAYLOAD_MACHINE, offsetof(struct payload, machine), read_devices },
	{ "mounts", PAYLOAD_MACHINE, offsetof(struct payload, machine), read_mounts },
	{ "hostname", PAYLOAD_MACHINE, MACHINE(hostname), read_hostname },
	{ "network", PAYLOAD_MACHINE, MACHINE(network), read_network },
	{ "args", PAYLOAD_PROCESS, offsetof(struct payload, process), read_args },
	{ "env", PAYLOAD_PROCESS, offsetof(struct payload, process), read_env },
	{ "cwd", PAYLOAD_PROCESS, PROCESS(cwd), read_cwd },
	{ "user", PAYLOAD_PROCESS, PROCESS(user), read_name },
	{ "umask", PAYLOAD_PROCESS, offsetof(struct payload, process), read_umask },
	{ "rlimits", PAYLOAD_PROCESS, offsetof(struct payload, process), read_rlimits },
	{ "no-new-privs", PAYLOAD_PROCESS, PROCESS(no_new_privs), read_bool },
	{ "tty", PAYLOAD_PROCESS, PROCESS(tty), read_bool },
	{ "exec", PAYLOAD_PROCESS, PROCESS(exec), read_bool },
	{ NULL, 0, 0, NULL },
};

int payload_decode(char *text, size_t n, int halves, struct payload *p, struct err *e)
{
	struct json j = JSON_INIT(text, n);
	int r;

	*p = (struct payload){ 0 };
	if (n > PAYLOAD_MAX)
		return err_set(e, EFBIG, "the payload has more than %zu bytes", PAYLOAD_MAX);
	r = read_object(&j, payload_keys, halves, p, e);
	if (r == 0)
		r = json_read_end(&j, e);
	if (r < 0)
		payload_free(p);
	return r;
}

/* Writing goes on after the first failure, without effect. */
struct writer {
	struct buf *b;
	size_t begin; /* where ours starts in b */
	int r;
};

static void put(struct writer *w, const char *s, size_t n)
{
	if (w->r < 0)
		return;
	if (n > PAYLOAD_MAX || w->b->len - w->begin > PAYLOAD_MAX - n)
		w->r = -EFBIG;
	else
		w->r = buf_add(w->b, s, n);
}

static void put_c(struct writer *w, char c)
{
	put(w, &c, 1);
}

/* Ours never ends with a blank, so its last byte says whether a comma is due. */
static void next(struct writer *w)
{
	if (w->r == 0 && w->b->len > w->begin && !strchr("{[:", w->b->p[w->b->len - 1]))
		put_c(w, ',');
}

static void put_quoted(struct writer *w, const char *s)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt", hex[] = "0123456789abcdef";

	put_c(w, '"');
	while (*s) {
		const char *at;
		size_t n = 0;

		while ((unsigned char)s[n] >= 0x20 && s[n] != '"' && s[n] != '\\')
			n++;
		put(w, s, n);
		s += n;
		if (!*s)
			break;
		at = strchr(from, *s);
		if (at) {
			put_c(w, '\\');
			put_c(w, to[at - from]);
		} else {
			put(w, "\\u00", 4);
			put_c(w, hex[*s >> 4]);
			put_c(w, hex[*s & 15]);
		}
		s++;
	}
	put_c(w, '"');
}

static void put_key(struct writer *w, const char *key)
{
	next(w);
	put_quoted(w, key);
	put_c(w, ':');
}

static void put_text(struct writer *w, const char *s)
{
	size_t n = strlen(s), i = 0, len = 1;

	next(w);
	while (i < n && len) {
		len = json_utf8(s + i, n - i);
		i += len;
	}
	if (len) {
		put_quoted(w, s);
		return;
	}
	put(w, "{\"base64\":\"", 11);
	if (w->r == 0)
		w->r = b64_encode(s, n, w->b);
	put(w, "\"}", 2);
}

static void put_member(struct writer *w, const char *key, const char *value)
{
	if (!value)
		return;
	put_key(w, key);
	put_text(w, value);
}

static void put_flag(struct writer *w, const char *key, bool value)
{
	if (!value)
		return;
	put_key(w, key);
	put(w, "true", 4);
}

static void put_open(struct writer *w, char c)
{
	next(w);
	put_c(w, c);
}

static void put_machine(struct writer *w, const struct payload_machine *m)
{
	put_member(w, "root", m->root);
	if (m->root_mode != ROOT_OVERLAY)
		put_member(w, "root-mode", payload_root_mode_name(m->root_mode));
	put_member(w, "fstype", m->fstype);
	if (m->ndevices) {
		put_key(w, "devices");
		put_open(w, '{');
		for (size_t i = 0; i < m->ndevices; i++)
			put_member(w, m->device[i].serial, m->device[i].node);
		put_c(w, '}');
	}
	if (m->nmounts) {
		put_key(w, "mounts");
		put_open(w, '[');
		for (size_t i = 0; i < m->nmounts; i++) {
			put_open(w, '{');
			put_member(w, "device", m->mount[i].device);
			put_member(w, "target", m->mount[i].target);
			put_member(w, "mtype", m->mount[i].mtype);
			put_member(w, "options", m->mount[i].options);
			put_c(w, '}');
		}
		put_c(w, ']');
	}
	put_member(w, "hostname", m->hostname);
	put_member(w, "network", m->network);
}

static int put_env(struct writer *w, const struct payload_process *p, struct err *e)
{
	cleanup_buf struct buf name = { 0 };

	for (size_t i = 0; i < p->nenv && w->r == 0; i++) {
		const char *eq = strchr(p->env[i], '=');

		if (!eq)
			return err_set(e, EINVAL, "env: entry %zu has no '='", i);
		name.len = 0;
		w->r = buf_add(&name, p->env[i], (size_t)(eq - p->env[i]));
		if (w->r == 0)
			put_member(w, name.p, eq + 1);
	}
	return 0;
}

static void put_limit(struct writer *w, rlim_t v)
{
	next(w);
	if (v == RLIM_INFINITY)
		put_quoted(w, "unlimited");
	else if (w->r == 0)
		w->r = buf_addf(w->b, "%llu", (unsigned long long)v);
}

static int put_rlimits(struct writer *w, const struct payload_process *p, struct err *e)
{
	for (size_t i = 0; i < p->nrlimits; i++) {
		const struct proc_rlimit *l = &p->rlimit[i];
		size_t k = 0;

		while (k < ARRAY_SIZE(limit_names) && limit_names[k].resource != l->resource)
			k++;
		if (k == ARRAY_SIZE(limit_names))
			return err_set(e, EINVAL, "rlimits: unknown limit %d", l->resource);
		put_key(w, limit_names[k].name);
		if (l->limit.rlim_cur == l->limit.rlim_max) {
			put_limit(w, l->limit.rlim_cur);
			continue;
		}
		put_open(w, '[');
		put_limit(w, l->limit.rlim_cur);
		put_limit(w, l->limit.rlim_max);
		put_c(w, ']');
	}
	return 0;
}

static int put_process(struct writer *w, const struct payload_process *p, struct err *e)
{
	int r = 0;

	if (p->args) {
		put_key(w, "args");
		put_open(w, '[');
		for (size_t i = 0; i < p->nargs; i++)
			put_text(w, p->args[i]);
		put_c(w, ']');
	}
	if (p->env) {
		put_key(w, "env");
		put_open(w, '{');
		r = put_env(w, p, e);
		put_c(w, '}');
	}
	put_member(w, "cwd", p->cwd);
	put_member(w, "user", p->user);
	if (p->has_umask) {
		char octal[16];

		snprintf(octal, sizeof(octal), "%03o", p->umask);
		put_member(w, "umask", octal);
	}
	if (r == 0 && p->nrlimits) {
		put_key(w, "rlimits");
		put_open(w, '{');
		r = put_rlimits(w, p, e);
		put_c(w, '}');
	}
	put_flag(w, "no-new-privs", p->no_new_privs);
	put_flag(w, "tty", p->tty);
	put_flag(w, "exec", p->exec);
	return r;
}

/* The other end must take it. */
static int check(const struct writer *w, int halves, struct err *e)
{
	cleanup_buf struct buf copy = { 0 };
	struct payload p;
	int r = buf_add(&copy, w->b->p + w->begin, w->b->len - w->begin);

	if (r < 0)
		return err_code(e, -r, "the payload");
	r = payload_decode(copy.p, copy.len, halves, &p, e);
	payload_free(&p);
	return r;
}

int payload_encode(const struct payload *p, int halves, struct buf *out, struct err *e)
{
	struct writer w = { .b = out, .begin = out->len };
	int r = 0;

	put_c(&w, '{');
	if (halves & PAYLOAD_MACHINE)
		put_machine(&w, &p->machine);
	if (halves & PAYLOAD_PROCESS)
		r = put_process(&w, &p->process, e);
	put_c(&w, '}');
	if (r == 0 && w.r == -EFBIG)
		r = err_set(e, EFBIG, "the payload has more than %zu bytes", PAYLOAD_MAX);
	else if (r == 0 && w.r < 0)
		r = err_code(e, -w.r, "the payload");
	if (r == 0)
		r = check(&w, halves, e);
	if (r < 0 && out->p) {
		out->len = w.begin;
		out->p[out->len] = '\0';
	}
	return r;
}

void payload_free(struct payload *p)
{
	free(p->process.args);
	free(p->process.env);
	free(p->process.pool);
	*p = (struct payload){ 0 };
}
