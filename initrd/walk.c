/* SPDX-License-Identifier: MIT */
/* One directory is open at a time, so that depth costs memory and no descriptors. */
#include "initrd/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "lib/argv.h"
#include "lib/buf.h"
#include "lib/cleanup.h"

struct walk {
	const char *root; /* borrowed */
	int fd;		  /* of it, borrowed */
	walk_fn *fn;
	void *ctx;
	struct argv todo; /* directories, relative; "" is the root */
	struct buf rel;	  /* of the current entry */
	struct buf path;
};

static void walk_free(struct walk *w)
{
	argv_free(&w->todo);
	buf_free(&w->rel);
	buf_free(&w->path);
}
#define cleanup_walk __attribute__((cleanup(walk_free)))

static int entry(struct walk *w, const char *dir, const char *name, struct err *e)
{
	char target[PATH_MAX + 1];
	bool slash = w->root[strlen(w->root) - 1] == '/';
	struct stat st;
	ssize_t n = 0;
	int r;

	w->rel.len = w->path.len = 0;
	if (buf_addf(&w->rel, "%s%s%s", dir, *dir ? "/" : "", name) < 0 ||
	    buf_addf(&w->path, "%s%s%s", w->root, slash ? "" : "/", w->rel.p) < 0)
		return err_code(e, ENOMEM, "%s", w->root);
	if (fstatat(w->fd, w->rel.p, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "stat %s", w->path.p);
	if (S_ISLNK(st.st_mode)) {
		n = readlinkat(w->fd, w->rel.p, target, sizeof(target) - 1);
		if (n < 0)
			return err_sys(e, "read link %s", w->path.p);
		target[n] = '\0';
	}
	r = w->fn(w->ctx, w->path.p, w->rel.p, &st, n ? target : NULL, e);
	if (r == 0 && S_ISDIR(st.st_mode) && argv_push(&w->todo, w->rel.p) < 0)
		return err_code(e, ENOMEM, "%s", w->root);
	return r;
}

static int directory(struct walk *w, const char *dir, struct err *e)
{
	cleanup_dir DIR *d = NULL;
	cleanup_close int fd =
		openat(w->fd, *dir ? dir : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r = 0;

	if (fd < 0)
		return err_sys(e, "open %s/%s", w->root, dir);
	d = fdopendir(fd);
	if (!d)
		return err_sys(e, "open %s/%s", w->root, dir);
	fd = -1; /* d has it */
	while (r == 0) {
		const struct dirent *de;

		errno = 0;
		de = readdir(d);
		if (!de)
			return errno ? err_sys(e, "read %s/%s", w->root, dir) : 0;
		if (strcmp(de->d_name, ".") && strcmp(de->d_name, ".."))
			r = entry(w, dir, de->d_name, e);
	}
	return r;
}

int walk(const char *dir, walk_fn *fn, void *ctx, struct err *e)
{
	cleanup_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_walk struct walk w = { .root = dir, .fd = fd, .fn = fn, .ctx = ctx };
	int r;

	if (fd < 0)
		return err_sys(e, "open %s", dir);
	r = directory(&w, "", e);
	while (r == 0 && w.todo.n) {
		cleanup_free char *next = NULL;

		w.todo.n--;
		next = take_ptr(&w.todo.v[w.todo.n]);
		r = directory(&w, next, e);
	}
	return r;
}
