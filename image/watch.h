/* SPDX-License-Identifier: MIT */
/* Who wants to know how far long work is, and of what was left out. */
#pragma once

#include <stdint.h>

struct watch {
	/* what is done at the moment, and how many bytes of it; called often. May be NULL. */
	void (*progress)(void *ctx, const char *what, uint64_t bytes);
	void (*warn)(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
	void *ctx;
};

static inline void watch_progress(const struct watch *w, const char *what, uint64_t bytes)
{
	if (w->progress)
		w->progress(w->ctx, what, bytes);
}
