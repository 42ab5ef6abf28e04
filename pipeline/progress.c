/* SPDX-License-Identifier: MIT */
/* The line is written over, and cut to the terminal's width. */
#include "pipeline/progress.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/io.h"
#include "pipeline/run.h"

#define CLEAR "\r\033[K" /* ECMA-48: erase in line */

static int add_size(struct buf *b, uint64_t n)
{
	static const char units[] = { 'B', 'K', 'M', 'G', 'T' };
	double v = (double)n;
	size_t u = 0;

	while (v >= 1000 && u + 1 < sizeof(units)) {
		v /= 1024;
		u++;
	}
	return buf_addf(b, u && v < 10 ? "%.1f%c" : "%.0f%c", v, units[u]);
}

static size_t width(void)
{
	struct winsize w;

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col ? w.ws_col : 80;
}

void progress_show(struct progress *p, const struct run *r, size_t n, uint64_t ms)
{
	struct pollfd room = { .fd = STDERR_FILENO, .events = POLLOUT };
	cleanup_buf struct buf b = { 0 };
	size_t from = strlen(CLEAR), columns = width() - 1;
	int k;

	if (ms < p->next || poll(&room, 1, 0) <= 0)
		return;
	p->next = ms + PROGRESS_EACH_MS;
	k = buf_addf(&b, CLEAR "%llu:%02llu", (unsigned long long)ms / 60000,
		     (unsigned long long)ms / 1000 % 60);

	for (size_t i = 0; i < n && k == 0; i++) {
		const struct stage *s = &r->plan->stage[i];
		uint64_t bytes = r->result[i].bytes + r->told[i].bytes;

		k = buf_addf(&b, "  %.24s", s->args.n ? s->args.v[0] : stage_type_name(s->type));
		if (k == 0 && (i + 1 < n || bytes)) {
			k = buf_addc(&b, ' ');
			if (k == 0)
				k = add_size(&b, bytes);
		}
	}
	if (k < 0)
		return;
	for (size_t i = from; i < b.len; i++) {
		if ((unsigned char)b.p[i] < ' ' || (unsigned char)b.p[i] > '~')
			b.p[i] = '?';
	}
	if (b.len > from + columns)
		b.len = from + columns;
	(void)!io_write_all(STDERR_FILENO, b.p, b.len);
	p->shown = true;
}

void progress_clear(struct progress *p)
{
	if (p->shown)
		(void)!io_write_all(STDERR_FILENO, CLEAR, strlen(CLEAR));
	p->shown = false;
}
