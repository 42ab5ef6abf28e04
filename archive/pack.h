/* SPDX-License-Identifier: MIT */
/* A file or a directory as a tar archive, and its digest. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "archive/digest.h"
#include "archive/tar.h"
#include "lib/err.h"
#include "lib/macro.h"

struct pack_opts {
	const char *name;  /* of the top in the archive: see pack_name_valid() */
	int out;	   /* the archive goes there; -1 = nowhere: the digest alone is wanted */
	int stop_fd;	   /* readable: end with -EINTR; -1 = none */
	bool reproducible; /* the same contents give the same bytes */
	bool owners; /* uid and gid are kept, unless it is to be reproducible; else they are 0 */
	enum tar_compression compression;
	bool dirs_last;	 /* a directory follows what is in it: see execvm-pack(1) */
	bool dirs_only;	 /* nothing but directories; without a digest */
	int64_t mtime;	 /* of every member, when reproducible; 0..TAR_MTIME_MAX */
	bool digest;	 /* *digest is filled */
	bool own;	 /* the tree is ours: what its owner may not read is read all the same */
	const char *pin; /* what the digest has to be, or NULL */
	void (*warn)(const char *fmt, ...)
		printf_like(1, 2); /* of what was left out; NULL = nobody */
};

/* One component, at most 255 bytes; "." is one, ".." is not. */
bool pack_name_valid(const char *name) must_check nonnull(1);

/*
 * Packs path, which is relative to dirfd. A symlink is packed as such; when path ends in '/', what
 * it points to. Below it none is followed. The digest of a regular file is that of its contents; of
 * anything else that of the reproducible archive with the name "." and mtime 0.
 *
 * Whatever fails, the end of the archive is not written. -EKEYREJECTED: it is not what pin says.
 */
int pack(int dirfd, const char *path, const struct pack_opts *o, char digest[DIGEST_TEXT],
	 struct err *e) must_check nonnull(2, 3, 4, 5);

/*
 * Packs n paths into one archive, each with the name that it has here, as tar(1) does: what is in
 * front of a last ".." in it and slashes at its begin are left out, with a warning. Of the options,
 * name, dirs_last, dirs_only, digest and pin are not looked at.
 */
int pack_list(int dirfd, char *const *paths, size_t n, const struct pack_opts *o,
	      struct err *e) must_check nonnull(4, 5);
