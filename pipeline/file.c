/* SPDX-License-Identifier: MIT */
/* Pages move from a pipe to the file where they can. */
#include "pipeline/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/io.h"

#define PIECE ((size_t)1 << 20) /* bytes at a time */

int file_fill(struct output *o, const char *name, uint64_t *bytes, struct err *e)
{
	char piece[65536];
	ssize_t n;

	while ((n = splice(STDIN_FILENO, NULL, o->fd, NULL, PIECE, SPLICE_F_MOVE)) > 0 ||
	       (n < 0 && errno == EINTR))
		*bytes += n > 0 ? (uint64_t)n : 0;
	if (n == 0)
		return 0;
	if (errno != EINVAL)
		return err_sys(e, "write %s", name);
	while ((n = io_read_full(STDIN_FILENO, piece, sizeof(piece))) > 0) {
		int r = io_write_all(o->fd, piece, (size_t)n);

		if (r < 0)
			return err_code(e, -r, "write %s", name);
		*bytes += (uint64_t)n;
	}
	return n < 0 ? err_code(e, (int)-n, "read stdin") : 0;
}
