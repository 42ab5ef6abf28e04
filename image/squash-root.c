/* SPDX-License-Identifier: MIT */
/*
 * The fields of a squashfs that mksquashfs does not let us say. In the superblock (format 4.0,
 * little-endian) is where the table of inodes begins and where in it the root's is, and where the
 * list of blocks of owners is. Tables are rows of blocks of 8 KiB, each behind two bytes with its
 * size and a bit for "not compressed". An inode has its owners as indexes into their table.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "image/squash.h"

#define SUPERBLOCK 96u
#define AT_OWNERS 26u	  /* u16: how many there are */
#define AT_ROOT 32u	  /* u64: block << 16 | offset */
#define AT_OWNER_LIST 48u /* u64: where the list of their blocks is, u64 each */
#define AT_INODES 64u	  /* u64 */
#define BLOCK 8192u
#define OWNERS_IN_BLOCK (BLOCK / 4)
#define PLAIN 0x8000u
#define INODE_SIZE 12u /* of its first fields: type, mode, uid, gid of 16 bits, mtime of 32 */
#define INODE_UID 4u
#define INODE_GID 6u
#define INODE_MTIME 8u
#define TYPE_DIR 1u
#define TYPE_LONG_DIR 8u

static uint64_t number(const unsigned char *p, size_t n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | p[n];
	return v;
}

static void put_number(unsigned char *p, size_t n, uint64_t v)
{
	for (; n--; v >>= 8)
		*p++ = (unsigned char)v;
}

static int get(int fd, uint64_t at, unsigned char *p, size_t n)
{
	return pread(fd, p, n, (off_t)at) == (ssize_t)n ? 0 : -EIO;
}

/* Where the byte of a table is, which begins with this block: they all are of full size but the last. */
static int place(int fd, uint64_t block, uint64_t offset, uint64_t *at)
{
	unsigned char head[2];

	block += offset / BLOCK * (2 + BLOCK);
	*at = block + 2 + offset % BLOCK;
	return get(fd, block, head, 2) < 0 || !(number(head, 2) & PLAIN) ? -EIO : 0;
}

/* The index of an owner; -ENOENT when nothing in the file system is his. */
static int find_owner(int fd, const unsigned char *sb, uint32_t id)
{
	uint64_t n = number(sb + AT_OWNERS, 2);

	for (uint64_t i = 0; i < n; i++) {
		unsigned char b[8];
		uint64_t at = number(sb + AT_OWNER_LIST, 8) + i / OWNERS_IN_BLOCK * 8;

		if (get(fd, at, b, 8) < 0 ||
		    place(fd, number(b, 8), i % OWNERS_IN_BLOCK * 4, &at) < 0 ||
		    get(fd, at, b, 4) < 0)
			return -EIO;
		if (number(b, 4) == id)
			return (int)i;
	}
	return -ENOENT;
}

static int bad_form(struct err *e)
{
	return err_set(e, EIO, "the squashfs has not the form that was asked for");
}

/* The inode may go on in the next block, so byte by byte. */
static int change(int fd, const unsigned char *sb, const unsigned char *inode, struct err *e)
{
	uint64_t ref = number(sb + AT_ROOT, 8), block = number(sb + AT_INODES, 8) + (ref >> 16), at;

	for (unsigned i = INODE_UID; i < INODE_SIZE; i++) {
		if (place(fd, block, (ref & 0xffff) + i, &at) < 0)
			return bad_form(e);
		if (pwrite(fd, &inode[i], 1, (off_t)at) != 1)
			return err_sys(e, "write the image");
	}
	return 0;
}

int squash_set_root(int fd, const struct squash_root *root, struct err *e)
{
	unsigned char sb[SUPERBLOCK], inode[INODE_SIZE];
	uint64_t ref, at;
	int uid, gid, r;

	if (get(fd, 0, sb, sizeof(sb)) < 0 || memcmp(sb, "hsqs", 4) != 0)
		return err_set(e, EIO, "mksquashfs has written no squashfs");
	ref = number(sb + AT_ROOT, 8);
	for (unsigned i = 0; i < INODE_SIZE; i++) {
		if (place(fd, number(sb + AT_INODES, 8) + (ref >> 16), (ref & 0xffff) + i, &at) <
			    0 ||
		    get(fd, at, &inode[i], 1) < 0)
			return bad_form(e);
	}
	if (number(inode, 2) != TYPE_DIR && number(inode, 2) != TYPE_LONG_DIR)
		return bad_form(e);
	uid = find_owner(fd, sb, root->uid);
	gid = find_owner(fd, sb, root->gid);
	if (uid == -EIO || gid == -EIO)
		return bad_form(e);
	if (uid >= 0)
		put_number(inode + INODE_UID, 2, (uint64_t)uid);
	if (gid >= 0)
		put_number(inode + INODE_GID, 2, (uint64_t)gid);
	put_number(inode + INODE_MTIME, 4, root->mtime);
	r = change(fd, sb, inode, e);
	return r < 0 ? r : uid < 0 || gid < 0;
}
