/* SPDX-License-Identifier: MIT */
/* Entries of a tar as squashfs can hold them, on their way to mksquashfs. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "image/squash.h"

#include "late/archive.h"

#define PIECE ((size_t)128 << 10) /* zeros written at a time */
#define MAJOR_MAX 0xfffu	  /* as squashfs has them */
#define MINOR_MAX 0xfffffu

static int check_owner(struct archive_entry *en, const char *path, struct err *e)
{
	if (archive_entry_uid(en) < 0 || archive_entry_gid(en) < 0 ||
	    archive_entry_uid(en) >= UINT32_MAX || archive_entry_gid(en) >= UINT32_MAX)
		return err_set(e, ERANGE, "'%.150s': owner %jd:%jd", path,
			       (intmax_t)archive_entry_uid(en), (intmax_t)archive_entry_gid(en));
	return 0;
}

static uint32_t mtime_of(struct archive_entry *en)
{
	int64_t t = archive_entry_mtime(en);

	return t < 0 ? 0 : t > (int64_t)UINT32_MAX ? UINT32_MAX : (uint32_t)t;
}

int squash_root_from(struct squash_root *r, struct archive_entry *en, struct err *e)
{
	if (check_owner(en, "/", e) < 0)
		return -e->code;
	*r = (struct squash_root){
		.mode = archive_entry_perm(en) & 07777,
		.uid = (uint32_t)archive_entry_uid(en),
		.gid = (uint32_t)archive_entry_gid(en),
		.mtime = mtime_of(en),
	};
	return 0;
}

static bool xattr_kept(const char *name)
{
	static const char *const kinds[] = { "user.", "trusted.", "security." };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!strncmp(name, kinds[i], strlen(kinds[i])))
			return true;
	}
	return false;
}

/* Takes the others out. Returns whether there were any. */
static int keep_xattrs(struct archive_entry *en, struct archive_entry *kept)
{
	int left = archive_entry_xattr_reset(en), lost = 0;
	const char *name;
	const void *value;
	size_t n;

	while (left-- > 0 && archive_entry_xattr_next(en, &name, &value, &n) == ARCHIVE_OK) {
		if (xattr_kept(name))
			archive_entry_xattr_add_entry(kept, name, value, n);
		else
			lost = 1;
	}
	return lost;
}

static void note_dropped(struct squash *s, const char *path)
{
	if (!s->dropped++)
		snprintf(s->dropped_first, sizeof(s->dropped_first), "%s", path);
}

/* en as it goes into the pipe, in an entry that has nothing else. */
static struct archive_entry *cleaned(struct squash *s, struct archive_entry *en, const char *path)
{
	struct archive_entry *out = archive_entry_new();
	bool lost;

	if (!out)
		return NULL;
	archive_entry_copy_pathname(out, path);
	archive_entry_set_mode(out, archive_entry_filetype(en) | archive_entry_perm(en));
	archive_entry_set_uid(out, archive_entry_uid(en));
	archive_entry_set_gid(out, archive_entry_gid(en));
	archive_entry_set_mtime(out, mtime_of(en), 0);
	archive_entry_set_size(out,
			       archive_entry_filetype(en) == AE_IFREG ? archive_entry_size(en) : 0);
	if (archive_entry_filetype(en) == AE_IFLNK)
		archive_entry_copy_symlink(out, archive_entry_symlink(en));
	if (archive_entry_filetype(en) == AE_IFCHR || archive_entry_filetype(en) == AE_IFBLK) {
		archive_entry_set_rdevmajor(out, archive_entry_rdevmajor(en));
		archive_entry_set_rdevminor(out, archive_entry_rdevminor(en));
	}
	lost = keep_xattrs(en, out);
	lost |= archive_entry_acl_types(en) != 0;
	lost |= archive_entry_fflags_text(en) != NULL;
	if (lost)
		note_dropped(s, path);
	return out;
}

static int put_header(struct squash *s, struct archive_entry *en, struct err *e)
{
	int r = archive_write_header(s->tar, en);

	return r == ARCHIVE_OK ? 0 : squash_write_err(s, e);
}

int squash_entry(struct squash *s, struct archive_entry *en, const char *path, struct err *e)
{
	uint64_t size =
		archive_entry_filetype(en) == AE_IFREG ? (uint64_t)archive_entry_size(en) : 0;
	bool device =
		archive_entry_filetype(en) == AE_IFCHR || archive_entry_filetype(en) == AE_IFBLK;
	struct archive_entry *out;
	int r = check_owner(en, path, e);

	if (r == 0 && device &&
	    (archive_entry_rdevmajor(en) > MAJOR_MAX || archive_entry_rdevminor(en) > MINOR_MAX))
		r = err_set(e, ERANGE, "'%.150s': device %ju:%ju", path,
			    (uintmax_t)archive_entry_rdevmajor(en),
			    (uintmax_t)archive_entry_rdevminor(en));
	if (r == 0 && (size > SQUASH_DATA_MAX || s->data > SQUASH_DATA_MAX - size))
		r = err_set(e, EFBIG, "more than %llu GiB of contents",
			    (unsigned long long)SQUASH_DATA_MAX >> 30);
	if (r < 0)
		return r;
	s->data += size;
	out = cleaned(s, en, path);
	if (!out)
		return err_memory(e);
	r = put_header(s, out, e);
	archive_entry_free(out);
	return r;
}

int squash_link(struct squash *s, struct archive_entry *en, const char *path, const char *to,
		struct err *e)
{
	archive_entry_clear(en);
	archive_entry_copy_pathname(en, path);
	archive_entry_set_mode(en, AE_IFREG | 0644);
	archive_entry_copy_hardlink(en, to);
	return put_header(s, en, e);
}

int squash_made_dir(struct squash *s, const char *path, struct err *e)
{
	struct archive_entry *en = archive_entry_new();
	int r;

	if (!en)
		return err_memory(e);
	archive_entry_copy_pathname(en, path);
	archive_entry_set_mode(en, AE_IFDIR | 0755);
	archive_entry_set_mtime(en, 0, 0);
	r = put_header(s, en, e);
	archive_entry_free(en);
	return r;
}

int squash_data(struct squash *s, const void *p, uint64_t n, struct err *e)
{
	static const char zeros[PIECE];

	while (n) {
		size_t k = !p && n > PIECE ? PIECE : (size_t)n;

		if (archive_write_data(s->tar, p ? p : zeros, k) != (la_ssize_t)k)
			return squash_write_err(s, e);
		n -= k;
	}
	return 0;
}
