/* SPDX-License-Identifier: MIT */
/* Taking names away, and then what no name needs any more. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "image/store-impl.h"
#include "lib/cleanup.h"

static bool has(const struct argv *list, const char *text)
{
	for (size_t i = 0; i < list->n; i++) {
		if (!strcmp(list->v[i], text))
			return true;
	}
	return false;
}

/* Digests of images that have a name, and of their roots. */
static int collect_used(const struct store *s, struct argv *records, struct argv *roots,
			struct err *e)
{
	cleanup_argv struct argv names = { 0 };
	int r = store_list(s, s->names, &names, e);

	for (size_t i = 0; r == 0 && i < names.n; i++) {
		cleanup_record struct record rec = { 0 };
		char digest[DIGEST_TEXT];

		r = store_name_digest(s, names.v[i], digest, e);
		if (r == 0)
			r = store_read_record(s, digest, &rec, e);
		if (r == 0 && (argv_push(records, digest) < 0 || argv_push(roots, rec.root) < 0))
			r = err_memory(e);
	}
	return r;
}

int store_collect(const struct store *s, struct err *e)
{
	cleanup_argv struct argv files = { 0 };
	cleanup_argv struct argv records = { 0 };
	cleanup_argv struct argv roots = { 0 };
	int r = collect_used(s, &records, &roots, e);

	if (r == 0)
		r = store_list(s, s->dir, &files, e);
	for (size_t i = 0; r == 0 && i < files.n; i++) {
		const char *name = files.v[i];
		char digest[DIGEST_TEXT];
		bool loose = (store_file_digest(name, RECORD_SUFFIX, digest) &&
			      !has(&records, digest)) ||
			     (store_file_digest(name, ROOT_SUFFIX, digest) && !has(&roots, digest));

		if (loose && unlinkat(s->dir, name, 0) < 0)
			r = err_sys(e, "remove %s/%s", s->path, name);
	}
	return r;
}

/* A digest stands for the one name that has it. none: no name has it. */
static int name_of(const struct store *s, const char *ref, struct stored *st, bool *none,
		   struct err *e)
{
	cleanup_argv struct argv names = { 0 };
	unsigned found = 0;
	int r = store_list(s, s->names, &names, e);

	for (size_t i = 0; r == 0 && i < names.n; i++) {
		char digest[DIGEST_TEXT];

		r = store_name_digest(s, names.v[i], digest, e);
		if (r < 0 || strcmp(digest, st->digest) != 0)
			continue;
		found++;
		snprintf(st->name, sizeof(st->name), "%s", names.v[i]);
		name_from_file(st->name);
	}
	if (found > 1)
		return err_set(e, EBUSY, "'%.150s' has several names: say which", ref);
	*none = !found;
	return r;
}

static int remove_locked(const struct store *s, const char *ref, struct stored *st, bool *gone,
			 struct err *e)
{
	char file[NAME_SIZE];
	bool none = false;
	int r = store_resolve(s, ref, st, e);

	if (r == 0 && !st->name[0])
		r = name_of(s, ref, st, &none, e);
	if (r < 0)
		return r;
	memcpy(file, st->name, sizeof(file));
	name_to_file(file);
	if (!none && unlinkat(s->names, file, 0) < 0)
		return err_sys(e, "remove %s/names/%s", s->path, file);
	r = store_collect(s, e);
	store_file_name(st->digest, RECORD_SUFFIX, file);
	*gone = faccessat(s->dir, file, F_OK, 0) < 0;
	return r;
}

int store_remove(const struct store *s, const char *ref, char name[NAME_SIZE],
		 char deleted[DIGEST_TEXT], struct err *e)
{
	struct stored st = { 0 };
	sigset_t all, before;
	bool gone = false;
	int r;

	if (s->names < 0)
		return store_resolve(s, ref, &st, e);
	r = store_lock(s, true, e);
	if (r < 0)
		return r;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	r = remove_locked(s, ref, &st, &gone, e);
	store_unlock(s);
	sigprocmask(SIG_SETMASK, &before, NULL);
	memcpy(name, st.name, NAME_SIZE);
	memcpy(deleted, gone ? st.digest : "", gone ? DIGEST_TEXT : 1);
	return r;
}
