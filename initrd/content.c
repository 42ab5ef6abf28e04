/* SPDX-License-Identifier: MIT */
/* Contents: the spool, and files of the host that must stay what they are. */
#include "initrd/content.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"

static int open_unnamed(const char *dir)
{
	char name[4096];
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	/* Not every file system has O_TMPFILE. */
	if ((size_t)snprintf(name, sizeof(name), "%s/execvm.XXXXXX", dir) >= sizeof(name))
		return -ENAMETOOLONG;
	fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(name);
	return fd;
}

/* /var/tmp before /tmp: that one is often in memory. */
static int spool_open(struct spool *s, struct err *e)
{
	const char *dir = getenv("TMPDIR");

	if (dir && *dir) {
		s->fd = open_unnamed(dir);
		return s->fd < 0 ? err_code(e, -s->fd, "temporary file in $TMPDIR, '%s'", dir) : 0;
	}
	s->fd = open_unnamed("/var/tmp");
	if (s->fd < 0)
		s->fd = open_unnamed("/tmp");
	return s->fd < 0 ? err_code(e, -s->fd, "temporary file in /var/tmp or /tmp") : 0;
}

int spool_write(struct spool *s, const void *p, size_t n, uint64_t offset, struct err *e)
{
	const char *at = p;
	int r = s->fd < 0 ? spool_open(s, e) : 0;

	while (r == 0 && n) {
		ssize_t k = pwrite(s->fd, at, n, (off_t)offset);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return err_sys(e, "write temporary file");
		at += k;
		n -= (size_t)k;
		offset += (uint64_t)k;
		if (offset > s->end)
			s->end = offset;
	}
	return r;
}

void spool_close(struct spool *s)
{
	if (s->fd >= 0)
		close(s->fd);
	*s = (struct spool){ .fd = -1 };
}

int content_of_host(struct content *c, const char *host, const struct stat *st)
{
	*c = (struct content){
		.kind = CONTENT_HOST,
		.size = (uint64_t)st->st_size,
		.host = strdup(host),
		.dev = st->st_dev,
		.ino = st->st_ino,
		.mtime = st->st_mtim,
	};
	return c->host ? 0 : -ENOMEM;
}

static int verify(const struct content *c, int fd, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, "stat %s", c->host);
	if (st.st_dev != c->dev || st.st_ino != c->ino || (uint64_t)st.st_size != c->size ||
	    st.st_mtim.tv_sec != c->mtime.tv_sec || st.st_mtim.tv_nsec != c->mtime.tv_nsec)
		return err_set(e, ESTALE, "%s: changed during the build", c->host);
	return 0;
}

/* O_NONBLOCK: should it have become a fifo, verify() says so. */
static int open_host(const struct content *c, struct err *e)
{
	cleanup_close int fd = open(c->host, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int r;

	if (fd < 0)
		return err_sys(e, "open %s", c->host);
	r = verify(c, fd, e);
	return r < 0 ? r : take_fd(&fd);
}

static ssize_t pread_full(int fd, void *p, size_t n, uint64_t offset)
{
	size_t got = 0;

	while (got < n) {
		ssize_t k = pread(fd, (char *)p + got, n - got, (off_t)(offset + got));

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -errno;
		if (k == 0)
			break;
		got += (size_t)k;
	}
	return (ssize_t)got;
}

static int copy_fd(const struct content *c, int fd, const struct content_sink *to, struct err *e)
{
	const char *name = c->kind == CONTENT_HOST ? c->host : "temporary file";

	for (uint64_t done = 0; done < c->size;) {
		size_t want;
		void *room = to->room(to->ctx, &want);
		ssize_t k;
		int r;

		if (want > c->size - done)
			want = (size_t)(c->size - done);
		k = pread_full(fd, room, want, c->offset + done);
		if (k < 0)
			return err_code(e, (int)-k, "read %s", name);
		if ((size_t)k < want)
			return err_set(e, ESTALE, "%s: became shorter during the build", name);
		r = to->data(to->ctx, room, want, e);
		if (r < 0)
			return r;
		done += want;
	}
	return 0;
}

int content_copy(const struct content *c, const struct spool *s, const struct content_sink *to,
		 struct err *e)
{
	cleanup_close int fd = -1;
	int r;

	switch (c->kind) {
	case CONTENT_BYTES:
		return c->size ? to->data(to->ctx, c->bytes, (size_t)c->size, e) : 0;
	case CONTENT_SPOOL:
		return copy_fd(c, s->fd, to, e);
	case CONTENT_HOST:
		fd = open_host(c, e);
		if (fd < 0)
			return fd;
		r = copy_fd(c, fd, to, e);
		return r < 0 ? r : verify(c, fd, e);
	}
	return -EINVAL;
}

ssize_t content_read(const struct content *c, const struct spool *s, void *p, size_t n,
		     uint64_t offset, struct err *e)
{
	cleanup_close int fd = -1;
	ssize_t k = 0;

	if (offset >= c->size)
		return 0;
	if (n > c->size - offset)
		n = (size_t)(c->size - offset);
	switch (c->kind) {
	case CONTENT_BYTES:
		memcpy(p, (const char *)c->bytes + offset, n);
		return (ssize_t)n;
	case CONTENT_SPOOL:
		k = pread_full(s->fd, p, n, c->offset + offset);
		break;
	case CONTENT_HOST:
		fd = open_host(c, e);
		if (fd < 0)
			return fd;
		k = pread_full(fd, p, n, offset);
		break;
	}
	return k < 0 ? err_code(e, (int)-k, "read %s", c->host ? c->host : "temporary file") : k;
}

void content_free(struct content *c)
{
	free(c->host);
	*c = (struct content){ 0 };
}
