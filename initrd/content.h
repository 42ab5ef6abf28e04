/* SPDX-License-Identifier: MIT */
/*
 * Where the bytes of a file come from: memory, a file of the host, or the spool. They are read when
 * they are written out, piece by piece, so that no file is ever in memory as a whole.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "lib/err.h"
#include "lib/macro.h"

/* Bytes of archives, in one unnamed file. */
struct spool {
	int fd;	      /* owned; -1 until it is needed */
	uint64_t end; /* bytes in use */
};

enum content_kind { CONTENT_BYTES, CONTENT_HOST, CONTENT_SPOOL };

struct content {
	enum content_kind kind;
	uint64_t size;
	const void *bytes; /* BYTES: borrowed; may be NULL when size is 0 */
	char *host;	   /* HOST: owned path */
	dev_t dev;	   /* HOST: what it was when it was added */
	ino_t ino;
	struct timespec mtime;
	uint64_t offset; /* SPOOL */
};

/* Writes n bytes at an offset of the spool, which is opened when it is not yet. */
int spool_write(struct spool *s, const void *p, size_t n, uint64_t offset, struct err *e) must_check
	nonnull(1, 2, 5);
void spool_close(struct spool *s) nonnull(1);

/* The host file as st shows it. Returns 0 or -ENOMEM. */
int content_of_host(struct content *c, const char *host, const struct stat *st) must_check
	nonnull(1, 2, 3);

/* Who takes contents. */
struct content_sink {
	void *ctx;
	/* Where bytes may be put before they are given; *n of them fit, at least one. */
	void *(*room)(void *ctx, size_t *n);
	int (*data)(void *ctx, const void *p, size_t n, struct err *e);
};

/*
 * Gives all bytes to the sink, in order. -ESTALE when a host file is not what it was, or changes
 * meanwhile; what the sink returns when that is negative.
 */
int content_copy(const struct content *c, const struct spool *s, const struct content_sink *to,
		 struct err *e) must_check nonnull(1, 2, 3, 4);

/* Up to n bytes from an offset on. Returns the count or a negative errno. */
ssize_t content_read(const struct content *c, const struct spool *s, void *p, size_t n,
		     uint64_t offset, struct err *e) must_check nonnull(1, 2, 3, 6);

void content_free(struct content *c) nonnull(1);
