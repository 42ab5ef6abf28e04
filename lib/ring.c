/* SPDX-License-Identifier: MIT */
/* struct ring. */
#include "lib/ring.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/msg.h"

int ring_init(struct ring *r, size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return -ENOMEM;
	*r = (struct ring){ .p = p, .size = size };
	return 0;
}

void ring_free(struct ring *r)
{
	if (r->p)
		munmap(r->p, r->size);
	*r = (struct ring){ 0 };
}

void ring_put(struct ring *r, const void *p, size_t n)
{
	size_t at = r->head + r->len, first;

	ASSERT(n <= r->size - r->len);
	if (at >= r->size)
		at -= r->size;
	first = n < r->size - at ? n : r->size - at;
	memcpy(r->p + at, p, first);
	memcpy(r->p, (const uint8_t *)p + first, n - first);
	r->len += n;
}

size_t ring_peek(const struct ring *r, const void **p)
{
	*p = r->p + r->head;
	return r->len < r->size - r->head ? r->len : r->size - r->head;
}

void ring_drop(struct ring *r, size_t n)
{
	ASSERT(n <= r->len);
	r->head += n;
	r->len -= n;
	if (r->head >= r->size)
		r->head -= r->size;
	if (!r->len)
		r->head = 0; /* the longest pieces */
}
