/* SPDX-License-Identifier: MIT */
/* From a channel to a stream of the caller. */
#include "runners/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/fd.h"

int sink_open(struct sink *k, struct mux *mux, int fd, bool closed, const char *name)
{
	*k = (struct sink){ .mux = mux, .ch = -1, .fd = fd, .name = name };
	stream_open(&k->to, fd, true, closed);
	return ring_init(&k->ring, MUX_WINDOW);
}

void sink_keep(struct sink *k, struct mux *mux, struct buf *words)
{
	*k = (struct sink){ .mux = mux, .ch = -1, .to.fd = -1, .fd = -1, .words = words };
}

void sink_close(struct sink *k)
{
	ring_free(&k->ring);
	stream_close(&k->to);
}

static void give_back(struct sink *k, size_t n)
{
	if (k->mux && !k->peer_closed)
		mux_consumed(k->mux, k->ch, n);
}

static void fall(struct sink *k, int code)
{
	k->broken = true;
	k->eow_owed = k->mux && !k->peer_closed;
	if (code != EPIPE)
		k->error = code;
	give_back(k, k->ring.len);
	ring_drop(&k->ring, k->ring.len);
}

/* Returns how much was taken; a broken sink takes everything. */
static size_t put(struct sink *k, const void *p, size_t n)
{
	ssize_t got = stream_write(&k->to, p, n);

	if (got >= 0)
		return (size_t)got;
	if (got == -EAGAIN)
		return 0;
	fall(k, (int)-got);
	return n;
}

void sink_data(struct sink *k, const uint8_t *p, size_t n)
{
	size_t at = 0;

	if (k->words) {
		size_t room = k->words->len < SINK_WORDS ? SINK_WORDS - k->words->len : 0;

		give_back(k, n);
		if (buf_add(k->words, p, n < room ? n : room) < 0)
			k->words->len = 0; /* words without memory: none */
		return;
	}
	while (!k->ring.len && !k->broken && at < n) {
		size_t got = put(k, p + at, n - at);

		if (!got)
			break;
		at += got;
	}
	if (k->broken)
		at = n;
	give_back(k, at);
	ring_put(&k->ring, p + at, n - at);
}

/* /dev/null takes the place of our end. stderr stays: our own messages go there. */
static void finish(struct sink *k)
{
	int null;

	if (!k->eof || k->ring.len || k->broken || k->fd != STDOUT_FILENO)
		return;
	k->broken = true;
	stream_close(&k->to);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || fd_move(null, k->fd) < 0)
		close(k->fd);
}

void sink_eof(struct sink *k)
{
	k->eof = true;
	finish(k);
}

void sink_pump(struct sink *k)
{
	const void *p;
	size_t n;

	while (!k->broken && (n = ring_peek(&k->ring, &p)) > 0) {
		size_t got = put(k, p, n);

		if (k->broken || !got)
			return;
		ring_drop(&k->ring, got);
		give_back(k, got);
	}
	finish(k);
}
