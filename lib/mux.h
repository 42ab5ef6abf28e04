/* SPDX-License-Identifier: MIT */
/*
 * Channels over packets, by the rules of RFC 4254 section 5. Bytes in -> events out, calls in ->
 * bytes out; no I/O, no allocation: struct mux is all the memory there is. Both ends use it and
 * neither trusts the other.
 *
 * The owner's loop:
 *   - bytes from the wire go to mux_input() until all are used; each event is handled before the
 *     next call (what it points to is borrowed until then);
 *   - mux_output() shows what is to be written to the wire, mux_output_done() says how much was;
 *   - stream data to send is read straight into mux_data_reserve()'s memory and then committed;
 *   - stream data received belongs to the owner, who says mux_consumed() when it has left again.
 *     Only that reopens the peer's window: the owner never has to hold more than one window.
 *
 * What mux has to say by itself (window adjustments, answers to OPEN, EOF, CLOSE, replies) is kept as
 * flags in the channel until there is room, so reading never has to wait for writing. It is written
 * before anything that is said later, so the order of calls on a channel is the order on the wire.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/err.h"
#include "lib/macro.h"
#include "lib/wire.h"

#define MUX_CHANNELS 64u	     /* open at once */
#define MUX_WINDOW ((size_t)1 << 20) /* bytes: the usual window, and the most a window may hold */
#define MUX_OUT_DATA ((size_t)256 << 10)	      /* of the out buffer, for stream data */
#define MUX_OUT (MUX_OUT_DATA + 2 * WIRE_CONTROL_MAX) /* control may use the rest, too */
#define MUX_REPLIES 16u	 /* requests of one end that wait for a reply, per channel */
#define MUX_NAME_MAX 63u /* bytes in a channel type or request name: printable ASCII, no blanks */

enum mux_side { MUX_HOST, MUX_GUEST };

enum mux_event_kind {
	MUX_HELLO,	  /* the peer's version line: what a guest has queued goes out after it */
	MUX_GLOBAL,	  /* name, want_reply, data */
	MUX_GLOBAL_REPLY, /* ok */
	MUX_OPEN,	  /* channel, name = type, data: answer with mux_accept() or mux_reject() */
	MUX_OPENED,	  /* channel: our mux_open() was accepted */
	MUX_OPEN_FAILED,  /* channel: it was not, and is free again; data = text */
	MUX_DATA,	  /* channel, data: at most what the window allows */
	MUX_EOF,	  /* channel: the peer sends no more data */
	MUX_WRITABLE,	  /* channel: the peer's window has opened */
	MUX_REQUEST,	  /* channel, name, want_reply, data */
	MUX_REPLY,	  /* channel, ok: to the oldest of our requests that wanted one */
	/* channel: the peer's answer to our mux_close(); the number is free again */
	MUX_CLOSED,
	/*
	 * channel: the peer closed, nothing reaches it any more. Only mux_close() may follow: that
	 * ends the channel, without a further event, and the number may come again.
	 */
	MUX_CLOSE,
	MUX_DISCONNECT, /* data = text; all input after it is dropped */
	MUX_DEBUG,	/* data = text */
};

struct mux_event {
	enum mux_event_kind kind;
	int channel;
	bool want_reply, ok;
	char name[64];	     /* request name or channel type */
	const uint8_t *data; /* borrowed until the next mux_input() */
	size_t len;
};

/* Private to mux.c. */
struct mux_channel {
	uint8_t state;	      /* enum in mux.c; 0 = free */
	uint8_t flags;	      /* what was said, what is to be said: enum in mux.c */
	uint8_t owed;	      /* requests of the peer that the owner has not answered yet */
	uint8_t nreplies;     /* answers given by the owner, not yet written */
	uint16_t replies;     /* these: lowest bit = oldest, 1 = success */
	uint8_t awaiting;     /* replies that we wait for */
	uint32_t peer;	      /* the other end's number for it */
	uint32_t send_window; /* bytes we may still send */
	uint32_t send_max;    /* largest piece the peer takes */
	uint32_t window;      /* its full receive window */
	uint32_t recv_window; /* bytes the peer may still send */
	uint32_t consumed;    /* bytes to give back with the next adjustment */
};

/* Private to mux.c, but for dead and hello_in, which may be read. */
struct mux {
	enum mux_side side;
	bool dead;     /* after a protocol error or DISCONNECT: nothing more goes in */
	bool failed;   /* it was a protocol error */
	bool hello_in; /* the peer's line was read */
	bool parting;  /* DISCONNECT is in the output: nothing more goes there */
	/* all channels together */
	uint8_t owed, nreplies, awaiting; /* global requests: as in a channel */
	uint16_t replies;
	uint8_t nrefused;		/* opens for which there was no free channel */
	uint32_t refused[MUX_CHANNELS]; /* the peer's numbers for them */
	uint64_t unsaid;		/* bit per channel: it has something for the output */
	struct mux_channel channel[MUX_CHANNELS];
	/* input */
	size_t have;	  /* bytes of the current packet (or hello) in control[] */
	size_t need;	  /* its whole length, as far as known */
	size_t data_left; /* of a CHANNEL_DATA whose head was read: bytes still to come */
	int data_channel;
	/* output: out[head..tail) is to be written */
	size_t head, tail;
	size_t reserved; /* by mux_data_reserve(), behind tail and the room for a head */
	int reserved_channel;
	uint8_t control[WIRE_CONTROL_MAX];
	uint8_t out[MUX_OUT];
};

/* Begins. The host's version line is the first thing in the output. */
void mux_init(struct mux *m, enum mux_side side) nonnull(1);

/*
 * Takes bytes from the wire. Uses *used of the n bytes; returns 1 with an event, 0 when all were
 * used without one, or -EPROTO with a sentence: the mux is dead then and so is the connection.
 */
int mux_input(struct mux *m, const void *p, size_t n, size_t *used, struct mux_event *ev,
	      struct err *e) must_check nonnull(1, 4, 5, 6);

/*
 * What is to be written to the wire: *p and its length, 0 = nothing now. Borrowed until the next
 * call. mux_output_done() says how much of it was written, in however many pieces.
 */
size_t mux_output(struct mux *m, const void **p) must_check nonnull(1, 2);
void mux_output_done(struct mux *m, size_t n) nonnull(1);

/*
 * The calls below return 0 (or a channel number), -EAGAIN when there is no room in the output now
 * (call again after mux_output_done()), or -EINVAL for what the rules forbid (not open, after
 * CLOSE, too long). Requests that want a reply: also -EAGAIN while MUX_REPLIES of them wait for one.
 * mux_open: -EMFILE when all MUX_CHANNELS are in use. Nothing can be said on a channel before
 * MUX_OPENED. mux_disconnect is the last thing that is said.
 */
int mux_open(struct mux *m, const char *type, const void *extra, size_t n, size_t window) must_check
	nonnull(1, 2);
int mux_request(struct mux *m, int ch, const char *name, bool want_reply, const void *data,
		size_t n) must_check nonnull(1, 3);
int mux_global(struct mux *m, const char *name, bool want_reply, const void *data,
	       size_t n) must_check nonnull(1, 2);
int mux_debug(struct mux *m, const char *text) must_check nonnull(1, 2);
int mux_disconnect(struct mux *m, const char *text) must_check nonnull(1, 2);

/*
 * These are remembered and never have to be repeated. -EINVAL as above. The window is what the peer
 * may send before the first mux_consumed(), at most MUX_WINDOW; 0 = nothing ever.
 */
int mux_accept(struct mux *m, int ch, size_t window) must_check nonnull(1);
int mux_reject(struct mux *m, int ch) must_check nonnull(1);
int mux_reply(struct mux *m, int ch, bool ok) must_check nonnull(1); /* to the oldest request */
int mux_global_reply(struct mux *m, bool ok) must_check nonnull(1);
int mux_eof(struct mux *m, int ch) must_check nonnull(1); /* after the data committed so far */

/*
 * After that; with EOF in front if there was none. What the peer sends from now on is dropped and
 * every other call on the channel is refused, until MUX_CLOSED. In answer to MUX_CLOSE: see there.
 */
int mux_close(struct mux *m, int ch) must_check nonnull(1);

/* n bytes of MUX_DATA have left again, never more than came. Ignored for what is not open. */
void mux_consumed(struct mux *m, int ch, size_t n) nonnull(1);

/*
 * Room for stream data of ch: *p and the most that may be put there (window, packet size and output
 * considered); 0 = not now. Then mux_data_commit() with how much was put there (0 = none after all)
 * before any other call.
 */
size_t mux_data_reserve(struct mux *m, int ch, void **p) must_check nonnull(1, 3);
void mux_data_commit(struct mux *m, int ch, size_t n) nonnull(1);

/* Bytes the peer has allowed us to send and we have not. 0 = a matter of its window. */
size_t mux_send_window(const struct mux *m, int ch) must_check nonnull(1);

/*
 * The other end's number for an open channel, by which it names a channel that it opened before
 * (stderr@execvm names its session so). -EINVAL while it is not open.
 */
int64_t mux_peer(const struct mux *m, int ch) must_check nonnull(1);
