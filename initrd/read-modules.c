/* SPDX-License-Identifier: MIT */
/* Kernel modules into the archive: uncompressed, where the running kernel has them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "initrd/archive.h"
#include "initrd/initrd.h"
#include "initrd/modules.h"
#include "initrd/sources.h"
#include "lib/cleanup.h"
#include "lib/layout.h"

#define MODULES_DIR "/lib/modules"

struct unpacking {
	struct spool *spool;
	struct content *content;
};

static int on_bytes(void *ctx, const void *p, size_t n, struct err *e)
{
	struct unpacking *u = ctx;

	if (u->content->size + n > TREE_FILE_MAX)
		return err_set(e, EFBIG, "4 GiB or more");
	u->content->size += n;
	return spool_write(u->spool, p, n, u->spool->end, e);
}

/* The compressed module into the spool. */
static int unpack(struct initrd *in, const char *host, struct content *c, struct err *e)
{
	struct unpacking u = { &in->spool, c };
	cleanup_close int fd = open(host, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return err_sys(e, "open %s", host);
	*c = (struct content){ .kind = CONTENT_SPOOL, .offset = in->spool.end };
	if (arc_decompress(fd, on_bytes, &u, e) < 0)
		return err_wrap(e, "%s", host);
	return 0;
}

/* Length of the name without ".xz" and the like. */
static size_t plain_len(const char *file)
{
	const char *dot = strrchr(file, '.');

	return dot && strcmp(dot, ".ko") ? (size_t)(dot - file) : strlen(file);
}

/* file is relative to dir, in the host and below MODULES_DIR/kver in the guest. */
static int add_file(struct initrd *in, const char *dir, const char *file, struct err *e)
{
	size_t n = plain_len(file);
	cleanup_free char *host = NULL;
	cleanup_free char *guest = NULL;
	cleanup_node struct tree_node *node = source_node(in, TREE_FILE, 0644, e);
	struct stat st;
	int r;

	if (!node)
		return -ENOMEM;
	if (asprintf(&host, "%s/%s", dir, file) < 0)
		host = NULL;
	if (asprintf(&guest, MODULES_DIR "/%s/%.*s", in->kver, (int)n, file) < 0)
		guest = NULL;
	if (!host || !guest)
		return err_code(e, ENOMEM, "module %s", file);
	for (size_t i = 0; i < in->modules.n; i++) {
		if (!strcmp(in->modules.v[i], guest))
			return 0;
	}
	if (stat(host, &st) < 0)
		return err_sys(e, "%s", host);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > TREE_FILE_MAX)
		return err_set(e, EINVAL, "%s: not a module", host);
	if (file[n])
		r = unpack(in, host, &node->content, e);
	else
		r = content_of_host(&node->content, host, &st) < 0 ? err_code(e, ENOMEM, "%s", host)
								   : 0;
	if (r == 0)
		r = source_wait(in, guest, &node, in->source, e);
	if (r == 0 && argv_push(&in->modules, guest) < 0)
		r = err_code(e, ENOMEM, "%s", host);
	return r;
}

/* The directory that kver means, and the version: the last component. */
static int set_kver(struct initrd *in, const char *kver, char **dir, struct err *e)
{
	size_t end = strlen(kver), start;

	while (end && kver[end - 1] == '/')
		end--;
	for (start = end; start && kver[start - 1] != '/';)
		start--;
	if (start == end || (end - start <= 2 && !strncmp(kver + start, "..", end - start)))
		return err_set(e, EINVAL, "'%s': not a kernel version, nor a directory of modules",
			       kver);
	if (asprintf(dir, "%s%.*s", strchr(kver, '/') ? "" : MODULES_DIR "/", (int)end, kver) < 0) {
		*dir = NULL;
		return err_code(e, ENOMEM, "%s", kver);
	}
	if (in->kver &&
	    (strlen(in->kver) != end - start || strncmp(in->kver, kver + start, end - start)))
		return err_set(e, EINVAL, "modules of two kernels, %s and %.*s", in->kver,
			       (int)(end - start), kver + start);
	if (!in->kver)
		in->kver = strndup(kver + start, end - start);
	if (!in->kdir)
		in->kdir = strdup(*dir);
	return in->kver && in->kdir ? 0 : err_code(e, ENOMEM, "%s", kver);
}

int initrd_add_modules(struct initrd *in, const char *kver, char *const *names, size_t n,
		       struct err *e)
{
	cleanup_argv struct argv files = { 0 };
	cleanup_free char *dir = NULL;
	int r = set_kver(in, kver, &dir, e);

	if (r == 0)
		r = modules_find(dir, names, n, &files, e);
	in->modules_source = ++in->source;
	for (size_t i = 0; i < files.n && r == 0; i++)
		r = add_file(in, dir, files.v[i], e);
	return r;
}
