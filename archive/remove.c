/* SPDX-License-Identifier: MIT */
/* One directory is open at a time, the way up is "..": depth costs memory and no descriptors. */
#include "archive/remove.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/argv.h"
#include "lib/cleanup.h"

/* Modes that the archive said are in the way no longer. */
static int open_dir(int parent, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(parent, name, flags);

	if (fd < 0 && errno == EACCES && fchmodat(parent, name, 0700, 0) == 0)
		fd = openat(parent, name, flags);
	if (fd < 0)
		return -errno;
	(void)!fchmod(fd, 0700);
	return fd;
}

/* Removes what is in fd up to the first directory that is not empty: 1 and its name. 0: all. */
static int clear(int fd, char sub[NAME_MAX + 1])
{
	cleanup_dir DIR *d = NULL;
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct dirent *de;

	if (again < 0)
		return -errno;
	d = fdopendir(again);
	if (!d) {
		close(again);
		return -ENOMEM;
	}
	while (errno = 0, (de = readdir(d))) {
		const char *name = de->d_name;

		if (!strcmp(name, ".") || !strcmp(name, ".."))
			continue;
		if (unlinkat(fd, name, 0) == 0 || errno == ENOENT)
			continue;
		if (errno != EISDIR)
			return -errno;
		if (unlinkat(fd, name, AT_REMOVEDIR) == 0)
			continue;
		if (errno != ENOTEMPTY && errno != EEXIST && errno != EACCES)
			return -errno;
		memcpy(sub, name, strnlen(name, NAME_MAX) + 1);
		return 1;
	}
	return -errno;
}

static int up(int *fd, struct argv *names)
{
	cleanup_free char *name = take_ptr(&names->v[names->n - 1]);
	int parent = openat(*fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	names->n--;
	if (parent < 0)
		return -errno;
	close(*fd);
	*fd = parent;
	return unlinkat(parent, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

int remove_tree(int parent, const char *name)
{
	cleanup_argv struct argv names = { 0 }; /* on the way from the top to here */
	cleanup_close int fd = open_dir(parent, name);
	char sub[NAME_MAX + 1];
	int r = fd < 0 ? fd : 0;

	while (r == 0) {
		r = clear(fd, sub);
		if (r == 1) {
			int next = open_dir(fd, sub);

			r = next < 0 ? next : argv_push(&names, sub);
			if (next >= 0) {
				close(fd);
				fd = next;
			}
		} else if (r == 0 && !names.n) {
			return unlinkat(parent, name, AT_REMOVEDIR) < 0 ? -errno : 0;
		} else if (r == 0) {
			r = up(&fd, &names);
		}
	}
	return r;
}
