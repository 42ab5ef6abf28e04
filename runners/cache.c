/* SPDX-License-Identifier: MIT */
/* The cache directory, and words that are kept in it until the host's next boot. */
#include "runners/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/io.h"

#define BOOT_ID 36 /* characters of a UUID */

/* The directories above the last slash of path, which is changed and changed back. */
static int make_parents(char *path, struct err *e)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		int r;

		*slash = '\0';
		r = mkdir(path, 0700);
		if (r < 0 && errno != EEXIST)
			return err_sys(e, "make directory %s", path);
		*slash = '/';
	}
	return 0;
}

int cache_path(const char *name, char *out, size_t size, struct err *e)
{
	const char *xdg = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");
	int n;

	/* The XDG base directory specification: a path that is not absolute is to be ignored. */
	if (xdg && *xdg == '/')
		n = snprintf(out, size, "%s/execvm/%s", xdg, name);
	else if (home && *home == '/')
		n = snprintf(out, size, "%s/.cache/execvm/%s", home, name);
	else
		return err_set(e, ENOENT,
			       "no cache directory: neither XDG_CACHE_HOME nor HOME is set");
	if (n < 0 || (size_t)n >= size)
		return err_code(e, ENAMETOOLONG, "cache directory for %s", name);
	return make_parents(out, e);
}

void cache_boot_id(char out[37])
{
	cleanup_close int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : io_read_full(fd, out, BOOT_ID);

	out[n == BOOT_ID ? BOOT_ID : 0] = '\0';
}

/* A file holds "BOOTID WORD\n". */
static bool holds(const char *text, const char *boot, char *value, size_t size)
{
	size_t n = strlen(boot), len;

	if (strncmp(text, boot, n) != 0 || text[n] != ' ')
		return false;
	text += n + 1;
	len = strcspn(text, "\n");
	if (text[len] != '\n' || len >= size)
		return false;
	memcpy(value, text, len);
	value[len] = '\0';
	return true;
}

static bool read_word(int fd, const char *boot, char *value, size_t size)
{
	char text[BOOT_ID + 128];
	ssize_t n = io_read_full(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return holds(text, boot, value, size);
}

static int open_word(const char *name, int flags)
{
	char path[4096];
	struct err e = { 0 };

	if (cache_path(name, path, sizeof(path), &e) < 0)
		return -1;
	return open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
}

bool cache_recall(const char *name, char *value, size_t size)
{
	cleanup_close int fd = -1;
	char boot[37];

	value[0] = '\0';
	cache_boot_id(boot);
	if (!boot[0])
		return false;
	fd = open_word(name, O_RDONLY);
	if (fd < 0 || flock(fd, LOCK_SH) < 0)
		return false;
	return read_word(fd, boot, value, size);
}

bool cache_remember(const char *name, const char *value)
{
	cleanup_close int fd = -1;
	char boot[37], old[128], text[BOOT_ID + 128];
	int n;

	cache_boot_id(boot);
	n = snprintf(text, sizeof(text), "%s %s\n", boot, value);
	if (!boot[0] || n < 0 || (size_t)n >= sizeof(text))
		return false;
	fd = open_word(name, O_RDWR | O_CREAT);
	if (fd < 0 || flock(fd, LOCK_EX) < 0)
		return false;
	if (read_word(fd, boot, old, sizeof(old)) && !strcmp(old, value))
		return false;
	if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return false;
	return io_write_all(fd, text, (size_t)n) == 0;
}
