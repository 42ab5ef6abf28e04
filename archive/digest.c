/* SPDX-License-Identifier: MIT */
/* Digests of memory and of files. */
#include "archive/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/io.h"

#define PIECE ((size_t)256 << 10) /* bytes read at a time */

void digest_init(struct digest *d)
{
	sha256_init(&d->ctx);
}

void digest_add(struct digest *d, const void *p, size_t n)
{
	sha256_update(&d->ctx, n, p);
}

void digest_end(struct digest *d, char out[DIGEST_TEXT])
{
	static const char hex[] = "0123456789abcdef";
	uint8_t raw[SHA256_DIGEST_SIZE];

	sha256_digest(&d->ctx, sizeof(raw), raw);
	memcpy(out, DIGEST_PREFIX, sizeof(DIGEST_PREFIX) - 1);
	out += sizeof(DIGEST_PREFIX) - 1;
	for (size_t i = 0; i < sizeof(raw); i++) {
		*out++ = hex[raw[i] >> 4];
		*out++ = hex[raw[i] & 15];
	}
	*out = '\0';
}

int digest_fd(int fd, const char *path, char out[DIGEST_TEXT], struct err *e)
{
	cleanup_free char *piece = malloc(PIECE);
	struct digest d;
	ssize_t n;

	if (!piece)
		return err_set(e, ENOMEM, "out of memory");
	digest_init(&d);
	while ((n = io_read_full(fd, piece, PIECE)) > 0)
		digest_add(&d, piece, (size_t)n);
	if (n < 0)
		return err_code(e, (int)-n, "read %s", path);
	digest_end(&d, out);
	return 0;
}

int digest_file(const char *path, char out[DIGEST_TEXT], struct err *e)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, "%s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, EINVAL, "%s: not a regular file", path);
	return digest_fd(fd, path, out, e);
}

bool digest_valid(const char *text)
{
	size_t n = sizeof(DIGEST_PREFIX) - 1;

	return !strncmp(text, DIGEST_PREFIX, n) && strlen(text) == DIGEST_TEXT - 1 &&
	       strspn(text + n, "0123456789abcdef") == (size_t)2 * SHA256_DIGEST_SIZE;
}
