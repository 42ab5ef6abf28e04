/* SPDX-License-Identifier: MIT */
/*
 * The chain is always there: init's own program as /run/execvm/bin/execvm, and as /bin/execvm
 * where the root can be added to. Both are copies: a link would be dangling for who covers /run,
 * and a mount cannot be removed. The initrd's file is gone by now; /proc/self/exe still opens it.
 *
 * A machine that copies has busybox there, too: it is kept before the root is switched.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init/init.h"
#include "lib/cleanup.h"
#include "lib/io.h"
#include "lib/layout.h"

#define SELF "/proc/self/exe"

static int copy(const char *from, const char *to, struct err *e)
{
	cleanup_close int in = open(from, O_RDONLY | O_CLOEXEC);
	cleanup_close int out = -1;
	off_t n;

	if (in < 0)
		return err_sys(e, "open %s", from);
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	if (out < 0)
		return err_sys(e, "make %s", to);
	n = io_copy(in, out);
	if (n < 0)
		return err_code(e, (int)-n, "write %s", to);
	return 0;
}

/* Does not replace anything. A root in which it cannot be put has the other one. */
static int add_to_root(struct err *e)
{
	struct stat st;
	int r;

	if (lstat(GUEST_CHAIN, &st) == 0)
		return 0;
	r = mount_mkdir("/bin", e);
	return r < 0 ? r : copy(SELF, GUEST_CHAIN, e);
}

int busybox_keep(struct guest *g, struct err *e)
{
	struct stat st;
	int r;

	if (g->rooted || lstat(GUEST_BUSYBOX_FROM, &st) < 0 || lstat(GUEST_BUSYBOX, &st) == 0)
		return 0;
	r = mount_mkdir(GUEST_BIN_DIR, e);
	return r < 0 ? r : copy(GUEST_BUSYBOX_FROM, GUEST_BUSYBOX, e);
}

/*
 * Before a freeze it is put there once; a run has what its own mounts may have covered put there
 * again. Only a run ends the writing.
 */
int binary_install(struct guest *g, struct err *e)
{
	const struct payload_machine *m = g->machine;
	struct err why = { 0 };
	struct stat st;
	int r = 0;

	if (lstat(GUEST_BIN, &st) < 0)
		r = mount_mkdir(GUEST_BIN_DIR, e);
	if (r == 0 && lstat(GUEST_BIN, &st) < 0)
		r = copy(SELF, GUEST_BIN, e);
	if (r < 0 || (m->root && m->root_mode == ROOT_RW))
		return r;
	if (add_to_root(&why) < 0)
		power_log("warning: %s", why.msg);
	if (m->root_mode != ROOT_RO || (g->template && !g->link))
		return 0;
	return mount_readonly("/", e);
}
