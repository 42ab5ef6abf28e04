/* SPDX-License-Identifier: MIT */
/* What is written in order, with holes where it is zero. */
#include "archive/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"

#define BLOCK ((size_t)4096) /* of holes */

static const char *directory(void)
{
	const char *dir = getenv("TMPDIR");

	return dir && *dir ? dir : "/var/tmp";
}

int scratch_open(struct scratch *s, struct err *e)
{
	const char *dir = directory();

	*s = (struct scratch){ .fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) };
	if (s->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
		char path[4096];

		if (snprintf(path, sizeof(path), "%s/execvm-XXXXXX", dir) >= (int)sizeof(path))
			return err_set(e, ENAMETOOLONG, "TMPDIR is too long");
		s->fd = mkostemp(path, O_CLOEXEC);
		if (s->fd >= 0)
			unlink(path);
	}
	return s->fd < 0 ? err_sys(e, "make a file in %s", dir) : 0;
}

static bool is_zero(const char *p, size_t n)
{
	return !*p && !memcmp(p, p + 1, n - 1);
}

static int put(struct scratch *s, const char *p, size_t n, uint64_t at, struct err *e)
{
	while (n) {
		ssize_t k = pwrite(s->fd, p, n, (off_t)at);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return err_sys(e, "write to %s", directory());
		p += k;
		at += (uint64_t)k;
		n -= (size_t)k;
	}
	return 0;
}

int scratch_write(void *ctx, const void *p, size_t n, struct err *e)
{
	struct scratch *s = ctx;
	const char *from = p;

	if (n > SCRATCH_MAX - s->end || s->at > SCRATCH_MAX - s->end - n)
		return err_set(e, EFBIG, "more than %llu GiB unpacked",
			       (unsigned long long)SCRATCH_MAX >> 30);
	while (n) {
		size_t run = 0, k = 0;
		bool hole = false;
		int r;

		/* As many blocks as are alike, the first one up to where blocks begin. */
		while (run < n) {
			uint64_t at = s->end + s->at + run;
			bool zero;

			k = BLOCK - at % BLOCK;
			k = k < n - run ? k : n - run;
			zero = is_zero(from + run, k);
			if (run && zero != hole)
				break;
			hole = zero;
			run += k;
		}
		r = hole ? 0 : put(s, from, run, s->end + s->at, e);
		if (r < 0)
			return r;
		s->at += run;
		from += run;
		n -= run;
	}
	return 0;
}

int scratch_end(struct scratch *s, struct span *out, struct err *e)
{
	*out = (struct span){ s->fd, s->end, s->at };
	s->end += s->at;
	s->at = 0;
	if (ftruncate(s->fd, (off_t)s->end) < 0)
		return err_sys(e, "write to %s", directory());
	/* The next one begins with a block: its holes are whole. */
	s->end = (s->end + BLOCK - 1) / BLOCK * BLOCK;
	return 0;
}

void scratch_close(struct scratch *s)
{
	if (s->fd >= 0)
		close(take_fd(&s->fd));
}

ssize_t span_read(const struct span *s, uint64_t at, void *p, size_t n, struct err *e)
{
	size_t got = 0;

	if (at >= s->size)
		return 0;
	if (n > s->size - at)
		n = (size_t)(s->size - at);
	while (got < n) {
		ssize_t k = pread(s->fd, (char *)p + got, n - got, (off_t)(s->offset + at + got));

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return err_sys(e, "read");
		if (k == 0)
			break;
		got += (size_t)k;
	}
	return (ssize_t)got;
}
