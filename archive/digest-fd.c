/* SPDX-License-Identifier: MIT */
/* --digest-fd of pack and unpack. */
#include "archive/digest-fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "lib/io.h"
#include "lib/num.h"

int digest_fd_parse(const char *text, int *fd, struct err *e)
{
	uint64_t n;
	int flags;

	if (num_uint(text, 0, INT_MAX, &n) < 0)
		return err_set(e, EINVAL, "--digest-fd '%s': not a descriptor", text);
	flags = fcntl((int)n, F_GETFL);
	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
		return err_set(e, EBADF, "--digest-fd %s: not open for writing", text);
	*fd = (int)n;
	return 0;
}

int digest_fd_tell(int fd, const char *digest, struct err *e)
{
	char line[DIGEST_TEXT + 1];
	int n = snprintf(line, sizeof(line), "%s\n", digest);
	int r = io_write_all(fd, line, (size_t)n);

	return r < 0 ? err_code(e, -r, "write digest to descriptor %d", fd) : 0;
}
