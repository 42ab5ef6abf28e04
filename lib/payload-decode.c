/* SPDX-License-Identifier: MIT */
/*
 * JSON to struct payload. Reading is driven by one table per object: a key, where its value goes and what reads it.
 *
 * args and env cost no memory but their pointers: as each string is read, it is moved up against
 * the one before it, over JSON that was read already ({"K":"V"} is longer than K=V and a NUL), and
 * when all are there, they are counted and one array of pointers is filled by walking over them.
 * Names that occur twice in env are found by sorting those pointers; walking once more brings back
 * the order of the text.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/b64.h"
#include "lib/cleanup.h"
#include "lib/json.h"
#include "lib/payload-impl.h"

#define KEY_SHOWN 40 /* bytes of a key that we do not know, in a sentence */

struct key {
	const char *name;
	int half;      /* 0: not one of the payload's own keys */
	size_t offset; /* of the destination in the struct that the object fills */
	int (*read)(struct json *j, void *at, struct err *e);
};

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

/* "none", or what the interface gets. */
static int read_network(struct json *j, void *at, struct err *e)
{
	static const struct key keys[] = {
		{ "address", 0, offsetof(struct payload_network, address), read_name },
		{ "gateway", 0, offsetof(struct payload_network, gateway), read_name },
		{ "address6", 0, offsetof(struct payload_network, address6), read_name },
		{ "gateway6", 0, offsetof(struct payload_network, gateway6), read_name },
		{ "nameserver", 0, offsetof(struct payload_network, nameserver), read_name },
		{ NULL, 0, 0, NULL },
	};
	struct payload_network *n = at;
	enum json_kind kind;
	const char *s;
	int r = json_peek(j, &kind, e);

	if (r < 0)
		return r;
	if (kind != JSON_KIND_OBJECT) {
		r = read_text(j, &s, e);
		if (r == 0 && strcmp(s, "none"))
			return json_refuse(j, e, "neither none nor an object");
		return r;
	}
	r = read_object(j, keys, 0, n, e);
	if (r == 0 && !n->address && !n->address6)
		return err_set(e, EINVAL, "offset %zu: address or address6 is missing", j->at);
	if (r == 0 && ((n->gateway && !n->address) || (n->gateway6 && !n->address6)))
		return err_set(e, EINVAL, "offset %zu: a gateway without an address", j->at);
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

		while (k < ARRAY_SIZE(payload_limits) && strcasecmp(name, payload_limits[k].name))
			k++;
		if (k == ARRAY_SIZE(payload_limits))
			return json_refuse(j, e, "unknown limit '%.*s'", KEY_SHOWN, name);
		l.resource = payload_limits[k].resource;
		for (size_t i = 0; i < p->nrlimits; i++) {
			if (p->rlimit[i].resource == l.resource)
				return json_refuse(j, e, "limit '%s' stands here twice",
						   payload_limits[k].name);
		}
		r = read_rlimit(j, &l.limit, e);
		if (r < 0)
			return err_wrap(e, "%s", payload_limits[k].name);
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

/* NOLINTNEXTLINE(readability-non-const-parameter): strings are decoded in place */
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
