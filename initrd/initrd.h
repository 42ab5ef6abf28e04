/* SPDX-License-Identifier: MIT */
/*
 * Initrds: sources are added in order, the last one wins, one newc archive comes out. Nothing here
 * prints; whatever returns int returns 0, or a negative errno with a sentence in *e.
 *
 * What lands in the archive is always the same for the same sources: entries sorted by name bytes,
 * inodes numbered in that order, missing parents made (0755, root), mtime 0 or clamped to the
 * epoch. Names are absolute guest paths; "." and "//" are taken out, ".." is refused.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/macro.h"

struct initrd; /* the sources so far */

enum initrd_compress {
	INITRD_NONE,
	INITRD_GZIP, /* as of gzip -n */
	INITRD_ZSTD,
	INITRD_LZ4, /* the legacy format: the only one that the kernel reads */
};

/* What is known of an initrd, built or found. */
struct initrd_info {
	uint64_t file;	   /* bytes of the file, compressed or not */
	uint64_t unpacked; /* bytes of guest memory that the contents take, in whole pages */
	uint64_t entries;  /* names */
	bool has_init;	   /* /init is there */
};

enum {
	/*
	 * Goes behind another initrd: no /dev/console, no /dev/null. The kernel gives a directory
	 * that is there already the mode of the segment's, 0755 where the segment did not name it.
	 */
	INITRD_SEGMENT = 1 << 0,
};

/* NULL when there is no memory. flags: 0 or INITRD_SEGMENT. */
struct initrd *initrd_new(int flags) must_check;

/* Removes everything that was spooled. in may be NULL. */
void initrd_free(struct initrd *in);

/* Where warnings go (msg_warn); NULL, the start: nowhere. */
void initrd_set_warn(struct initrd *in, void (*warn)(const char *fmt, ...) printf_like(1, 2))
	nonnull(1);

/* SOURCE_DATE_EPOCH: mtimes are kept up to this one. Without it every mtime is 0. */
void initrd_set_epoch(struct initrd *in, uint32_t epoch) nonnull(1);

/*
 * Single entries. The guest path goes through symlinks that any source brings (/bin/x lands in
 * /usr/bin/x where /bin is a link to usr/bin), its last component does not. All belong to root.
 * bytes: data is borrowed until initrd_write() has returned. file: host is a regular file, links
 * are followed; mode may be INITRD_MODE_OF_HOST. target is written as it is.
 */
#define INITRD_MODE_OF_HOST ((mode_t)-1)
int initrd_add_bytes(struct initrd *in, const char *guest, const void *data, size_t n, mode_t mode,
		     struct err *e) must_check nonnull(1, 2, 6);
int initrd_add_file(struct initrd *in, const char *host, const char *guest, mode_t mode,
		    struct err *e) must_check nonnull(1, 2, 3, 5);
int initrd_add_symlink(struct initrd *in, const char *target, const char *guest,
		       struct err *e) must_check nonnull(1, 2, 3, 4);
int initrd_add_dir(struct initrd *in, const char *guest, mode_t mode, struct err *e) must_check
	nonnull(1, 2, 4);

/* HOST=GUEST[,mode=,uid=,gid=], and GUEST=TYPE[,…]: see initrd/spec.h. */
int initrd_add_word(struct initrd *in, const char *word, struct err *e) must_check nonnull(1, 2, 3);
int initrd_make_word(struct initrd *in, const char *word, struct err *e) must_check
	nonnull(1, 2, 3);

/* OLD=NEW: renames what archives and trees bring from now on, by whole components. */
int initrd_rename(struct initrd *in, const char *word, struct err *e) must_check nonnull(1, 2, 3);

/* Leaves out, instead of refusing, what an initrd cannot hold: extended attributes, ACLs, flags. */
void initrd_drop_extra(struct initrd *in) nonnull(1);

/*
 * All members of a tar or cpio archive, compressed or not, several in a row too (an initrd in
 * segments). "-" is stdin. Contents are spooled into an unnamed file in $TMPDIR or /var/tmp.
 */
int initrd_add_archive(struct initrd *in, const char *path, struct err *e) must_check
	nonnull(1, 2, 3);

/* All that is below a host directory. uid and gid become 0. */
int initrd_add_tree(struct initrd *in, const char *dir, struct err *e) must_check nonnull(1, 2, 3);

/*
 * The n named modules of a kernel, and what they depend on, uncompressed below /lib/modules, with
 * their load order in GUEST_MODULES (lib/layout.h; not made when nothing has to be loaded). What is
 * built in is fine; what is not known is -ENOENT. kver is a directory below /lib/modules, or, with
 * a slash, the path of such a directory. Further calls add to the list, for the same kver only.
 */
int initrd_add_modules(struct initrd *in, const char *kver, char *const *names, size_t n,
		       struct err *e) must_check nonnull(1, 2, 5);

/*
 * Is /init a program that this machine's kernel can start, with its interpreter in the archive? Can
 * the kernel that modules were added for unpack it? Nothing may be added afterwards.
 */
int initrd_check(struct initrd *in, enum initrd_compress compress, struct err *e) must_check
	nonnull(1, 3);

/*
 * Adds a line per entry: type and mode, inode, links, uid, gid, mtime, size or major,minor, path,
 * target; blanks, control bytes and backslashes as \ooo. Nothing may be added afterwards.
 */
int initrd_list(struct initrd *in, struct buf *out, struct err *e) must_check nonnull(1, 2, 3);

/*
 * Writes the archive to fd, at its position. info may be NULL. Fails when a host file is not what
 * it was when it was added. Nothing may be added afterwards. The file ends on a multiple of 512
 * bytes when it is not compressed; for others see initrd_copy().
 */
int initrd_write(struct initrd *in, int fd, enum initrd_compress compress, struct initrd_info *info,
		 struct err *e) must_check nonnull(1, 5);

/*
 * Copies the initrd in file to out, and the zero bytes that let a segment follow (a multiple of 4).
 * -EINVAL for one that lz4 compressed: the kernel takes all that follows for a part of it.
 */
int initrd_copy(const char *file, int out, struct err *e) must_check nonnull(1, 3);

/*
 * Reads an initrd as the kernel does: newc archives, raw or compressed, any number of them. -EINVAL
 * when it is none, or ends too early.
 */
int initrd_measure(const char *path, struct initrd_info *info, struct err *e) must_check
	nonnull(1, 2, 3);
