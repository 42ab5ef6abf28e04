/* SPDX-License-Identifier: MIT */
/* The streams of a session. */
#include "init/session.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "lib/cleanup.h"

static void close_source(struct source *src)
{
	if (src->fd >= 0)
		close(take_fd(&src->fd));
}

void session_init(struct session *s)
{
	*s = (struct session){ .ch = -1,
			       .in = -1,
			       .file = INFILE_INIT,
			       .out = { .fd = -1, .ch = -1 },
			       .err = { .fd = -1, .ch = -1 } };
}

void session_free(struct session *s)
{
	if (s->in >= 0)
		close(take_fd(&s->in));
	close_source(&s->out);
	close_source(&s->err);
	infile_free(&s->file);
	ring_free(&s->ring);
	buf_free(&s->text);
	session_init(s);
}

/* stdin */

void session_in_close(struct session *s, struct mux *m)
{
	if (s->in >= 0)
		close(take_fd(&s->in));
	mux_consumed(m, s->ch, s->ring.len);
	ring_drop(&s->ring, s->ring.len);
}

void session_in_broken(struct session *s, struct mux *m)
{
	session_in_close(s, m);
	if (!s->in_eof && !s->ended)
		s->in_eow_owed = true;
}

/* Returns how much was taken; a broken pipe takes everything. */
static size_t in_write(struct session *s, struct mux *m, const void *p, size_t n)
{
	ssize_t k;

	if (s->in < 0)
		return n;
	k = write(s->in, p, n);
	if (k > 0)
		s->in_line = ((const char *)p)[k - 1] != '\n';
	if (k >= 0)
		return (size_t)k;
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	session_in_broken(s, m);
	return n;
}

/*
 * A terminal has no end of file, only a character that says so: at the begin of a line it is the
 * end, behind something it is the end of that, and a second one is needed. False: not now.
 */
static bool pty_eof(const struct session *s)
{
	struct termios t;
	ssize_t n = s->in_line ? 2 : 1;

	if (tcgetattr(s->in, &t) < 0 || !(t.c_lflag & ICANON))
		return true; /* nobody would read it as that */
	return write(s->in, (cc_t[]){ t.c_cc[VEOF], t.c_cc[VEOF] }, (size_t)n) >= 0 ||
	       errno != EAGAIN;
}

/* The host's EOF becomes one here once everything before it has left. */
static void in_finish(struct session *s, struct mux *m)
{
	if (!s->in_eof || s->ring.len || s->in < 0)
		return;
	if (!s->has_pty) {
		session_in_close(s, m);
		return;
	}
	if (pty_eof(s))
		s->in_eof = false;
}

void session_pump(struct session *s, struct mux *m)
{
	const void *p;
	size_t n;

	while ((n = ring_peek(&s->ring, &p)) > 0) {
		size_t k = in_write(s, m, p, n);

		if (s->in < 0)
			return;
		if (!k)
			break;
		ring_drop(&s->ring, k);
		mux_consumed(m, s->ch, k);
	}
	in_finish(s, m);
}

void session_data(struct session *s, struct mux *m, const uint8_t *p, size_t n)
{
	size_t k = 0;

	if (s->file.said) {
		infile_data(&s->file, p, n);
		mux_consumed(m, s->ch, n);
		return;
	}
	/* Before the start, and behind what waits already, it has to queue. */
	if (!s->ring.len && (s->started || s->ended))
		k = in_write(s, m, p, n);
	mux_consumed(m, s->ch, k);
	if (k < n)
		ring_put(&s->ring, p + k, n - k);
}

void session_eof(struct session *s, struct mux *m)
{
	s->in_eof = true;
	if (s->started)
		in_finish(s, m);
}

/* stdout, stderr */

static void source_end(struct source *src, struct mux *m)
{
	close_source(src);
	if (src->ch >= 0 && mux_eof(m, src->ch) < 0)
		src->ch = -1; /* the host has closed it before */
}

static void source_send(struct source *src, struct mux *m)
{
	while (src->fd >= 0) {
		size_t room, want;
		ssize_t k;
		void *p;

		if (src->limited && !src->left) {
			source_end(src, m);
			return;
		}
		room = mux_data_reserve(m, src->ch, &p);
		if (!room)
			return;
		want = src->limited && src->left < room ? src->left : room;
		k = read(src->fd, p, want);
		mux_data_commit(m, src->ch, k > 0 ? (size_t)k : 0);
		if (k < 0 && (errno == EAGAIN || errno == EINTR) && !src->limited)
			return;
		if (k <= 0) { /* the end; a terminal whose other end is closed says EIO */
			source_end(src, m);
			return;
		}
		if (src->limited)
			src->left -= (size_t)k;
	}
}

void session_send(struct session *s, struct mux *m)
{
	source_send(&s->out, m);
	source_send(&s->err, m);
}

void session_eow(struct session *s, struct mux *m, int ch)
{
	source_end(ch == s->ch ? &s->out : &s->err, m);
	/* A terminal that nobody looks at has hung up. */
	if (s->has_pty && ch == s->ch)
		session_in_close(s, m);
}

/* What is in the pipe now is the child's own; later bytes are somebody else's. */
static void limit(const struct session *s, struct source *src)
{
	int n = 0;

	if (src->fd < 0)
		return;
	src->limited = true;
	if (s->has_pty) /* the line discipline hands on in the background: read it empty */
		src->left = MUX_WINDOW;
	else if (ioctl(src->fd, FIONREAD, &n) == 0 && n > 0)
		src->left = (size_t)n;
}

void session_ended(struct session *s, struct mux *m, const struct proc_status *st)
{
	s->ended = true;
	s->status = *st;
	session_in_close(s, m);
	limit(s, &s->out);
	limit(s, &s->err);
}

void session_failed(struct session *s, struct mux *m)
{
	s->ended = s->exit_said = true;
	session_in_close(s, m);
	close_source(&s->out);
	close_source(&s->err);
}

int session_piece(struct session *s, const void *p, size_t n)
{
	if (s->started || s->ended || n > WIRE_PIECE_MAX || n > WIRE_PAYLOAD_MAX - s->text.len)
		return -EINVAL;
	return buf_add(&s->text, p, n);
}

int session_file(struct session *s, const struct wire_file *f)
{
	if (s->started || s->ended || s->has_pty || s->file.said || s->ring.len || s->in_eof)
		return -EINVAL;
	infile_open(&s->file, f);
	return 0;
}

int session_winsize(struct session *s, const struct wire_winsize *size)
{
	struct winsize w = { .ws_row = (unsigned short)size->rows,
			     .ws_col = (unsigned short)size->cols };

	if (!s->has_pty)
		return -EINVAL;
	s->pty.size = *size;
	return s->out.fd >= 0 && ioctl(s->out.fd, TIOCSWINSZ, &w) < 0 ? -errno : 0;
}
