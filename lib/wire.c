/* SPDX-License-Identifier: MIT */
/* Fields and packets of the host-guest channel. Everything here works on memory it is given. */
#include "lib/wire.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define NSEC_PER_SEC 1000000000u
#define EXIT_VALUE_MAX 255u
#define SIGNAL_VALUE_MAX 127u /* what a wait status can hold */

/* RFC 4254 section 6.10. Numbers differ between architectures, names do not. */
static const struct {
	int number;
	const char name[5];
} signals[] = {
	{ SIGABRT, "ABRT" }, { SIGALRM, "ALRM" }, { SIGFPE, "FPE" },   { SIGHUP, "HUP" },
	{ SIGILL, "ILL" },   { SIGINT, "INT" },	  { SIGKILL, "KILL" }, { SIGPIPE, "PIPE" },
	{ SIGQUIT, "QUIT" }, { SIGSEGV, "SEGV" }, { SIGTERM, "TERM" }, { SIGUSR1, "USR1" },
	{ SIGUSR2, "USR2" },
};

static void store_u32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static uint32_t load_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* n bytes of the output, or NULL. Once something was dropped, so is everything after it. */
static uint8_t *grow(struct wire_out *o, size_t n)
{
	uint8_t *p;

	if (o->overflow || n > o->cap - o->n) {
		o->overflow = true;
		return NULL;
	}
	p = o->p + o->n;
	o->n += n;
	return p;
}

/* n bytes of the input, or NULL, and then nothing more is there. */
static const uint8_t *take(struct wire_in *i, size_t n)
{
	const uint8_t *p = i->p;

	if (i->bad || n > i->n) {
		i->bad = true;
		i->n = 0;
		return NULL;
	}
	if (n) {
		i->p += n;
		i->n -= n;
	}
	return p;
}

static int finish(const struct wire_in *i)
{
	return i->bad || i->n ? -EBADMSG : 0;
}

void wire_put_u8(struct wire_out *o, uint8_t v)
{
	uint8_t *p = grow(o, 1);

	if (p)
		*p = v;
}

void wire_put_u32(struct wire_out *o, uint32_t v)
{
	uint8_t *p = grow(o, 4);

	if (p)
		store_u32(p, v);
}

void wire_put_u64(struct wire_out *o, uint64_t v)
{
	uint8_t *p = grow(o, 8);

	if (!p)
		return;
	store_u32(p, (uint32_t)(v >> 32));
	store_u32(p + 4, (uint32_t)v);
}

void wire_put_bytes(struct wire_out *o, const void *p, size_t n)
{
	uint8_t *to = n ? grow(o, n) : NULL;

	if (to)
		memcpy(to, p, n);
}

void wire_put_string(struct wire_out *o, const void *p, size_t n)
{
	if (n > UINT32_MAX) {
		o->overflow = true;
		return;
	}
	wire_put_u32(o, (uint32_t)n);
	wire_put_bytes(o, p, n);
}

void wire_put_text(struct wire_out *o, const char *s)
{
	wire_put_string(o, s, strlen(s));
}

size_t wire_begin(struct wire_out *o, enum wire_msg msg)
{
	size_t begin = o->n;

	wire_put_u32(o, 0);
	wire_put_u8(o, (uint8_t)msg);
	return begin;
}

void wire_end(struct wire_out *o, size_t begin)
{
	if (!o->overflow)
		store_u32(o->p + begin, (uint32_t)(o->n - begin - 4));
}

uint8_t wire_get_u8(struct wire_in *i)
{
	const uint8_t *p = take(i, 1);

	return p ? *p : 0;
}

uint32_t wire_get_u32(struct wire_in *i)
{
	const uint8_t *p = take(i, 4);

	return p ? load_u32(p) : 0;
}

uint64_t wire_get_u64(struct wire_in *i)
{
	const uint8_t *p = take(i, 8);

	return p ? (uint64_t)load_u32(p) << 32 | load_u32(p + 4) : 0;
}

const uint8_t *wire_get_string(struct wire_in *i, size_t *n)
{
	const uint8_t *p;

	*n = wire_get_u32(i);
	p = take(i, *n);
	if (i->bad)
		*n = 0;
	return p;
}

void wire_get_text(struct wire_in *i, char *out, size_t size)
{
	size_t n;
	const uint8_t *p = wire_get_string(i, &n);

	if (!size) {
		i->bad = true;
		return;
	}
	out[0] = '\0';
	if (!p || !n)
		return;
	if (n >= size || memchr(p, 0, n)) {
		i->bad = true;
		i->n = 0;
		return;
	}
	memcpy(out, p, n);
	out[n] = '\0';
}

void wire_put_boot(struct wire_out *o, const struct wire_boot *b)
{
	wire_put_bytes(o, b->entropy, sizeof(b->entropy));
	wire_put_u64(o, b->sec);
	wire_put_u32(o, b->nsec);
	wire_put_string(o, b->machine, b->machine_len);
}

int wire_get_boot(const void *p, size_t n, struct wire_boot *b)
{
	struct wire_in i = { .p = p, .n = n };
	const uint8_t *entropy = take(&i, sizeof(b->entropy));

	if (entropy)
		memcpy(b->entropy, entropy, sizeof(b->entropy));
	b->sec = wire_get_u64(&i);
	b->nsec = wire_get_u32(&i);
	b->machine = (const char *)wire_get_string(&i, &b->machine_len);
	if (b->nsec >= NSEC_PER_SEC)
		return -EBADMSG;
	return finish(&i);
}

void wire_failure_set(struct wire_failure *f, const char *stage, int code, const char *operand)
{
	*f = (struct wire_failure){ .code = (uint32_t)code };
	snprintf(f->stage, sizeof(f->stage), "%s", stage);
	snprintf(f->operand, sizeof(f->operand), "%.*s", (int)sizeof(f->operand) - 1, operand);
}

void wire_put_failure(struct wire_out *o, const struct wire_failure *f)
{
	wire_put_string(o, f->stage, strnlen(f->stage, sizeof(f->stage) - 1));
	wire_put_u32(o, f->code);
	wire_put_string(o, f->operand, strnlen(f->operand, sizeof(f->operand) - 1));
}

int wire_get_failure(const void *p, size_t n, struct wire_failure *f)
{
	struct wire_in i = { .p = p, .n = n };

	wire_get_text(&i, f->stage, sizeof(f->stage));
	f->code = wire_get_u32(&i);
	wire_get_text(&i, f->operand, sizeof(f->operand));
	if (!f->code || f->code > WIRE_ERRNO_MAX)
		i.bad = true; /* it becomes an errno of the reader's */
	return finish(&i);
}

void wire_put_exit(struct wire_out *o, const struct wire_exit *x)
{
	wire_put_u8(o, (uint8_t)x->status.kind);
	wire_put_u32(o, (uint32_t)x->status.value);
	wire_put_u8(o, x->status.core);
	wire_put_u8(o, x->oom);
}

int wire_get_exit(const void *p, size_t n, struct wire_exit *x)
{
	struct wire_in i = { .p = p, .n = n };
	uint8_t kind = wire_get_u8(&i);
	uint32_t value = wire_get_u32(&i);

	x->status.kind = kind == PROC_EXITED ? PROC_EXITED : PROC_SIGNALED;
	x->status.value = value <= EXIT_VALUE_MAX ? (int)value : 0;
	x->status.core = wire_get_u8(&i);
	x->oom = wire_get_u8(&i);
	if (kind == PROC_EXITED && value <= EXIT_VALUE_MAX)
		return finish(&i);
	if (kind == PROC_SIGNALED && value && value <= SIGNAL_VALUE_MAX)
		return finish(&i);
	return -EBADMSG;
}

static void get_winsize(struct wire_in *i, struct wire_winsize *w)
{
	w->cols = wire_get_u32(i);
	w->rows = wire_get_u32(i);
	w->xpixel = wire_get_u32(i);
	w->ypixel = wire_get_u32(i);
}

void wire_put_winsize(struct wire_out *o, const struct wire_winsize *w)
{
	wire_put_u32(o, w->cols);
	wire_put_u32(o, w->rows);
	wire_put_u32(o, w->xpixel);
	wire_put_u32(o, w->ypixel);
}

int wire_get_winsize(const void *p, size_t n, struct wire_winsize *w)
{
	struct wire_in i = { .p = p, .n = n };

	get_winsize(&i, w);
	return finish(&i);
}

void wire_put_pty(struct wire_out *o, const struct wire_pty *t)
{
	static const uint8_t tty_op_end[1] = { 0 };

	wire_put_string(o, t->term, strnlen(t->term, sizeof(t->term) - 1));
	wire_put_winsize(o, &t->size);
	wire_put_string(o, tty_op_end, sizeof(tty_op_end));
}

int wire_get_pty(const void *p, size_t n, struct wire_pty *t)
{
	struct wire_in i = { .p = p, .n = n };
	size_t modes;

	wire_get_text(&i, t->term, sizeof(t->term));
	get_winsize(&i, &t->size);
	wire_get_string(&i, &modes);
	return finish(&i);
}

void wire_put_file(struct wire_out *o, const struct wire_file *f)
{
	wire_put_string(o, f->serial, strnlen(f->serial, sizeof(f->serial) - 1));
	wire_put_u64(o, f->size);
	wire_put_u64(o, f->at);
	wire_put_u64(o, f->sec);
	wire_put_u32(o, f->nsec);
}

int wire_get_file(const void *p, size_t n, struct wire_file *f)
{
	struct wire_in i = { .p = p, .n = n };

	wire_get_text(&i, f->serial, sizeof(f->serial));
	f->size = wire_get_u64(&i);
	f->at = wire_get_u64(&i);
	f->sec = wire_get_u64(&i);
	f->nsec = wire_get_u32(&i);
	if (f->size > INT64_MAX || f->at > INT64_MAX || f->nsec >= NSEC_PER_SEC)
		return -EBADMSG;
	return finish(&i);
}

const char *wire_signal_name(int sig)
{
	for (size_t k = 0; k < ARRAY_SIZE(signals); k++)
		if (signals[k].number == sig)
			return signals[k].name;
	return NULL;
}

int wire_signal_number(const void *name, size_t n)
{
	for (size_t k = 0; k < ARRAY_SIZE(signals); k++)
		if (strlen(signals[k].name) == n && !memcmp(signals[k].name, name, n))
			return signals[k].number;
	return 0;
}
