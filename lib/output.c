/* SPDX-License-Identifier: MIT */
/*
 * O_TMPFILE, then linkat(2). A link cannot replace: where the name is taken, the file gets one of no
 * meaning and rename(2) does it.
 */
#include "lib/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"

#define TRIES 100    /* names of no meaning */
#define LINKS_MAX 40 /* as the kernel */

static int named_temp(struct output *o)
{
	mode_t mask = umask(0);

	umask(mask);
	if (asprintf(&o->temp, "%s/.execvm-XXXXXX", o->dir) < 0) {
		o->temp = NULL;
		return -ENOMEM;
	}
	o->fd = mkostemp(o->temp, O_CLOEXEC);
	if (o->fd < 0) {
		free(take_ptr(&o->temp));
		return -errno;
	}
	return fchmod(o->fd, 0666 & ~mask) < 0 ? -errno : 0;
}

/* Where the symlink at path leads, or NULL when it is none. */
static char *target_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char to[PATH_MAX], *joined;
	ssize_t n = readlink(path, to, sizeof(to) - 1);

	if (n <= 0)
		return NULL;
	to[n] = '\0';
	if (*to == '/' || !slash)
		return strdup(to);
	return asprintf(&joined, "%.*s%s", (int)(slash - path + 1), path, to) < 0 ? NULL : joined;
}

/* The path that is meant, through symlinks, of which the last may lead to nothing yet; its directory. */
static int set_path(struct output *o, const char *path)
{
	char *slash;

	o->path = strdup(path);
	for (int i = 0; o->path && i < LINKS_MAX; i++) {
		char *real = realpath(o->path, NULL), *next;

		if (!real && errno == ELOOP)
			return -ELOOP;
		next = real ? real : target_of(o->path);
		if (!next)
			break;
		free(o->path);
		o->path = next;
		if (real)
			break;
	}
	if (!o->path)
		return -ENOMEM;
	slash = strrchr(o->path, '/');
	if (slash)
		o->dir = strndup(o->path, slash == o->path ? 1 : (size_t)(slash - o->path));
	else
		o->dir = strdup(".");
	return o->dir ? 0 : -ENOMEM;
}

int output_open(struct output *o, const char *path, struct err *e)
{
	struct stat st;
	int r = 0;

	if (!strcmp(path, "-")) {
		o->fd = STDOUT_FILENO;
		return 0;
	}
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		o->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
		return o->fd < 0 ? err_sys(e, "open %s", path) : 0;
	}
	r = set_path(o, path);
	if (r == 0) {
		o->fd = open(o->dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
		if (o->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT))
			r = named_temp(o);
		else if (o->fd < 0)
			r = -errno;
	}
	return r < 0 ? err_code(e, -r, "create %s", path) : 0;
}

int output_check(const char *path, struct err *e)
{
	cleanup_output struct output o = OUTPUT_INIT;
	struct stat st;

	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return access(path, W_OK) < 0 ? err_sys(e, "open %s", path) : 0;
	return output_open(&o, path, e);
}

/* Gives the file without a name this one. */
static int link_as(const struct output *o, const char *name)
{
	char from[64];

	snprintf(from, sizeof(from), "/proc/self/fd/%d", o->fd);
	return linkat(AT_FDCWD, from, AT_FDCWD, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

static int link_temp(struct output *o)
{
	int r = -EEXIST;

	for (int i = 0; i < TRIES && r == -EEXIST; i++) {
		free(o->temp);
		if (asprintf(&o->temp, "%s/.execvm-%ld-%d", o->dir, (long)getpid(), i) < 0) {
			o->temp = NULL;
			return -ENOMEM;
		}
		r = link_as(o, o->temp);
	}
	if (r < 0)
		free(take_ptr(&o->temp));
	return r;
}

/* By rename(2), which takes the name from whatever has it. */
static int replace(struct output *o)
{
	int r = o->temp ? 0 : link_temp(o);

	if (r == 0 && rename(o->temp, o->path) < 0) {
		r = -errno;
		unlink(o->temp);
	}
	free(take_ptr(&o->temp));
	return r;
}

/* What NFS could not write it says at a close(2), which must not be the last one. */
static int flush(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return copy < 0 || close(copy) < 0 ? -errno : 0;
}

int output_commit(struct output *o, struct err *e)
{
	int r;

	if (!o->path)
		return 0;
	r = flush(o->fd);
	if (r == 0)
		r = o->temp ? -EEXIST : link_as(o, o->path);
	if (r == -EEXIST)
		r = replace(o);
	return r < 0 ? err_code(e, -r, "create %s", o->path) : 0;
}

void output_free(struct output *o)
{
	if (o->temp)
		unlink(o->temp);
	if (o->fd > STDERR_FILENO)
		close(o->fd);
	free(o->temp);
	free(o->dir);
	free(o->path);
	*o = (struct output)OUTPUT_INIT;
}
