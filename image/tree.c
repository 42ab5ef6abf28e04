/* SPDX-License-Identifier: MIT */
/*
 * A directory of the host, entry by entry, to mksquashfs. Symlinks are contents and never followed;
 * a file that changes meanwhile is an error. Each directory is read whole and sorted, so the same
 * tree gives the same bytes.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/build.h"
#include "image/squash.h"
#include "late/archive.h"
#include "lib/argv.h"
#include "lib/cleanup.h"
#include "lib/io.h"

#define PIECE ((size_t)256 << 10)

/* The first name of an inode that has several. */
struct first {
	dev_t dev;
	ino_t ino;
	char path[];
};

struct tree {
	const char *top;
	const struct watch *watch;
	struct archive *disk;	  /* owned: reads attributes */
	struct archive_entry *en; /* owned */
	struct squash squash;
	struct argv todo; /* directories, relative to top */
	struct buf path, rel;
	void *firsts; /* tsearch's */
	char *piece;  /* owned */
	uint64_t bytes;
};

static void tree_free(struct tree *t)
{
	squash_free(&t->squash);
	if (t->disk)
		archive_read_free(t->disk);
	if (t->en)
		archive_entry_free(t->en);
	argv_free(&t->todo);
	buf_free(&t->path);
	buf_free(&t->rel);
	tdestroy(t->firsts, free);
	free(t->piece);
}
#define cleanup_tree __attribute__((cleanup(tree_free)))

static int no_memory(struct err *e)
{
	return err_memory(e);
}

static int compare_firsts(const void *a, const void *b)
{
	const struct first *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

/* The name under which the inode was seen before; NULL and it is noted. */
static int seen(struct tree *t, const struct stat *st, const char **path, struct err *e)
{
	struct first *f = malloc(sizeof(*f) + t->rel.len + 1), **found;

	if (!f)
		return no_memory(e);
	f->dev = st->st_dev;
	f->ino = st->st_ino;
	memcpy(f->path, t->rel.p, t->rel.len + 1);
	found = tsearch(f, &t->firsts, compare_firsts);
	*path = found && *found != f ? (*found)->path : NULL;
	if (!found || *found != f)
		free(f);
	return found ? 0 : no_memory(e);
}

static int set_paths(struct tree *t, const char *dir, const char *name, struct err *e)
{
	t->path.len = t->rel.len = 0;
	if (buf_addf(&t->rel, "%s%s%s", dir, *dir ? "/" : "", name) < 0 ||
	    buf_addf(&t->path, "%s/%s", t->top, t->rel.p) < 0)
		return no_memory(e);
	return 0;
}

/* Everything that the entry says of itself, into t->en. */
static int describe(struct tree *t, const struct stat *st, struct err *e)
{
	archive_entry_clear(t->en);
	archive_entry_copy_pathname(t->en, t->path.p);
	archive_entry_copy_sourcepath(t->en, t->path.p);
	if (archive_read_disk_entry_from_file(t->disk, t->en, -1, st) < ARCHIVE_OK)
		return err_set(e, EIO, "%s: %s", t->path.p, archive_error_string(t->disk));
	return 0;
}

static int changed(const struct tree *t, struct err *e)
{
	return err_set(e, EBUSY, "%s: has changed while it was read", t->path.p);
}

static int put_data(struct tree *t, int fd, uint64_t size, struct err *e)
{
	int r = 0;

	while (r == 0 && size) {
		size_t want = size < PIECE ? (size_t)size : PIECE;
		ssize_t n = io_read_full(fd, t->piece, want);

		if (n < 0)
			return err_code(e, (int)-n, "read %s", t->path.p);
		if ((size_t)n < want)
			return changed(t, e);
		r = squash_data(&t->squash, t->piece, want, e);
		size -= want;
		t->bytes += want;
		watch_progress(t->watch, "making the root", t->bytes);
	}
	return r;
}

static int put_file(struct tree *t, const struct stat *st, struct err *e)
{
	cleanup_close int fd =
		open(t->path.p, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	struct stat now;
	int r;

	if (fd < 0 || fstat(fd, &now) < 0)
		return err_sys(e, "open %s", t->path.p);
	if (now.st_ino != st->st_ino || now.st_dev != st->st_dev || now.st_size != st->st_size)
		return changed(t, e);
	r = squash_entry(&t->squash, t->en, t->rel.p, e);
	if (r == 0)
		r = put_data(t, fd, (uint64_t)st->st_size, e);
	if (r == 0 && (fstat(fd, &now) < 0 || now.st_size != st->st_size ||
		       now.st_mtim.tv_sec != st->st_mtim.tv_sec ||
		       now.st_mtim.tv_nsec != st->st_mtim.tv_nsec))
		r = changed(t, e);
	return r;
}

static int put_entry(struct tree *t, const char *dir, const char *name, struct err *e)
{
	const char *before = NULL;
	struct stat st;
	int r = set_paths(t, dir, name, e);

	if (r < 0)
		return r;
	if (lstat(t->path.p, &st) < 0)
		return err_sys(e, "%s", t->path.p);
	if (S_ISSOCK(st.st_mode))
		return 0;
	if (!S_ISDIR(st.st_mode) && st.st_nlink > 1)
		r = seen(t, &st, &before, e);
	if (r == 0 && before)
		return squash_link(&t->squash, t->en, t->rel.p, before, e);
	if (r == 0)
		r = describe(t, &st, e);
	if (r < 0)
		return r;
	if (S_ISREG(st.st_mode))
		return put_file(t, &st, e);
	if (S_ISDIR(st.st_mode) && argv_push(&t->todo, t->rel.p) < 0)
		return no_memory(e);
	return squash_entry(&t->squash, t->en, t->rel.p, e);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int put_directory(struct tree *t, const char *dir, struct err *e)
{
	cleanup_argv struct argv names = { 0 };
	cleanup_dir DIR *d = NULL;
	struct dirent *de;
	int r = set_paths(t, dir, ".", e);

	if (r < 0)
		return r;
	d = opendir(t->path.p);
	if (!d)
		return err_sys(e, "open %s", t->path.p);
	while ((errno = 0, de = readdir(d))) {
		if (strcmp(de->d_name, ".") && strcmp(de->d_name, "..") &&
		    argv_push(&names, de->d_name) < 0)
			return no_memory(e);
	}
	if (errno)
		return err_sys(e, "read %s", t->path.p);
	if (names.n)
		qsort(names.v, names.n, sizeof(*names.v), compare_names);
	for (size_t i = 0; r == 0 && i < names.n; i++)
		r = put_entry(t, dir, names.v[i], e);
	return r;
}

static int begin_tree(struct tree *t, int out, struct err *e)
{
	struct squash_root root;
	struct stat st;
	int r = late_archive(e);

	if (r < 0)
		return r;
	r = set_paths(t, "", ".", e);
	t->disk = archive_read_disk_new();
	t->en = archive_entry_new();
	t->piece = malloc(PIECE);
	if (r < 0 || !t->disk || !t->en || !t->piece)
		return no_memory(e);
	if (stat(t->path.p, &st) < 0)
		return err_sys(e, "%s", t->top);
	r = describe(t, &st, e);
	if (r == 0)
		r = squash_root_from(&root, t->en, e);
	return r < 0 ? r : squash_open(&t->squash, out, &root, e);
}

int build_tree(const char *dir, int out, const struct watch *w, struct err *e)
{
	cleanup_tree struct tree t = { .top = dir, .watch = w, .squash = SQUASH_INIT };
	int r = begin_tree(&t, out, e);

	if (r == 0)
		r = put_directory(&t, "", e);
	while (r == 0 && t.todo.n) {
		cleanup_free char *next = NULL;

		t.todo.n--;
		next = take_ptr(&t.todo.v[t.todo.n]);
		r = put_directory(&t, next, e);
	}
	if (r == 0)
		r = squash_end(&t.squash, e);
	if (r == 0)
		squash_warn(&t.squash, w);
	return r;
}
