/* SPDX-License-Identifier: MIT */
/* A ring of pieces. The caller fills the piece at head, the thread writes the one at tail. */
#include "initrd/behind.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/io.h"

#define PIECES 4
#define PIECE ((size_t)128 << 10) /* bytes */

struct behind {
	int fd;
	size_t n; /* bytes in the piece at head: the caller's own */
	bool threaded;
	pthread_t thread;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t turned;
	unsigned head, tail; /* pieces filled and written, since the begin */
	bool ended;	     /* no more pieces come */
	int error;	     /* a negative errno: nothing more is written */
	char pieces[PIECES][PIECE];
};

/* The piece at tail is complete, and nobody fills it. */
static void write_tail(struct behind *b)
{
	int r = io_write_all(b->fd, b->pieces[b->tail % PIECES], PIECE);

	pthread_mutex_lock(&b->lock);
	b->tail++;
	if (r < 0)
		b->error = r;
	pthread_cond_signal(&b->turned);
	pthread_mutex_unlock(&b->lock);
}

static void *thread_main(void *arg)
{
	struct behind *b = arg;

	for (;;) {
		bool more;

		pthread_mutex_lock(&b->lock);
		while (b->tail == b->head && !b->ended)
			pthread_cond_wait(&b->turned, &b->lock);
		more = b->tail != b->head && !b->error;
		pthread_mutex_unlock(&b->lock);
		if (!more)
			return NULL;
		write_tail(b);
	}
}

/* Signals are for who has called, but the one of a pipe without a reader, which is who writes. */
static void start(struct behind *b)
{
	sigset_t all, before;

	sigfillset(&all);
	sigdelset(&all, SIGPIPE);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	b->threaded = pthread_create(&b->thread, NULL, thread_main, b) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* The piece at head is full: on to the next one, when that has been written. */
static int turn(struct behind *b)
{
	int r;

	if (!b->threaded)
		start(b);
	pthread_mutex_lock(&b->lock);
	b->head++;
	b->n = 0;
	pthread_cond_signal(&b->turned);
	while (b->threaded && b->head - b->tail == PIECES && !b->error)
		pthread_cond_wait(&b->turned, &b->lock);
	r = b->error;
	pthread_mutex_unlock(&b->lock);
	if (b->threaded)
		return r;
	write_tail(b);
	return b->error;
}

struct behind *behind_new(int fd)
{
	struct behind *b = malloc(sizeof(*b));

	if (!b)
		return NULL;
	memset(b, 0, offsetof(struct behind, pieces));
	b->fd = fd;
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->turned, NULL);
	return b;
}

void *behind_room(struct behind *b, size_t *n)
{
	*n = PIECE - b->n;
	return b->pieces[b->head % PIECES] + b->n;
}

int behind_write(struct behind *b, const void *p, size_t n)
{
	const char *at = p;
	int r = 0;

	while (r == 0 && n) {
		size_t k;
		void *to = behind_room(b, &k);

		k = n < k ? n : k;
		if (to != at)
			memcpy(to, at, k);
		b->n += k;
		at += k;
		n -= k;
		if (b->n == PIECE)
			r = turn(b);
	}
	return r;
}

static void join(struct behind *b)
{
	if (!b->threaded)
		return;
	pthread_mutex_lock(&b->lock);
	b->ended = true;
	pthread_cond_signal(&b->turned);
	pthread_mutex_unlock(&b->lock);
	pthread_join(b->thread, NULL);
	b->threaded = false;
}

int behind_end(struct behind *b)
{
	join(b);
	return b->error ? b->error : io_write_all(b->fd, b->pieces[b->head % PIECES], b->n);
}

void behind_free(struct behind *b)
{
	if (!b)
		return;
	if (b->threaded) {
		pthread_mutex_lock(&b->lock);
		if (!b->error)
			b->error = -ECANCELED;
		pthread_mutex_unlock(&b->lock);
	}
	join(b);
	pthread_mutex_destroy(&b->lock);
	pthread_cond_destroy(&b->turned);
	free(b);
}
