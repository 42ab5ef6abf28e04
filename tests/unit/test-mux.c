/* SPDX-License-Identifier: MIT */
/* proves: W2 W3 W8 W13: the channel rules, one by one and under random traffic. */
#include "lib/mux.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/wire.h"
#include "tests/mux-pair.h"
#include "tests/tap.h"

#define SEEDS 150u
#define STEPS 4000u

/* A mux and what its peer says, written by hand. */
static struct rig {
	struct mux mux;
	struct mux_event ev;
	struct err e;
	uint8_t bytes[WIRE_DATA_MAX + 1024];
	struct wire_out o;
} rig;

static uint32_t xorshift(void *arg, uint32_t n)
{
	uint64_t *s = arg;

	*s ^= *s >> 12;
	*s ^= *s << 25;
	*s ^= *s >> 27;
	return (uint32_t)((*s * 0x2545f4914f6cdd1du) >> 33) % n;
}

static void begin(enum wire_msg msg)
{
	rig.o = (struct wire_out){ .p = rig.bytes, .cap = sizeof(rig.bytes) };
	wire_begin(&rig.o, msg);
}

static void u32(uint32_t v)
{
	wire_put_u32(&rig.o, v);
}

static void text(const char *s)
{
	wire_put_text(&rig.o, s);
}

/* The mux reads what was written, up to the first event. */
static int feed(void)
{
	size_t used;

	rig.e = (struct err){ 0 };
	wire_end(&rig.o, 0);
	if (rig.o.overflow)
		bail_out("rig");
	return mux_input(&rig.mux, rig.o.p, rig.o.n, &used, &rig.ev, &rig.e);
}

static int feed_raw(const void *p, size_t n)
{
	size_t used;

	rig.e = (struct err){ 0 };
	return mux_input(&rig.mux, p, n, &used, &rig.ev, &rig.e);
}

static bool event(int r, enum mux_event_kind kind)
{
	return r == 1 && rig.ev.kind == kind;
}

static size_t written(void)
{
	const void *p;
	size_t n = mux_output(&rig.mux, &p);

	mux_output_done(&rig.mux, n);
	return n;
}

/* The whole output, compared. */
static bool said(const void *want, size_t len)
{
	const void *p;
	size_t n = mux_output(&rig.mux, &p);
	bool same = n == len && !memcmp(p, want, n);

	mux_output_done(&rig.mux, n);
	return same;
}
#define SAID(s) said((s), sizeof(s) - 1)

/* A mux whose peer has said hello. */
static void fresh(enum mux_side side)
{
	mux_init(&rig.mux, side);
	if (!event(feed_raw(WIRE_HELLO, WIRE_HELLO_LEN), MUX_HELLO))
		bail_out("hello");
	(void)!written();
}

/* Channel 0 of ours, which the peer calls 7, with windows for both ends. */
static void fresh_channel(size_t ours, uint32_t theirs)
{
	fresh(MUX_HOST);
	if (mux_open(&rig.mux, WIRE_SESSION, NULL, 0, ours) != 0)
		bail_out("open");
	(void)!written();
	begin(WIRE_OPEN_CONFIRMATION);
	u32(0);
	u32(7);
	u32(theirs);
	u32(WIRE_DATA_MAX);
	if (!event(feed(), MUX_OPENED))
		bail_out("opened");
}

static void on_channel(enum wire_msg msg, uint32_t ch)
{
	begin(msg);
	u32(ch);
}

static void request(const char *name, uint8_t want_reply)
{
	on_channel(WIRE_CHANNEL_REQUEST, 0);
	text(name);
	wire_put_u8(&rig.o, want_reply);
}

static void data(uint32_t n)
{
	static const uint8_t zeros[WIRE_DATA_MAX + 1];

	on_channel(WIRE_CHANNEL_DATA, 0);
	wire_put_string(&rig.o, zeros, n);
}

static void open_of_peer(uint32_t peer)
{
	begin(WIRE_CHANNEL_OPEN);
	text(WIRE_SESSION);
	u32(peer);
	u32(1000);
	u32(WIRE_DATA_MAX);
}

/* What was written breaks a rule: the end, with this sentence, and it stays the end. */
static void refused(const char *sentence)
{
	const void *p;
	int r = feed();

	ok_int(r, -EPROTO);
	ok_str(rig.e.msg, sentence);
	ok(rig.e.code == EPROTO && rig.mux.dead);
	on_channel(WIRE_IGNORE, 0);
	ok(feed() == -EPROTO && rig.e.msg[0]);
	ok(mux_output(&rig.mux, &p) == 0 && mux_debug(&rig.mux, "x") == -EINVAL);
}

static void the_guest_says_nothing_first(void)
{
	tap_case("the guest says nothing before it has read the host's hello");
	mux_init(&rig.mux, MUX_GUEST);
	ok_int(mux_debug(&rig.mux, "early"), 0);
	ok_int(written(), 0);
	ok_int(feed_raw(WIRE_HELLO, WIRE_HELLO_LEN - 1), 0);
	ok_int(written(), 0);
	ok(event(feed_raw("\n", 1), MUX_HELLO));
	ok(SAID(WIRE_HELLO "\0\0\0\x0f\4\0\0\0\0\5early\0\0\0\0"));
	tap_case("the host says hello at once and may go on");
	mux_init(&rig.mux, MUX_HOST);
	ok_int(mux_open(&rig.mux, WIRE_SESSION, "x", 1, 5), 0);
	ok(SAID(WIRE_HELLO "\0\0\0\x19\x5a\0\0\0\7session\0\0\0\0\0\0\0\5\0\2\0\0x"));
}

static void hello_is_compared_byte_by_byte(void)
{
	unsigned refusals = 0;

	tap_case("W11: the first wrong byte of a hello is the end");
	for (size_t k = 0; k < WIRE_HELLO_LEN; k++) {
		char hello[] = WIRE_HELLO;

		mux_init(&rig.mux, MUX_HOST);
		hello[k] ^= 1;
		refusals += feed_raw(hello, k) == 0 && feed_raw(hello + k, 1) == -EPROTO;
	}
	ok_int(refusals, WIRE_HELLO_LEN);
	ok_str(rig.e.msg, "wire: the peer does not begin with the line 'execvm-wire 1'");
}

static void broken_packets(void)
{
	tap_case("W13: broken packets");
	fresh(MUX_HOST);
	ok_int(feed_raw("\0\0\0\0", 4), -EPROTO);
	ok_str(rig.e.msg, "wire: packet of 0 bytes");
	fresh(MUX_HOST);
	ok_int(feed_raw("\0\2\0\x0a", 4), -EPROTO);
	ok_str(rig.e.msg, "wire: packet of 131082 bytes");
	fresh(MUX_HOST);
	ok_int(feed_raw("\0\2\0\x09", 4), 0);
	ok_int(feed_raw("\x02", 1), -EPROTO);
	ok_str(rig.e.msg, "wire: packet of 131081 bytes, message 2");
	fresh(MUX_HOST);
	ok_int(feed_raw("\0\1\0\xfc\2", 5), 0);
	fresh(MUX_HOST);
	ok_int(feed_raw("\0\1\0\xfd\2", 5), -EPROTO);
	fresh(MUX_HOST);
	begin(0);
	refused("wire: message number 0 is not known");
	fresh(MUX_HOST);
	begin(3); /* UNIMPLEMENTED: nothing is */
	u32(0);
	refused("wire: message number 3 is not known");
	fresh(MUX_HOST);
	begin(95); /* EXTENDED_DATA */
	refused("wire: message number 95 is not known");
	fresh(MUX_HOST);
	begin(255);
	refused("wire: message number 255 is not known");
	fresh(MUX_HOST);
	begin(WIRE_IGNORE);
	refused("wire: malformed IGNORE");
	fresh(MUX_HOST);
	begin(WIRE_IGNORE);
	text("x");
	u32(0);
	refused("wire: malformed IGNORE");
	fresh(MUX_HOST);
	begin(WIRE_DEBUG);
	refused("wire: malformed DEBUG");
	fresh(MUX_HOST);
	begin(WIRE_DISCONNECT);
	u32(11);
	text("bye");
	refused("wire: malformed DISCONNECT");
}

static void broken_requests(void)
{
	tap_case("W13: broken requests and replies");
	fresh(MUX_HOST);
	begin(WIRE_GLOBAL_REQUEST);
	text(WIRE_BOOT);
	refused("wire: malformed GLOBAL_REQUEST");
	fresh(MUX_HOST);
	begin(WIRE_GLOBAL_REQUEST);
	text("");
	wire_put_u8(&rig.o, 0);
	refused("wire: malformed GLOBAL_REQUEST");
	fresh(MUX_HOST);
	begin(WIRE_REQUEST_SUCCESS);
	refused("wire: reply to no global request");
	fresh(MUX_HOST);
	begin(WIRE_REQUEST_FAILURE);
	u32(0);
	refused("wire: malformed reply to a global request");
	fresh_channel(9, 9);
	request("a b", 0);
	refused("wire: malformed CHANNEL_REQUEST");
	fresh_channel(9, 9);
	request("a\n", 0);
	refused("wire: malformed CHANNEL_REQUEST");
	fresh_channel(9, 9);
	request("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", 0);
	refused("wire: malformed CHANNEL_REQUEST");
	fresh_channel(9, 9);
	on_channel(WIRE_CHANNEL_REQUEST, 0);
	text("x");
	refused("wire: malformed CHANNEL_REQUEST");
	fresh_channel(9, 9);
	on_channel(WIRE_CHANNEL_SUCCESS, 0);
	refused("wire: channel 0: reply to no request");
	fresh_channel(9, 9);
	on_channel(WIRE_CHANNEL_FAILURE, 0);
	u32(1);
	refused("wire: malformed CHANNEL_FAILURE");
}

static void channels_that_are_not_open(void)
{
	static const struct {
		enum wire_msg msg;
		const char *name;
	} all[] = {
		{ WIRE_WINDOW_ADJUST, "CHANNEL_WINDOW_ADJUST" },
		{ WIRE_CHANNEL_EOF, "CHANNEL_EOF" },
		{ WIRE_CHANNEL_CLOSE, "CHANNEL_CLOSE" },
		{ WIRE_CHANNEL_REQUEST, "CHANNEL_REQUEST" },
		{ WIRE_CHANNEL_SUCCESS, "CHANNEL_SUCCESS" },
		{ WIRE_CHANNEL_FAILURE, "CHANNEL_FAILURE" },
	};
	char sentence[100];

	tap_case("W13: messages for channels that are not open");
	for (size_t k = 0; k < ARRAY_SIZE(all); k++) {
		fresh_channel(9, 9);
		on_channel(all[k].msg, 1);
		snprintf(sentence, sizeof(sentence), "wire: %s for channel 1, which is not open",
			 all[k].name);
		refused(sentence);
		fresh_channel(9, 9);
		on_channel(all[k].msg, UINT32_MAX);
		ok_int(feed(), -EPROTO);
		fresh_channel(9, 9);
		begin(all[k].msg);
		snprintf(sentence, sizeof(sentence), "wire: malformed %s", all[k].name);
		refused(sentence);
	}
	fresh(MUX_HOST);
	data(1);
	refused("wire: CHANNEL_DATA for channel 0, which is not open");
	fresh(MUX_HOST);
	ok_int(mux_open(&rig.mux, WIRE_SESSION, NULL, 0, 9), 0);
	data(1);
	refused("wire: CHANNEL_DATA for channel 0, which is not open");
	tap_case("W13: a channel that was accepted opens with the confirmation, not before");
	fresh(MUX_HOST);
	open_of_peer(5);
	ok(event(feed(), MUX_OPEN));
	ok_int(mux_accept(&rig.mux, 0, 100), 0);
	data(1);
	refused("wire: CHANNEL_DATA for channel 0, which is not open");
}

static void broken_opens(void)
{
	tap_case("W13: broken opens and their answers");
	fresh(MUX_HOST);
	begin(WIRE_CHANNEL_OPEN);
	text(WIRE_SESSION);
	u32(0);
	u32(0);
	refused("wire: malformed CHANNEL_OPEN");
	fresh(MUX_HOST);
	begin(WIRE_CHANNEL_OPEN);
	text(WIRE_SESSION);
	u32(0);
	u32(0);
	u32(0);
	refused("wire: malformed CHANNEL_OPEN");
	fresh_channel(9, 9);
	open_of_peer(7);
	refused("wire: CHANNEL_OPEN with number 7, which is in use");
	fresh_channel(9, 9);
	ok_int(mux_open(&rig.mux, WIRE_SESSION, NULL, 0, 9), 1);
	begin(WIRE_OPEN_CONFIRMATION);
	u32(1);
	u32(7);
	u32(1);
	u32(1);
	refused("wire: CHANNEL_OPEN_CONFIRMATION with number 7, which is in use");
	fresh_channel(9, 9);
	begin(WIRE_OPEN_CONFIRMATION);
	u32(0);
	u32(8);
	u32(1);
	u32(1);
	refused("wire: CHANNEL_OPEN_CONFIRMATION of what was not asked");
	fresh_channel(9, 9);
	begin(WIRE_OPEN_CONFIRMATION);
	u32(0);
	refused("wire: malformed CHANNEL_OPEN_CONFIRMATION");
	fresh(MUX_HOST);
	ok_int(mux_open(&rig.mux, WIRE_SESSION, NULL, 0, 9), 0);
	begin(WIRE_OPEN_CONFIRMATION);
	u32(0);
	u32(8);
	u32(1);
	u32(0);
	refused("wire: malformed CHANNEL_OPEN_CONFIRMATION");
	fresh(MUX_HOST);
	begin(WIRE_OPEN_FAILURE);
	u32(0);
	u32(1);
	text("no");
	text("");
	refused("wire: CHANNEL_OPEN_FAILURE of what was not asked");
	fresh(MUX_HOST);
	ok_int(mux_open(&rig.mux, WIRE_SESSION, NULL, 0, 9), 0);
	begin(WIRE_OPEN_FAILURE);
	u32(0);
	u32(1);
	text("no");
	refused("wire: malformed CHANNEL_OPEN_FAILURE");
}

static void windows_hold(void)
{
	tap_case("W2: data beyond the window");
	fresh_channel(10, 9);
	data(10);
	ok(event(feed(), MUX_DATA) && rig.ev.len == 10);
	data(1);
	refused("wire: channel 0: data beyond the window");
	fresh_channel(10, 9);
	data(11);
	refused("wire: channel 0: data beyond the window");
	tap_case("W2: consumed bytes count only once they were given back");
	fresh_channel(10, 9);
	data(10);
	ok(event(feed(), MUX_DATA));
	mux_consumed(&rig.mux, 0, 10);
	data(1);
	refused("wire: channel 0: data beyond the window");
	tap_case("the window of a channel: at most 2^32-1");
	fresh_channel(10, 0xfffffff0u);
	on_channel(WIRE_WINDOW_ADJUST, 0);
	u32(15);
	ok(event(feed(), MUX_WRITABLE) && mux_send_window(&rig.mux, 0) == UINT32_MAX);
	on_channel(WIRE_WINDOW_ADJUST, 0);
	u32(0);
	ok_int(feed(), 0);
	on_channel(WIRE_WINDOW_ADJUST, 0);
	u32(1);
	refused("wire: channel 0: the window overflows");
	fresh_channel(10, 9);
	on_channel(WIRE_WINDOW_ADJUST, 0);
	refused("wire: malformed CHANNEL_WINDOW_ADJUST");
	tap_case("W13: the string of a CHANNEL_DATA is exactly the rest of the packet");
	fresh_channel(10, 9);
	data(5);
	u32(0);
	refused("wire: malformed CHANNEL_DATA");
	fresh_channel(10, 9);
	on_channel(WIRE_CHANNEL_DATA, 0);
	u32(5);
	wire_put_bytes(&rig.o, "abcd", 4);
	refused("wire: malformed CHANNEL_DATA");
	fresh_channel(10, 9);
	on_channel(WIRE_CHANNEL_DATA, 0);
	refused("wire: malformed CHANNEL_DATA");
}

static void nothing_comes_after_the_end(void)
{
	tap_case("W13: nothing comes after EOF and CLOSE");
	fresh_channel(10, 9);
	on_channel(WIRE_CHANNEL_EOF, 0);
	ok(event(feed(), MUX_EOF));
	data(1);
	refused("wire: channel 0: data after EOF");
	fresh_channel(10, 9);
	on_channel(WIRE_CHANNEL_EOF, 0);
	ok(event(feed(), MUX_EOF));
	request(WIRE_EXIT, 0);
	ok(event(feed(), MUX_REQUEST));
	ok_str(rig.ev.name, WIRE_EXIT);
	on_channel(WIRE_CHANNEL_EOF, 0);
	refused("wire: channel 0: EOF after EOF");
	fresh_channel(10, 9);
	on_channel(WIRE_CHANNEL_EOF, 0);
	u32(0);
	refused("wire: malformed CHANNEL_EOF");
	fresh_channel(10, 9);
	on_channel(WIRE_CHANNEL_CLOSE, 0);
	u32(0);
	refused("wire: malformed CHANNEL_CLOSE");
	for (unsigned k = 0; k < 4; k++) {
		fresh_channel(10, 9);
		on_channel(WIRE_CHANNEL_CLOSE, 0);
		ok(event(feed(), MUX_CLOSE));
		if (k == 0)
			data(1);
		else if (k == 1)
			request(WIRE_EXIT, 0);
		else
			on_channel(k == 2 ? WIRE_CHANNEL_EOF : WIRE_CHANNEL_CLOSE, 0);
		ok_int(feed(), -EPROTO);
		ok(strstr(rig.e.msg, "for channel 0, which is not open"));
	}
	tap_case("DISCONNECT: what comes after it is dropped, nothing more is said");
	fresh_channel(10, 9);
	begin(WIRE_DISCONNECT);
	u32(11);
	text("power off");
	text("");
	ok(event(feed(), MUX_DISCONNECT));
	ok(rig.ev.len == 9 && !memcmp(rig.ev.data, "power off", 9) && rig.mux.dead);
	begin(0);
	ok_int(feed(), 0);
	ok_int(mux_debug(&rig.mux, "x"), -EINVAL);
	ok_int(mux_eof(&rig.mux, 0), -EINVAL);
}

static void requests_are_bounded(void)
{
	unsigned events = 0, sent = 0;

	tap_case("W13: at most MUX_REPLIES requests of the peer wait for a reply");
	fresh_channel(10, 9);
	for (unsigned k = 0; k < MUX_REPLIES; k++) {
		request("x", 1);
		events += event(feed(), MUX_REQUEST) && rig.ev.want_reply;
		request("y", 0);
		events += event(feed(), MUX_REQUEST) && !rig.ev.want_reply;
	}
	ok_int(events, 2 * MUX_REPLIES);
	request("x", 1);
	refused("wire: channel 0: more than 16 requests wait for a reply");
	tap_case("W13: a reply that was given but not written counts");
	fresh_channel(10, 9);
	for (unsigned k = 0; k < MUX_REPLIES; k++) {
		request("x", 0xff);
		ok(event(feed(), MUX_REQUEST) && mux_reply(&rig.mux, 0, k & 1) == 0);
	}
	ok_int(mux_reply(&rig.mux, 0, true), -EINVAL);
	request("x", 1);
	refused("wire: channel 0: more than 16 requests wait for a reply");
	fresh(MUX_HOST);
	for (unsigned k = 0; k <= MUX_REPLIES; k++) {
		begin(WIRE_GLOBAL_REQUEST);
		text("x");
		wire_put_u8(&rig.o, 1);
		if (k == MUX_REPLIES)
			refused("wire: more than 16 global requests wait for a reply");
		else
			ok(event(feed(), MUX_GLOBAL) && mux_global_reply(&rig.mux, true) == 0);
	}
	tap_case("W13: once it is written, it does not");
	fresh_channel(10, 9);
	for (unsigned k = 0; k < MUX_REPLIES; k++) {
		request("x", 0xff);
		ok(event(feed(), MUX_REQUEST) && mux_reply(&rig.mux, 0, k & 1) == 0);
	}
	ok_int(written(), MUX_REPLIES * 9);
	request("x", 1);
	ok(event(feed(), MUX_REQUEST) && mux_reply(&rig.mux, 0, true) == 0);
	ok(SAID("\0\0\0\5\x63\0\0\0\7"));
	tap_case("W13: the same for global requests, with any name");
	for (unsigned k = 0; k <= MUX_REPLIES; k++) {
		begin(WIRE_GLOBAL_REQUEST);
		text(WIRE_KEEPALIVE);
		wire_put_u8(&rig.o, 1);
		wire_put_u8(&rig.o, 42);
		if (k == MUX_REPLIES)
			refused("wire: more than 16 global requests wait for a reply");
		else
			ok(event(feed(), MUX_GLOBAL) && rig.ev.len == 1 && *rig.ev.data == 42 &&
			   !strcmp(rig.ev.name, WIRE_KEEPALIVE));
	}
	fresh(MUX_HOST);
	ok_int(mux_global_reply(&rig.mux, true), -EINVAL);
	begin(WIRE_GLOBAL_REQUEST);
	text("x");
	wire_put_u8(&rig.o, 1);
	ok(event(feed(), MUX_GLOBAL));
	ok_int(mux_global_reply(&rig.mux, false), 0);
	ok(SAID("\0\0\0\1\x52"));
	tap_case("our own requests wait when MUX_REPLIES of them do");
	fresh_channel(10, 9);
	for (unsigned k = 0; k < MUX_REPLIES + 2; k++) {
		sent += mux_request(&rig.mux, 0, "x", true, NULL, 0) == 0;
		sent += mux_global(&rig.mux, "x", true, NULL, 0) == 0;
	}
	ok_int(sent, 2 * MUX_REPLIES);
	ok_int(mux_request(&rig.mux, 0, "x", true, NULL, 0), -EAGAIN);
	ok_int(mux_request(&rig.mux, 0, "x", false, NULL, 0), 0);
	on_channel(WIRE_CHANNEL_FAILURE, 0);
	ok(event(feed(), MUX_REPLY) && !rig.ev.ok && rig.ev.channel == 0);
	begin(WIRE_REQUEST_SUCCESS);
	ok(event(feed(), MUX_GLOBAL_REPLY) && rig.ev.ok);
	ok_int(mux_request(&rig.mux, 0, "x", true, NULL, 0), 0);
	ok_int(mux_global(&rig.mux, "x", true, NULL, 0), 0);
}

static void what_the_owner_may_not_do(void)
{
	static const char name[] =
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	static uint8_t much[WIRE_CONTROL_MAX];
	static char line[WIRE_CONTROL_MAX];
	const size_t most = WIRE_CONTROL_MAX - 4 - 1 - 4 - 4 - 1 - 1;
	void *p;

	tap_case("what the rules forbid is -EINVAL and says nothing");
	memset(line, 'x', sizeof(line) - 1);
	fresh(MUX_HOST);
	ok_int(mux_open(&rig.mux, name, NULL, 0, 1), -EINVAL);
	ok_int(mux_open(&rig.mux, "", NULL, 0, 1), -EINVAL);
	ok_int(mux_open(&rig.mux, "x", NULL, 0, MUX_WINDOW + 1), -EINVAL);
	ok_int(mux_open(&rig.mux, "x", much, sizeof(much), 0), -EINVAL);
	ok_int(mux_request(&rig.mux, 0, "x", false, NULL, 0), -EINVAL);
	ok_int(mux_request(&rig.mux, -1, "x", false, NULL, 0), -EINVAL);
	ok_int(mux_request(&rig.mux, MUX_CHANNELS, "x", false, NULL, 0), -EINVAL);
	ok_int(mux_eof(&rig.mux, 0), -EINVAL);
	ok_int(mux_eof(&rig.mux, -1), -EINVAL);
	ok_int(mux_close(&rig.mux, 0), -EINVAL);
	ok_int(mux_close(&rig.mux, -1), -EINVAL);
	ok_int(mux_accept(&rig.mux, 0, 1), -EINVAL);
	ok_int(mux_reject(&rig.mux, MUX_CHANNELS), -EINVAL);
	ok_int(mux_reply(&rig.mux, 0, true), -EINVAL);
	ok_int(mux_data_reserve(&rig.mux, 0, &p), 0);
	ok_int(mux_peer(&rig.mux, 0), -EINVAL);
	ok_int(mux_debug(&rig.mux, line), -EINVAL);
	ok_int(mux_global(&rig.mux, name, false, NULL, 0), -EINVAL);
	ok_int(mux_global(&rig.mux, "x", false, much, sizeof(much)), -EINVAL);
	ok_int(written(), 0);
	tap_case("before it is confirmed, nothing can be said on a channel");
	ok_int(mux_open(&rig.mux, "x", NULL, 0, 1), 0);
	ok_int(mux_request(&rig.mux, 0, "x", false, NULL, 0), -EINVAL);
	ok_int(mux_eof(&rig.mux, 0), -EINVAL);
	ok_int(mux_close(&rig.mux, 0), -EINVAL);
	tap_case("the largest request fits, one byte more does not");
	fresh_channel(1, 1);
	ok_int(mux_peer(&rig.mux, 0), 7);
	ok_int(mux_request(&rig.mux, 0, "x", false, much, most + 1), -EINVAL);
	ok_int(mux_request(&rig.mux, 0, "x", false, much, most), 0);
	ok_int(written(), WIRE_CONTROL_MAX);
	tap_case("DISCONNECT is the last word");
	ok_int(mux_eof(&rig.mux, 0), 0);
	ok_int(mux_disconnect(&rig.mux, "bye"), 0);
	ok_int(mux_debug(&rig.mux, "x"), -EINVAL);
	ok_int(mux_close(&rig.mux, 0), -EINVAL);
	ok_int(mux_disconnect(&rig.mux, "bye"), -EINVAL);
	ok(SAID("\0\0\0\5\x60\0\0\0\7\0\0\0\x10\1\0\0\0\x0b\0\0\0\3bye\0\0\0\0"));
}

static void room_runs_out(void)
{
	static uint8_t piece[WIRE_PIECE_MAX];
	const void *from;
	unsigned n = 0;
	size_t tail;
	void *p;

	tap_case("-EAGAIN when the output is full, and what mux has to say waits without loss");
	fresh_channel(100, UINT32_MAX);
	data(100);
	ok(event(feed(), MUX_DATA));
	while (mux_request(&rig.mux, 0, WIRE_PAYLOAD, false, piece, sizeof(piece)) == 0)
		n++;
	ok_int(n, MUX_OUT / (4 + 1 + 4 + 4 + strlen(WIRE_PAYLOAD) + 1 + sizeof(piece)));
	while (mux_debug(&rig.mux, "fill") == 0)
		;
	ok(MUX_OUT - rig.mux.tail < 9);
	ok_int(mux_debug(&rig.mux, "fill"), -EAGAIN);
	ok_int(mux_global(&rig.mux, "x", false, piece, 20), -EAGAIN);
	ok_int(mux_open(&rig.mux, "x", NULL, 0, 0), -EAGAIN);
	ok_int(mux_disconnect(&rig.mux, "x"), -EAGAIN);
	ok_int(mux_data_reserve(&rig.mux, 0, &p), 0);
	mux_consumed(&rig.mux, 0, 60);
	request("x", 1);
	ok(event(feed(), MUX_REQUEST) && mux_reply(&rig.mux, 0, true) == 0);
	open_of_peer(9);
	ok(event(feed(), MUX_OPEN) && mux_accept(&rig.mux, 1, 3) == 0);
	open_of_peer(10);
	ok(event(feed(), MUX_OPEN) && mux_reject(&rig.mux, 2) == 0);
	ok_int(mux_eof(&rig.mux, 0), 0);
	ok_int(mux_close(&rig.mux, 0), 0);
	n = (unsigned)written();
	ok(n > MUX_OUT - 32);
	ok(SAID("\0\0\0\5\x63\0\0\0\7" /* SUCCESS; no adjustment: it is closed */
		"\0\0\0\5\x60\0\0\0\7" /* EOF */
		"\0\0\0\5\x61\0\0\0\7" /* CLOSE */
		"\0\0\0\x11\x5b\0\0\0\x9\0\0\0\1\0\0\0\3\0\2\0\0"
		"\0\0\0\x11\x5c\0\0\0\x0a\0\0\0\4\0\0\0\0\0\0\0\0"));
	tap_case("stream data leaves room for control");
	fresh_channel(100, UINT32_MAX);
	for (n = 0; mux_data_reserve(&rig.mux, 0, &p); n++)
		mux_data_commit(&rig.mux, 0, 4096);
	ok_int(n, MUX_OUT_DATA / (4096 + WIRE_DATA_HEAD));
	ok_int(mux_request(&rig.mux, 0, WIRE_PAYLOAD, false, piece, sizeof(piece)), 0);
	ok_int(mux_data_reserve(&rig.mux, 0, &p), 0);
	ok_int(mux_send_window(&rig.mux, 0), UINT32_MAX - n * 4096);
	tap_case("room comes back before all was written, with what is left in front");
	fresh_channel(100, UINT32_MAX);
	for (n = 0; mux_data_reserve(&rig.mux, 0, &p) > 1; n++) {
		memset(p, (int)n, 1);
		mux_data_commit(&rig.mux, 0, 4096);
	}
	tail = mux_output(&rig.mux, &from);
	mux_output_done(&rig.mux, tail - (4096 + WIRE_DATA_HEAD) - 1);
	ok_int(mux_data_reserve(&rig.mux, 0, &p), WIRE_DATA_MAX);
	mux_data_commit(&rig.mux, 0, 0);
	ok_int(mux_output(&rig.mux, &from), 4096 + WIRE_DATA_HEAD + 1);
	ok_int(((const uint8_t *)from)[1 + WIRE_DATA_HEAD], n - 1);
}

static void data_goes_straight_through(void)
{
	static const char bytes[] = "\0\0\0\x12\x5e\0\0\0\0\0\0\0\x09ninebytes\0\0\0\5\2\0\0\0\0";
	struct mux_event ev;
	size_t used;
	void *p;

	tap_case("data is delivered where it lies, as it comes");
	fresh_channel(1000, 30);
	ok_int(feed_raw(bytes, 13), 0);
	ok_int(mux_input(&rig.mux, bytes + 13, 4, &used, &ev, &rig.e), 1);
	ok(ev.kind == MUX_DATA && ev.data == (const uint8_t *)bytes + 13 && ev.len == 4);
	ok_int(mux_input(&rig.mux, bytes + 17, sizeof(bytes) - 1 - 17, &used, &ev, &rig.e), 1);
	ok(ev.data == (const uint8_t *)bytes + 17 && ev.len == 5 && used == 5);
	ok_int(mux_input(&rig.mux, bytes + 22, 9, &used, &ev, &rig.e), 0);
	ok_int(used, 9);
	ok_int(mux_input(&rig.mux, NULL, 0, &used, &ev, &rig.e), 0);
	tap_case("a packet is one head and the bytes that were put there; none for nothing");
	ok_int(mux_data_reserve(&rig.mux, 0, &p), 30);
	mux_data_commit(&rig.mux, 0, 0);
	ok_int(written(), 0);
	ok_int(mux_data_reserve(&rig.mux, 0, &p), 30);
	memcpy(p, "abc", 3);
	mux_data_commit(&rig.mux, 0, 3);
	ok_int(mux_send_window(&rig.mux, 0), 27);
	ok(SAID("\0\0\0\x0c\x5e\0\0\0\7\0\0\0\3abc"));
	tap_case("zero bytes of data are no event");
	data(0);
	ok_int(feed(), 0);
	begin(WIRE_DEBUG);
	wire_put_u8(&rig.o, 1);
	text("hi");
	text("");
	ok(event(feed(), MUX_DEBUG) && rig.ev.len == 2);
	tap_case("pieces are as large as the peer takes");
	fresh(MUX_GUEST);
	open_of_peer(3);
	rig.o.n -= 8;
	u32(UINT32_MAX);
	u32(5);
	ok(event(feed(), MUX_OPEN) && mux_accept(&rig.mux, 0, 0) == 0);
	ok_int(mux_data_reserve(&rig.mux, 0, &p), 5);
	tap_case("and never larger than WIRE_DATA_MAX");
	fresh(MUX_GUEST);
	open_of_peer(3);
	rig.o.n -= 8;
	u32(UINT32_MAX);
	u32(UINT32_MAX);
	ok(event(feed(), MUX_OPEN) && mux_accept(&rig.mux, 0, 0) == 0);
	ok_int(mux_data_reserve(&rig.mux, 0, &p), WIRE_DATA_MAX);
}

static void adjustments_are_coalesced(void)
{
	tap_case("window adjustments: half a window, or an eighth when the peer is about to stall");
	fresh_channel(1000, 9);
	data(700);
	ok(event(feed(), MUX_DATA));
	mux_consumed(&rig.mux, 0, 300);
	mux_consumed(&rig.mux, 0, 199);
	ok_int(written(), 0);
	mux_consumed(&rig.mux, 0, 1);
	ok(SAID("\0\0\0\x9\x5d\0\0\0\7\0\0\1\xf4"));
	data(700);
	ok(event(feed(), MUX_DATA));
	mux_consumed(&rig.mux, 0, 124);
	ok_int(written(), 0);
	mux_consumed(&rig.mux, 0, 1);
	ok(SAID("\0\0\0\x9\x5d\0\0\0\7\0\0\0\x7d"));
	on_channel(WIRE_CHANNEL_EOF, 0);
	ok(event(feed(), MUX_EOF));
	mux_consumed(&rig.mux, 0, 775);
	ok_int(written(), 0);
}

static void closing(void)
{
	static const uint8_t close7[] = { 0, 0, 0, 5, 97, 0, 0, 0, 7 };
	void *p;

	tap_case("ours first: the peer's words are dropped until its CLOSE");
	fresh_channel(10, 9);
	ok_int(mux_request(&rig.mux, 0, "x", true, NULL, 0), 0);
	on_channel(WIRE_CHANNEL_DATA, 0);
	u32(4);
	wire_put_bytes(&rig.o, "ab", 2);
	wire_put_bytes(&rig.o, "cd", 2);
	wire_end(&rig.o, 0);
	ok(event(feed_raw(rig.bytes, 15), MUX_DATA) && rig.ev.len == 2);
	ok_int(mux_close(&rig.mux, 0), 0);
	mux_consumed(&rig.mux, 0, 2);
	ok_int(feed_raw(rig.bytes + 15, 2), 0);
	ok_int(mux_data_reserve(&rig.mux, 0, &p), 0);
	request("x", 1);
	ok_int(feed(), 0);
	on_channel(WIRE_CHANNEL_SUCCESS, 0);
	ok_int(feed(), 0);
	on_channel(WIRE_WINDOW_ADJUST, 0);
	u32(5);
	ok_int(feed(), 0);
	on_channel(WIRE_CHANNEL_EOF, 0);
	ok_int(feed(), 0);
	(void)!written();
	ok_int(mux_open(&rig.mux, "x", NULL, 0, 0), 1);
	on_channel(WIRE_CHANNEL_CLOSE, 0);
	ok(event(feed(), MUX_CLOSED) && rig.ev.channel == 0);
	ok_int(mux_open(&rig.mux, "x", NULL, 0, 0), 0);
	tap_case("W13: windows are checked until the end");
	fresh_channel(10, 9);
	ok_int(mux_close(&rig.mux, 0), 0);
	data(10);
	ok_int(feed(), 0);
	data(1);
	refused("wire: channel 0: data beyond the window");
	tap_case("theirs first: mux_close() answers and that is all");
	fresh_channel(10, 9);
	ok_int(mux_eof(&rig.mux, 0), 0);
	(void)!written();
	on_channel(WIRE_CHANNEL_CLOSE, 0);
	ok(event(feed(), MUX_CLOSE));
	ok_int(mux_request(&rig.mux, 0, "x", false, NULL, 0), -EINVAL);
	ok_int(written(), 0);
	ok_int(mux_close(&rig.mux, 0), 0);
	ok_int(mux_close(&rig.mux, 0), -EINVAL);
	ok(said(close7, sizeof(close7)));
	ok_int(mux_open(&rig.mux, "x", NULL, 0, 0), 0);
	tap_case("both at once, ours not yet written: the number waits for it");
	fresh_channel(10, 9);
	ok_int(mux_close(&rig.mux, 0), 0);
	on_channel(WIRE_CHANNEL_CLOSE, 0);
	ok(event(feed(), MUX_CLOSED));
	open_of_peer(70);
	ok(event(feed(), MUX_OPEN) && rig.ev.channel == 1);
	on_channel(WIRE_CHANNEL_CLOSE, 0);
	ok_int(feed(), -EPROTO);
}

static void channels_run_out(void)
{
	unsigned n = 0;

	tap_case("MUX_CHANNELS of ours, and one past");
	fresh(MUX_HOST);
	for (int ch = 0; ch < (int)MUX_CHANNELS; ch++)
		n += mux_open(&rig.mux, "x", NULL, 0, 0) == ch;
	ok_int(n, MUX_CHANNELS);
	ok_int(mux_open(&rig.mux, "x", NULL, 0, 0), -EMFILE);
	begin(WIRE_OPEN_FAILURE);
	u32(5);
	u32(1);
	text("no");
	text("");
	ok(event(feed(), MUX_OPEN_FAILED) && rig.ev.channel == 5 && rig.ev.len == 2);
	ok_int(mux_open(&rig.mux, "x", NULL, 0, 0), 5);
	tap_case(
		"W13: opens of the peer beyond that are refused, as many as an honest peer can have");
	(void)!written();
	open_of_peer(300);
	ok_int(feed(), 0);
	ok(SAID("\0\0\0\x11\x5c\0\0\1\x2c\0\0\0\4\0\0\0\0\0\0\0\0"));
	for (n = 0; n < MUX_CHANNELS; n++) {
		open_of_peer(300 + n);
		if (feed() != 0)
			break;
	}
	ok_int(n, MUX_CHANNELS);
	open_of_peer(301);
	ok_int(feed(), -EPROTO);
	ok_str(rig.e.msg, "wire: CHANNEL_OPEN with number 301, which is in use");
	tap_case("W13: MUX_CHANNELS of theirs, and one past");
	fresh(MUX_GUEST);
	for (n = 0; n < MUX_CHANNELS; n++) {
		open_of_peer(n + 1000);
		if (!event(feed(), MUX_OPEN) || mux_accept(&rig.mux, rig.ev.channel, 1) < 0)
			break;
	}
	ok_int(n, MUX_CHANNELS);
	ok_int(mux_open(&rig.mux, "x", NULL, 0, 0), -EMFILE);
	for (n = 0; n < MUX_CHANNELS; n++) {
		open_of_peer(n + 2000);
		if (feed() != 0)
			break;
	}
	ok_int(n, MUX_CHANNELS);
	open_of_peer(3000);
	refused("wire: more than 64 channels asked for");
}

static struct pair pair;

static void random_traffic(void)
{
	uint64_t moved = 0;
	unsigned closed = 0, bad = 0;

	tap_case("W2 W13: random traffic: all arrives in order, everything ends");
	for (uint64_t seed = 1; seed <= SEEDS && !bad; seed++) {
		uint64_t state = seed * 0x9e3779b97f4a7c15u;

		pair_init(&pair, xorshift, &state);
		for (unsigned k = 0; k < STEPS && !pair.why; k++)
			pair_step(&pair);
		pair_drain(&pair);
		moved += pair.moved;
		closed += pair.closed;
		bad += pair.why != NULL;
		if (pair.why)
			printf("# seed %llu: mux-pair.h:%d: %s; %s\n", (unsigned long long)seed,
			       pair.line, pair.why, pair.e.msg);
	}
	ok_int(bad, 0);
	printf("# %u seeds: %llu bytes, %u channel ends\n", SEEDS, (unsigned long long)moved,
	       closed);
	ok(moved > (uint64_t)SEEDS * 500000 && closed > SEEDS * 20);
}

/* Opens channel ch of the host, accepted with a usual window each way. */
static void pair_session(int ch)
{
	uint8_t extra[4] = { 0, 0, 0, (uint8_t)pair.nstreams };

	pair.stream[pair.nstreams] = (struct pair_stream){ .window = { MUX_WINDOW, MUX_WINDOW } };
	pair.end[MUX_HOST].channel[ch] =
		(struct pair_channel){ .state = PAIR_OPENING, .id = pair.nstreams++ };
	ok_int(mux_open(&pair.end[MUX_HOST].mux, WIRE_SESSION, extra, 4, MUX_WINDOW), ch);
	for (unsigned k = 0; k < 3; k++) {
		pair_out(&pair, MUX_HOST, SIZE_MAX);
		pair_in(&pair, MUX_GUEST, SIZE_MAX);
		pair_out(&pair, MUX_GUEST, SIZE_MAX);
		pair_in(&pair, MUX_HOST, SIZE_MAX);
		if (pair.end[MUX_GUEST].channel[ch].state == PAIR_ASKED) {
			ok_int(mux_accept(&pair.end[MUX_GUEST].mux, ch, MUX_WINDOW), 0);
			pair.end[MUX_GUEST].channel[ch].state = PAIR_OPEN;
		}
	}
	ok(pair.end[MUX_HOST].channel[ch].state == PAIR_OPEN);
}

static void pair_begin(uint64_t *state)
{
	*state = 7;
	pair_init(&pair, xorshift, state);
	pair.end[0].cap = pair.end[1].cap = PAIR_QUEUE;
}

static void a_blocked_stream_blocks_no_other(void)
{
	uint64_t state, out = 0, err = 0;

	tap_case("W8: one stream stands still, the other goes on");
	pair_begin(&state);
	pair_session(0);
	pair_session(1);
	for (unsigned k = 0; k < 300; k++) {
		out += pair_send(&pair, MUX_GUEST, 0, SIZE_MAX);
		err += pair_send(&pair, MUX_GUEST, 1, SIZE_MAX);
		pair_out(&pair, MUX_GUEST, SIZE_MAX);
		pair_in(&pair, MUX_HOST, SIZE_MAX);
		pair_consume(&pair, MUX_HOST, 1, SIZE_MAX);
		pair_out(&pair, MUX_HOST, SIZE_MAX);
		pair_in(&pair, MUX_GUEST, SIZE_MAX);
	}
	ok_int(out, MUX_WINDOW);
	ok(err > 8 * MUX_WINDOW);
	ok_str(pair.why, NULL);
	tap_case("W3: and goes on when its reader wakes up");
	ok(pair_drain(&pair));
	ok_str(pair.why, NULL);
}

/* Never a failure: the figure is for whoever reads the log. */
static void throughput(void)
{
	const uint64_t total = (uint64_t)256 << 20;
	uint64_t state, arrived = 0;
	struct timespec a, b;
	double s;

	tap_case("1 MiB windows, 128 KiB packets: all of it arrives");
	pair_begin(&state);
	pair_session(0);
	clock_gettime(CLOCK_MONOTONIC, &a);
	while (arrived < total) {
		static uint8_t source[WIRE_DATA_MAX], wire[MUX_OUT], sink[WIRE_DATA_MAX];
		struct mux *from = &pair.end[MUX_GUEST].mux, *to = &pair.end[MUX_HOST].mux;
		struct mux *m[2] = { from, to };
		void *room;
		size_t n;

		while ((n = mux_data_reserve(from, 0, &room))) {
			memcpy(room, source, n);
			mux_data_commit(from, 0, n);
		}
		for (unsigned k = 0; k < 2; k++) {
			const void *p;
			size_t len = mux_output(m[k], &p), at = 0, used;
			struct mux_event ev;

			memcpy(wire, p, len);
			for (; at < len; at += used) {
				int r = mux_input(m[!k], wire + at, len - at, &used, &ev, &pair.e);

				if (r < 0)
					bail_out(pair.e.msg);
				if (r == 1 && ev.kind == MUX_DATA) {
					memcpy(sink, ev.data, ev.len);
					arrived += ev.len;
					mux_consumed(m[!k], ev.channel, ev.len);
				}
			}
			mux_output_done(m[k], len);
		}
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	s = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
	ok(arrived >= total);
	printf("# copied in, framed, copied, unframed, copied out: %.0f MB/s\n",
	       (double)arrived / s / 1e6);
}

int main(void)
{
	the_guest_says_nothing_first();
	hello_is_compared_byte_by_byte();
	broken_packets();
	broken_requests();
	channels_that_are_not_open();
	broken_opens();
	windows_hold();
	nothing_comes_after_the_end();
	requests_are_bounded();
	what_the_owner_may_not_do();
	room_runs_out();
	data_goes_straight_through();
	adjustments_are_coalesced();
	closing();
	channels_run_out();
	random_traffic();
	a_blocked_stream_blocks_no_other();
	throughput();
	return tap_done();
}
