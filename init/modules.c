/* SPDX-License-Identifier: MIT */
/* Kernel modules that travel in the initrd, with a list in the order in which to load them. */
#include <errno.h>
#include <fcntl.h>
#include <linux/module.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "init/init.h"
#include "lib/cleanup.h"
#include "lib/io.h"
#include "lib/layout.h"

#define LIST_MAX ((size_t)64 << 10) /* bytes of the list */
#define LINE_MAX_BYTES 200	    /* of a path in it; an initrd takes names of up to 255 */

static int load(const char *path, struct err *e)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	size_t n = strlen(path);
	int flags = n > 3 && !strcmp(path + n - 3, ".ko") ? 0 : MODULE_INIT_COMPRESSED_FILE;

	if (fd < 0)
		return err_sys(e, "module %s", path);
	/* EEXIST: loaded before, or a part of this kernel. */
	if (syscall(SYS_finit_module, fd, "", flags) < 0 && errno != EEXIST)
		return err_sys(e, "module %s", path);
	return 0;
}

int modules_load(struct guest *g, struct err *e)
{
	cleanup_buf struct buf list = { 0 };
	char *line, *next;
	unsigned number = 0;
	int r;

	(void)g;
	if (access(GUEST_MODULES, F_OK) < 0 && errno == ENOENT)
		return 0;
	r = io_read_file(GUEST_MODULES, LIST_MAX, &list, e);
	if (r < 0)
		return r;
	for (line = list.p; line < list.p + list.len; line = next) {
		size_t n = strcspn(line, "\n");

		number++;
		next = line + n + 1;
		line[n] = '\0';
		if (n == 0)
			continue;
		if (*line != '/' || n > LINE_MAX_BYTES || next > list.p + list.len)
			return err_set(e, EINVAL, GUEST_MODULES ": line %u is no path", number);
		r = load(line, e);
		if (r < 0)
			return r;
	}
	return 0;
}
