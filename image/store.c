/* SPDX-License-Identifier: MIT */
/* Finding and listing; store-add.c adds, store-remove.c takes away. */
#include "image/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/store-impl.h"
#include "lib/cleanup.h"
#include "lib/io.h"

/* Directories. */

static int make_parents(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

static int store_path(char **out, struct err *e)
{
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	int n;

	if (data && *data == '/')
		n = asprintf(out, "%s/execvm/images", data);
	else if (home && *home == '/')
		n = asprintf(out, "%s/.local/share/execvm/images", home);
	else
		return err_set(e, ENOENT, "neither XDG_DATA_HOME nor HOME is an absolute path");
	if (n >= 0)
		return 0;
	*out = NULL;
	return err_memory(e);
}

int store_open(struct store *s, bool make, struct err *e)
{
	int r;

	*s = (struct store)STORE_INIT;
	r = store_path(&s->path, e);
	if (r < 0)
		return r;
	r = make ? make_parents(s->path) : 0;
	if (r < 0)
		return err_code(e, -r, "make %s", s->path);
	s->dir = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir < 0 && errno == ENOENT && !make)
		return 0;
	if (s->dir < 0)
		return err_sys(e, "open %s", s->path);
	if (make && mkdirat(s->dir, "names", 0700) < 0 && errno != EEXIST)
		return err_sys(e, "make %s/names", s->path);
	s->names = openat(s->dir, "names", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->names < 0 && (errno != ENOENT || make))
		return err_sys(e, "open %s/names", s->path);
	return 0;
}

void store_close(struct store *s)
{
	if (s->dir >= 0)
		close(take_fd(&s->dir));
	if (s->names >= 0)
		close(take_fd(&s->names));
	free(s->path);
	*s = (struct store)STORE_INIT;
}

int store_lock(const struct store *s, bool exclusive, struct err *e)
{
	while (flock(s->dir, exclusive ? LOCK_EX : LOCK_SH) < 0) {
		if (errno != EINTR)
			return err_sys(e, "lock %s", s->path);
	}
	return 0;
}

void store_unlock(const struct store *s)
{
	/* Cannot fail but for a descriptor that is none. */
	if (flock(s->dir, LOCK_UN) < 0)
		errno = 0;
}

/* Names of files. */

void store_file_name(const char *digest, const char *suffix, char out[FILE_NAME_SIZE])
{
	snprintf(out, FILE_NAME_SIZE, "sha256-%s%s", digest + strlen(DIGEST_PREFIX), suffix);
}

bool store_file_digest(const char *name, const char *suffix, char digest[DIGEST_TEXT])
{
	size_t n = strlen(name), k = strlen(suffix);

	if (n != DIGEST_TEXT - 1 + k || strncmp(name, "sha256-", 7) != 0 ||
	    strcmp(name + n - k, suffix) != 0)
		return false;
	memcpy(digest, name, DIGEST_TEXT - 1);
	digest[6] = ':';
	digest[DIGEST_TEXT - 1] = '\0';
	return digest_valid(digest);
}

int store_list(const struct store *s, int dir, struct argv *out, struct err *e)
{
	cleanup_dir DIR *d = NULL;
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *de;

	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		if (fd >= 0)
			close(fd);
		return err_sys(e, "open %s", s->path);
	}
	while ((errno = 0, de = readdir(d))) {
		if (de->d_name[0] != '.' && argv_push(out, de->d_name) < 0)
			return err_memory(e);
	}
	return errno ? err_sys(e, "read %s", s->path) : 0;
}

/* Reading. */

static int read_at(const struct store *s, int dir, const char *name, size_t max, struct buf *b,
		   struct err *e)
{
	cleanup_close int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int r;

	if (fd < 0)
		return err_sys(e, "%s: %s", s->path, name);
	r = io_read_fd(fd, max, b);
	return r < 0 ? err_code(e, -r, "%s: read %s", s->path, name) : 0;
}

int store_name_digest(const struct store *s, const char *file, char digest[DIGEST_TEXT],
		      struct err *e)
{
	cleanup_buf struct buf b = { 0 };
	int r = read_at(s, s->names, file, DIGEST_TEXT, &b, e);

	if (r < 0)
		return r;
	if (b.len == DIGEST_TEXT && b.p[b.len - 1] == '\n')
		b.p[--b.len] = '\0';
	if (b.len != DIGEST_TEXT - 1 || !digest_valid(b.p))
		return err_set(e, EINVAL, "%s/names/%s: not a digest", s->path, file);
	memcpy(digest, b.p, DIGEST_TEXT);
	return 0;
}

int store_read_record(const struct store *s, const char *digest, struct record *rec, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	char file[FILE_NAME_SIZE], is[DIGEST_TEXT];
	struct digest d;
	int r;

	store_file_name(digest, RECORD_SUFFIX, file);
	r = read_at(s, s->dir, file, RECORD_MAX, &text, e);
	if (r < 0)
		return r;
	digest_init(&d);
	digest_add(&d, text.len ? text.p : "", text.len);
	digest_end(&d, is);
	if (strcmp(is, digest) != 0)
		return err_set(e, EINVAL, "%s/%s: damaged: its digest is %s", s->path, file, is);
	return record_decode(text.len ? text.p : "", text.len, rec, e);
}

static int read_stored(const struct store *s, struct stored *st, struct err *e)
{
	char file[FILE_NAME_SIZE];
	struct stat info;
	int r = store_read_record(s, st->digest, &st->record, e);

	if (r < 0)
		return r;
	store_file_name(st->record.root, ROOT_SUFFIX, file);
	if (fstatat(s->dir, file, &info, 0) < 0) {
		record_free(&st->record);
		return err_sys(e, "%s/%s", s->path, file);
	}
	st->size = (uint64_t)info.st_size;
	return 0;
}

/* The digest of the one record whose digest begins with id. */
static int find_id(const struct store *s, const char *id, const char *ref, char digest[DIGEST_TEXT],
		   struct err *e)
{
	cleanup_argv struct argv files = { 0 };
	unsigned found = 0;
	int r = store_list(s, s->dir, &files, e);

	for (size_t i = 0; r == 0 && i < files.n; i++) {
		char is[DIGEST_TEXT];

		if (!store_file_digest(files.v[i], RECORD_SUFFIX, is) ||
		    strncmp(is + strlen(DIGEST_PREFIX), id, strlen(id)) != 0)
			continue;
		memcpy(digest, is, DIGEST_TEXT);
		found++;
	}
	if (found > 1)
		return err_set(e, EINVAL, "'%.150s': the digests of several images begin so", ref);
	return r < 0 ? r : found ? 0 : -ENOENT;
}

int store_resolve(const struct store *s, const char *ref, struct stored *st, struct err *e)
{
	struct image_ref p;
	int r = ref_parse(ref, &p, e);

	*st = (struct stored){ 0 };
	if (r < 0)
		return r;
	r = -ENOENT;
	if (s->names >= 0 && p.name[0]) {
		char file[NAME_SIZE];

		memcpy(file, p.name, sizeof(file));
		name_to_file(file);
		r = store_name_digest(s, file, st->digest, e);
		if (r == 0)
			memcpy(st->name, p.name, sizeof(st->name));
	}
	if (r == -ENOENT && s->dir >= 0 && p.id[0])
		r = find_id(s, p.id, ref, st->digest, e);
	if (r == -ENOENT)
		return err_set(e, ENOENT, "'%.200s': no such image (execvm image ls)", ref);
	if (r == 0 && p.pin[0] && strcmp(p.pin, st->digest) != 0)
		return err_set(e, ESTALE, "'%.100s' is %s now", p.name, st->digest);
	return r;
}

int store_find(const struct store *s, const char *ref, struct stored *out, struct err *e)
{
	int r = s->dir >= 0 ? store_lock(s, false, e) : 0;

	if (r < 0)
		return r;
	r = store_resolve(s, ref, out, e);
	if (r == 0)
		r = read_stored(s, out, e);
	if (s->dir >= 0)
		store_unlock(s);
	return r;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int each(const struct store *s, int (*fn)(void *ctx, const struct stored *st, struct err *e),
		void *ctx, struct err *e)
{
	cleanup_argv struct argv files = { 0 };
	int r = store_list(s, s->names, &files, e);

	if (r == 0 && files.n)
		qsort(files.v, files.n, sizeof(*files.v), compare);
	for (size_t i = 0; r == 0 && i < files.n; i++) {
		cleanup_stored struct stored st = { 0 };

		snprintf(st.name, sizeof(st.name), "%s", files.v[i]);
		name_from_file(st.name);
		r = store_name_digest(s, files.v[i], st.digest, e);
		if (r == 0)
			r = read_stored(s, &st, e);
		if (r == 0)
			r = fn(ctx, &st, e);
	}
	return r;
}

int store_each(const struct store *s, int (*fn)(void *ctx, const struct stored *st, struct err *e),
	       void *ctx, struct err *e)
{
	int r;

	if (s->names < 0)
		return 0;
	r = store_lock(s, false, e);
	if (r < 0)
		return r;
	r = each(s, fn, ctx, e);
	store_unlock(s);
	return r;
}

int store_root_path(const struct store *s, const struct stored *st, struct buf *out)
{
	char file[FILE_NAME_SIZE];

	store_file_name(st->record.root, ROOT_SUFFIX, file);
	return buf_addf(out, "%s/%s", s->path, file);
}

int store_open_root(const struct store *s, const char *root, struct err *e)
{
	char file[FILE_NAME_SIZE];
	int fd;

	store_file_name(root, ROOT_SUFFIX, file);
	fd = openat(s->dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? err_sys(e, "open %s/%s", s->path, file) : fd;
}

void stored_free(struct stored *st)
{
	record_free(&st->record);
}
