/* SPDX-License-Identifier: MIT */
/* A tar as a box of files. */
#include "image/members.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "archive/tar-in.h"
#include "late/archive.h"
#include "lib/cleanup.h"
#include "lib/locale.h"

#define LINKS_MAX 8 /* from one to the next */

/* Joins dir and path without empty components and "."; ".." goes up, at most to the top. */
static char *clean(const char *dir, size_t ndir, const char *path)
{
	char *out = malloc(ndir + strlen(path) + 2);
	size_t len = ndir, n;

	if (!out)
		return NULL;
	memcpy(out, dir, ndir);
	if (*path == '/')
		len = 0;
	for (; *path; path += n + (path[n] == '/')) {
		n = strcspn(path, "/");
		if (!n || (n == 1 && *path == '.'))
			continue;
		if (n == 2 && !memcmp(path, "..", 2)) {
			while (len && out[--len] != '/')
				;
			continue;
		}
		if (len)
			out[len++] = '/';
		memcpy(out + len, path, n);
		len += n;
	}
	out[len] = '\0';
	return out;
}

static int add(struct members *m, struct member *own, struct err *e)
{
	if (m->n == m->cap) {
		size_t cap = m->cap ? 2 * m->cap : 64;
		struct member *more = reallocarray(m->v, cap, sizeof(*more));

		if (!more)
			return err_memory(e);
		m->v = more;
		m->cap = cap;
	}
	m->v[m->n++] = *own;
	*own = (struct member){ NULL, NULL, { -1, 0, 0 } };
	return 0;
}

static int fill(const struct span *box, const struct tar_in *t, struct archive_entry *en,
		struct member *out, struct err *e)
{
	const char *name = archive_entry_pathname(en), *link = archive_entry_hardlink(en);
	const char *target = archive_entry_symlink(en), *slash;

	if (!name || strlen(name) >= PATH_MAX)
		return err_set(e, EINVAL, "a member of the archive has no usable name");
	out->name = clean("", 0, name);
	if (!out->name)
		return err_memory(e);
	slash = strrchr(out->name, '/');
	if (link)
		out->link = clean("", 0, link);
	else if (target && archive_entry_filetype(en) == AE_IFLNK)
		out->link = clean(out->name, slash ? (size_t)(slash - out->name) : 0, target);
	else if (archive_entry_filetype(en) == AE_IFREG && archive_entry_sparse_count(en))
		return err_set(e, EINVAL, "'%.150s' is stored as a sparse file", name);
	else if (archive_entry_filetype(en) == AE_IFREG)
		out->span = (struct span){ box->fd, box->offset + tar_in_offset(t),
					   (uint64_t)archive_entry_size(en) };
	if (archive_entry_filetype(en) == AE_IFLNK && !out->link && !link)
		return err_memory(e);
	return 0;
}

int members_read(const struct span *box, struct members *m, struct err *e)
{
	cleanup_utf8 struct utf8_locale locale = { NULL, NULL };
	cleanup_tar_in struct tar_in *t = tar_in_new(box, e);
	struct archive_entry *en;
	int r;

	if (!t)
		return err_wrap(e, "not a tar");
	utf8_enter(&locale);
	while ((r = tar_in_next(t, &en, e)) > 0) {
		struct member own = { NULL, NULL, { -1, 0, 0 } };

		if (m->n == MEMBERS_MAX)
			return err_set(e, E2BIG, "more than %u members", MEMBERS_MAX);
		r = fill(box, t, en, &own, e);
		if (r == 0)
			r = add(m, &own, e);
		free(own.name);
		free(own.link);
		if (r < 0)
			return r;
	}
	return r < 0 && !m->n ? err_wrap(e, "not a tar") : r;
}

void members_free(struct members *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->v[i].name);
		free(m->v[i].link);
	}
	free(m->v);
	*m = (struct members){ 0 };
}

static const struct member *find(const struct members *m, const char *name)
{
	for (size_t i = m->n; i-- > 0;) {
		if (!strcmp(m->v[i].name, name))
			return &m->v[i];
	}
	return NULL;
}

const struct member *members_find(const struct members *m, const char *name)
{
	cleanup_free char *path = clean("", 0, name);
	const struct member *found = path ? find(m, path) : NULL;

	for (int i = 0; found && found->link; i++)
		found = i < LINKS_MAX ? find(m, found->link) : NULL;
	return found && found->span.fd >= 0 ? found : NULL;
}

int members_load(const struct members *m, const char *name, size_t max, struct buf *b,
		 struct err *e)
{
	const struct member *file = members_find(m, name);
	ssize_t n;

	if (!file)
		return err_set(e, ENOENT, "%.150s is missing in the archive", name);
	if (file->span.size > max)
		return err_set(e, EFBIG, "%.150s: more than %zu bytes", name, max);
	if (buf_reserve(b, (size_t)file->span.size) < 0)
		return err_memory(e);
	n = span_read(&file->span, 0, b->p + b->len, (size_t)file->span.size, e);
	if (n < 0)
		return (int)n;
	if ((uint64_t)n < file->span.size)
		return err_set(e, EINVAL, "%.150s: the archive is cut", name);
	b->len += (size_t)n;
	b->p[b->len] = '\0';
	return 0;
}
