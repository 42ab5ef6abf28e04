/* SPDX-License-Identifier: MIT */
/*
 * The choice between 9p and virtiofs, and virtiofsd.
 *
 * A share that may not be changed is protected on this side: 9p by QEMU's readonly, virtiofs by a
 * mount namespace of virtiofsd's own in which nothing can be written. virtiofsd gets its listening
 * socket ready-made, and QEMU one that is connected to it already, so no name is needed anywhere
 * and nobody waits for anybody.
 */
#include "runners/share.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/argv.h"
#include "lib/cleanup.h"

#define VIRTIOFSD "/usr/lib/qemu/virtiofsd"

/* What virtiofsd does to lock itself in; in a chroot it would find no mount to begin with. */
static bool may_mount(void)
{
	struct statx root = { 0 };
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (geteuid() != 0 || syscall(SYS_capget, &head, caps) < 0 ||
	    !(caps[0].effective >> CAP_SYS_ADMIN & 1))
		return false;
	return statx(AT_FDCWD, "/", 0, 0, &root) == 0 &&
	       root.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

int share_plan(const struct vm_spec *s, struct qemu_facts *f, struct err *e)
{
	const char *program = getenv("EXECVM_VIRTIOFSD");

	f->virtiofsd = NULL;
	f->privileged = geteuid() == 0;
	if (!s->nshares && !s->root_host)
		return 0;
	if (!program || !*program)
		program = VIRTIOFSD;
	if (strcmp(program, "none") != 0 && access(program, X_OK) == 0 && may_mount() &&
	    kernel_can(&f->kernel, "VIRTIO_FS"))
		f->virtiofsd = program;
	if (!f->virtiofsd && !kernel_can(&f->kernel, "NET_9P_VIRTIO"))
		return err_set(e, ENODEV,
			       "kernel %s: has no 9p, and virtiofs needs root and %s: no directory "
			       "of the host can be shared",
			       f->kernel.path, VIRTIOFSD);
	return 0;
}

/* The two ends of a connection, one of them still to be accepted: *to listens, *from is connected. */
static int connection(int *to, int *from, struct err *e)
{
	cleanup_close int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cleanup_close int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	socklen_t n = sizeof(at);

	/* Only a family: the kernel finds a free abstract name. */
	if (listener < 0 || client < 0 ||
	    bind(listener, (struct sockaddr *)&at, sizeof(at.sun_family)) < 0 ||
	    getsockname(listener, (struct sockaddr *)&at, &n) < 0 || listen(listener, 1) < 0 ||
	    connect(client, (struct sockaddr *)&at, n) < 0)
		return err_sys(e, "socket for virtiofsd");
	*to = take_fd(&listener);
	*from = take_fd(&client);
	return 0;
}

static int server_argv(const struct qemu_facts *f, const char *source, int fd, struct argv *out)
{
	const char *p = source;
	int r = argv_push(out, f->virtiofsd);

	if (r == 0)
		r = argv_pushf(out, "--fd=%d", fd);
	if (r == 0)
		r = argv_push(out, "-f");
	if (r == 0)
		r = argv_push(out, "-o");
	if (r == 0)
		r = argv_pushf(out, "sandbox=%s,log_level=warn,xattr,flock,posix_lock",
			       strcmp(source, "/") ? "namespace" : "chroot");
	if (r == 0)
		r = argv_push(out, "-o");
	if (r == 0) {
		/* A comma ends a word, a backslash takes that meaning away: fuse_opt's rules. */
		cleanup_buf struct buf b = { 0 };

		r = buf_adds(&b, "source=");
		for (; *p && r == 0; p++) {
			if (*p == ',' || *p == '\\')
				r = buf_addc(&b, '\\');
			if (r == 0)
				r = buf_addc(&b, *p);
		}
		if (r == 0)
			r = argv_push(out, b.p);
	}
	return r;
}

static int start_one(const struct qemu_facts *f, const char *source, bool readonly, int *qemus,
		     int err_fd, struct companions *c, struct err *e)
{
	cleanup_argv struct argv argv = { 0 };
	cleanup_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	cleanup_close int listener = -1;
	struct proc_spec p = PROC_SPEC_INIT;
	int r;

	if (null < 0)
		return err_sys(e, "open /dev/null");
	r = connection(&listener, qemus, e);
	if (r == 0 && server_argv(f, source, listener, &argv) < 0)
		r = err_memory(e);
	if (r < 0)
		return r;
	p.argv = argv.v;
	p.fd[0] = p.fd[1] = null;
	p.fd[2] = err_fd;
	p.keep = &listener;
	p.nkeep = 1;
	p.readonly_mounts = readonly;
	return companion_start(c, "virtiofsd", &p, e);
}

int share_start(const struct vm_spec *s, struct qemu_facts *f, int err_fd, struct companions *c,
		struct err *e)
{
	int r = 0;

	if (!f->virtiofsd)
		return 0;
	if (s->root_host)
		r = start_one(f, "/", true, &f->root_fd, err_fd, c, e);
	for (size_t i = 0; i < s->nshares && r == 0; i++) {
		const struct vm_share *sh = &s->share[i];

		r = start_one(f, sh->source, sh->readonly, &f->share_fd[i], err_fd, c, e);
	}
	return r;
}
