/* SPDX-License-Identifier: MIT */
/*
 * A tar archive that is being written, in GNU's form: names and links of any length by @LongLink,
 * large sizes in base 256; what busybox's tar reads. Owners are numbers, without names.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "archive/digest.h"
#include "lib/err.h"
#include "lib/macro.h"

#define TAR_MTIME_MAX (((int64_t)1 << 33) - 1) /* 11 octal digits; below 0 there is nothing */

enum tar_compression { TAR_PLAIN, TAR_GZIP, TAR_BZIP2, TAR_XZ, TAR_ZSTD };

struct archive;
struct archive_entry;

struct tar_out {
	struct archive *a;	     /* owned; NULL: not in use */
	struct archive_entry *entry; /* owned: filled anew for each */
	int fd;			     /* borrowed; -1: into the digest */
	struct digest digest;
	char *buffer;	  /* owned */
	size_t n;	  /* bytes in it */
	uint64_t written; /* bytes in all */
	bool compressed;
	uint64_t left;	/* of the member, bytes that are still to come */
	bool closed;	/* the end is written */
	bool discard;	/* what comes is not wanted any more */
	struct err err; /* of the descriptor */
};

struct tar_member {
	const char *path;     /* in the archive */
	const char *hardlink; /* path in the archive of the same file, or NULL */
	const char *target;   /* of a symlink, or NULL */
	mode_t mode;	      /* with the type */
	uint64_t size;	      /* bytes of data that follow */
	int64_t mtime;	      /* 0..TAR_MTIME_MAX */
	uid_t uid;
	gid_t gid;
};

/* "none", "gzip", "bzip2", "xz", "zstd". tar_compression() returns -EINVAL for other text. */
const char *tar_compression_name(enum tar_compression c) must_check;
int tar_compression(const char *text, enum tar_compression *c) must_check nonnull(1, 2);

/* Bytes go to fd or, when that is -1, only into a digest. Zeroed before. */
int tar_open(struct tar_out *t, int fd, enum tar_compression c, struct err *e) must_check
	nonnull(1, 4);

int tar_member(struct tar_out *t, const struct tar_member *m, struct err *e) must_check
	nonnull(1, 2, 3);
int tar_data(struct tar_out *t, const void *p, size_t n, struct err *e) must_check nonnull(1, 2, 4);

/* Writes the end. Without it a reader sees an archive that is cut off. */
int tar_close(struct tar_out *t, struct err *e) must_check nonnull(1, 2);

/*
 * Releases it. What was begun and is not closed is broken off: no reader takes it for whole.
 */
void tar_free(struct tar_out *t) nonnull(1);
#define cleanup_tar __attribute__((cleanup(tar_free)))
