/* SPDX-License-Identifier: MIT */
/* M5, M8, M9: names and references, records, and what streams pass through. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/decompress.h"
#include "archive/scratch.h"
#include "image/name.h"
#include "image/record.h"
#include "tests/tap.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void names(void)
{
	static const struct {
		const char *text, *want; /* NULL: refused */
	} cases[] = {
		{ "x", "x:latest" },
		{ "x:latest", "x:latest" },
		{ "a/b:1.0-rc_2", "a/b:1.0-rc_2" },
		{ "host:5000/a", "host:5000/a:latest" },
		{ "host:5000/a:t", "host:5000/a:t" },
		{ "X_y", "X_y:latest" },
		{ "", NULL },
		{ ":t", NULL },
		{ "a:", NULL },
		{ "a:b:c", NULL },
		{ "/a", NULL },
		{ "a/", NULL },
		{ "a//b", NULL },
		{ "a/:t", NULL },
		{ ".a", NULL },
		{ "-a", NULL },
		{ "a/.b", NULL },
		{ "a/-b", NULL },
		{ "a..b", NULL },
		{ "a:..", NULL },
		{ "a:.b", NULL },
		{ "a:-b", NULL },
		{ "a b", NULL },
		{ "a+b", NULL },
		{ "a@b", NULL },
		{ "a\n", NULL },
		{ "a\xc3", NULL },
		{ "sha256:x", NULL },
		{ "..", NULL },
	};
	char out[NAME_SIZE], text[NAME_MAX_BYTES + 2];
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int r = name_parse(cases[i].text, out, &e);

		tap_case("M8: names");
		ok_str(r < 0 ? NULL : out, cases[i].want);
		if (r == 0) {
			char file[NAME_SIZE];

			memcpy(file, out, sizeof(file));
			name_to_file(file);
			ok(!strchr(file, '/'));
			name_from_file(file);
			ok_str(file, out);
		}
	}
	tap_case("M8: the limit of names, and one past");
	memset(text, 'x', sizeof(text));
	text[NAME_MAX_BYTES] = '\0';
	ok_int(name_parse(text, out, &e), 0);
	ok_int(strlen(out), NAME_MAX_BYTES + 7);
	text[NAME_MAX_BYTES] = 'x';
	text[NAME_MAX_BYTES + 1] = '\0';
	ok_int(name_parse(text, out, &e), -EINVAL);
}

static void references(void)
{
	static const struct {
		const char *text;
		int want;
		const char *name, *pin, *id;
	} cases[] = {
		{ "x", 0, "x:latest", "", "" },
		{ "a/x:1@sha256:" HEX64, 0, "a/x:1", "sha256:" HEX64, "" },
		{ "sha256:" HEX64, 0, "", "", HEX64 },
		{ "sha256:0123456789ab", 0, "", "", "0123456789ab" },
		{ "0123456789ab", 0, "0123456789ab:latest", "", "0123456789ab" },
		{ "0123456789a", 0, "0123456789a:latest", "", "" },
		{ HEX64, 0, HEX64 ":latest", "", HEX64 },
		{ HEX64 "0", 0, HEX64 "0:latest", "", "" },
		{ "sha256:0123456789a", -EINVAL, "", "", "" },
		{ "sha256:" HEX64 "0", -EINVAL, "", "", "" },
		{ "sha256:0123456789AB", -EINVAL, "", "", "" },
		{ "x@sha256:0123456789ab", -EINVAL, "", "", "" },
		{ "@sha256:" HEX64, -EINVAL, "", "", "" },
		{ "x@y", -EINVAL, "", "", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct image_ref ref;
		struct err e = { 0 };

		tap_case("M8: references");
		ok_int(ref_parse(cases[i].text, &ref, &e), cases[i].want);
		if (cases[i].want)
			continue;
		ok_str(ref.name, cases[i].name);
		ok_str(ref.pin, cases[i].pin);
		ok_str(ref.id, cases[i].id);
	}
}

static void records(void)
{
	static const char text[] =
		"{\"config\":{\"Cmd\":[\"a\",\"b \\\"c\\\"\"],\"Entrypoint\":[],\"Env\":[\"K=\xc3\xbc\"],"
		"\"User\":\"u\",\"WorkingDir\":\"/w\"},\"root\":\"sha256:" HEX64 "\"}";
	static const char *const bad[] = {
		"",
		"[]",
		"{\"root\":\"sha256:" HEX64 "\"}",
		"{\"config\":{\"Cmd\":[],\"Entrypoint\":[],\"Env\":[],\"User\":\"\",\"WorkingDir\":\"\"},"
		"\"root\":\"x\"}",
		"{\"config\":{\"Entrypoint\":[],\"Cmd\":[],\"Env\":[],\"User\":\"\",\"WorkingDir\":\"\"},"
		"\"root\":\"sha256:" HEX64 "\"}",
		"{\"config\":{\"Cmd\":[],\"Entrypoint\":[],\"Env\":[],\"User\":\"\",\"WorkingDir\":\"\"},"
		"\"root\":\"sha256:" HEX64 "\"}\n",
		"{\"config\":{\"Cmd\":[],\"Entrypoint\":[],\"Env\":[],\"New\":1,\"User\":\"\","
		"\"WorkingDir\":\"\"},\"root\":\"sha256:" HEX64 "\"}",
	};
	char digest[DIGEST_TEXT];
	struct buf again = { 0 };
	struct record r;
	struct err e = { 0 };

	tap_case("M9: a record is read, and written as it was");
	ok_int(record_decode(text, strlen(text), &r, &e), 0);
	ok_str(r.config.cmd.v[1], "b \"c\"");
	ok_str(r.config.user, "u");
	ok_int(record_encode(&r, &again, digest, &e), 0);
	ok_str(again.p, text);
	record_free(&r);
	buf_free(&again);
	tap_case("M9: a record that is written in another way is none");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		e = (struct err){ 0 };
		if (!ok(record_decode(bad[i], strlen(bad[i]), &r, &e) < 0 && e.msg[0]))
			tap_show("text", bad[i]);
	}
}

static void holes(void)
{
	struct scratch s = SCRATCH_INIT;
	static char piece[100000];
	struct span first, second;
	struct err e = { 0 };
	struct stat st;
	char byte = 0;
	int r;

	tap_case("M1: zeros take no room where streams wait");
	r = scratch_open(&s, &e);
	for (unsigned i = 0; i < 1000 && r == 0; i++)
		r = scratch_write(&s, piece, sizeof(piece), &e);
	if (r == 0)
		r = scratch_write(&s, "end", 3, &e);
	if (r == 0)
		r = scratch_end(&s, &first, &e);
	ok_int(r, 0);
	ok_int(first.size, 100000003);
	ok_int(fstat(s.fd, &st), 0);
	ok(st.st_blocks * 512 < 100000);
	ok_int(scratch_write(&s, "x\0\0", 3, &e), 0);
	ok_int(scratch_end(&s, &second, &e), 0);
	ok_int(second.offset % 4096, 0);
	ok(second.offset >= first.size);
	ok_int(span_read(&first, 100000000, piece, 10, &e), 3);
	ok(!memcmp(piece, "end", 3));
	ok_int(span_read(&second, 0, piece, 10, &e), 3);
	ok(!memcmp(piece, "x\0\0", 3));
	ok_int(span_read(&first, 50000000, &byte, 1, &e), 1);
	ok_int(byte, 0);
	ok_int(span_read(&first, first.size, piece, 1, &e), 0);
	scratch_close(&s);
}

struct text {
	const char *p;
	size_t n, at, piece;
	struct buf out;
};

static ssize_t give(void *ctx, void *p, size_t n, struct err *e)
{
	struct text *t = ctx;

	(void)e;
	n = n < t->piece ? n : t->piece;
	n = n < t->n - t->at ? n : t->n - t->at;
	memcpy(p, t->p + t->at, n);
	t->at += n;
	return (ssize_t)n;
}

static int take(void *ctx, const void *p, size_t n, struct err *e)
{
	struct text *t = ctx;

	return buf_add(&t->out, p, n) < 0 ? err_set(e, ENOMEM, "memory") : 0;
}

/* "hello\n" by gzip -n. */
static const char hello[] =
	"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\xe7\x02\x00"
	"\x20\x30\x3a\x36\x06\x00\x00\x00";

static void gzip(void)
{
	char twice[2 * (sizeof(hello) - 1) + 8] = { 0 };
	size_t n = sizeof(hello) - 1;

	memcpy(twice, hello, n);
	memcpy(twice + n, hello, n);
	{
		struct text t = { .p = twice, .n = sizeof(twice), .piece = 1000 };
		const struct decompress u = { give, &t, take, &t };
		struct err e = { 0 };

		tap_case("M1: gzip in two members, zeros behind it");
		ok_int(decompress(&u, &e), 0);
		ok_str(t.out.p, "hello\nhello\n");
		buf_free(&t.out);
	}
	tap_case("M4: every byte of a gzip counts");
	for (size_t i = 10; i < n; i++) {
		char bad[sizeof(hello)];
		struct text t = { .p = bad, .n = n, .piece = 1000 };
		const struct decompress u = { give, &t, take, &t };
		struct err e = { 0 };

		memcpy(bad, hello, n);
		bad[i] ^= 1;
		ok(decompress(&u, &e) < 0 && !strncmp(e.msg, "gzip: ", 6));
		buf_free(&t.out);
		t = (struct text){ .p = hello, .n = i, .piece = 1000 };
		ok_int(decompress(&u, &e), -EINVAL);
		ok_str(e.msg, "gzip: truncated");
		buf_free(&t.out);
	}
}

int main(void)
{
	names();
	references();
	records();
	holes();
	gzip();
	return tap_done();
}
