/* SPDX-License-Identifier: MIT */
/* Frozen machines on disk. */
#include "runners/template-store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/digest.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/io.h"
#include "lib/msg.h"
#include "lib/num.h"
#include "runners/cache.h"

#define DIRECTORY "templates"
#define ABOUT "about.json"
#define ABOUT_MAX ((size_t)1 << 20)
#define NEW ".new"
#define OLD ".old"
#define BAD ".bad"
#define LOCK "lock"
#define LOCK_PAUSE_MS 20

static const char *const members[] = { ABOUT, "memory", "state" };

void template_close(struct template_files *f)
{
	int *all[] = { &f->dir, &f->memory, &f->state };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (*all[i] >= 0)
			close(take_fd(all[i]));
	}
}

void template_id(const char *shape, char id[TEMPLATE_ID])
{
	char text[DIGEST_TEXT];
	struct digest d;

	digest_init(&d);
	digest_add(&d, shape, strlen(shape));
	digest_end(&d, text);
	snprintf(id, TEMPLATE_ID, "%.12s", text + strlen(DIGEST_PREFIX));
}

void template_bad(const char *id, char name[TEMPLATE_BAD])
{
	snprintf(name, TEMPLATE_BAD, DIRECTORY "/%.12s" BAD, id);
}

/* The directory of all of them. */
static int open_top(struct err *e)
{
	char path[4096];
	int fd;

	if (cache_path(DIRECTORY "/", path, sizeof(path), e) < 0)
		return -e->code;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_sys(e, "%s", path) : fd;
}

static bool is_id(const char *name)
{
	return strlen(name) == TEMPLATE_ID - 1 &&
	       strspn(name, "0123456789abcdef") == TEMPLATE_ID - 1;
}

static void new_name(const char *id, char out[TEMPLATE_ID + 4])
{
	snprintf(out, TEMPLATE_ID + 4, "%.12s" NEW, id);
}

/* Files that are there go first, so that the directory can go. */
static int remove_dir(int top, const char *name, struct err *e)
{
	cleanup_close int dir = openat(top, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	/* What is no directory is not one of ours, and never followed. */
	if (dir < 0 && (errno == ENOTDIR || errno == ELOOP))
		return unlinkat(top, name, 0) < 0 ? err_sys(e, "template %s: remove", name) : 0;
	if (dir < 0)
		return errno == ENOENT ? 0 : err_sys(e, "template %s", name);
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		if (unlinkat(dir, members[i], 0) < 0 && errno != ENOENT)
			return err_sys(e, "template %s: remove %s", name, members[i]);
	}
	if (unlinkat(top, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_sys(e, "template %s: remove", name);
	return 0;
}

/* A template loses its name before its files: what has one is complete. */
static int discard(int top, const char *id, struct err *e)
{
	char name[TEMPLATE_ID + 4];

	snprintf(name, sizeof(name), "%.12s" OLD, id);
	if (remove_dir(top, name, e) < 0)
		return -e->code;
	if (renameat(top, id, top, name) < 0)
		return errno == ENOENT ? 0 : err_sys(e, "template %s: rename", id);
	return remove_dir(top, name, e);
}

/* what a file was when the template was made */

static json_t *facts_of(int fd)
{
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return NULL;
	return json_pack("{s:I, s:I, s:I}", "size", (json_int_t)st.st_size, "mtime",
			 (json_int_t)st.st_mtim.tv_sec, "nsec", (json_int_t)st.st_mtim.tv_nsec);
}

static bool is_as_it_was(int fd, const json_t *was)
{
	json_t *is = facts_of(fd);
	bool same = is && was && json_equal(is, was);

	json_decref(is);
	return same;
}

static json_t *read_about(int dir, struct err *e)
{
	cleanup_close int fd = openat(dir, ABOUT, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_buf struct buf text = { 0 };
	int r = fd < 0 ? -errno : io_read_fd(fd, ABOUT_MAX, &text);
	json_t *about;

	if (r < 0) {
		err_code(e, -r, ABOUT);
		return NULL;
	}
	about = json_loadb(text.p ? text.p : "", text.len, 0, NULL);
	if (!json_is_object(about)) {
		json_decref(about);
		err_set(e, EINVAL, ABOUT " cannot be read");
		return NULL;
	}
	return about;
}

static int check(const char *shape, const struct template_files *f, struct err *e)
{
	json_t *about = read_about(f->dir, e);
	const char *of = json_string_value(json_object_get(about, "shape"));
	int r = about ? 0 : -e->code;

	if (about && (!of || strcmp(of, shape) != 0))
		r = err_set(e, ESTALE, "it is of another shape");
	else if (about && (!is_as_it_was(f->memory, json_object_get(about, "memory")) ||
			   !is_as_it_was(f->state, json_object_get(about, "state"))))
		r = err_set(e, ESTALE, "its files are not what they were");
	json_decref(about);
	return r;
}

int template_open(const char *shape, struct template_files *f, struct err *e)
{
	cleanup_close int top = open_top(e);
	char id[TEMPLATE_ID];
	int r;

	if (top < 0)
		return top;
	template_id(shape, id);
	f->dir = openat(top, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (f->dir < 0)
		return err_sys(e, "template %s", id);
	/* QEMU opens it for writing, too, although it never writes. */
	f->memory = openat(f->dir, "memory", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	f->state = openat(f->dir, "state", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	r = check(shape, f, e);
	if (r == 0) {
		(void)!futimens(f->dir, NULL); /* the last used */
		return 0;
	}
	msg_debug("template %s: %s: removed", id, e->msg);
	template_drop(id, f);
	template_close(f);
	return err_set(e, ENOENT, "template %s", id);
}

/* making one */

int template_lock(const char *id, uint64_t wait_ms, int stop, struct err *e)
{
	cleanup_close int top = open_top(e);
	struct pollfd p = { .fd = stop, .events = POLLIN };
	uint64_t until = clock_ms() + wait_ms;
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	cleanup_close int fd = -1;

	if (top < 0)
		return top;
	fd = openat(top, LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, DIRECTORY "/" LOCK);
	/* A byte each: whoever makes another one is not waited for. */
	l.l_start = (off_t)(strtoull(id, NULL, 16) & INT32_MAX);
	while (fcntl(fd, F_OFD_SETLK, &l) < 0) {
		if (errno != EAGAIN && errno != EACCES && errno != EINTR)
			return err_sys(e, DIRECTORY "/" LOCK);
		if (clock_ms() >= until)
			return err_set(e, EAGAIN, "template %s is being made by another run", id);
		if (poll(&p, 1, LOCK_PAUSE_MS) > 0)
			return err_set(e, EINTR, "told to stop");
	}
	return take_fd(&fd);
}

int template_begin(const char *id, struct template_files *f, struct err *e)
{
	cleanup_close int top = open_top(e);
	char name[TEMPLATE_ID + 4];

	if (top < 0)
		return top;
	new_name(id, name);
	if (remove_dir(top, name, e) < 0)
		return -e->code;
	if (mkdirat(top, name, 0700) < 0)
		return err_sys(e, "template %s", name);
	f->dir = openat(top, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (f->dir < 0)
		return err_sys(e, "template %s", name);
	f->memory = openat(f->dir, "memory", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	f->state = openat(f->dir, "state", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return f->memory < 0 || f->state < 0 ? err_sys(e, "template %s", name) : 0;
}

static int write_about(int dir, const json_t *about, struct err *e)
{
	cleanup_close int fd = openat(dir, ABOUT, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	cleanup_free char *text = json_dumps(about, JSON_INDENT(2) | JSON_SORT_KEYS);
	int r;

	if (!text)
		return err_memory(e);
	if (fd < 0)
		return err_sys(e, ABOUT);
	r = io_write_all(fd, text, strlen(text));
	if (r < 0)
		return err_code(e, -r, "write " ABOUT);
	return fsync(fd) < 0 ? err_sys(e, "write " ABOUT) : 0;
}

/* What has the name after a crash of the host must be whole. */
int template_commit(const char *id, struct template_files *f, const char *shape, json_t *about,
		    struct err *e)
{
	cleanup_close int top = open_top(e);
	char name[TEMPLATE_ID + 4];
	int r;

	if (top < 0)
		return top;
	new_name(id, name);
	if (fsync(f->memory) < 0 || fsync(f->state) < 0)
		return err_sys(e, "template %s: fsync", name);
	if (json_object_set_new(about, "shape", json_string(shape)) < 0 ||
	    json_object_set_new(about, "memory", facts_of(f->memory)) < 0 ||
	    json_object_set_new(about, "state", facts_of(f->state)) < 0)
		return err_memory(e);
	r = write_about(f->dir, about, e);
	if (r == 0 && renameat(top, name, top, id) < 0)
		r = err_sys(e, "template %s: rename", name);
	return r;
}

void template_abort(const char *id)
{
	char name[TEMPLATE_ID + 4];
	struct err e = { 0 };
	cleanup_close int top = open_top(&e);

	new_name(id, name);
	if (top >= 0 && remove_dir(top, name, &e) < 0)
		msg_debug("%s", e.msg);
}

void template_drop(const char *id, const struct template_files *f)
{
	struct err e = { 0 };
	cleanup_close int top = open_top(&e);
	struct stat mine, there;

	if (top < 0 || fstat(f->dir, &mine) < 0 ||
	    fstatat(top, id, &there, AT_SYMLINK_NOFOLLOW) < 0 || mine.st_ino != there.st_ino ||
	    mine.st_dev != there.st_dev)
		return;
	if (discard(top, id, &e) < 0)
		msg_debug("%s", e.msg);
}

/* all of them */

static uint64_t bytes_of(int dir)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		struct stat st;

		if (fstatat(dir, members[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
			bytes += (uint64_t)st.st_blocks * 512;
	}
	return bytes;
}

static int by_use(const void *a, const void *b)
{
	const struct template_entry *x = a, *y = b;

	return (x->used < y->used) - (x->used > y->used);
}

static int add_entry(struct template_list *l, int top, const char *id, struct err *e)
{
	cleanup_close int dir = openat(top, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct template_entry *more, *t;
	struct err ignored = { 0 };
	struct stat st;

	if (dir < 0 || fstat(dir, &st) < 0)
		return 0; /* it has just been removed */
	more = reallocarray(l->at, l->n + 1, sizeof(*more));
	if (!more)
		return err_memory(e);
	l->at = more;
	t = &l->at[l->n++];
	*t = (struct template_entry){ .bytes = bytes_of(dir),
				      .used = (int64_t)st.st_mtim.tv_sec,
				      .about = read_about(dir, &ignored) };
	snprintf(t->id, sizeof(t->id), "%s", id);
	return 0;
}

int template_ls(struct template_list *l, struct err *e)
{
	cleanup_close int top = open_top(e);
	cleanup_dir DIR *d = NULL;
	struct dirent *de;

	*l = (struct template_list){ 0 };
	if (top < 0)
		return top;
	d = fdopendir(dup(top));
	if (!d)
		return err_sys(e, DIRECTORY);
	while ((de = readdir(d))) {
		if (is_id(de->d_name) && add_entry(l, top, de->d_name, e) < 0) {
			template_list_free(l);
			return -e->code;
		}
	}
	if (l->n)
		qsort(l->at, l->n, sizeof(*l->at), by_use);
	return 0;
}

void template_list_free(struct template_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		json_decref(l->at[i].about);
	free(l->at);
	*l = (struct template_list){ 0 };
}

int template_rm(const char *id, char removed[TEMPLATE_ID], struct err *e)
{
	cleanup_close int top = open_top(e);
	struct template_list l;
	const char *found = NULL;
	int r = top < 0 ? top : template_ls(&l, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < l.n && r == 0; i++) {
		if (strncmp(l.at[i].id, id, strlen(id)) != 0)
			continue;
		if (found)
			r = err_set(e, EINVAL, "several templates begin with '%s'", id);
		found = l.at[i].id;
	}
	if (r == 0 && (!found || !*id))
		r = err_set(e, ENOENT, "no template '%s'", id);
	if (r == 0)
		r = discard(top, found, e);
	if (r == 0)
		memcpy(removed, found, TEMPLATE_ID);
	template_list_free(&l);
	return r;
}

/* What is half-made and not being made, and what did not work: it may be tried again. */
static int remove_left(int top, struct err *e)
{
	cleanup_dir DIR *d = fdopendir(dup(top));
	struct dirent *de;
	int r = 0;

	if (!d)
		return err_sys(e, DIRECTORY);
	rewinddir(d);
	while (r == 0 && (de = readdir(d))) {
		char id[TEMPLATE_ID];
		cleanup_close int lock = -1;
		struct err busy;

		snprintf(id, sizeof(id), "%.12s", de->d_name);
		if (is_id(id) && !strcmp(de->d_name + strlen(id), BAD))
			unlinkat(top, de->d_name, 0);
		if (is_id(id) && !strcmp(de->d_name + strlen(id), OLD))
			r = remove_dir(top, de->d_name, e);
		if (!is_id(id) || strcmp(de->d_name + strlen(id), NEW) != 0)
			continue;
		lock = template_lock(id, 0, -1, &busy);
		if (lock >= 0)
			r = remove_dir(top, de->d_name, e);
	}
	return r;
}

int template_prune(uint64_t limit, const char *keep, size_t *n, uint64_t *bytes, struct err *e)
{
	cleanup_close int top = open_top(e);
	struct template_list l;
	uint64_t sum = 0;
	int r = top < 0 ? top : template_ls(&l, e);

	*n = 0;
	*bytes = 0;
	if (r < 0)
		return r;
	for (size_t i = 0; i < l.n; i++)
		sum += l.at[i].bytes;
	for (size_t i = l.n; i-- > 0 && sum > limit && r == 0;) {
		if (keep && !strcmp(l.at[i].id, keep))
			continue;
		r = discard(top, l.at[i].id, e);
		sum -= l.at[i].bytes;
		*bytes += l.at[i].bytes;
		*n += r == 0;
	}
	template_list_free(&l);
	return r < 0 ? r : remove_left(top, e);
}

int template_limit(uint64_t *limit, struct err *e)
{
	const char *text = getenv("EXECVM_TEMPLATE_LIMIT");

	*limit = TEMPLATE_LIMIT_DEFAULT;
	if (text && *text && num_size(text, 0, INT64_MAX, limit) < 0)
		return err_set(e, EINVAL, "EXECVM_TEMPLATE_LIMIT: '%s' is no size", text);
	return 0;
}
