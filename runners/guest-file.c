/* SPDX-License-Identifier: MIT */
/* Named by its digest: programs of several versions do not meet. */
#include "runners/guest-file.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "archive/digest.h"
#include "initrd/guest-image.h"
#include "lib/io.h"
#include "lib/output.h"
#include "runners/cache.h"

static int make(const char *path, size_t n, struct err *e)
{
	cleanup_output struct output o = OUTPUT_INIT;
	int r = output_open(&o, path, e);

	if (r == 0 && io_write_all(o.fd, guest_image, n) < 0)
		r = err_sys(e, "write %s", path);
	if (r == 0 && fchmod(o.fd, 0755) < 0)
		r = err_sys(e, "%s", path);
	return r < 0 ? r : output_commit(&o, e);
}

int guest_file(char *path, size_t size, struct err *e)
{
	size_t n = (size_t)(guest_image_end - guest_image);
	char text[DIGEST_TEXT], name[64];
	struct digest d;
	struct stat st;
	int r;

	digest_init(&d);
	digest_add(&d, guest_image, n);
	digest_end(&d, text);
	snprintf(name, sizeof(name), "guest/execvm-%.16s", text + strlen(DIGEST_PREFIX));
	r = cache_path(name, path, size, e);
	if (r < 0)
		return r;
	if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && (size_t)st.st_size == n &&
	    (st.st_mode & 0755) == 0755)
		return 0;
	return make(path, n, e);
}
