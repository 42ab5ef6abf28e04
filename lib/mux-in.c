/* SPDX-License-Identifier: MIT */
/* The mux's input: packets into events, and every rule that a peer can break. See mux.c. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/msg.h"
#include "lib/mux-impl.h"

/* Does the peer use this number already? */
static bool peer_uses(const struct mux *m, uint32_t peer)
{
	for (unsigned ch = 0; ch < MUX_CHANNELS; ch++) {
		const struct mux_channel *c = &m->channel[ch];

		if (c->state != FREE && c->state != OPENING && c->peer == peer)
			return true;
	}
	for (unsigned k = 0; k < m->nrefused; k++)
		if (m->refused[k] == peer)
			return true;
	return false;
}

/* ---- input: each on_*() returns 1 with an event, 0 without, or -EPROTO with a sentence ---- */

static int malformed(const char *what, struct err *e)
{
	return err_set(e, EPROTO, "wire: malformed %s", what);
}

/* The channel that the message is for. NULL, with a sentence, when it cannot get one now. */
static struct mux_channel *addressed(struct mux *m, struct wire_in *i, const char *what,
				     struct mux_event *ev, struct err *e)
{
	uint32_t ch = wire_get_u32(i);
	struct mux_channel *c = ch < MUX_CHANNELS ? &m->channel[ch] : NULL;

	if (i->bad) {
		(void)malformed(what, e);
		return NULL;
	}
	if (!c || c->state != OPEN || c->flags & (CONFIRM | CLOSE_IN)) {
		(void)err_set(e, EPROTO, "wire: %s for channel %" PRIu32 ", which is not open",
			      what, ch);
		return NULL;
	}
	ev->channel = (int)ch;
	return c;
}

/* The rest of the packet is the event's data. */
static int with_data(struct wire_in *i, struct mux_event *ev)
{
	ev->data = i->p;
	ev->len = i->n;
	return 1;
}

static int on_text(struct mux *m, struct wire_in *i, enum mux_event_kind kind, struct mux_event *ev,
		   struct err *e)
{
	size_t lang;

	if (kind == MUX_DISCONNECT)
		wire_get_u32(i);
	else
		wire_get_u8(i);
	ev->kind = kind;
	ev->data = wire_get_string(i, &ev->len);
	wire_get_string(i, &lang);
	if (i->bad || i->n)
		return malformed(kind == MUX_DISCONNECT ? "DISCONNECT" : "DEBUG", e);
	if (kind == MUX_DISCONNECT)
		m->dead = true;
	return 1;
}

static int on_ignore(struct wire_in *i, struct err *e)
{
	size_t n;

	wire_get_string(i, &n);
	return i->bad || i->n ? malformed("IGNORE", e) : 0;
}

static int on_global(struct mux *m, struct wire_in *i, struct mux_event *ev, struct err *e)
{
	wire_get_text(i, ev->name, sizeof(ev->name));
	ev->want_reply = wire_get_u8(i);
	if (i->bad || !mux_name_valid(ev->name))
		return malformed("GLOBAL_REQUEST", e);
	if (ev->want_reply && m->owed++ + m->nreplies >= (int)MUX_REPLIES)
		return err_set(e, EPROTO, "wire: more than %u global requests wait for a reply",
			       MUX_REPLIES);
	ev->kind = MUX_GLOBAL;
	return with_data(i, ev);
}

static int on_global_reply(struct mux *m, struct wire_in *i, bool ok, struct mux_event *ev,
			   struct err *e)
{
	if (i->n)
		return malformed("reply to a global request", e);
	if (!m->awaiting)
		return err_set(e, EPROTO, "wire: reply to no global request");
	m->awaiting--;
	ev->kind = MUX_GLOBAL_REPLY;
	ev->ok = ok;
	return 1;
}

static int on_open(struct mux *m, struct wire_in *i, struct mux_event *ev, struct err *e)
{
	struct mux_channel c = { .state = ASKED };

	wire_get_text(i, ev->name, sizeof(ev->name));
	c.peer = wire_get_u32(i);
	c.send_window = wire_get_u32(i);
	c.send_max = wire_get_u32(i);
	if (i->bad || !mux_name_valid(ev->name) || !c.send_max)
		return malformed("CHANNEL_OPEN", e);
	if (peer_uses(m, c.peer))
		return err_set(e, EPROTO,
			       "wire: CHANNEL_OPEN with number %" PRIu32 ", which is in use",
			       c.peer);
	ev->channel = mux_free_channel(m);
	if (ev->channel < 0 && m->nrefused == MUX_CHANNELS)
		return err_set(e, EPROTO, "wire: more than %u channels asked for", MUX_CHANNELS);
	if (ev->channel < 0) {
		m->refused[m->nrefused++] = c.peer;
		return 0;
	}
	m->channel[ev->channel] = c;
	ev->kind = MUX_OPEN;
	return with_data(i, ev);
}

/* Our own open that is answered. NULL when there is none. */
static struct mux_channel *opening(struct mux *m, struct wire_in *i, struct mux_event *ev)
{
	uint32_t ch = wire_get_u32(i);

	if (i->bad || ch >= MUX_CHANNELS || m->channel[ch].state != OPENING)
		return NULL;
	ev->channel = (int)ch;
	return &m->channel[ch];
}

static int on_confirmation(struct mux *m, struct wire_in *i, struct mux_event *ev, struct err *e)
{
	struct mux_channel *c = opening(m, i, ev);
	uint32_t peer = wire_get_u32(i);
	uint32_t window = wire_get_u32(i);
	uint32_t max = wire_get_u32(i);

	if (i->bad || i->n || !max)
		return malformed("CHANNEL_OPEN_CONFIRMATION", e);
	if (!c)
		return err_set(e, EPROTO, "wire: CHANNEL_OPEN_CONFIRMATION of what was not asked");
	if (peer_uses(m, peer))
		return err_set(e, EPROTO,
			       "wire: CHANNEL_OPEN_CONFIRMATION with number %" PRIu32
			       ", which is in use",
			       peer);
	c->state = OPEN;
	c->peer = peer;
	c->send_window = window;
	c->send_max = max;
	ev->kind = MUX_OPENED;
	return 1;
}

static int on_open_failure(struct mux *m, struct wire_in *i, struct mux_event *ev, struct err *e)
{
	struct mux_channel *c = opening(m, i, ev);
	size_t lang;

	wire_get_u32(i);
	ev->data = wire_get_string(i, &ev->len);
	wire_get_string(i, &lang);
	if (i->bad || i->n)
		return malformed("CHANNEL_OPEN_FAILURE", e);
	if (!c)
		return err_set(e, EPROTO, "wire: CHANNEL_OPEN_FAILURE of what was not asked");
	c->state = FREE;
	ev->kind = MUX_OPEN_FAILED;
	return 1;
}

static int on_adjust(struct mux *m, struct wire_in *i, struct mux_event *ev, struct err *e)
{
	struct mux_channel *c = addressed(m, i, "CHANNEL_WINDOW_ADJUST", ev, e);
	uint32_t n = wire_get_u32(i);

	if (!c)
		return -e->code;
	if (i->bad || i->n)
		return malformed("CHANNEL_WINDOW_ADJUST", e);
	if (n > UINT32_MAX - c->send_window)
		return err_set(e, EPROTO, "wire: channel %d: the window overflows", ev->channel);
	c->send_window += n;
	ev->kind = MUX_WRITABLE;
	return n && !(c->flags & EOF_WANTED);
}

/* The head of a CHANNEL_DATA; its bytes follow. */
static int on_data(struct mux *m, struct wire_in *i, struct mux_event *ev, struct err *e)
{
	struct mux_channel *c = addressed(m, i, "CHANNEL_DATA", ev, e);
	uint32_t n = wire_get_u32(i);

	if (!c)
		return -e->code;
	if (c->flags & EOF_IN)
		return err_set(e, EPROTO, "wire: channel %d: data after EOF", ev->channel);
	if (n > c->recv_window)
		return err_set(e, EPROTO, "wire: channel %d: data beyond the window", ev->channel);
	c->recv_window -= n;
	m->data_left = n;
	m->data_channel = ev->channel;
	return 0;
}

static int on_eof(struct mux *m, struct wire_in *i, struct mux_event *ev, struct err *e)
{
	struct mux_channel *c = addressed(m, i, "CHANNEL_EOF", ev, e);

	if (!c)
		return -e->code;
	if (i->n)
		return malformed("CHANNEL_EOF", e);
	if (c->flags & EOF_IN)
		return err_set(e, EPROTO, "wire: channel %d: EOF after EOF", ev->channel);
	c->flags |= EOF_IN;
	ev->kind = MUX_EOF;
	return !(c->flags & CLOSE_WANTED);
}

static int on_close(struct mux *m, struct wire_in *i, struct mux_event *ev, struct err *e)
{
	struct mux_channel *c = addressed(m, i, "CHANNEL_CLOSE", ev, e);

	if (!c)
		return -e->code;
	if (i->n)
		return malformed("CHANNEL_CLOSE", e);
	c->flags |= CLOSE_IN;
	ev->kind = c->flags & CLOSE_WANTED ? MUX_CLOSED : MUX_CLOSE;
	if (c->flags & CLOSE_OUT)
		c->state = FREE;
	return 1;
}

static int on_request(struct mux *m, struct wire_in *i, struct mux_event *ev, struct err *e)
{
	struct mux_channel *c = addressed(m, i, "CHANNEL_REQUEST", ev, e);

	if (!c)
		return -e->code;
	wire_get_text(i, ev->name, sizeof(ev->name));
	ev->want_reply = wire_get_u8(i);
	if (i->bad || !mux_name_valid(ev->name))
		return malformed("CHANNEL_REQUEST", e);
	if (c->flags & CLOSE_WANTED)
		return 0;
	if (ev->want_reply && c->owed++ + c->nreplies >= (int)MUX_REPLIES)
		return err_set(e, EPROTO,
			       "wire: channel %d: more than %u requests wait for a reply",
			       ev->channel, MUX_REPLIES);
	ev->kind = MUX_REQUEST;
	return with_data(i, ev);
}

static int on_reply(struct mux *m, struct wire_in *i, bool ok, struct mux_event *ev, struct err *e)
{
	const char *what = ok ? "CHANNEL_SUCCESS" : "CHANNEL_FAILURE";
	struct mux_channel *c = addressed(m, i, what, ev, e);

	if (!c)
		return -e->code;
	if (i->n)
		return malformed(what, e);
	if (!c->awaiting)
		return err_set(e, EPROTO, "wire: channel %d: reply to no request", ev->channel);
	c->awaiting--;
	ev->kind = MUX_REPLY;
	ev->ok = ok;
	return !(c->flags & CLOSE_WANTED);
}

static int on_packet(struct mux *m, struct mux_event *ev, struct err *e)
{
	struct wire_in in = { .p = m->control + LENGTH_SIZE, .n = m->have - LENGTH_SIZE };
	uint8_t msg = wire_get_u8(&in);

	switch ((enum wire_msg)msg) {
	case WIRE_DISCONNECT:
		return on_text(m, &in, MUX_DISCONNECT, ev, e);
	case WIRE_IGNORE:
		return on_ignore(&in, e);
	case WIRE_DEBUG:
		return on_text(m, &in, MUX_DEBUG, ev, e);
	case WIRE_GLOBAL_REQUEST:
		return on_global(m, &in, ev, e);
	case WIRE_REQUEST_SUCCESS:
	case WIRE_REQUEST_FAILURE:
		return on_global_reply(m, &in, msg == WIRE_REQUEST_SUCCESS, ev, e);
	case WIRE_CHANNEL_OPEN:
		return on_open(m, &in, ev, e);
	case WIRE_OPEN_CONFIRMATION:
		return on_confirmation(m, &in, ev, e);
	case WIRE_OPEN_FAILURE:
		return on_open_failure(m, &in, ev, e);
	case WIRE_WINDOW_ADJUST:
		return on_adjust(m, &in, ev, e);
	case WIRE_CHANNEL_DATA:
		return on_data(m, &in, ev, e);
	case WIRE_CHANNEL_EOF:
		return on_eof(m, &in, ev, e);
	case WIRE_CHANNEL_CLOSE:
		return on_close(m, &in, ev, e);
	case WIRE_CHANNEL_REQUEST:
		return on_request(m, &in, ev, e);
	case WIRE_CHANNEL_SUCCESS:
	case WIRE_CHANNEL_FAILURE:
		return on_reply(m, &in, msg == WIRE_CHANNEL_SUCCESS, ev, e);
	}
	return err_set(e, EPROTO, "wire: message number %u is not known", msg);
}

/* Compared as it comes: what is not execvm may never send as much as a line. */
static int on_hello(struct mux *m, struct mux_event *ev, struct err *e)
{
	if (memcmp(m->control, WIRE_HELLO, m->have))
		return err_set(e, EPROTO, "wire: the peer does not begin with the line '%.*s'",
			       (int)WIRE_HELLO_LEN - 1, WIRE_HELLO);
	if (m->have < m->need)
		return 0;
	m->hello_in = true;
	m->have = 0;
	m->need = LENGTH_SIZE;
	ev->kind = MUX_HELLO;
	return 1;
}

/* control[] holds what was needed: learn that more is needed, or use it. */
static int on_collected(struct mux *m, struct mux_event *ev, struct err *e)
{
	struct wire_in in = { .p = m->control, .n = LENGTH_SIZE };
	uint32_t length = wire_get_u32(&in);
	bool data = m->have > LENGTH_SIZE && m->control[LENGTH_SIZE] == WIRE_CHANNEL_DATA;
	int r;

	if (m->have == LENGTH_SIZE) {
		if (!length || length > WIRE_DATA_HEAD - LENGTH_SIZE + WIRE_DATA_MAX)
			return err_set(e, EPROTO, "wire: packet of %" PRIu32 " bytes", length);
		m->need++;
		return 0;
	}
	if (m->have == LENGTH_SIZE + 1 && data) {
		if (length < WIRE_DATA_HEAD - LENGTH_SIZE)
			return malformed("CHANNEL_DATA", e);
		m->need = WIRE_DATA_HEAD;
		return 0;
	}
	if (m->have == LENGTH_SIZE + 1 && length > 1) {
		if (length > WIRE_CONTROL_MAX - LENGTH_SIZE)
			return err_set(e, EPROTO, "wire: packet of %" PRIu32 " bytes, message %u",
				       length, m->control[LENGTH_SIZE]);
		m->need = LENGTH_SIZE + length;
		return 0;
	}
	r = on_packet(m, ev, e);
	if (r == 0 && data && m->data_left != length - (WIRE_DATA_HEAD - LENGTH_SIZE))
		return malformed("CHANNEL_DATA", e);
	m->have = 0;
	m->need = LENGTH_SIZE;
	return r;
}

/* Bytes of a CHANNEL_DATA. */
static int on_span(struct mux *m, const uint8_t *p, size_t n, struct mux_event *ev)
{
	m->data_left -= n;
	if (m->channel[m->data_channel].flags & CLOSE_WANTED)
		return 0;
	ev->kind = MUX_DATA;
	ev->channel = m->data_channel;
	ev->data = p;
	ev->len = n;
	return 1;
}

int mux_input(struct mux *m, const void *p, size_t n, size_t *used, struct mux_event *ev,
	      struct err *e)
{
	int r = 0;

	*used = 0;
	*ev = (struct mux_event){ .channel = -1 };
	m->reserved = 0;
	if (m->failed)
		return err_set(e, EPROTO, "wire: input after a broken packet");
	while (r == 0 && *used < n) {
		const uint8_t *from = (const uint8_t *)p + *used;
		size_t want = m->data_left ? m->data_left : m->need - m->have;
		size_t got = want < n - *used ? want : n - *used;

		if (m->dead) {
			*used = n;
			return 0;
		}
		*used += got;
		if (m->data_left) {
			r = on_span(m, from, got, ev);
			continue;
		}
		memcpy(m->control + m->have, from, got);
		m->have += got;
		if (!m->hello_in)
			r = on_hello(m, ev, e);
		else if (m->have == m->need)
			r = on_collected(m, ev, e);
	}
	if (r < 0)
		m->dead = m->failed = true;
	return r;
}
