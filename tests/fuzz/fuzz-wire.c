/* SPDX-License-Identifier: MIT */
/*
 * proves: W12 W13
 * The input as a value: decode(encode(x)) = x. The input as bytes: what a decoder takes, it takes
 * again after encoding, and all the same; what it takes cut short, it refuses.
 */
#include <errno.h>

#include "lib/wire.h"
#include "tests/fuzz/fuzz.h"

#define ROOM 1024u

union value {
	struct wire_boot boot;
	struct wire_failure failure;
	struct wire_exit exit;
	struct wire_winsize size;
	struct wire_pty pty;
	struct wire_file file;
};

enum kind { BOOT, FAILURE, EXIT, SIZE, PTY, STDIN, KINDS };

static int get(enum kind k, const void *p, size_t n, union value *v)
{
	memset(v, 0, sizeof(*v));
	switch (k) {
	case BOOT:
		return wire_get_boot(p, n, &v->boot);
	case FAILURE:
		return wire_get_failure(p, n, &v->failure);
	case EXIT:
		return wire_get_exit(p, n, &v->exit);
	case SIZE:
		return wire_get_winsize(p, n, &v->size);
	case PTY:
		return wire_get_pty(p, n, &v->pty);
	case STDIN:
		return wire_get_file(p, n, &v->file);
	case KINDS:
		break;
	}
	return -EINVAL;
}

static void put(enum kind k, struct wire_out *o, const union value *v)
{
	switch (k) {
	case BOOT:
		wire_put_boot(o, &v->boot);
		break;
	case FAILURE:
		wire_put_failure(o, &v->failure);
		break;
	case EXIT:
		wire_put_exit(o, &v->exit);
		break;
	case SIZE:
		wire_put_winsize(o, &v->size);
		break;
	case PTY:
		wire_put_pty(o, &v->pty);
		break;
	case STDIN:
		wire_put_file(o, &v->file);
		break;
	case KINDS:
		break;
	}
}

static bool same(enum kind k, const union value *a, const union value *b)
{
	switch (k) {
	case BOOT:
		return !memcmp(a->boot.entropy, b->boot.entropy, WIRE_ENTROPY) &&
		       a->boot.sec == b->boot.sec && a->boot.nsec == b->boot.nsec &&
		       a->boot.machine_len == b->boot.machine_len &&
		       (!a->boot.machine_len ||
			!memcmp(a->boot.machine, b->boot.machine, a->boot.machine_len));
	case FAILURE:
		return !strcmp(a->failure.stage, b->failure.stage) &&
		       a->failure.code == b->failure.code &&
		       !strcmp(a->failure.operand, b->failure.operand);
	case EXIT:
		return a->exit.status.kind == b->exit.status.kind &&
		       a->exit.status.value == b->exit.status.value &&
		       a->exit.status.core == b->exit.status.core && a->exit.oom == b->exit.oom;
	case SIZE:
		return !memcmp(&a->size, &b->size, sizeof(a->size));
	case PTY:
		return !strcmp(a->pty.term, b->pty.term) &&
		       !memcmp(&a->pty.size, &b->pty.size, sizeof(a->pty.size));
	case STDIN:
		return !strcmp(a->file.serial, b->file.serial) && a->file.size == b->file.size &&
		       a->file.at == b->file.at && a->file.sec == b->file.sec &&
		       a->file.nsec == b->file.nsec;
	case KINDS:
		break;
	}
	return false;
}

static void bytes(enum kind k, const void *p, size_t n)
{
	union value v, w;
	struct wire_out o = { .cap = n + ROOM };
	int r = get(k, p, n, &v);
	char *cut;

	CHECK(r == 0 || r == -EBADMSG);
	if (r < 0)
		return;
	o.p = malloc(o.cap);
	CHECK(o.p);
	put(k, &o, &v);
	CHECK(!o.overflow);
	CHECK(get(k, o.p, o.n, &w) == 0 && same(k, &v, &w));
	for (size_t c = 0; c < o.n && c < ROOM; c += 1 + c / 16) {
		cut = fuzz_copy(o.p, c);
		CHECK(get(k, cut, c, &w) == -EBADMSG);
		free(cut);
	}
	free(o.p);
}

/* Values out of the input's bytes: text without NUL inside, numbers in their ranges. */
static void value(enum kind k, const uint8_t *p, size_t n)
{
	union value v, w;
	uint8_t raw[sizeof(v)] = { 0 };
	uint8_t room[ROOM];
	struct wire_out o = { .p = room, .cap = sizeof(room) };
	struct wire_in i = { .p = raw, .n = sizeof(raw) };

	memcpy(raw, p, n < sizeof(raw) ? n : sizeof(raw));
	memset(&v, 0, sizeof(v));
	switch (k) {
	case BOOT:
		memcpy(v.boot.entropy, raw, WIRE_ENTROPY);
		v.boot.sec = wire_get_u64(&i);
		v.boot.nsec = wire_get_u32(&i) % 1000000000;
		v.boot.machine = (const char *)p;
		v.boot.machine_len = n < ROOM / 2 ? n : ROOM / 2;
		break;
	case FAILURE:
		v.failure.code = wire_get_u32(&i) % WIRE_ERRNO_MAX + 1;
		memcpy(v.failure.stage, i.p, sizeof(v.failure.stage) - 1);
		memcpy(v.failure.operand, i.p, sizeof(v.failure.operand) - 1);
		break;
	case EXIT:
		v.exit.status.kind = raw[0] & 1 ? PROC_SIGNALED : PROC_EXITED;
		v.exit.status.value = raw[0] & 1 ? raw[1] % 127 + 1 : raw[1];
		v.exit.status.core = raw[0] & 2;
		v.exit.oom = raw[0] & 4;
		break;
	case SIZE:
	case PTY:
		v.pty.size = (struct wire_winsize){ wire_get_u32(&i), wire_get_u32(&i),
						    wire_get_u32(&i), wire_get_u32(&i) };
		memcpy(v.pty.term, i.p, sizeof(v.pty.term) - 1);
		if (k == SIZE)
			v.size = v.pty.size;
		break;
	case STDIN:
		v.file.size = wire_get_u64(&i) & INT64_MAX;
		v.file.at = wire_get_u64(&i) & INT64_MAX;
		v.file.sec = wire_get_u64(&i);
		v.file.nsec = wire_get_u32(&i) % 1000000000;
		memcpy(v.file.serial, i.p, sizeof(v.file.serial) - 1);
		break;
	case KINDS:
		break;
	}
	put(k, &o, &v);
	CHECK(!o.overflow);
	CHECK(get(k, o.p, o.n, &w) == 0 && same(k, &v, &w));
	/* In less room it says so and writes nothing behind it. */
	if (n && o.n) {
		struct wire_out less = { .p = (uint8_t *)fuzz_copy(room, o.n), .cap = p[0] % o.n };

		put(k, &less, &v);
		CHECK(less.overflow && less.n <= less.cap);
		free(less.p);
	}
}

/* Fields one by one, as the input says. */
static void fields(const uint8_t *p, size_t n)
{
	uint8_t *room = malloc(n * 10 + 16);
	struct wire_out o = { .p = room, .cap = n * 10 + 16 };
	struct wire_in i;
	size_t begin;

	CHECK(room);
	begin = wire_begin(&o, WIRE_DEBUG);
	for (size_t k = 0; k < n; k++) {
		if (p[k] % 4 == 0)
			wire_put_u8(&o, p[k]);
		else if (p[k] % 4 == 1)
			wire_put_u32(&o, p[k] * 0x01010101u);
		else if (p[k] % 4 == 2)
			wire_put_u64(&o, p[k] * 0x0102030405060708u);
		else
			wire_put_string(&o, p, k < 5 ? k : 5);
	}
	wire_end(&o, begin);
	CHECK(!o.overflow);
	i = (struct wire_in){ .p = o.p, .n = o.n };
	CHECK(wire_get_u32(&i) == o.n - 4 && wire_get_u8(&i) == WIRE_DEBUG);
	for (size_t k = 0; k < n; k++) {
		size_t len;

		if (p[k] % 4 == 0)
			CHECK(wire_get_u8(&i) == p[k]);
		else if (p[k] % 4 == 1)
			CHECK(wire_get_u32(&i) == p[k] * 0x01010101u);
		else if (p[k] % 4 == 2)
			CHECK(wire_get_u64(&i) == p[k] * 0x0102030405060708u);
		else
			CHECK(!memcmp(wire_get_string(&i, &len), p, k < 5 ? k : 5) &&
			      len == (k < 5 ? k : 5));
	}
	CHECK(!i.bad && !i.n);
	free(room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy, *p;
	size_t n;
	int sig;

	if (!size)
		return 0;
	copy = (uint8_t *)fuzz_copy(data, size);
	p = copy + 1;
	n = size - 1;
	bytes((enum kind)(*copy % KINDS), p, n);
	value((enum kind)(*copy % KINDS), p, n);
	fields(p, n < 512 ? n : 512);
	sig = wire_signal_number(p, n);
	CHECK(!sig || (strlen(wire_signal_name(sig)) == n && !memcmp(wire_signal_name(sig), p, n)));
	free(copy);
	return 0;
}
