/* SPDX-License-Identifier: MIT */
/* The mux's output: its buffer, and what is remembered until there is room. See mux.c. */
#include <string.h>

#include "lib/msg.h"
#include "lib/mux-impl.h"

void mux_squeeze(struct mux *m)
{
	size_t rest = m->tail - m->head;

	if (m->head && rest <= m->head / 2) {
		memcpy(m->out, m->out + m->head, rest);
		m->head = 0;
		m->tail = rest;
	}
}

/* A packet of at most n bytes, at the tail. */
bool mux_start(struct mux *m, size_t n, enum wire_msg msg, struct wire_out *o)
{
	m->reserved = 0;
	if (n > MUX_OUT - m->tail)
		mux_squeeze(m);
	if (n > MUX_OUT - m->tail)
		return false;
	*o = (struct wire_out){ .p = m->out + m->tail, .cap = n };
	wire_begin(o, msg);
	return true;
}

void mux_finish(struct mux *m, struct wire_out *o)
{
	wire_end(o, 0);
	ASSERT(!o->overflow);
	m->tail += o->n;
}

/* Everything that mux says by itself is a list of numbers; an empty string is the number 0. */
static bool say(struct mux *m, enum wire_msg msg, const uint32_t *v, size_t n)
{
	struct wire_out o;

	if (!mux_start(m, LENGTH_SIZE + 1 + n * 4, msg, &o))
		return false;
	for (size_t k = 0; k < n; k++)
		wire_put_u32(&o, v[k]);
	mux_finish(m, &o);
	return true;
}

static bool say_refused(struct mux *m, uint32_t peer)
{
	return say(m, WIRE_OPEN_FAILURE, (uint32_t[]){ peer, RESOURCE_SHORTAGE, 0, 0 }, 4);
}

/* Coalesced: half a window, or an eighth when the peer is about to stall. */
bool mux_adjust_due(const struct mux_channel *c)
{
	if (!c->consumed || c->flags & (EOF_IN | CLOSE_IN | CLOSE_WANTED))
		return false;
	return c->consumed >= c->window / 2 ||
	       (c->recv_window < c->window / 4 && c->consumed >= c->window / 8);
}

/* Says what channel ch has to say. False when the output was too full for all of it. */
static bool speak(struct mux *m, unsigned ch)
{
	struct mux_channel *c = &m->channel[ch];
	const uint32_t open[] = { c->peer, ch, c->window, WIRE_DATA_MAX };

	if (c->state == REFUSED) {
		if (!say_refused(m, c->peer))
			return false;
		c->state = FREE;
	}
	if (c->state != OPEN)
		return true;
	if (c->flags & CONFIRM) {
		if (!say(m, WIRE_OPEN_CONFIRMATION, open, 4))
			return false;
		c->flags &= ~CONFIRM;
	}
	while (c->nreplies) {
		if (!say(m, c->replies & 1 ? WIRE_CHANNEL_SUCCESS : WIRE_CHANNEL_FAILURE, open, 1))
			return false;
		c->replies >>= 1;
		c->nreplies--;
	}
	if (mux_adjust_due(c)) {
		if (!say(m, WIRE_WINDOW_ADJUST, (uint32_t[]){ c->peer, c->consumed }, 2))
			return false;
		c->recv_window += c->consumed;
		c->consumed = 0;
	}
	if ((c->flags & (EOF_WANTED | EOF_OUT)) == EOF_WANTED) {
		if (!say(m, WIRE_CHANNEL_EOF, open, 1))
			return false;
		c->flags |= EOF_OUT;
	}
	if ((c->flags & (CLOSE_WANTED | CLOSE_OUT)) == CLOSE_WANTED) {
		if (!say(m, WIRE_CHANNEL_CLOSE, open, 1))
			return false;
		c->flags |= CLOSE_OUT;
		if (c->flags & CLOSE_IN)
			c->state = FREE;
	}
	return true;
}

bool mux_say_all(struct mux *m)
{
	if (m->dead || m->parting)
		return true;
	for (; m->nreplies; m->nreplies--, m->replies >>= 1)
		if (!say(m, m->replies & 1 ? WIRE_REQUEST_SUCCESS : WIRE_REQUEST_FAILURE, NULL, 0))
			return false;
	for (; m->nrefused; m->nrefused--)
		if (!say_refused(m, m->refused[m->nrefused - 1]))
			return false;
	while (m->unsaid) {
		unsigned ch = (unsigned)__builtin_ctzll(m->unsaid);

		if (!speak(m, ch))
			return false;
		m->unsaid &= m->unsaid - 1;
	}
	return true;
}

size_t mux_output(struct mux *m, const void **p)
{
	m->reserved = 0;
	*p = NULL;
	if (m->failed || (m->side == MUX_GUEST && !m->hello_in))
		return 0;
	(void)mux_say_all(m);
	*p = m->out + m->head;
	return m->tail - m->head;
}

void mux_output_done(struct mux *m, size_t n)
{
	ASSERT(n <= m->tail - m->head);
	m->reserved = 0;
	m->head += n;
	if (m->head == m->tail)
		m->head = m->tail = 0;
}
