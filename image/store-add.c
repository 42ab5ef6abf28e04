/* SPDX-License-Identifier: MIT */
/* Adding: files without names that get theirs when all of them are complete. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/store-impl.h"
#include "lib/cleanup.h"
#include "lib/io.h"

#define NEW_NAME ".new" /* a name on its way; under the exclusive lock, so there is one at most */

int store_new_file(const struct store *s, struct err *e)
{
	int fd = openat(s->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	if (errno == EOPNOTSUPP || errno == EISDIR)
		return err_set(e, EOPNOTSUPP,
			       "%s: this file system has no files without names (O_TMPFILE)",
			       s->path);
	return err_sys(e, "make a file in %s", s->path);
}

/* On the disk, and never changed from here on. */
static int settle(const struct store *s, int fd, struct err *e)
{
	if (fchmod(fd, 0444) < 0 || fsync(fd) < 0)
		return err_sys(e, "write to %s", s->path);
	return 0;
}

static int link_file(int fd, int dir, const char *name)
{
	char from[32];

	snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, from, dir, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

/* Under the name that its digest gives; it may be there already. */
static int publish(const struct store *s, int fd, const char *digest, const char *suffix,
		   struct err *e)
{
	char file[FILE_NAME_SIZE];
	int r;

	store_file_name(digest, suffix, file);
	r = link_file(fd, s->dir, file);
	return r < 0 && r != -EEXIST ? err_code(e, -r, "create %s/%s", s->path, file) : 0;
}

static int write_new(const struct store *s, const void *p, size_t n, struct err *e)
{
	int fd = store_new_file(s, e), r;

	if (fd < 0)
		return fd;
	r = io_write_all(fd, p, n);
	r = r < 0 ? err_code(e, -r, "write to %s", s->path) : settle(s, fd, e);
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

static int set_name(const struct store *s, int fd, const char *name, struct err *e)
{
	char file[NAME_SIZE];
	int r;

	snprintf(file, sizeof(file), "%s", name);
	name_to_file(file);
	/* One may be left of a program that was killed right here. */
	if (unlinkat(s->dir, NEW_NAME, 0) < 0 && errno != ENOENT)
		return err_sys(e, "remove %s/" NEW_NAME, s->path);
	r = link_file(fd, s->dir, NEW_NAME);
	if (r < 0)
		return err_code(e, -r, "create %s/" NEW_NAME, s->path);
	if (renameat(s->dir, NEW_NAME, s->names, file) < 0) {
		err_sys(e, "create %s/names/%s", s->path, file);
		if (unlinkat(s->dir, NEW_NAME, 0) < 0)
			return -e->code;
		return -e->code;
	}
	return 0;
}

static int add_locked(const struct store *s, int root, const struct record *record,
		      const struct buf *text, const struct argv *names, const char *digest,
		      struct err *e)
{
	cleanup_close int rec = write_new(s, text->p, text->len, e);
	cleanup_buf struct buf line = { 0 };
	int r = rec < 0 ? rec : 0;

	if (r == 0 && buf_addf(&line, "%s\n", digest) < 0)
		r = err_memory(e);
	if (r == 0)
		r = publish(s, root, record->root, ROOT_SUFFIX, e);
	if (r == 0)
		r = publish(s, rec, digest, RECORD_SUFFIX, e);
	if (r == 0 && fsync(s->dir) < 0)
		r = err_sys(e, "write to %s", s->path);
	for (size_t i = 0; r == 0 && i < names->n; i++) {
		cleanup_close int fd = write_new(s, line.p, line.len, e);

		r = fd < 0 ? fd : set_name(s, fd, names->v[i], e);
	}
	if (r == 0 && fsync(s->names) < 0)
		r = err_sys(e, "write to %s", s->path);
	return r;
}

int store_add(const struct store *s, int root, struct record *record, const struct argv *names,
	      char digest[DIGEST_TEXT], struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	sigset_t all, before;
	struct err ignored;
	int r;

	if (lseek(root, 0, SEEK_SET) < 0)
		return err_sys(e, "read the root");
	r = digest_fd(root, "the root", record->root, e);
	if (r == 0)
		r = record_encode(record, &text, digest, e);
	if (r == 0)
		r = settle(s, root, e);
	if (r == 0)
		r = store_lock(s, true, e);
	if (r < 0)
		return r;
	/* Short, and not to be left in the middle. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	r = add_locked(s, root, record, &text, names, digest, e);
	if (r < 0 && store_collect(s, &ignored) < 0)
		r = -e->code; /* what was to be said is in e */
	store_unlock(s);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}
