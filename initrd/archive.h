/* SPDX-License-Identifier: MIT */
/*
 * Archives: tar and cpio in, newc out, any number of bytes, none of them in memory at once. The only
 * user of libarchive, whose every warning is an error here: it warns of what it has cut or lost.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "initrd/initrd.h"
#include "initrd/tree.h"
#include "lib/err.h"
#include "lib/macro.h"

/* A member, as the archive has it. Strings are borrowed until the next one. */
struct arc_member {
	const char *path;
	const char *hardlink; /* path of another member, or NULL; then type is FILE */
	const char *target;   /* SYMLINK */
	enum tree_type type;
	uint32_t mode; /* 07777 */
	int64_t uid, gid, mtime;
	uint64_t major, minor;
	uint64_t size;	   /* bytes of the contents */
	const char *extra; /* what an initrd cannot hold: "extended attributes", …; or NULL */
};

/* Who takes them. Each returns a negative errno with a sentence to stop. */
struct arc_sink {
	void *ctx;
	int (*member)(void *ctx, const struct arc_member *m, struct err *e);
	/* Bytes of the last member's contents, in order, with gaps where they are zero. */
	int (*data)(void *ctx, const void *p, size_t n, uint64_t offset, struct err *e);
	/* The last member is complete; it had data or not. */
	int (*done)(void *ctx, struct err *e);
};

/* Reads every archive that fd still has, one behind the other. */
int arc_read(int fd, const struct arc_sink *sink, struct err *e) must_check nonnull(2, 3);

/*
 * Reads fd as the kernel reads an initrd: gives the bytes of newc archives to feed, compressed ones
 * unpacked, with their offset. feed returns how many it took; fewer where no archive begins. It is
 * called with n = 0 at the end of each such stream.
 */
typedef ssize_t arc_feed(void *ctx, const void *p, size_t n, uint64_t offset, struct err *e);
int arc_unpack(int fd, arc_feed *feed, void *ctx, struct err *e) must_check nonnull(2, 4);

/* Gives what the one compressed file fd holds, unpacked, to the function. */
int arc_decompress(int fd, int (*to)(void *ctx, const void *p, size_t n, struct err *e), void *ctx,
		   struct err *e) must_check nonnull(2, 4);

struct arc_out;

/* Writes to fd, which is borrowed. Returns NULL without memory or with a sentence. */
struct arc_out *arc_out_new(int fd, enum initrd_compress compress, struct err *e) must_check
	nonnull(3);

/* Starts an entry; its contents follow when it is the last name of its inode. */
int arc_out_entry(struct arc_out *o, const struct tree_entry *en, struct err *e) must_check
	nonnull(1, 2, 3);

/* Where contents are best put before they are given; *n bytes of them fit. */
void *arc_out_room(struct arc_out *o, size_t *n) must_check nonnull(1, 2);
int arc_out_data(struct arc_out *o, const void *p, size_t n, struct err *e) must_check
	nonnull(1, 2, 4);

/* The end: trailer, padding, self-check. info may be NULL. */
int arc_out_end(struct arc_out *o, struct initrd_info *info, struct err *e) must_check
	nonnull(1, 3);

void arc_out_free(struct arc_out *o);
