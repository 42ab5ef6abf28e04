/* SPDX-License-Identifier: MIT */
/*
 * The one field of a squashfs that mksquashfs does not let us say. In the superblock (format 4.0,
 * little-endian) is where the table of inodes begins and where in it the root's is; the table is a
 * row of blocks of 8 KiB, each behind two bytes with its size and a bit for "not compressed".
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "image/squash.h"

#define SUPERBLOCK 96u
#define AT_ROOT 32u  /* u64: block << 16 | offset */
#define AT_TABLE 64u /* u64 */
#define BLOCK 8192u
#define PLAIN 0x8000u
#define INODE_MTIME 8u /* u32, behind type, mode, uid, gid */
#define TYPE_DIR 1u
#define TYPE_LONG_DIR 8u

static uint64_t number(const unsigned char *p, size_t n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | p[n];
	return v;
}

static int get(int fd, uint64_t at, unsigned char *p, size_t n)
{
	return pread(fd, p, n, (off_t)at) == (ssize_t)n ? 0 : -EIO;
}

int squash_root_time(int fd, uint32_t mtime, struct err *e)
{
	unsigned char sb[SUPERBLOCK], head[2];
	uint64_t ref, block;

	if (get(fd, 0, sb, sizeof(sb)) < 0 || memcmp(sb, "hsqs", 4) != 0)
		return err_set(e, EIO, "mksquashfs has written no squashfs");
	ref = number(sb + AT_ROOT, 8);
	block = number(sb + AT_TABLE, 8) + (ref >> 16);
	/* The inode may go on in the next block; type and time are looked for byte by byte. */
	for (unsigned i = 0; i < INODE_MTIME + 4; i++) {
		uint64_t at = (ref & 0xffff) + i;
		uint64_t begin = block + at / BLOCK * (2 + BLOCK);
		unsigned char byte;

		if (get(fd, begin, head, 2) < 0 || !(number(head, 2) & PLAIN) ||
		    get(fd, begin + 2 + at % BLOCK, &byte, 1) < 0)
			return err_set(e, EIO, "the squashfs has not the form that was asked for");
		if (i == 0 && byte != TYPE_DIR && byte != TYPE_LONG_DIR)
			return err_set(e, EIO,
				       "the root of the squashfs is not where it should be");
		if (i < INODE_MTIME)
			continue;
		byte = (unsigned char)(mtime >> 8 * (i - INODE_MTIME));
		if (pwrite(fd, &byte, 1, (off_t)(begin + 2 + at % BLOCK)) != 1)
			return err_sys(e, "write image");
	}
	return 0;
}
