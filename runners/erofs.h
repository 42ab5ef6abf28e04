/* SPDX-License-Identifier: MIT */
/*
 * An erofs file system around one file. Its first block is made here, the file's own bytes are the
 * rest: nothing is copied. Layout: linux/Documentation/filesystems/erofs.rst and fs/erofs/erofs_fs.h.
 */
#pragma once

#include <stdint.h>
#include <time.h>

#include "lib/macro.h"

#define EROFS_BLOCK 4096u /* bytes */
#define EROFS_FILE_MAX                                                                             \
	((uint64_t)UINT32_MAX << 11) /* bytes: half of what the numbers of blocks reach */

/*
 * The block in front of a file of size bytes (at most EROFS_FILE_MAX), which is "/stdin" there, can be
 * read by everybody and was changed at mtime. Behind the file there are zeros to the end of a block.
 */
void erofs_head(uint64_t size, const struct timespec *mtime, uint8_t out[EROFS_BLOCK])
	nonnull(2, 3);
