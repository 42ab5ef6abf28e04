/* SPDX-License-Identifier: MIT */
/*
 * Channels over packets.
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
 * channels, marked in unsaid, and written by speak_all() when the output is asked for and before
 * anything else is added to it.
 *
 * Life of a channel: FREE -mux_open-> OPENING -CONFIRMATION-> OPEN, or FREE -OPEN-> ASKED
 * -mux_accept-> OPEN or -mux_reject-> REFUSED, which ends when the answer is written. OPEN ends
 * when CLOSE was both read and written. Numbers of channels in a message are the reader's.
 */
#include "lib/mux.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/msg.h"

#define LENGTH_SIZE 4u
#define DATA_LEAST 4096u     /* bytes: smaller pieces wait for room, unless more may not be sent */
#define RESOURCE_SHORTAGE 4u /* RFC 4254 section 5.1 */
#define BY_APPLICATION 11u   /* RFC 4253 section 11.1 */

enum state { FREE, OPENING, ASKED, REFUSED, OPEN };

enum flag {
	CONFIRM = 1,	   /* the peer is to be told that it is open */
	EOF_IN = 2,	   /* read */
	CLOSE_IN = 4,	   /* read */
	EOF_WANTED = 8,	   /* said by the owner */
	EOF_OUT = 16,	   /* written */
	CLOSE_WANTED = 32, /* said by the owner */
	CLOSE_OUT = 64,	   /* written */
};

_Static_assert(MUX_CHANNELS <= 64, "one bit each in unsaid");
_Static_assert(MUX_REPLIES <= 16, "one bit each in replies");
_Static_assert(MUX_WINDOW <= UINT32_MAX / 4, "sums of windows do not overflow");
_Static_assert(WIRE_DATA_HEAD + DATA_LEAST < MUX_OUT_DATA, "data fits when the output is empty");

/* ---- output ---- */

static void squeeze(struct mux *m)
{
	size_t rest = m->tail - m->head;

	if (m->head && rest <= m->head / 2) {
		memcpy(m->out, m->out + m->head, rest);
		m->head = 0;
		m->tail = rest;
	}
}

/* A packet of at most n bytes, at the tail. */
static bool start(struct mux *m, size_t n, enum wire_msg msg, struct wire_out *o)
{
	m->reserved = 0;
	if (n > MUX_OUT - m->tail)
		squeeze(m);
	if (n > MUX_OUT - m->tail)
		return false;
	*o = (struct wire_out){ .p = m->out + m->tail, .cap = n };
	wire_begin(o, msg);
	return true;
}

static void finish(struct mux *m, struct wire_out *o)
{
	wire_end(o, 0);
	ASSERT(!o->overflow);
	m->tail += o->n;
}

/* Everything that mux says by itself is a list of numbers; an empty string is the number 0. */
static bool say(struct mux *m, enum wire_msg msg, const uint32_t *v, size_t n)
{
	struct wire_out o;

	if (!start(m, LENGTH_SIZE + 1 + n * 4, msg, &o))
		return false;
	for (size_t k = 0; k < n; k++)
		wire_put_u32(&o, v[k]);
	finish(m, &o);
	return true;
}

static bool say_refused(struct mux *m, uint32_t peer)
{
	return say(m, WIRE_OPEN_FAILURE, (uint32_t[]){ peer, RESOURCE_SHORTAGE, 0, 0 }, 4);
}

/* Coalesced: half a window, or an eighth when the peer is about to stall. */
static bool adjust_due(const struct mux_channel *c)
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
	if (adjust_due(c)) {
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

static bool speak_all(struct mux *m)
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

/* ---- channels ---- */

static int free_channel(const struct mux *m)
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

static bool name_valid(const char *name)
{
	size_t n = 0;

	for (; name[n]; n++)
		if (n == MUX_NAME_MAX || name[n] <= ' ' || name[n] > '~')
			return false;
	return n;
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
	if (i->bad || !name_valid(ev->name))
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
	if (i->bad || !name_valid(ev->name) || !c.send_max)
		return malformed("CHANNEL_OPEN", e);
	if (peer_uses(m, c.peer))
		return err_set(e, EPROTO,
			       "wire: CHANNEL_OPEN with number %" PRIu32 ", which is in use",
			       c.peer);
	ev->channel = free_channel(m);
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
	if (i->bad || !name_valid(ev->name))
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

void mux_init(struct mux *m, enum mux_side side)
{
	memset(m, 0, offsetof(struct mux, control));
	m->side = side;
	m->need = WIRE_HELLO_LEN;
	memcpy(m->out, WIRE_HELLO, WIRE_HELLO_LEN);
	m->tail = WIRE_HELLO_LEN;
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

size_t mux_output(struct mux *m, const void **p)
{
	m->reserved = 0;
	*p = NULL;
	if (m->failed || (m->side == MUX_GUEST && !m->hello_in))
		return 0;
	(void)speak_all(m);
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

/* ---- calls that need room ---- */

/* A packet of the owner's, after all that is still to be said. Only finish() makes it count. */
static int begin(struct mux *m, size_t n, enum wire_msg msg, struct wire_out *o)
{
	if (m->dead || m->parting || n > WIRE_CONTROL_MAX)
		return -EINVAL;
	return speak_all(m) && start(m, n, msg, o) ? 0 : -EAGAIN;
}

int mux_open(struct mux *m, const char *type, const void *extra, size_t n, size_t window)
{
	struct wire_out o;
	int ch, r;

	if (!name_valid(type) || window > MUX_WINDOW || n > WIRE_CONTROL_MAX)
		return -EINVAL;
	r = begin(m, LENGTH_SIZE + 1 + 4 + strlen(type) + 12 + n, WIRE_CHANNEL_OPEN, &o);
	if (r < 0)
		return r;
	ch = free_channel(m);
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
	finish(m, &o);
	return ch;
}

int mux_request(struct mux *m, int ch, const char *name, bool want_reply, const void *data,
		size_t n)
{
	struct mux_channel *c;
	struct wire_out o;
	int r;

	if (!usable(m, ch) || !name_valid(name) || n > WIRE_CONTROL_MAX)
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
	finish(m, &o);
	c->awaiting += want_reply;
	return 0;
}

int mux_global(struct mux *m, const char *name, bool want_reply, const void *data, size_t n)
{
	struct wire_out o;
	int r;

	if (!name_valid(name) || n > WIRE_CONTROL_MAX)
		return -EINVAL;
	r = begin(m, LENGTH_SIZE + 1 + 4 + strlen(name) + 1 + n, WIRE_GLOBAL_REQUEST, &o);
	if (r < 0)
		return r;
	if (want_reply && m->awaiting == MUX_REPLIES)
		return -EAGAIN;
	wire_put_text(&o, name);
	wire_put_u8(&o, want_reply);
	wire_put_bytes(&o, data, n);
	finish(m, &o);
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
	finish(m, &o);
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
	finish(m, &o);
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
	if (adjust_due(c))
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
	if (!n || !speak_all(m))
		return 0;
	if (n > m->channel[ch].send_max)
		n = m->channel[ch].send_max;
	if (n > WIRE_DATA_MAX)
		n = WIRE_DATA_MAX;
	least = WIRE_DATA_HEAD + (n < DATA_LEAST ? n : DATA_LEAST);
	if (m->tail + WIRE_DATA_HEAD + n > MUX_OUT_DATA)
		squeeze(m);
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
