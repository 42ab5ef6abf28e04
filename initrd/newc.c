/* SPDX-License-Identifier: MIT */
/*
 * States: GAP between archives (zeros), HEADER, NAME (with its padding, so that the body begins on
 * a multiple of 4), SKIP (the body with its padding).
 */
#include "initrd/newc.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "initrd/tree.h"

enum { FIELD_MODE = 1, FIELD_NLINK = 4, FIELD_SIZE = 6, FIELD_NAME = 11, FIELDS = 13 };

static uint64_t pad4(uint64_t n)
{
	return (n + 3) & ~(uint64_t)3;
}

static int hex8(const char *p, uint32_t *v)
{
	*v = 0;
	for (int i = 0; i < 8; i++) {
		unsigned d;

		if (p[i] >= '0' && p[i] <= '9')
			d = (unsigned)(p[i] - '0');
		else if (p[i] >= 'a' && p[i] <= 'f')
			d = (unsigned)(p[i] - 'a') + 10;
		else if (p[i] >= 'A' && p[i] <= 'F')
			d = (unsigned)(p[i] - 'A') + 10;
		else
			return -EINVAL;
		*v = *v << 4 | d;
	}
	return 0;
}

/* The header is complete and begins at this offset. */
static int header(struct newc *c, uint64_t offset, struct err *e)
{
	uint32_t v[FIELDS];

	if (memcmp(c->head, "070701", 6) && memcmp(c->head, "070702", 6))
		return err_set(e, EINVAL, "no newc header at byte %ju", (uintmax_t)offset);
	for (size_t i = 0; i < FIELDS; i++) {
		if (hex8(c->head + 6 + 8 * i, &v[i]) < 0)
			return err_set(e, EINVAL, "newc header at byte %ju: not a number",
				       (uintmax_t)offset);
	}
	c->mode = v[FIELD_MODE];
	c->body = v[FIELD_SIZE];
	c->name_size = v[FIELD_NAME];
	c->left = pad4(NEWC_HEAD + c->name_size) - NEWC_HEAD;
	c->have = 0;
	c->open = true;
	c->state = NEWC_NAME;
	if (!c->name_size || (c->strict && c->name_size > NEWC_NAME_MAX))
		return err_set(e, EINVAL, "newc header at byte %ju: a name of %ju bytes",
			       (uintmax_t)offset, (uintmax_t)c->name_size);
	return 0;
}

/* The name is complete. */
static int entry(struct newc *c, struct err *e)
{
	const char *name = c->name;
	uint64_t size = c->name_size < NEWC_NAME_MAX ? c->name_size : NEWC_NAME_MAX;

	c->state = NEWC_SKIP;
	c->left = pad4(c->body);
	c->name[size] = '\0';
	if (!strcmp(name, TREE_TRAILER)) {
		c->open = false;
		return 0;
	}
	if (c->strict) {
		if (strlen(name) + 1 != c->name_size || strcmp(c->before, name) >= 0)
			return err_set(e, EINVAL, "newc: '%s' is not where it belongs", name);
		memcpy(c->before, name, size);
	}
	c->entries++;
	if (c->name_size > NEWC_NAME_MAX)
		return 0; /* the kernel skips it */
	if (S_ISREG(c->mode))
		c->unpacked += (c->body + NEWC_PAGE - 1) / NEWC_PAGE * NEWC_PAGE;
	name += strspn(name, "/");
	while (!strncmp(name, "./", 2))
		name += 1 + strspn(name + 1, "/");
	if (!strcmp(name, "init"))
		c->has_init = S_ISREG(c->mode) || S_ISLNK(c->mode);
	return 0;
}

/* Takes bytes of name or body. Returns how many. */
static size_t take(struct newc *c, const char *p, size_t n)
{
	size_t k = n < c->left ? n : (size_t)c->left;

	if (c->state == NEWC_NAME && c->have < NEWC_NAME_MAX) {
		size_t keep = k < NEWC_NAME_MAX - c->have ? k : NEWC_NAME_MAX - c->have;

		memcpy(c->name + c->have, p, keep);
		c->have += keep;
	}
	c->left -= k;
	return k;
}

ssize_t newc_feed(struct newc *c, const void *p, size_t n, uint64_t offset, struct err *e)
{
	const char *at = p;
	size_t done = 0;
	int r = 0;

	while (r == 0 && (done < n || (!c->left && c->state >= NEWC_NAME))) {
		switch (c->state) {
		case NEWC_GAP:
			if (at[done] == '0' && (offset + done) % 4)
				return err_set(e, EINVAL,
					       "archive at byte %ju: not on a multiple of 4",
					       (uintmax_t)(offset + done));
			if (at[done] && at[done] != '0')
				return (ssize_t)done;
			if (at[done] == '0')
				c->state = NEWC_HEADER;
			else
				done++;
			break;
		case NEWC_HEADER:
			c->head[c->have++] = at[done++];
			if (c->have == NEWC_HEAD)
				r = header(c, offset + done - NEWC_HEAD, e);
			break;
		case NEWC_NAME:
			done += take(c, at + done, n - done);
			if (!c->left)
				r = entry(c, e);
			break;
		case NEWC_SKIP:
			done += take(c, at + done, n - done);
			if (!c->left) {
				c->state = NEWC_GAP;
				c->have = 0;
			}
			break;
		}
	}
	return r < 0 ? r : (ssize_t)done;
}

int newc_end(const struct newc *c, struct err *e)
{
	if (c->state != NEWC_GAP || c->open)
		return err_set(e, EINVAL, "the archive is not complete");
	return 0;
}
