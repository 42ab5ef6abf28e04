/* SPDX-License-Identifier: MIT */
/* Small files of /sys. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "init/init.h"
#include "lib/cleanup.h"

bool sysfs_says(const char *dir, const char *name, const char *leaf, const char *want)
{
	cleanup_close int fd = -1;
	char path[320], text[64];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%.200s/%s", dir, name, leaf);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return false;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return !strcmp(text, want);
}
