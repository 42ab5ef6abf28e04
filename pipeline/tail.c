/* SPDX-License-Identifier: MIT */
/* A buffer of twice the size is cut to its second half when it is full. */
#include "pipeline/tail.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/io.h"

static void keep(struct tail *t, const char *p, size_t n)
{
	if (n > t->max) {
		p += n - t->max;
		n = t->max;
	}
	if (t->b.len + n > 2 * t->max) {
		memmove(t->b.p, t->b.p + t->b.len - t->max, t->max);
		t->b.len = t->max;
	}
	if (buf_add(&t->b, p, n) < 0)
		t->b.len = 0; /* without memory there is no tail */
}

void tail_end(struct tail *t)
{
	if (t->fd >= 0)
		close(take_fd(&t->fd));
}

/* Somebody who reads stderr no more does not stop a stage. */
void tail_move(struct tail *t, int out)
{
	char piece[PIPE_BUF];
	ssize_t n = read(t->fd, piece, sizeof(piece));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		tail_end(t);
		return;
	}
	t->bytes += (uint64_t)n;
	(void)!io_write_all(out, piece, (size_t)n);
	keep(t, piece, (size_t)n);
}

const char *tail_bytes(const struct tail *t, size_t *n)
{
	size_t skip = t->b.len > t->max ? t->b.len - t->max : 0;

	*n = t->b.len - skip;
	return t->b.p ? t->b.p + skip : "";
}

void tail_free(struct tail *t)
{
	tail_end(t);
	buf_free(&t->b);
}
