/* SPDX-License-Identifier: MIT */
/*
 * proves: W13
 * The first byte chooses. Two well-behaved ends (tests/mux-pair.h) that do what the input says: all
 * arrives, everything ends. Or one end whose peer is the input: bytes as they are, packets with
 * fields of the input, and an owner who calls whatever it says: the windows hold, the output stays
 * packets, and a refusal has its sentence and is the end.
 */
#include <errno.h>

#include "lib/mux.h"
#include "tests/fuzz/fuzz.h"
#include "tests/mux-pair.h"

#define PAIR_STEPS_MAX 5000u
#define NEAR 6u /* channels that are mostly meant */

struct input {
	const uint8_t *p;
	size_t n;
};

/* 0 when there is no more. */
static uint32_t draw(void *arg, uint32_t n)
{
	struct input *in = arg;
	uint32_t v = 0;

	for (uint32_t range = 1; range < n && in->n; range <<= 8) {
		v = v << 8 | *in->p++;
		in->n--;
	}
	return v % n;
}

static void well_behaved(struct input *in)
{
	static struct pair pair;

	pair_init(&pair, draw, in);
	for (unsigned k = 0; k < PAIR_STEPS_MAX && in->n && !pair.why; k++)
		pair_step(&pair);
	if (!pair_drain(&pair)) {
		fprintf(stderr, "mux-pair.h:%d: not so: %s; %s\n", pair.line, pair.why, pair.e.msg);
		abort();
	}
}

/* ---- one end, and the input on the other ---- */

static struct lone {
	struct mux mux;
	struct input *in;
	/* per channel: what the owner granted, holds, and owes */
	size_t window[MUX_CHANNELS], held[MUX_CHANNELS];
	unsigned open_asked[MUX_CHANNELS];
	/* the output, checked as packets */
	uint8_t head[5];
	size_t head_have, skip, hello;
} lone;

static void on_event(const struct mux_event *ev)
{
	CHECK(ev->channel >= -1 && ev->channel < (int)MUX_CHANNELS);
	CHECK(strlen(ev->name) <= MUX_NAME_MAX);
	switch (ev->kind) {
	case MUX_OPEN:
		CHECK(!lone.open_asked[ev->channel]);
		lone.open_asked[ev->channel] = 1;
		lone.held[ev->channel] = 0;
		break;
	case MUX_DATA:
		CHECK(ev->len);
		lone.held[ev->channel] += ev->len;
		CHECK(lone.held[ev->channel] <= lone.window[ev->channel]);
		break;
	case MUX_WRITABLE:
		CHECK(mux_send_window(&lone.mux, ev->channel));
		break;
	case MUX_DISCONNECT:
		CHECK(lone.mux.dead);
		break;
	case MUX_HELLO:
	case MUX_GLOBAL:
	case MUX_GLOBAL_REPLY:
	case MUX_OPENED:
	case MUX_OPEN_FAILED:
	case MUX_EOF:
	case MUX_REQUEST:
	case MUX_REPLY:
	case MUX_CLOSED:
	case MUX_CLOSE:
	case MUX_DEBUG:
		break;
	}
}

/* False once the mux is dead. */
static bool feed(const void *p, size_t n)
{
	char *copy = fuzz_copy(p, n);
	size_t at = 0;
	int r = 0;

	while (at < n && r >= 0) {
		struct mux_event ev;
		struct err e = { 0 };
		size_t used;

		r = mux_input(&lone.mux, copy + at, n - at, &used, &ev, &e);
		CHECK(used <= n - at && (r != 0 || used == n - at));
		CHECK(r == 0 || r == 1 || (r == -EPROTO && e.code == EPROTO && e.msg[0]));
		CHECK(r >= 0 || lone.mux.dead);
		if (r == 1)
			on_event(&ev);
		at += used;
	}
	free(copy);
	return r >= 0;
}

/* The output is the hello and then packets within the limits. */
static void check_output(const uint8_t *p, size_t n)
{
	while (n) {
		struct wire_in i = { .p = lone.head, .n = 4 };
		size_t k;

		if (lone.hello < WIRE_HELLO_LEN) {
			CHECK(*p == (uint8_t)WIRE_HELLO[lone.hello]);
			lone.hello++;
			p++, n--;
			continue;
		}
		if (lone.skip) {
			k = lone.skip < n ? lone.skip : n;
			lone.skip -= k;
			p += k, n -= k;
			continue;
		}
		lone.head[lone.head_have++] = *p;
		p++, n--;
		if (lone.head_have < sizeof(lone.head))
			continue;
		k = wire_get_u32(&i);
		CHECK(k && k <= (lone.head[4] == WIRE_CHANNEL_DATA ? 9 + WIRE_DATA_MAX
								   : WIRE_CONTROL_MAX - 4));
		lone.skip = k - 1;
		lone.head_have = 0;
	}
}

static void output(size_t max)
{
	const void *p;
	size_t n = mux_output(&lone.mux, &p);

	CHECK(n <= MUX_OUT);
	CHECK(!n || lone.mux.side == MUX_HOST || lone.mux.hello_in);
	if (n > max)
		n = max;
	check_output(p, n);
	mux_output_done(&lone.mux, n);
}

static uint32_t number(void)
{
	static const uint32_t numbers[] = { 0,	   1,	   2,	    100,	4096,
					    65535, 131072, 1 << 20, UINT32_MAX, 1u << 31 };
	uint32_t k = draw(lone.in, 16);

	return k < ARRAY_SIZE(numbers) ? numbers[k] : draw(lone.in, NEAR);
}

/* A packet that is nearly right. */
static bool packet(void)
{
	static const uint8_t msgs[] = {
		1, 2, 4, 80, 81, 82, 90, 91, 92, 93, 94, 96, 97, 98, 99, 100
	};
	static uint8_t room[WIRE_DATA_MAX + 64];
	static const uint8_t zeros[WIRE_DATA_MAX];
	struct wire_out o = { .p = room, .cap = sizeof(room) };
	uint8_t msg = msgs[draw(lone.in, sizeof(msgs))];

	wire_begin(&o, msg);
	switch ((enum wire_msg)msg) {
	case WIRE_DISCONNECT:
		wire_put_u32(&o, 11);
		wire_put_text(&o, "bye");
		wire_put_text(&o, "");
		break;
	case WIRE_IGNORE:
		wire_put_text(&o, "x");
		break;
	case WIRE_DEBUG:
		wire_put_u8(&o, 1);
		wire_put_text(&o, "text");
		wire_put_text(&o, "");
		break;
	case WIRE_GLOBAL_REQUEST:
		wire_put_text(&o, WIRE_KEEPALIVE);
		wire_put_u8(&o, (uint8_t)draw(lone.in, 2));
		break;
	case WIRE_REQUEST_SUCCESS:
	case WIRE_REQUEST_FAILURE:
		break;
	case WIRE_CHANNEL_OPEN:
		wire_put_text(&o, WIRE_SESSION);
		wire_put_u32(&o, number());
		wire_put_u32(&o, number());
		wire_put_u32(&o, number());
		break;
	case WIRE_OPEN_CONFIRMATION:
		wire_put_u32(&o, draw(lone.in, NEAR));
		wire_put_u32(&o, number());
		wire_put_u32(&o, number());
		wire_put_u32(&o, number());
		break;
	case WIRE_OPEN_FAILURE:
		wire_put_u32(&o, draw(lone.in, NEAR));
		wire_put_u32(&o, 1);
		wire_put_text(&o, "no");
		wire_put_text(&o, "");
		break;
	case WIRE_WINDOW_ADJUST:
		wire_put_u32(&o, draw(lone.in, NEAR));
		wire_put_u32(&o, number());
		break;
	case WIRE_CHANNEL_DATA:
		wire_put_u32(&o, draw(lone.in, NEAR));
		wire_put_string(&o, zeros, number() % (WIRE_DATA_MAX + 1));
		break;
	case WIRE_CHANNEL_REQUEST:
		wire_put_u32(&o, draw(lone.in, NEAR));
		wire_put_text(&o, WIRE_SIGNAL);
		wire_put_u8(&o, (uint8_t)draw(lone.in, 2));
		wire_put_text(&o, "TERM");
		break;
	case WIRE_CHANNEL_EOF:
	case WIRE_CHANNEL_CLOSE:
	case WIRE_CHANNEL_SUCCESS:
	case WIRE_CHANNEL_FAILURE:
		wire_put_u32(&o, draw(lone.in, NEAR));
		break;
	}
	if (draw(lone.in, 64) == 63)
		wire_put_u8(&o, 0);
	wire_end(&o, 0);
	CHECK(!o.overflow);
	return feed(o.p, o.n);
}

/* Whatever an owner may call, whether it makes sense now or not. */
static void owner(void)
{
	static const uint8_t zeros[WIRE_PIECE_MAX];
	int ch = (int)draw(lone.in, NEAR);
	size_t window = number(), n;
	void *p;
	int r = 0;

	switch (draw(lone.in, 16)) {
	case 0:
		r = mux_open(&lone.mux, "test@execvm", zeros, 4, window);
		if (r >= 0) {
			lone.window[r] = window;
			lone.held[r] = 0;
		}
		break;
	case 1:
	case 2:
		r = mux_accept(&lone.mux, ch, window);
		if (r == 0) {
			lone.window[ch] = window;
			lone.open_asked[ch] = 0;
		}
		break;
	case 3:
		r = mux_reject(&lone.mux, ch);
		if (r == 0)
			lone.open_asked[ch] = 0;
		break;
	case 4:
		r = mux_request(&lone.mux, ch, "x", window & 1, zeros, window & 0xffff);
		break;
	case 5:
		r = mux_global(&lone.mux, "x", window & 1, zeros, window & 0xffff);
		break;
	case 6:
	case 7:
		r = mux_reply(&lone.mux, ch, window & 1);
		break;
	case 8:
		r = mux_global_reply(&lone.mux, window & 1);
		break;
	case 9:
		r = mux_eof(&lone.mux, ch);
		break;
	case 10:
		r = mux_close(&lone.mux, ch);
		break;
	case 11:
	case 12:
		n = window < lone.held[ch] ? window : lone.held[ch];
		mux_consumed(&lone.mux, ch, n);
		lone.held[ch] -= n;
		break;
	case 13:
		n = mux_data_reserve(&lone.mux, ch, &p);
		if (n > window)
			n = window;
		if (n)
			memset(p, 'x', n);
		mux_data_commit(&lone.mux, ch, n);
		break;
	case 14:
		r = mux_debug(&lone.mux, "text");
		break;
	default:
		output(window);
	}
	CHECK(r >= 0 || r == -EAGAIN || r == -EINVAL || r == -EMFILE);
}

static void alone(struct input *in, enum mux_side side)
{
	mux_init(&lone.mux, side);
	memset((char *)&lone + offsetof(struct lone, in), 0,
	       sizeof(lone) - offsetof(struct lone, in));
	lone.in = in;
	if (draw(in, 2) && !feed(WIRE_HELLO, WIRE_HELLO_LEN))
		abort();
	while (in->n) {
		uint32_t what = draw(in, 256);
		bool going = true;
		size_t n;

		if (what < 64) {
			n = what + 1 < in->n ? what + 1 : in->n;
			going = feed(in->p, n);
			in->p += n;
			in->n -= n;
		} else if (what < 160) {
			going = packet();
		} else {
			owner();
		}
		if (!going)
			break;
	}
	/* What is left to be said can be written out, whoever the peer is; dead stays dead. */
	output(SIZE_MAX);
	if (lone.mux.failed)
		CHECK(!feed("x", 1) && mux_close(&lone.mux, 0) == -EINVAL);
	else
		CHECK(!lone.mux.unsaid || lone.mux.dead || lone.mux.parting || !lone.mux.hello_in ||
		      lone.mux.tail);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	switch (draw(&in, 4)) {
	case 0:
		alone(&in, MUX_HOST);
		break;
	case 1:
		alone(&in, MUX_GUEST);
		break;
	default:
		well_behaved(&in);
	}
	return 0;
}
