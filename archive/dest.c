/* SPDX-License-Identifier: MIT */
/* The result as a whole: its place, its name at the end, and nothing left when there is no end. */
#include "archive/dest.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/name.h"
#include "archive/remove.h"
#include "lib/cleanup.h"

#define TRIES 100     /* names that are taken */
#define NAME_PART 230 /* bytes of the name in the one that is aside */

/* A directory that this archive has made. Its mode and time are set at the very end. */
struct made {
	char *rel; /* owned */
	mode_t mode;
	struct timespec mtime; /* tv_nsec UTIME_OMIT: whatever it is */
};

int dest_make(int dir, const char *name, struct dest_thing *t)
{
	const int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int r = -1;

	switch (t->kind) {
	case DEST_FILE:
		t->fd = openat(dir, name, flags, 0600);
		r = t->fd;
		break;
	case DEST_DIR:
		r = mkdirat(dir, name, 0700);
		break;
	case DEST_SYMLINK:
		r = symlinkat(t->target, dir, name);
		break;
	case DEST_FIFO:
		r = mkfifoat(dir, name, 0600);
		break;
	case DEST_LINK:
		r = linkat(t->from_dir, t->from, dir, name, 0);
		break;
	}
	return r < 0 ? -errno : 0;
}

int dest_make_aside(int dir, const char *name, struct dest_thing *t, char aside[NAME_MAX + 1])
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";

	for (int i = 0; i < TRIES; i++) {
		unsigned char random[6];
		char word[sizeof(random) + 1];
		int r;

		if (getrandom(random, sizeof(random), 0) != sizeof(random))
			return -EIO;
		for (size_t k = 0; k < sizeof(random); k++)
			word[k] = letters[random[k] % (sizeof(letters) - 1)];
		word[sizeof(random)] = '\0';
		snprintf(aside, NAME_MAX + 1, ".%.*s.%s.execvm", NAME_PART, name, word);
		r = dest_make(dir, aside, t);
		if (r != -EEXIST) {
			if (r < 0)
				aside[0] = '\0';
			return r;
		}
	}
	aside[0] = '\0';
	return -EEXIST;
}

const char *dest_shown(struct dest *d, const char *rel)
{
	d->said.len = 0;
	if (buf_addf(&d->said, "%s%s%s", d->shown.p ? d->shown.p : d->target, *rel ? "/" : "",
		     rel) < 0)
		return d->target;
	return name_shown(d->said.p);
}

/* Splits target into a directory and a name in it; ".." and "/" are directories without one. */
static int split(struct dest *d, struct buf *dir, struct err *e)
{
	size_t n = strlen(d->target), from;
	const char *base;
	int r;

	for (from = n; from && d->target[from - 1] != '/'; from--)
		;
	base = d->target + from;
	if (!*base)
		return buf_adds(dir, d->target) < 0 ? err_memory(e) : 0;
	if (!strcmp(base, ".") || !strcmp(base, "..")) {
		r = buf_adds(dir, d->target);
		base = ".";
	} else {
		r = buf_add(dir, from ? d->target : ".", from ? from : 1);
	}
	if (r < 0 || buf_adds(&d->name, base) < 0 || buf_adds(&d->shown, d->target) < 0)
		return err_memory(e);
	return 0;
}

int dest_open(struct dest *d, const char *target, struct err *e)
{
	cleanup_buf struct buf dir = { 0 };

	d->target = target;
	if (!*target)
		return err_set(e, ENOENT, "'': no such place");
	if (split(d, &dir, e) < 0)
		return -e->code;
	d->parent = open(dir.p, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return d->parent < 0 ? err_sys(e, "%s", name_shown(dir.p)) : 0;
}

static int begin_tree(struct dest *d, bool exists, const struct stat *st, struct err *e)
{
	const int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	struct dest_thing dir = { .kind = DEST_DIR };
	const struct timespec now = { .tv_nsec = UTIME_OMIT };
	int r;

	if (exists && !S_ISDIR(st->st_mode))
		return err_set(e, ENOTDIR, "%s: %s, the archive has a directory", dest_shown(d, ""),
			       S_ISLNK(st->st_mode) ? "a symlink" : "not a directory");
	d->merge = exists;
	if (!exists) {
		r = dest_make_aside(d->parent, d->name.p, &dir, d->aside);
		if (r < 0)
			return err_code(e, -r, "make %s", dest_shown(d, ""));
		if (dest_mine(d, "", 0, 0755, &now) < 0)
			return err_memory(e);
	}
	d->root = openat(d->parent, exists ? d->name.p : d->aside, flags);
	return d->root < 0 ? err_sys(e, "open %s", dest_shown(d, "")) : 0;
}

int dest_top(struct dest *d, const char *name, bool tree, struct err *e)
{
	struct stat st;
	bool exists;

	if (!d->name.len &&
	    (buf_adds(&d->name, name) < 0 || buf_addf(&d->shown, "%s%s", d->target, name) < 0))
		return err_memory(e);
	exists = fstatat(d->parent, d->name.p, &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (!exists && errno != ENOENT)
		return err_sys(e, "%s", dest_shown(d, ""));
	if (tree)
		return begin_tree(d, exists, &st, e);
	if (exists && S_ISDIR(st.st_mode))
		return err_set(e, EISDIR, "%s: a directory, the archive has a file",
			       dest_shown(d, ""));
	/* /dev/null is not to become a file. */
	if (exists && !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
		return err_set(e, EEXIST, "%s: there, and not a regular file", dest_shown(d, ""));
	return 0;
}

/* Deepest first: "a/b" before "a". */
static int made_order(const void *a, const void *b)
{
	return strcmp(((const struct made *)b)->rel, ((const struct made *)a)->rel);
}

static void made_free(void *p)
{
	struct made *m = p;

	free(m->rel);
	free(m);
}

int dest_mine(struct dest *d, const char *rel, size_t n, mode_t mode, const struct timespec *mtime)
{
	cleanup_free char *copy = strndup(rel, n);
	struct made key = { .rel = copy };
	struct made *const *found;
	struct made *m;

	if (!copy)
		return -ENOMEM;
	found = tfind(&key, &d->made, made_order);
	if (found) {
		(*found)->mode = mode;
		(*found)->mtime = *mtime;
		return 0;
	}
	m = malloc(sizeof(*m));
	if (!m)
		return -ENOMEM;
	*m = (struct made){ .rel = take_ptr(&copy), .mode = mode, .mtime = *mtime };
	if (tsearch(m, &d->made, made_order))
		return 0;
	made_free(m);
	return -ENOMEM;
}

bool dest_is_mine(struct dest *d, const char *rel)
{
	const struct made key = { .rel = (char *)rel };

	return tfind(&key, &d->made, made_order) != NULL;
}

struct settle {
	struct dest *d;
	struct err *e;
	int r;
};

static int settle_one(struct dest *d, const struct made *m, struct err *e)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, m->mtime };
	cleanup_close int at = openat(d->root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_close int fd = -1;
	const char *rel = m->rel;

	while (at >= 0 && *rel) {
		char name[NAME_MAX + 1];
		size_t n = strcspn(rel, "/");
		int next;

		memcpy(name, rel, n);
		name[n] = '\0';
		next = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		close(at);
		at = next;
		rel += n + (rel[n] == '/');
	}
	if (at >= 0)
		fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || futimens(fd, times) < 0 || fchmod(fd, m->mode) < 0)
		return err_sys(e, "%s", dest_shown(d, m->rel));
	return 0;
}

static void on_made(const void *node, VISIT which, void *ctx)
{
	struct settle *s = ctx;
	const struct made *const *m = node;

	if ((which == postorder || which == leaf) && s->r == 0)
		s->r = settle_one(s->d, *m, s->e);
}

int dest_settle(struct dest *d, struct err *e)
{
	struct settle s = { .d = d, .e = e };

	if (d->root >= 0)
		twalk_r(d->made, on_made, &s);
	return s.r;
}

int dest_commit(struct dest *d, struct err *e)
{
	int r;

	if (!d->aside[0])
		return 0;
	if (d->root < 0) {
		r = renameat(d->parent, d->aside, d->parent, d->name.p);
	} else {
		/* A directory that appeared meanwhile is not replaced, be it empty. */
		r = renameat2(d->parent, d->aside, d->parent, d->name.p, RENAME_NOREPLACE);
		if (r < 0 && (errno == EINVAL || errno == ENOSYS) &&
		    faccessat(d->parent, d->name.p, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
			r = renameat(d->parent, d->aside, d->parent, d->name.p);
	}
	if (r < 0)
		return err_sys(e, "make %s", dest_shown(d, ""));
	d->aside[0] = '\0';
	return 0;
}

void dest_free(struct dest *d)
{
	struct err ignored = { 0 };

	if (d->part.aside[0])
		unlinkat(d->part.dir, d->part.aside, 0);
	if (d->aside[0] && d->root < 0)
		unlinkat(d->parent, d->aside, 0);
	/* Also when it could not be opened. */
	if (d->aside[0])
		(void)!remove_tree(d->parent, d->aside);
	else if (d->merge)
		(void)!dest_settle(d, &ignored);
	for (size_t i = 0; i < 5; i++) {
		const int fds[] = { d->parent, d->root, d->file, d->dir, d->part.fd };

		if (fds[i] >= 0)
			close(fds[i]);
	}
	tdestroy(d->made, made_free);
	buf_free(&d->name);
	buf_free(&d->shown);
	buf_free(&d->said);
	buf_free(&d->dir_rel);
}
