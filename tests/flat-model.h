/* SPDX-License-Identifier: MIT */
/*
 * The flattener once more, naive: an array of whole paths, searched from end to end. The unit test
 * and the fuzzer give the same entries to both and compare.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/flat.h"

#define MODEL_NAMES 512
#define MODEL_PATH 512 /* longer ones are not given to it */

struct model_name {
	char path[MODEL_PATH];
	char target[MODEL_PATH];
	unsigned layer;	     /* that gave the name its meaning */
	bool made;	     /* nobody has said it */
	unsigned from_layer; /* the entry */
	uint32_t from_index;
	enum flat_type type;
};

struct model {
	bool whiteouts;
	unsigned layer;
	uint32_t index;
	struct model_name name[MODEL_NAMES];
	size_t n;
	bool full; /* no room: nothing can be compared any more */
};

static inline struct model_name *model_find(struct model *m, const char *path)
{
	for (size_t i = 0; i < m->n; i++) {
		if (!strcmp(m->name[i].path, path))
			return &m->name[i];
	}
	return NULL;
}

static inline void model_delete(struct model *m, size_t i)
{
	memmove(&m->name[i], &m->name[i + 1], (m->n - i - 1) * sizeof(m->name[0]));
	m->n--;
}

static inline bool model_below(const char *path, const char *top)
{
	size_t n = strlen(top);

	return !strncmp(path, top, n) && (!n || path[n] == '/');
}

/* The name and what is below it. */
static inline void model_drop(struct model *m, const char *top)
{
	for (size_t i = m->n; i-- > 0;) {
		if (!strcmp(m->name[i].path, top) || model_below(m->name[i].path, top))
			model_delete(m, i);
	}
}

static inline struct model_name *model_append(struct model *m, const char *path)
{
	struct model_name *n = &m->name[m->n];

	if (m->n == MODEL_NAMES || strlen(path) >= MODEL_PATH) {
		m->full = true;
		return &m->name[0];
	}
	memset(n, 0, sizeof(*n));
	snprintf(n->path, sizeof(n->path), "%s", path);
	n->layer = m->layer;
	n->made = true;
	n->type = FLAT_DIR;
	m->n++;
	return n;
}

static inline void model_hide(struct model *m, const char *top, bool itself)
{
	char kept[MODEL_PATH];

	for (size_t i = m->n; i-- > 0;) {
		const struct model_name *n = &m->name[i];

		if (n->layer < m->layer && n->path[0] &&
		    ((itself && !strcmp(n->path, top)) ||
		     (model_below(n->path, top) && strcmp(n->path, top) != 0)))
			model_delete(m, i);
	}
	/* What is left has its parents. */
	for (size_t i = 0; i < m->n && !m->full; i++) {
		snprintf(kept, sizeof(kept), "%s", m->name[i].path);
		for (char *slash = strrchr(kept, '/'); slash; slash = strrchr(kept, '/')) {
			*slash = '\0';
			if (!model_find(m, kept))
				model_append(m, kept);
		}
	}
}

/* -1 when it goes out of its directory or a part is too long. */
static inline int model_clean(const char *path, char out[MODEL_PATH])
{
	char copy[FLAT_PATH_MAX + 1], *save = NULL;

	if (strlen(path) > FLAT_PATH_MAX)
		return -1;
	snprintf(copy, sizeof(copy), "%s", path);
	*out = '\0';
	for (char *part = strtok_r(copy, "/", &save); part; part = strtok_r(NULL, "/", &save)) {
		size_t n = strlen(out);

		if (!strcmp(part, ".."))
			return -1;
		if (strlen(part) > FLAT_NAME_MAX)
			return -1;
		if (strcmp(part, ".") != 0)
			snprintf(out + n, MODEL_PATH - n, "%s%s", n ? "/" : "", part);
	}
	return 0;
}

static inline void model_up(char *path)
{
	char *slash = strrchr(path, '/');

	*(slash ? slash : path) = '\0';
}

/* Walks down at from dir; links are followed. 1: there; 0: not there; -1: an error. */
static inline int model_walk(struct model *m, char dir[MODEL_PATH], const char *at, bool make,
			     int *followed)
{
	char copy[MODEL_PATH], next[2 * MODEL_PATH], *save = NULL;

	snprintf(copy, sizeof(copy), "%s", at);
	for (char *part = strtok_r(copy, "/", &save); part; part = strtok_r(NULL, "/", &save)) {
		const struct model_name *n;

		if (!strcmp(part, "."))
			continue;
		if (!strcmp(part, "..")) {
			model_up(dir);
			continue;
		}
		snprintf(next, sizeof(next), "%s%s%s", dir, *dir ? "/" : "", part);
		n = model_find(m, next);
		if (n && n->type == FLAT_SYMLINK) {
			char target[MODEL_PATH];
			int r;

			if (++*followed > (int)FLAT_FOLLOW_MAX)
				return -1;
			snprintf(target, sizeof(target), "%s", n->target);
			if (*target == '/')
				*dir = '\0';
			r = model_walk(m, dir, target, make, followed);
			if (r <= 0)
				return r;
			continue;
		}
		if (n && n->type != FLAT_DIR) {
			if (make && n->layer == m->layer)
				return -1;
			if (make)
				model_drop(m, next);
			n = NULL;
		}
		if (!n && !make)
			return 0;
		if (!n)
			model_append(m, next);
		if (m->full)
			return -1;
		snprintf(dir, MODEL_PATH, "%s", next);
	}
	return 1;
}

/* Where a clean path really is. */
static inline int model_place(struct model *m, const char *path, bool make, char out[MODEL_PATH])
{
	char parent[MODEL_PATH], dir[MODEL_PATH] = "";
	const char *slash = strrchr(path, '/'), *last = slash ? slash + 1 : path;
	int followed = 0, r;

	snprintf(parent, sizeof(parent), "%.*s", slash ? (int)(slash - path) : 0, path);
	r = model_walk(m, dir, parent, make, &followed);
	if (r > 0)
		snprintf(out, MODEL_PATH, "%.*s%s%.*s", MODEL_PATH / 2, dir, *dir ? "/" : "",
			 MODEL_PATH / 2 - 2, last);
	return r;
}

static inline int model_whiteout(struct model *m, const char *path, bool *done)
{
	const char *slash = strrchr(path, '/'), *last = slash ? slash + 1 : path;
	char parts[MODEL_PATH], place[MODEL_PATH], *save = NULL;
	int r;

	*done = true;
	snprintf(parts, sizeof(parts), "%.*s", slash ? (int)(slash - path) : 0, path);
	for (char *part = strtok_r(parts, "/", &save); part; part = strtok_r(NULL, "/", &save)) {
		if (!strncmp(part, ".wh..wh.", 8))
			return 0;
		if (!strncmp(part, ".wh.", 4))
			return -1;
	}
	if (strncmp(last, ".wh.", 4) != 0) {
		*done = false;
		return 0;
	}
	if (!strncmp(last, ".wh..wh.", 8) && strcmp(last, ".wh..wh..opq") != 0)
		return 0;
	r = model_place(m, path, false, place);
	if (r < 0)
		return -1;
	if (!strcmp(last, ".wh..wh..opq")) {
		model_up(place);
		if (r)
			model_hide(m, place, false);
		return 0;
	}
	last += 4;
	if (!*last || !strcmp(last, ".") || !strcmp(last, ".."))
		return -1;
	if (!r)
		return 0;
	model_up(place);
	snprintf(place + strlen(place), MODEL_PATH - strlen(place), "%s%s", *place ? "/" : "",
		 last);
	if (model_find(m, place))
		model_hide(m, place, true);
	return 0;
}

/* 0, or -1 where flat_add() has to fail, too. */
static inline int model_add(struct model *m, const struct flat_entry *en)
{
	char path[MODEL_PATH], target[MODEL_PATH], place[MODEL_PATH];
	struct model_name found = { .made = false }, *n;
	uint32_t index = m->index++;
	bool done = false;

	if ((en->type == FLAT_SYMLINK || en->type == FLAT_LINK) && !*en->target)
		return -1;
	if (model_clean(en->path, path) < 0)
		return -1;
	if (m->whiteouts && model_whiteout(m, path, &done) < 0)
		return -1;
	if (done)
		return 0;
	found.type = en->type;
	found.from_layer = m->layer;
	found.from_index = index;
	if (en->type == FLAT_SYMLINK)
		snprintf(found.target, sizeof(found.target), "%s", en->target);
	if (en->type == FLAT_LINK) {
		if (model_clean(en->target, target) < 0 || !*target ||
		    model_place(m, target, false, place) <= 0)
			return -1;
		n = model_find(m, place);
		if (!n || n->type == FLAT_DIR || !*path)
			return -1;
		found = *n;
	}
	if (!*path && en->type != FLAT_DIR)
		return -1;
	if (*path && model_place(m, path, true, place) < 0)
		return -1;
	if (!*path)
		*place = '\0';
	n = model_find(m, place);
	if (n && !(n->type == FLAT_DIR && found.type == FLAT_DIR) &&
	    !(en->type == FLAT_LINK && n->from_layer == found.from_layer &&
	      n->from_index == found.from_index && !n->made)) {
		model_drop(m, place);
		n = NULL;
	}
	if (!n)
		n = model_append(m, place);
	if (m->full)
		return -1;
	memcpy(found.path, n->path, sizeof(found.path));
	found.layer = m->layer;
	found.made = false;
	*n = found;
	return 0;
}

static inline void model_init(struct model *m, bool whiteouts)
{
	memset(m, 0, sizeof(*m));
	m->whiteouts = whiteouts;
	model_append(m, "")->layer = 0;
}

static inline void model_next_layer(struct model *m)
{
	m->layer++;
	m->index = 0;
}

/* Is what the flattener has, after flat_finish(), the same? */
static inline bool model_same(struct model *m, const struct flat *f)
{
	struct buf b = { 0 };
	size_t seen = 0;
	bool same = true;

	for (const struct flat_node *n = flat_made(f, NULL); n && same; n = flat_made(f, n)) {
		const struct model_name *want;

		if (flat_path(n, &b) < 0)
			abort();
		want = model_find(m, b.p);
		same = want && want->made;
		seen++;
	}
	for (size_t i = 0; i < m->n && same; i++) {
		const struct model_name *want = &m->name[i];
		const struct flat_node *n;
		size_t k = 0;

		if (want->made)
			continue;
		/* The names of this inode, in the order of the array. */
		n = flat_first(f, want->from_layer, want->from_index);
		for (; k < m->n && same; k++) {
			const struct model_name *other = &m->name[k];

			if (other->made || other->from_layer != want->from_layer ||
			    other->from_index != want->from_index)
				continue;
			same = n && flat_path(n, &b) == 0 && !strcmp(b.p, other->path);
			n = n ? flat_next(n) : NULL;
		}
		same = same && !n;
		seen++;
	}
	/* The root is in the array, said or not, and never among what was made. */
	same = same && seen + m->name[0].made == m->n;
	buf_free(&b);
	return same;
}
