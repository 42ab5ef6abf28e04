/* SPDX-License-Identifier: MIT */
/*
 * struct payload to JSON. Writing checks little: what was written is read back, so both ends agree
 * on what is valid.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/b64.h"
#include "lib/cleanup.h"
#include "lib/json.h"
#include "lib/payload-impl.h"

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
	next(w);
	if (json_is_utf8(s)) {
		put_quoted(w, s);
		return;
	}
	put(w, "{\"base64\":\"", 11);
	if (w->r == 0)
		w->r = b64_encode(s, strlen(s), w->b);
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

static void put_network(struct writer *w, const struct payload_network *n)
{
	if (!n->address && !n->address6)
		return;
	put_key(w, "network");
	put_open(w, '{');
	put_member(w, "address", n->address);
	put_member(w, "gateway", n->gateway);
	put_member(w, "address6", n->address6);
	put_member(w, "gateway6", n->gateway6);
	put_member(w, "nameserver", n->nameserver);
	put_c(w, '}');
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
	put_network(w, &m->network);
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

		while (k < ARRAY_SIZE(payload_limits) && payload_limits[k].resource != l->resource)
			k++;
		if (k == ARRAY_SIZE(payload_limits))
			return err_set(e, EINVAL, "rlimits: unknown limit %d", l->resource);
		put_key(w, payload_limits[k].name);
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
