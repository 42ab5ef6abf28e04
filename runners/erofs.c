/* SPDX-License-Identifier: MIT */
/* One superblock, a directory, a file. Numbers are little-endian. */
#include "runners/erofs.h"

#include <string.h>
#include <sys/stat.h>

#define SUPER 1024u
#define MAGIC 0xe0f5e1e2u
#define BLOCK_BITS 12
#define SLOT 32u /* bytes for which an inode's number counts */
#define ROOT (SUPER + 128u)
#define INODE 64u
#define ENTRY 12u
#define DIRECTORY (ROOT + INODE) /* its entries are behind its inode */
#define FILE_INODE (DIRECTORY + 64u)

enum { LAYOUT_PLAIN = 0, LAYOUT_INLINE = 2 };
enum { TYPE_FILE = 1, TYPE_DIRECTORY = 2 };

static void put(uint8_t *p, unsigned bytes, uint64_t v)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

struct inode {
	unsigned layout, mode, links;
	uint64_t size;
	unsigned block; /* LAYOUT_PLAIN: where it begins */
	const struct timespec *mtime;
};

/* struct erofs_inode_extended; owner and group are 0. */
static void put_inode(uint8_t *p, const struct inode *n)
{
	put(p, 2, 1 | n->layout << 1);
	put(p + 4, 2, n->mode);
	put(p + 8, 8, n->size);
	put(p + 16, 4, n->block);
	put(p + 32, 8, (uint64_t)n->mtime->tv_sec);
	put(p + 40, 4, (uint64_t)n->mtime->tv_nsec);
	put(p + 44, 4, n->links);
}

/* struct erofs_dirent for each, sorted by name, then the names. Returns the bytes of both. */
static uint64_t put_directory(uint8_t *p)
{
	static const struct {
		const char *name;
		unsigned inode, type;
	} entries[] = {
		{ ".", ROOT, TYPE_DIRECTORY },
		{ "..", ROOT, TYPE_DIRECTORY },
		{ "stdin", FILE_INODE, TYPE_FILE },
	};
	size_t at = ARRAY_SIZE(entries) * ENTRY;

	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		size_t n = strlen(entries[i].name);

		put(p + i * ENTRY, 8, entries[i].inode / SLOT);
		put(p + i * ENTRY + 8, 2, at);
		put(p + i * ENTRY + 10, 1, entries[i].type);
		memcpy(p + at, entries[i].name, n);
		at += n;
	}
	return at;
}

void erofs_head(uint64_t size, const struct timespec *mtime, uint8_t out[EROFS_BLOCK])
{
	struct inode dir = { LAYOUT_INLINE, S_IFDIR | 0555, 2, 0, 0, mtime };
	struct inode file = { LAYOUT_PLAIN, S_IFREG | 0444, 1, size, 1, mtime };
	uint8_t *super = out + SUPER;

	memset(out, 0, EROFS_BLOCK);
	put(super, 4, MAGIC);
	put(super + 12, 1, BLOCK_BITS);
	put(super + 14, 2, ROOT / SLOT);
	put(super + 16, 8, 2); /* inodes */
	put(super + 24, 8, (uint64_t)mtime->tv_sec);
	put(super + 32, 4, (uint64_t)mtime->tv_nsec);
	put(super + 36, 4, 1 + (size + EROFS_BLOCK - 1) / EROFS_BLOCK);
	dir.size = put_directory(out + DIRECTORY);
	put_inode(out + ROOT, &dir);
	put_inode(out + FILE_INODE, &file);
}
