/* SPDX-License-Identifier: MIT */
/*
 * Two muxes, host and guest, joined by two short byte queues, and owners that do anything the
 * interface allows, in any order: test-mux.c draws the choices from a seeded generator, fuzz-mux.c
 * from its input. Everything that arrives is compared with what was sent; the first difference is
 * kept in why. pair_drain() then behaves well and must come to an end: all closed, nothing lost.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lib/mux.h"

#define PAIR_STREAMS 4096u
#define PAIR_QUEUE ((size_t)64 << 10)
#define PAIR_MORE 20000u /* bytes that each open direction sends while draining */

enum pair_state { PAIR_NONE, PAIR_OPENING, PAIR_ASKED, PAIR_OPEN, PAIR_PEER_CLOSED, PAIR_CLOSING };

/* What both ends know of a channel, by the direction of the bytes: 0 = from its opener. */
struct pair_stream {
	uint64_t sent[2];
	size_t window[2]; /* of the reader */
	bool eof[2];
};

struct pair_replies {
	bool ok[MUX_REPLIES];
	unsigned head, n;
};

/* An owner's view of a channel. */
struct pair_channel {
	enum pair_state state;
	unsigned id;  /* stream */
	unsigned dir; /* of what it sends */
	uint64_t received;
	size_t held, more;
	bool eof_in, eof_out;
	struct pair_replies expected, owed;
};

struct pair_end {
	struct mux mux;
	struct pair_channel channel[MUX_CHANNELS];
	struct pair_replies expected, owed; /* global requests */
	unsigned debug_out, debug_in;
	/* to this end */
	uint8_t queue[PAIR_QUEUE];
	size_t head, len, cap;
};

struct pair {
	struct pair_end end[2]; /* by enum mux_side */
	struct pair_stream stream[PAIR_STREAMS];
	unsigned nstreams;
	uint32_t (*draw)(void *arg, uint32_t n); /* 0..n-1; n > 0 */
	void *arg;
	uint64_t moved;	 /* stream bytes that arrived */
	unsigned closed; /* channels that came to their end */
	const char *why; /* NULL = all is as it should be */
	int line;
	struct err e;
	uint8_t scratch[WIRE_PIECE_MAX];
};

static inline bool pair_check(struct pair *p, bool pass, const char *what, int line)
{
	if (!pass && !p->why) {
		p->why = what;
		p->line = line;
	}
	return pass;
}
#define PAIR_CHECK(p, cond) pair_check((p), (cond), #cond, __LINE__)

static inline uint32_t pair_draw(struct pair *p, size_t n)
{
	return p->draw(p->arg, (uint32_t)n);
}

/* Of all sizes the interesting ones. */
static inline size_t pair_size(struct pair *p, size_t max)
{
	static const size_t sizes[] = { 1, 2, 13, 100, 4095, 4096, 5000, 32768, 65536, 131072 };
	size_t n = sizes[pair_draw(p, ARRAY_SIZE(sizes))];

	return n < max ? n : max;
}

static inline void pair_init(struct pair *p, uint32_t (*draw)(void *, uint32_t), void *arg)
{
	memset(p, 0, sizeof(*p));
	p->draw = draw;
	p->arg = arg;
	mux_init(&p->end[MUX_HOST].mux, MUX_HOST);
	mux_init(&p->end[MUX_GUEST].mux, MUX_GUEST);
	for (unsigned k = 0; k < 2; k++)
		p->end[k].cap = pair_size(p, PAIR_QUEUE);
}

static inline uint8_t pair_byte(unsigned id, unsigned dir, uint64_t at)
{
	return (uint8_t)(at * 167 + (at >> 8) * 13 + (at >> 16) * 7 + id * 59 + dir * 101);
}

static inline void pair_push(struct pair *p, struct pair_replies *q, bool value)
{
	if (PAIR_CHECK(p, q->n < MUX_REPLIES))
		q->ok[(q->head + q->n++) % MUX_REPLIES] = value;
}

static inline bool pair_pop(struct pair *p, struct pair_replies *q)
{
	bool value = q->ok[q->head];

	if (!PAIR_CHECK(p, q->n > 0))
		return false;
	q->head = (q->head + 1) % MUX_REPLIES;
	q->n--;
	return value;
}

/* ---- what comes ---- */

static inline void pair_on_open(struct pair *p, struct pair_end *end, const struct mux_event *ev)
{
	struct pair_channel *c = &end->channel[ev->channel];
	struct wire_in in = { .p = ev->data, .n = ev->len };
	unsigned id = wire_get_u32(&in);

	PAIR_CHECK(p, c->state == PAIR_NONE && !in.bad && !in.n && id < p->nstreams);
	*c = (struct pair_channel){ .state = PAIR_ASKED, .id = id, .dir = 1, .more = PAIR_MORE };
}

static inline void pair_on_data(struct pair *p, struct pair_channel *c, const struct mux_event *ev)
{
	struct pair_stream *s = &p->stream[c->id];
	size_t k = 0;

	PAIR_CHECK(p, c->state == PAIR_OPEN && !c->eof_in && ev->len);
	while (k < ev->len && ev->data[k] == pair_byte(c->id, !c->dir, c->received + k))
		k++;
	PAIR_CHECK(p, k == ev->len);
	c->received += ev->len;
	c->held += ev->len;
	p->moved += ev->len;
	PAIR_CHECK(p, c->received <= s->sent[!c->dir]);
	PAIR_CHECK(p, c->held <= s->window[!c->dir]);
}

/* Requests carry the answer that they want, and bytes that can be checked. */
static inline bool pair_request_ok(struct pair *p, const struct mux_event *ev)
{
	size_t k = 1;

	if (!PAIR_CHECK(p, ev->len > 0))
		return false;
	while (k < ev->len && ev->data[k] == (uint8_t)(ev->data[0] + k))
		k++;
	PAIR_CHECK(p, k == ev->len);
	return ev->data[0] & 1;
}

static inline void pair_on_request(struct pair *p, struct pair_end *end, struct pair_channel *c,
				   const struct mux_event *ev)
{
	PAIR_CHECK(p, c->state == PAIR_OPEN);
	if (!strcmp(ev->name, WIRE_EOW)) {
		PAIR_CHECK(p, mux_eof(&end->mux, ev->channel) == (c->eof_out ? -EINVAL : 0));
		c->eof_out = p->stream[c->id].eof[c->dir] = true;
		return;
	}
	PAIR_CHECK(p, !strcmp(ev->name, "test@execvm"));
	if (ev->want_reply)
		pair_push(p, &c->owed, pair_request_ok(p, ev));
	else
		pair_request_ok(p, ev);
}

static inline void pair_on_close(struct pair *p, struct pair_channel *c)
{
	PAIR_CHECK(p, c->state == PAIR_OPEN && c->eof_in);
	PAIR_CHECK(p, c->received == p->stream[c->id].sent[!c->dir]);
	c->state = PAIR_PEER_CLOSED;
}

static inline void pair_event(struct pair *p, struct pair_end *end, const struct mux_event *ev)
{
	struct pair_channel *c = &end->channel[ev->channel < 0 ? 0 : ev->channel];
	char text[32];

	switch (ev->kind) {
	case MUX_HELLO:
		break;
	case MUX_GLOBAL:
		if (ev->want_reply)
			pair_push(p, &end->owed, pair_request_ok(p, ev));
		break;
	case MUX_GLOBAL_REPLY:
		PAIR_CHECK(p, pair_pop(p, &end->expected) == ev->ok);
		break;
	case MUX_OPEN:
		pair_on_open(p, end, ev);
		break;
	case MUX_OPENED:
		PAIR_CHECK(p, c->state == PAIR_OPENING);
		c->state = PAIR_OPEN;
		break;
	case MUX_OPEN_FAILED:
		PAIR_CHECK(p, c->state == PAIR_OPENING);
		c->state = PAIR_NONE;
		break;
	case MUX_DATA:
		pair_on_data(p, c, ev);
		break;
	case MUX_EOF:
		PAIR_CHECK(p, c->state == PAIR_OPEN && !c->eof_in);
		PAIR_CHECK(p, c->received == p->stream[c->id].sent[!c->dir]);
		PAIR_CHECK(p, p->stream[c->id].eof[!c->dir]);
		c->eof_in = true;
		break;
	case MUX_WRITABLE:
		PAIR_CHECK(p, c->state == PAIR_OPEN && mux_send_window(&end->mux, ev->channel));
		break;
	case MUX_REQUEST:
		pair_on_request(p, end, c, ev);
		break;
	case MUX_REPLY:
		PAIR_CHECK(p, c->state == PAIR_OPEN && pair_pop(p, &c->expected) == ev->ok);
		break;
	case MUX_CLOSED:
		PAIR_CHECK(p, c->state == PAIR_CLOSING);
		c->state = PAIR_NONE;
		p->closed++;
		break;
	case MUX_CLOSE:
		pair_on_close(p, c);
		break;
	case MUX_DEBUG:
		snprintf(text, sizeof(text), "line %u", end->debug_in++);
		PAIR_CHECK(p, ev->len == strlen(text) && !memcmp(ev->data, text, ev->len));
		break;
	case MUX_DISCONNECT:
		PAIR_CHECK(p, ev->kind != MUX_DISCONNECT);
		break;
	}
}

/* At most max bytes of the queue go into the mux of this side. */
static inline size_t pair_in(struct pair *p, enum mux_side side, size_t max)
{
	struct pair_end *end = &p->end[side];
	size_t n = end->len < PAIR_QUEUE - end->head ? end->len : PAIR_QUEUE - end->head;
	size_t done = 0;

	if (n > max)
		n = max;
	while (done < n && !p->why) {
		struct mux_event ev;
		size_t used;
		int r = mux_input(&end->mux, end->queue + end->head + done, n - done, &used, &ev,
				  &p->e);

		if (!PAIR_CHECK(p, r >= 0) || !PAIR_CHECK(p, r == 1 || used == n - done))
			break;
		done += used;
		if (r == 1)
			pair_event(p, end, &ev);
	}
	end->head = (end->head + done) % PAIR_QUEUE;
	end->len -= done;
	return done;
}

/* At most max bytes of the mux of this side go into the other one's queue. */
static inline size_t pair_out(struct pair *p, enum mux_side side, size_t max)
{
	struct pair_end *end = &p->end[side], *to = &p->end[!side];
	size_t tail = (to->head + to->len) % PAIR_QUEUE;
	const void *from;
	size_t n = mux_output(&end->mux, &from);

	PAIR_CHECK(p, side == MUX_HOST || end->mux.hello_in || !n);
	if (n > max)
		n = max;
	if (n > to->cap - to->len)
		n = to->cap - to->len;
	if (n > PAIR_QUEUE - tail)
		n = PAIR_QUEUE - tail;
	if (n)
		memcpy(to->queue + tail, from, n);
	to->len += n;
	mux_output_done(&end->mux, n);
	return n;
}

/* ---- what the owners do ---- */

static inline void pair_open(struct pair *p, enum mux_side side)
{
	static const size_t windows[] = { 0, 1, 7, 5000, 65536, MUX_WINDOW };
	struct pair_end *end = &p->end[side];
	size_t window = windows[pair_draw(p, ARRAY_SIZE(windows))];
	const struct pair_channel *c = end->channel;
	uint8_t extra[4];
	struct wire_out o = { .p = extra, .cap = sizeof(extra) };
	unsigned used = 0;
	int ch;

	if (p->nstreams == PAIR_STREAMS)
		return;
	wire_put_u32(&o, p->nstreams);
	ch = mux_open(&end->mux, "test@execvm", extra, sizeof(extra), window);
	for (unsigned k = 0; k < MUX_CHANNELS; k++)
		used += c[k].state != PAIR_NONE;
	PAIR_CHECK(p, ch >= 0 || ch == -EMFILE || (ch == -EAGAIN && end->mux.tail));
	if (ch < 0 || !PAIR_CHECK(p, c[ch].state == PAIR_NONE && used < MUX_CHANNELS))
		return;
	p->stream[p->nstreams] = (struct pair_stream){ .window = { 0, window } };
	end->channel[ch] = (struct pair_channel){ .state = PAIR_OPENING,
						  .id = p->nstreams++,
						  .more = PAIR_MORE };
}

static inline void pair_answer(struct pair *p, enum mux_side side, int ch, bool yes)
{
	static const size_t windows[] = { 0, 1, 4096, 100000, MUX_WINDOW };
	struct pair_end *end = &p->end[side];
	struct pair_channel *c = &end->channel[ch];
	size_t window = windows[pair_draw(p, ARRAY_SIZE(windows))];

	PAIR_CHECK(p, mux_accept(&end->mux, ch, MUX_WINDOW + 1) == -EINVAL);
	if (yes) {
		p->stream[c->id].window[0] = window;
		PAIR_CHECK(p, mux_accept(&end->mux, ch, window) == 0);
		c->state = PAIR_OPEN;
	} else {
		PAIR_CHECK(p, mux_reject(&end->mux, ch) == 0);
		c->state = PAIR_NONE;
	}
}

static inline size_t pair_send(struct pair *p, enum mux_side side, int ch, size_t max)
{
	struct pair_end *end = &p->end[side];
	struct pair_channel *c = &end->channel[ch];
	struct pair_stream *s = &p->stream[c->id];
	size_t window = mux_send_window(&end->mux, ch);
	void *to;
	size_t n = mux_data_reserve(&end->mux, ch, &to);

	PAIR_CHECK(p, n <= window && n <= WIRE_DATA_MAX && window <= s->window[c->dir]);
	PAIR_CHECK(p, !n || n >= (window < 4096 ? window : 4096));
	PAIR_CHECK(p, n || !window || end->mux.tail);
	if (n > max)
		n = max;
	for (size_t k = 0; k < n; k++)
		((uint8_t *)to)[k] = pair_byte(c->id, c->dir, s->sent[c->dir] + k);
	mux_data_commit(&end->mux, ch, n);
	s->sent[c->dir] += n;
	return n;
}

static inline void pair_consume(struct pair *p, enum mux_side side, int ch, size_t n)
{
	struct pair_channel *c = &p->end[side].channel[ch];

	if (n > c->held)
		n = c->held;
	c->held -= n;
	mux_consumed(&p->end[side].mux, ch, n);
}

static inline void pair_eof(struct pair *p, enum mux_side side, int ch)
{
	struct pair_channel *c = &p->end[side].channel[ch];

	PAIR_CHECK(p, mux_eof(&p->end[side].mux, ch) == (c->eof_out ? -EINVAL : 0));
	PAIR_CHECK(p, !mux_send_window(&p->end[side].mux, ch));
	c->eof_out = p->stream[c->id].eof[c->dir] = true;
}

static inline void pair_close(struct pair *p, enum mux_side side, int ch)
{
	struct mux *m = &p->end[side].mux;
	struct pair_channel *c = &p->end[side].channel[ch];

	if (c->state == PAIR_PEER_CLOSED) {
		PAIR_CHECK(p, mux_request(m, ch, "test@execvm", false, NULL, 0) == -EINVAL);
		c->state = PAIR_NONE;
		p->closed++;
	} else {
		c->state = PAIR_CLOSING;
	}
	c->eof_out = p->stream[c->id].eof[c->dir] = true;
	PAIR_CHECK(p, mux_close(m, ch) == 0);
	PAIR_CHECK(p, mux_close(m, ch) == -EINVAL);
	PAIR_CHECK(p, mux_eof(m, ch) == -EINVAL && mux_reply(m, ch, true) == -EINVAL);
	PAIR_CHECK(p, mux_request(m, ch, "test@execvm", false, NULL, 0) == -EINVAL);
	PAIR_CHECK(p, !mux_send_window(m, ch));
}

/* ch < 0: a global one. */
static inline void pair_request(struct pair *p, enum mux_side side, int ch)
{
	struct pair_end *end = &p->end[side];
	struct pair_replies *expected = ch < 0 ? &end->expected : &end->channel[ch].expected;
	uint8_t first = (uint8_t)pair_draw(p, 256);
	bool want = pair_draw(p, 4);
	size_t n = pair_size(p, WIRE_PIECE_MAX);
	int r;

	for (size_t k = 0; k < n; k++)
		p->scratch[k] = (uint8_t)(first + k);
	r = ch < 0 ? mux_global(&end->mux, "test@execvm", want, p->scratch, n)
		   : mux_request(&end->mux, ch, "test@execvm", want, p->scratch, n);
	PAIR_CHECK(p, r == 0 || r == -EAGAIN);
	PAIR_CHECK(p, r == 0 || end->mux.tail || (want && expected->n == MUX_REPLIES));
	PAIR_CHECK(p, r < 0 || !want || expected->n < MUX_REPLIES);
	if (r == 0 && want)
		pair_push(p, expected, first & 1);
}

static inline void pair_reply(struct pair *p, enum mux_side side, int ch)
{
	struct pair_end *end = &p->end[side];
	struct pair_replies *owed = ch < 0 ? &end->owed : &end->channel[ch].owed;
	int want = owed->n ? 0 : -EINVAL;
	bool value = owed->n && pair_pop(p, owed);

	if (ch < 0)
		PAIR_CHECK(p, mux_global_reply(&end->mux, value) == want);
	else
		PAIR_CHECK(p, mux_reply(&end->mux, ch, value) == want);
}

static inline void pair_debug(struct pair *p, enum mux_side side)
{
	struct pair_end *end = &p->end[side];
	char text[32];
	int r;

	snprintf(text, sizeof(text), "line %u", end->debug_out);
	r = mux_debug(&end->mux, text);
	PAIR_CHECK(p, r == 0 || (r == -EAGAIN && end->mux.tail));
	end->debug_out += r == 0;
}

/* Something on a channel that is open. */
static inline void pair_act(struct pair *p, enum mux_side side, int ch)
{
	struct pair_end *end = &p->end[side];

	switch (pair_draw(p, 24)) {
	case 0:
		pair_eof(p, side, ch);
		break;
	case 1:
		pair_close(p, side, ch);
		break;
	case 2:
		(void)!mux_request(&end->mux, ch, WIRE_EOW, false, NULL, 0);
		break;
	case 3:
	case 4:
		pair_request(p, side, ch);
		break;
	case 5:
	case 6:
	case 7:
		pair_reply(p, side, ch);
		break;
	case 8:
	case 9:
	case 10:
	case 11:
	case 12:
		pair_consume(p, side, ch, pair_size(p, MUX_WINDOW));
		break;
	default:
		pair_send(p, side, ch, pair_size(p, WIRE_DATA_MAX) - pair_draw(p, 2));
	}
}

static inline void pair_step(struct pair *p)
{
	enum mux_side side = pair_draw(p, 2) ? MUX_GUEST : MUX_HOST;
	struct pair_end *end = &p->end[side];
	int ch;

	switch (pair_draw(p, 16)) {
	case 0:
		pair_open(p, side);
		break;
	case 1:
		pair_debug(p, side);
		break;
	case 2:
		pair_request(p, side, -1);
		break;
	case 3:
		pair_reply(p, side, -1);
		break;
	case 4:
	case 5:
	case 6:
		pair_in(p, side, pair_size(p, PAIR_QUEUE));
		break;
	case 7:
	case 8:
	case 9:
		pair_out(p, side, pair_size(p, PAIR_QUEUE));
		break;
	default:
		/* Mostly the first few: so they get somewhere. */
		ch = (int)pair_draw(p, pair_draw(p, 4) ? 4 : MUX_CHANNELS);
		switch (end->channel[ch].state) {
		case PAIR_NONE:
		case PAIR_OPENING:
		case PAIR_CLOSING:
			break;
		case PAIR_ASKED:
			pair_answer(p, side, ch, pair_draw(p, 8));
			break;
		case PAIR_OPEN:
			pair_act(p, side, ch);
			break;
		case PAIR_PEER_CLOSED:
			pair_close(p, side, ch);
			break;
		}
	}
}

/* One channel of a well-behaved owner who wants to come to an end. True when there is none. */
static inline bool pair_finish(struct pair *p, enum mux_side side, int ch)
{
	struct pair_channel *c = &p->end[side].channel[ch];
	size_t window;

	switch (c->state) {
	case PAIR_NONE:
		return true;
	case PAIR_OPENING:
	case PAIR_CLOSING:
		return false;
	case PAIR_ASKED:
		pair_answer(p, side, ch, true);
		return false;
	case PAIR_PEER_CLOSED:
		pair_close(p, side, ch);
		return false;
	case PAIR_OPEN:
		break;
	}
	window = p->stream[c->id].window[c->dir];
	if (c->more > 20 * window)
		c->more = 20 * window;
	pair_consume(p, side, ch, c->held);
	while (c->owed.n)
		pair_reply(p, side, ch);
	if (!c->eof_out && c->more)
		c->more -= pair_send(p, side, ch, c->more);
	else if (!c->eof_out)
		pair_eof(p, side, ch);
	if (c->eof_in && c->eof_out && !c->expected.n && (c->dir == 0 || pair_draw(p, 2)))
		pair_close(p, side, ch);
	return false;
}

/* Well-behaved from here on: everything ends, in as many turns as it makes progress. */
static inline bool pair_drain(struct pair *p)
{
	uint64_t idle = 0;
	bool done = false;

	p->end[0].cap = p->end[1].cap = PAIR_QUEUE;
	while (!done && !p->why) {
		uint64_t bytes = 0;

		done = true;
		for (unsigned side = 0; side < 2; side++) {
			struct pair_end *end = &p->end[side];

			while (end->owed.n)
				pair_reply(p, (enum mux_side)side, -1);
			for (int ch = 0; ch < (int)MUX_CHANNELS; ch++)
				done &= pair_finish(p, (enum mux_side)side, ch);
			bytes += pair_out(p, (enum mux_side)side, SIZE_MAX);
			bytes += pair_in(p, (enum mux_side) !side, SIZE_MAX);
		}
		done &= !bytes && !p->end[0].expected.n && !p->end[1].expected.n;
		idle = bytes ? 0 : idle + 1;
		PAIR_CHECK(p, idle < 3);
	}
	for (unsigned side = 0; side < 2 && !p->why; side++) {
		const struct pair_end *end = &p->end[side];

		PAIR_CHECK(p, !end->len && !end->mux.head && !end->mux.tail && !end->mux.unsaid);
		PAIR_CHECK(p, !end->mux.awaiting && !end->mux.owed && !end->mux.nrefused);
		PAIR_CHECK(p, end->debug_in == p->end[!side].debug_out);
		for (unsigned ch = 0; ch < MUX_CHANNELS; ch++)
			PAIR_CHECK(p, !end->mux.channel[ch].state);
	}
	return !p->why;
}
