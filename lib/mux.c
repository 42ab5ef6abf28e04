/* SPDX-License-Identifier: MIT */
/*
 * Channels over packets. Here is what the owner calls; mux-in.c takes bytes, mux-out.c gives them.
 *
 * Input. The hello line and packets are collected in control[]. Of CHANNEL_DATA only the head is:
 * its bytes go to the owner as they come, out of the caller's memory. Whatever a peer sends is
 * either an event, or nothing, or the end: there is no way on after a broken packet.
 *
 * Output. One linear buffer: packets are added at tail and leave at head. When all has left, both go
 * back to 0; when the end is near and at most a third of it is still to leave, that third moves to
 * the front, so a byte is copied at most half a time. Stream data stays below MUX_OUT_DATA and so can
 * never keep control packets out.
 *
 * What is remembered (struct mux_channel: flags, replies, consumed) is bounded by the number of
 * channels, marked in unsaid, and written by mux_say_all() when the output is asked for and before
 * anything else is added to it.
 *
 * Life of a channel: FREE -mux_open-> OPENING -CONFIRMATION-> OPEN, or FREE -OPEN-> ASKED
 * -mux_accept-> OPEN or -mux_reject-> REFUSED, which ends when the answer is written. OPEN ends
 * when CLOSE was both read and written. Numbers of channels in a message are the reader's.
 */
#include "lib/mux.h"

#include <errno.h>
#include <string.h>

#include "lib/msg.h"
#include "lib/mux-impl.h"

int mux_free_channel(const struct mux *m)
{
	for (unsigned ch = 0; ch < MUX_CHANNELS; ch++)
		if (m->channel[ch].state == FREE)
			return (int)ch;
	return -EMFILE;
}

/* May the owner speak on ch? */
static bool usable(const struct mux *m, int ch)
{
	if (m->dead || m->parting || ch < 0 || ch >= (int)MUX_CHANNELS)
		return false;
	return m->channel[ch].state == OPEN && !(m->channel[ch].flags & (CLOSE_IN | CLOSE_WANTED));
}

static void mark(struct mux *m, int ch)
{
	m->unsaid |= (uint64_t)1 << ch;
}

bool mux_name_valid(const char *name)
{
	size_t n = 0;

	for (; name[n]; n++)
		if (n == MUX_NAME_MAX || name[n] <= ' ' || name[n] > '~')
			return false;
	return n;
}

void mux_init(struct mux *m, enum mux_side side)
{
	memset(m, 0, offsetof(struct mux, control));
	m->side = side;
	m->need = WIRE_HELLO_LEN;
	memcpy(m->out, WIRE_HELLO, WIRE_HELLO_LEN);
	m->tail = WIRE_HELLO_LEN;
}

/* ---- calls that need room ---- */

/* A packet of the owner's, after all that is still to be said. Only mux_finish() makes it count. */
static int begin(struct mux *m, size_t n, enum wire_msg msg, struct wire_out *o)
{
	if (m->dead || m->parting || n > WIRE_CONTROL_MAX)
		return -EINVAL;
	return mux_say_all(m) && mux_start(m, n, msg, o) ? 0 : -EAGAIN;
}

int mux_open(struct mux *m, const char *type, const void *extra, size_t n, size_t window)
{
	struct wire_out o;
	int ch, r;

	if (!mux_name_valid(type) || window > MUX_WINDOW || n > WIRE_CONTROL_MAX)
		return -EINVAL;
	r = begin(m, LENGTH_SIZE + 1 + 4 + strlen(type) + 12 + n, WIRE_CHANNEL_OPEN, &o);
	if (r < 0)
		return r;
	ch = mux_free_channel(m);
	if (ch < 0)
		return ch;
	m->channel[ch] = (struct mux_channel){
		.state = OPENING,
		.window = (uint32_t)window,
		.recv_window = (uint32_t)window,
	};
	wire_put_text(&o, type);
	wire_put_u32(&o, (uint32_t)ch);
	wire_put_u32(&o, (uint32_t)window);
	wire_put_u32(&o, WIRE_DATA_MAX);
	wire_put_bytes(&o, extra, n);
	mux_finish(m, &o);
	return ch;
}

int mux_request(struct mux *m, int ch, const char *name, bool want_reply, const void *data,
		size_t n)
{
	struct mux_channel *c;
	struct wire_out o;
	int r;

	if (!usable(m, ch) || !mux_name_valid(name) || n > WIRE_CONTROL_MAX)
		return -EINVAL;
	r = begin(m, LENGTH_SIZE + 1 + 4 + 4 + strlen(name) + 1 + n, WIRE_CHANNEL_REQUEST, &o);
	if (r < 0)
		return r;
	c = &m->channel[ch];
	if (want_reply && c->awaiting == MUX_REPLIES)
		return -EAGAIN;
	wire_put_u32(&o, c->peer);
	wire_put_text(&o, name);
	wire_put_u8(&o, want_reply);
	wire_put_bytes(&o, data, n);
	mux_finish(m, &o);
	c->awaiting += want_reply;
	return 0;
}

int mux_global(struct mux *m, const char *name, bool want_reply, const void *data, size_t n)
{
	struct wire_out o;
	int r;

	if (!mux_name_valid(name) || n > WIRE_CONTROL_MAX)
		return -EINVAL;
	r = begin(m, LENGTH_SIZE + 1 + 4 + strlen(name) + 1 + n, WIRE_GLOBAL_REQUEST, &o);
	if (r < 0)
		return r;
	if (want_reply && m->awaiting == MUX_REPLIES)
		return -EAGAIN;
	wire_put_text(&o, name);
	wire_put_u8(&o, want_reply);
	wire_put_bytes(&o, data, n);
	mux_finish(m, &o);
	m->awaiting += want_reply;
	return 0;
}

int mux_debug(struct mux *m, const char *text)
{
	size_t n = strnlen(text, WIRE_CONTROL_MAX);
	struct wire_out o;
	int r = begin(m, LENGTH_SIZE + 1 + 1 + 4 + n + 4, WIRE_DEBUG, &o);

	if (r < 0)
		return r;
	wire_put_u8(&o, 0);
	wire_put_string(&o, text, n);
	wire_put_u32(&o, 0);
	mux_finish(m, &o);
	return 0;
}

int mux_disconnect(struct mux *m, const char *text)
{
	size_t n = strnlen(text, WIRE_CONTROL_MAX);
	struct wire_out o;
	int r = begin(m, LENGTH_SIZE + 1 + 4 + 4 + n + 4, WIRE_DISCONNECT, &o);

	if (r < 0)
		return r;
	wire_put_u32(&o, BY_APPLICATION);
	wire_put_string(&o, text, n);
	wire_put_u32(&o, 0);
	mux_finish(m, &o);
	m->parting = true;
	return 0;
}

/* ---- calls that are remembered ---- */

static struct mux_channel *asked(struct mux *m, int ch)
{
	if (m->dead || m->parting || ch < 0 || ch >= (int)MUX_CHANNELS)
		return NULL;
	return m->channel[ch].state == ASKED ? &m->channel[ch] : NULL;
}

int mux_accept(struct mux *m, int ch, size_t window)
{
	struct mux_channel *c = asked(m, ch);

	if (!c || window > MUX_WINDOW)
		return -EINVAL;
	c->state = OPEN;
	c->flags = CONFIRM;
	c->window = c->recv_window = (uint32_t)window;
	mark(m, ch);
	return 0;
}

int mux_reject(struct mux *m, int ch)
{
	struct mux_channel *c = asked(m, ch);

	if (!c)
		return -EINVAL;
	c->state = REFUSED;
	mark(m, ch);
	return 0;
}

int mux_reply(struct mux *m, int ch, bool ok)
{
	struct mux_channel *c;

	if (!usable(m, ch) || !m->channel[ch].owed)
		return -EINVAL;
	c = &m->channel[ch];
	c->owed--;
	c->replies |= (uint16_t)(ok << c->nreplies++);
	mark(m, ch);
	return 0;
}

int mux_global_reply(struct mux *m, bool ok)
{
	if (m->dead || m->parting || !m->owed)
		return -EINVAL;
	m->owed--;
	m->replies |= (uint16_t)(ok << m->nreplies++);
	return 0;
}

int mux_eof(struct mux *m, int ch)
{
	if (!usable(m, ch) || m->channel[ch].flags & EOF_WANTED)
		return -EINVAL;
	m->channel[ch].flags |= EOF_WANTED;
	mark(m, ch);
	return 0;
}

int mux_close(struct mux *m, int ch)
{
	struct mux_channel *c;

	if (m->dead || m->parting || ch < 0 || ch >= (int)MUX_CHANNELS)
		return -EINVAL;
	c = &m->channel[ch];
	if (c->state != OPEN || c->flags & CLOSE_WANTED)
		return -EINVAL;
	c->flags |= EOF_WANTED | CLOSE_WANTED;
	mark(m, ch);
	return 0;
}

void mux_consumed(struct mux *m, int ch, size_t n)
{
	struct mux_channel *c;

	if (ch < 0 || ch >= (int)MUX_CHANNELS)
		return;
	c = &m->channel[ch];
	if (c->state != OPEN || c->flags & CLOSE_WANTED)
		return;
	ASSERT(n <= c->window - c->recv_window - c->consumed);
	c->consumed += (uint32_t)n;
	if (mux_adjust_due(c))
		mark(m, ch);
}

/* ---- stream data ---- */

size_t mux_send_window(const struct mux *m, int ch)
{
	return usable(m, ch) && !(m->channel[ch].flags & EOF_WANTED) ? m->channel[ch].send_window
								     : 0;
}

size_t mux_data_reserve(struct mux *m, int ch, void **p)
{
	size_t n = mux_send_window(m, ch);
	size_t least, room;

	m->reserved = 0;
	*p = NULL;
	if (!n || !mux_say_all(m))
		return 0;
	if (n > m->channel[ch].send_max)
		n = m->channel[ch].send_max;
	if (n > WIRE_DATA_MAX)
		n = WIRE_DATA_MAX;
	least = WIRE_DATA_HEAD + (n < DATA_LEAST ? n : DATA_LEAST);
	if (m->tail + WIRE_DATA_HEAD + n > MUX_OUT_DATA)
		mux_squeeze(m);
	room = m->tail < MUX_OUT_DATA ? MUX_OUT_DATA - m->tail : 0;
	if (room < least)
		return 0;
	if (n > room - WIRE_DATA_HEAD)
		n = room - WIRE_DATA_HEAD;
	*p = m->out + m->tail + WIRE_DATA_HEAD;
	m->reserved = n;
	m->reserved_channel = ch;
	return n;
}

void mux_data_commit(struct mux *m, int ch, size_t n)
{
	struct mux_channel *c;
	struct wire_out o = { .p = m->out + m->tail, .cap = WIRE_DATA_HEAD };

	ASSERT(n <= m->reserved && (!n || ch == m->reserved_channel));
	m->reserved = 0;
	if (!n)
		return;
	c = &m->channel[ch];
	wire_put_u32(&o, (uint32_t)(WIRE_DATA_HEAD - LENGTH_SIZE + n));
	wire_put_u8(&o, WIRE_CHANNEL_DATA);
	wire_put_u32(&o, c->peer);
	wire_put_u32(&o, (uint32_t)n);
	m->tail += WIRE_DATA_HEAD + n;
	c->send_window -= (uint32_t)n;
}

int64_t mux_peer(const struct mux *m, int ch)
{
	if (ch < 0 || ch >= (int)MUX_CHANNELS || m->channel[ch].state != OPEN)
		return -EINVAL;
	return m->channel[ch].peer;
}
