/* SPDX-License-Identifier: MIT */
/* proves: W12 W13: every field and every value of our own requests, as bytes and back. */
#include "lib/wire.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "tests/tap.h"

static bool same(const struct wire_out *o, const char *want, size_t n)
{
	return !o->overflow && o->n == n && !memcmp(o->p, want, n);
}
#define ok_bytes(o, want) ok(same((o), (want), sizeof(want) - 1))

/* One decoder for the table of truncations: 0 or -EBADMSG. */
static int get_boot(const void *p, size_t n)
{
	struct wire_boot b;

	return wire_get_boot(p, n, &b);
}

static int get_failure(const void *p, size_t n)
{
	struct wire_failure f;

	return wire_get_failure(p, n, &f);
}

static int get_exit(const void *p, size_t n)
{
	struct wire_exit x;

	return wire_get_exit(p, n, &x);
}

static int get_winsize(const void *p, size_t n)
{
	struct wire_winsize w;

	return wire_get_winsize(p, n, &w);
}

static int get_pty(const void *p, size_t n)
{
	struct wire_pty t;

	return wire_get_pty(p, n, &t);
}

static int get_file(const void *p, size_t n)
{
	struct wire_file f;

	return wire_get_file(p, n, &f);
}

/* All of it is read, nothing less and nothing more. The copy has no byte behind its end. */
static void whole_or_nothing(const struct wire_out *o, int (*get)(const void *, size_t))
{
	unsigned refused = 0;
	uint8_t *p;

	for (size_t n = 0; n <= o->n + 1; n++) {
		p = calloc(1, n ? n : 1);
		if (!p)
			bail_out("memory");
		memcpy(p, o->p, n < o->n ? n : o->n);
		if (n == o->n)
			ok_int(get(p, n), 0);
		else
			refused += get(p, n) == -EBADMSG;
		free(p);
	}
	ok_int(refused, o->n + 1);
}

static void numbers_are_big_endian(void)
{
	uint8_t p[64];
	struct wire_out o = { .p = p, .cap = sizeof(p) };
	struct wire_in i;
	size_t n;

	tap_case("numbers and strings are those of RFC 4251 section 5");
	wire_put_u8(&o, 0xfe);
	wire_put_u32(&o, 699921578);
	wire_put_u64(&o, 0x0102030405060708u);
	wire_put_text(&o, "testing");
	wire_put_string(&o, NULL, 0);
	wire_put_bytes(&o, "xy", 2);
	ok_bytes(&o, "\xfe\x29\xb7\xf4\xaa\1\2\3\4\5\6\7\10\0\0\0\7testing\0\0\0\0xy");
	i = (struct wire_in){ .p = p, .n = o.n };
	ok_int(wire_get_u8(&i), 0xfe);
	ok_int(wire_get_u32(&i), 699921578);
	ok(wire_get_u64(&i) == 0x0102030405060708u);
	ok(!memcmp(wire_get_string(&i, &n), "testing", 7) && n == 7);
	wire_get_string(&i, &n);
	ok(!n && !i.bad && i.n == 2);
}

static void output_that_does_not_fit_is_dropped(void)
{
	uint8_t p[9] = { 0 };
	struct wire_out o = { .p = p, .cap = 8 };

	tap_case("what does not fit is dropped, and all after it");
	wire_put_u32(&o, 1);
	wire_put_u64(&o, UINT64_MAX);
	ok(o.overflow && o.n == 4);
	wire_put_u8(&o, 9);
	wire_end(&o, 0);
	ok(o.n == 4 && !memcmp(p, "\0\0\0\1\0\0\0\0", 9));
	o = (struct wire_out){ .p = p, .cap = 8 };
	wire_put_text(&o, "12345");
	ok(o.overflow);
	o = (struct wire_out){ .p = p, .cap = 8 };
	wire_put_text(&o, "1234");
	ok(!o.overflow && o.n == 8);
	wire_begin(&o, WIRE_IGNORE);
	ok(o.overflow);
	o = (struct wire_out){ .p = p, .cap = 8 };
	wire_put_string(&o, "", (size_t)UINT32_MAX + 1);
	ok(o.overflow && !o.n);
}

static void input_that_is_not_there_is_bad(void)
{
	static const uint8_t nine[9] = { 0, 0, 0, 6, 'a', 'b', 'c', 'd', 'e' };
	struct wire_in i = { .p = nine, .n = 3 };
	char text[6];
	size_t n;

	tap_case("what is not there reads as zero, and so does all after it");
	ok(wire_get_u32(&i) == 0 && i.bad);
	ok(wire_get_u8(&i) == 0 && i.bad && !i.n);
	i = (struct wire_in){ .p = nine, .n = 7 };
	ok(wire_get_u64(&i) == 0 && i.bad);
	i = (struct wire_in){ .p = nine, .n = 9 };
	n = 1;
	wire_get_string(&i, &n);
	ok(i.bad && !n);
	i = (struct wire_in){ .p = NULL, .n = 0 };
	ok(wire_get_u8(&i) == 0 && i.bad);
	i = (struct wire_in){ .p = (const uint8_t *)"\0\0\0\5hello", .n = 9 };
	wire_get_text(&i, text, sizeof(text));
	ok(!i.bad);
	ok_str(text, "hello");
	i = (struct wire_in){ .p = (const uint8_t *)"\0\0\0\6hello!", .n = 10 };
	wire_get_text(&i, text, sizeof(text));
	ok(i.bad);
	ok_str(text, "");
	i = (struct wire_in){ .p = (const uint8_t *)"\0\0\0\3a\0c", .n = 7 };
	wire_get_text(&i, text, sizeof(text));
	ok(i.bad);
	ok_str(text, "");
}

static void packets_are_those_of_the_rfc(void)
{
	uint8_t p[128];
	struct wire_out o = { .p = p, .cap = sizeof(p) };
	size_t begin;

	tap_case("packets: length, number, fields, as in RFC 4254");
	begin = wire_begin(&o, WIRE_CHANNEL_OPEN); /* section 5.1 */
	wire_put_text(&o, WIRE_SESSION);
	wire_put_u32(&o, 3);
	wire_put_u32(&o, 1 << 20);
	wire_put_u32(&o, 128 << 10);
	wire_end(&o, begin);
	ok_bytes(&o, "\0\0\0\x18\x5a\0\0\0\7session\0\0\0\3\0\x10\0\0\0\2\0\0");
	begin = wire_begin(&o, WIRE_WINDOW_ADJUST); /* section 5.2, behind the other one */
	wire_put_u32(&o, 3);
	wire_put_u32(&o, 65536);
	wire_end(&o, begin);
	ok(o.n == 28 + 13 && !memcmp(p + 28, "\0\0\0\x9\x5d\0\0\0\3\0\1\0\0", 13));
	o.n = 0;
	begin = wire_begin(&o, WIRE_CHANNEL_REQUEST); /* section 6.9 */
	wire_put_u32(&o, 0);
	wire_put_text(&o, WIRE_SIGNAL);
	wire_put_u8(&o, false);
	wire_put_text(&o, wire_signal_name(SIGTERM));
	wire_end(&o, begin);
	ok_bytes(&o, "\0\0\0\x18\x62\0\0\0\0\0\0\0\6signal\0\0\0\0\4TERM");
}

static void boot(void)
{
	struct wire_boot in = {
		.sec = 0x100000002u, .nsec = 999999999, .machine = "{}", .machine_len = 2
	};
	struct wire_boot out;
	uint8_t p[128];
	struct wire_out o = { .p = p, .cap = sizeof(p) };

	tap_case("boot@execvm: entropy, clock, machine half");
	for (unsigned k = 0; k < sizeof(in.entropy); k++)
		in.entropy[k] = (uint8_t)(k + 1);
	wire_put_boot(&o, &in);
	ok_int(o.n, 64 + 8 + 4 + 4 + 2);
	ok(!memcmp(p, in.entropy, 64) &&
	   !memcmp(p + 64, "\0\0\0\1\0\0\0\2\x3b\x9a\xc9\xff\0\0\0\2{}", 18));
	ok_int(wire_get_boot(p, o.n, &out), 0);
	ok(!memcmp(out.entropy, in.entropy, 64) && out.sec == in.sec && out.nsec == in.nsec);
	ok(out.machine_len == 2 && !memcmp(out.machine, "{}", 2));
	whole_or_nothing(&o, get_boot);
	in.nsec = 1000000000;
	o.n = 0;
	wire_put_boot(&o, &in);
	ok_int(wire_get_boot(p, o.n, &out), -EBADMSG);
}

static void failure(void)
{
	struct wire_failure in = { .stage = "root", .code = ENOENT, .operand = "/dev/vda" };
	struct wire_failure out;
	uint8_t p[300];
	struct wire_out o = { .p = p, .cap = sizeof(p) };

	tap_case("failed@execvm: stage, errno, operand");
	wire_put_failure(&o, &in);
	ok_bytes(&o, "\0\0\0\4root\0\0\0\2\0\0\0\x8/dev/vda");
	ok_int(wire_get_failure(p, o.n, &out), 0);
	ok_str(out.stage, in.stage);
	ok_str(out.operand, in.operand);
	ok_int(out.code, in.code);
	whole_or_nothing(&o, get_failure);
	memset(in.stage, 's', sizeof(in.stage));
	memset(in.operand, 'o', sizeof(in.operand));
	o.n = 0;
	wire_put_failure(&o, &in);
	ok_int(wire_get_failure(p, o.n, &out), 0);
	ok_int(strlen(out.stage), 31);
	ok_int(strlen(out.operand), 199);
	o.n = 0;
	wire_put_text(&o, "0123456789abcdef0123456789abcdef");
	wire_put_u32(&o, 1);
	wire_put_text(&o, "");
	ok_int(wire_get_failure(p, o.n, &out), -EBADMSG);
}

static void exit_status(void)
{
	struct wire_exit in = { { PROC_SIGNALED, SIGBUS, true }, true }, out;
	uint8_t p[16];
	struct wire_out o = { .p = p, .cap = sizeof(p) };
	unsigned right = 0;

	tap_case("W12: exit@execvm keeps exit statuses and signals apart");
	wire_put_exit(&o, &in);
	ok_bytes(&o, "\1\0\0\0\7\1\1");
	whole_or_nothing(&o, get_exit);
	for (int value = 0; value < 256; value++) {
		for (int kind = 0; kind < 2; kind++) {
			bool valid = kind == PROC_EXITED || (value > 0 && value < 128);
			int r;

			in = (struct wire_exit){ { (enum proc_kind)kind, value, value & 1 },
						 value & 2 };
			o.n = 0;
			wire_put_exit(&o, &in);
			r = wire_get_exit(p, o.n, &out);
			right += valid ? r == 0 && out.status.kind == in.status.kind &&
						 out.status.value == value &&
						 out.status.core == in.status.core &&
						 out.oom == in.oom
				       : r == -EBADMSG;
		}
	}
	ok_int(right, 512);
	ok_int(wire_get_exit("\0\0\0\1\0\0\0", 7, &out), -EBADMSG);
	ok_int(wire_get_exit("\0\xff\xff\xff\xff\0\0", 7, &out), -EBADMSG);
	ok_int(wire_get_exit("\2\0\0\0\1\0\0", 7, &out), -EBADMSG);
}

static void terminal(void)
{
	struct wire_pty in = { .term = "xterm-256color", .size = { 80, 24, 640, 480 } }, out;
	struct wire_winsize size;
	uint8_t p[128];
	struct wire_out o = { .p = p, .cap = sizeof(p) };

	tap_case("pty-req and window-change are those of RFC 4254 sections 6.2 and 6.7");
	wire_put_pty(&o, &in);
	ok_bytes(&o, "\0\0\0\xexterm-256color\0\0\0P\0\0\0\x18\0\0\2\x80\0\0\1\xe0\0\0\0\1\0");
	ok_int(wire_get_pty(p, o.n, &out), 0);
	ok_str(out.term, in.term);
	ok(!memcmp(&out.size, &in.size, sizeof(in.size)));
	whole_or_nothing(&o, get_pty);
	o.n = 0;
	wire_put_winsize(&o, &in.size);
	ok_bytes(&o, "\0\0\0P\0\0\0\x18\0\0\2\x80\0\0\1\xe0");
	ok_int(wire_get_winsize(p, o.n, &size), 0);
	ok(!memcmp(&size, &in.size, sizeof(size)));
	whole_or_nothing(&o, get_winsize);
}

static void stdin_file(void)
{
	struct wire_file in = { "stdin", 5000000001, 77, 1700000000, 999999999 }, out;
	uint8_t p[128];
	struct wire_out o = { .p = p, .cap = sizeof(p) };

	tap_case("stdin-file@execvm");
	wire_put_file(&o, &in);
	ok_bytes(&o, "\0\0\0\5stdin\0\0\0\1\x2a\5\xf2\1\0\0\0\0\0\0\0M"
		     "\0\0\0\0eS\xf1\0\x3b\x9a\xc9\xff");
	ok_int(wire_get_file(p, o.n, &out), 0);
	ok_str(out.serial, in.serial);
	ok(out.size == in.size && out.at == in.at && out.sec == in.sec && out.nsec == in.nsec);
	whole_or_nothing(&o, get_file);
	p[o.n - 4] = 0x3c; /* more than a second */
	ok_int(wire_get_file(p, o.n, &out), -EBADMSG);
	p[o.n - 4] = 0x3b;
	p[9] = 0x80; /* a negative size, as others would read it */
	ok_int(wire_get_file(p, o.n, &out), -EBADMSG);
}

static void signal_names(void)
{
	static const int sent[] = { SIGABRT, SIGALRM, SIGFPE,  SIGHUP,	SIGILL,	 SIGINT, SIGKILL,
				    SIGPIPE, SIGQUIT, SIGSEGV, SIGTERM, SIGUSR1, SIGUSR2 };
	unsigned right = 0;

	tap_case("signals travel by the names of RFC 4254 section 6.10");
	for (size_t k = 0; k < ARRAY_SIZE(sent); k++) {
		const char *name = wire_signal_name(sent[k]);

		right += name && wire_signal_number(name, strlen(name)) == sent[k];
	}
	ok_int(right, ARRAY_SIZE(sent));
	ok_str(wire_signal_name(SIGHUP), "HUP");
	ok_str(wire_signal_name(SIGCHLD), NULL);
	ok_str(wire_signal_name(0), NULL);
	ok_str(wire_signal_name(-1), NULL);
	ok_int(wire_signal_number("TERMINATE", 9), 0);
	ok_int(wire_signal_number("TER", 3), 0);
	ok_int(wire_signal_number("SIGTERM", 7), 0);
	ok_int(wire_signal_number("term", 4), 0);
	ok_int(wire_signal_number(NULL, 0), 0);
}

int main(void)
{
	numbers_are_big_endian();
	output_that_does_not_fit_is_dropped();
	input_that_is_not_there_is_bad();
	packets_are_those_of_the_rfc();
	boot();
	failure();
	exit_status();
	terminal();
	stdin_file();
	signal_names();
	return tap_done();
}
