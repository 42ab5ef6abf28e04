/* SPDX-License-Identifier: MIT */
/*
 * The base holds the guest program as /init, what a distribution kernel needs as modules and, for a
 * run without a root of its own, busybox with its applets. It depends on nothing that is special
 * to a run, so it is made once and kept in the cache under a name that says what went into it.
 *
 * An initrd that the caller gives is never changed: it is copied into memory, with a segment behind
 * it that has our /init and the modules.
 */
#include "runners/base.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "initrd/guest-image.h"
#include "initrd/initrd.h"
#include "lib/argv.h"
#include "lib/cleanup.h"
#include "lib/io.h"
#include "lib/layout.h"
#include "lib/output.h"
#include "lib/proc.h"
#include "runners/cache.h"

#define APPLETS_MAX ((size_t)256 << 10)

/* FNV-1a: names a cache file; nothing is trusted because of it. */
static uint64_t hash(uint64_t h, const void *p, size_t n)
{
	const unsigned char *c = p;

	for (size_t i = 0; i < n; i++)
		h = (h ^ c[i]) * 0x100000001b3u;
	return h;
}

static bool is_static(const char *path)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	Elf64_Ehdr eh;
	Elf64_Phdr ph;

	if (fd < 0 || pread(fd, &eh, sizeof(eh), 0) != (ssize_t)sizeof(eh) ||
	    memcmp(eh.e_ident, ELFMAG, SELFMAG) != 0)
		return false;
	for (unsigned i = 0; i < eh.e_phnum; i++) {
		off_t at = (off_t)(eh.e_phoff + (uint64_t)i * sizeof(ph));

		if (pread(fd, &ph, sizeof(ph), at) != (ssize_t)sizeof(ph))
			return false;
		if (ph.p_type == PT_INTERP)
			return false;
	}
	return true;
}

static const char *busybox_find(struct stat *st, struct err *e)
{
	static const char *const where[] = { "/bin/busybox", "/usr/bin/busybox",
					     "/usr/local/bin/busybox" };

	for (size_t i = 0; i < ARRAY_SIZE(where); i++) {
		if (stat(where[i], st) == 0 && is_static(where[i]))
			return where[i];
	}
	err_set(e, ENOENT, "there is no static busybox: install busybox-static");
	return NULL;
}

static int add_applets(struct initrd *in, const char *busybox, struct err *e)
{
	cleanup_buf struct buf list = { 0 };
	char *argv[] = { (char *)busybox, (char *)"--list-full", NULL };
	char *save = NULL;
	int r = proc_capture(argv, APPLETS_MAX, &list, e);

	if (r == 0)
		r = initrd_add_file(in, busybox, "/bin/busybox", 0755, e);
	if (r < 0)
		return r;
	for (char *name = strtok_r(list.p, "\n", &save); name; name = strtok_r(NULL, "\n", &save)) {
		char guest[256];

		if (snprintf(guest, sizeof(guest), "/%s", name) >= (int)sizeof(guest) ||
		    !strcmp(guest, "/bin/busybox"))
			continue;
		r = initrd_add_symlink(in, "/bin/busybox", guest, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A small root: what programs look for even in an empty one. */
static int add_root(struct initrd *in, const char *busybox, struct err *e)
{
	static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
				     "nobody:x:65534:65534:nobody:/:/bin/false\n";
	static const char group[] = "root:x:0:\nnogroup:x:65534:\n";
	static const char hosts[] = "127.0.0.1 localhost\n::1 localhost\n";
	int r = add_applets(in, busybox, e);

	if (r == 0)
		r = initrd_add_bytes(in, "/etc/passwd", passwd, sizeof(passwd) - 1, 0644, e);
	if (r == 0)
		r = initrd_add_bytes(in, "/etc/group", group, sizeof(group) - 1, 0644, e);
	if (r == 0)
		r = initrd_add_bytes(in, "/etc/hosts", hosts, sizeof(hosts) - 1, 0644, e);
	if (r == 0)
		r = initrd_add_dir(in, "/root", 0700, e);
	return r < 0 ? r : initrd_add_dir(in, "/tmp", 01777, e);
}

static bool copies(const struct vm_spec *s)
{
	return s->nin || s->nout;
}

/* The tar of a machine that copies, whatever its root has. */
static int add_busybox(struct initrd *in, struct err *e)
{
	struct stat st;
	const char *busybox = busybox_find(&st, e);

	return busybox ? initrd_add_file(in, busybox, GUEST_BUSYBOX_FROM, 0755, e) : -e->code;
}

/* With no root disk, no file systems. What a root needs is found out in the guest: all that there are. */
static int add_init(const struct vm_spec *s, struct initrd *in, const struct kernel *k,
		    unsigned features, struct err *e)
{
	const char *fstype = s->root || s->ndisks ? NULL : "";

	cleanup_argv struct argv modules = { 0 };
	int r = initrd_add_bytes(in, GUEST_INIT, guest_image,
				 (size_t)(guest_image_end - guest_image), 0755, e);

	if (r == 0 && kernel_modules(k, fstype, features, &modules) < 0)
		r = err_memory(e);
	if (r == 0 && modules.n)
		r = initrd_add_modules(in, k->release, modules.v, modules.n, e);
	if (r == 0 && copies(s))
		r = add_busybox(in, e);
	return r;
}

static int write_base(const struct vm_spec *s, const struct kernel *k, unsigned features,
		      const char *busybox, int fd, struct err *e)
{
	struct initrd *in = initrd_new(0);
	int r = in ? add_init(s, in, k, features, e) : err_memory(e);

	if (r == 0 && busybox)
		r = add_root(in, busybox, e);
	if (r == 0)
		r = initrd_write(in, fd, INITRD_NONE, NULL, e);
	initrd_free(in);
	return r;
}

/* A file that was cut or filled with zeros by whatever has been at it is made again. */
static bool is_whole(const char *path)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	char magic[6];
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && st.st_size % 512 == 0 &&
	       st.st_size > guest_image_end - guest_image &&
	       read(fd, magic, sizeof(magic)) == (ssize_t)sizeof(magic) &&
	       !memcmp(magic, "070701", sizeof(magic));
}

/* Of several runs at once each writes its own and one name wins: they are the same. */
static int fill_cache(const struct vm_spec *s, const struct kernel *k, unsigned features,
		      const char *busybox, const char *path, struct err *e)
{
	struct output o = OUTPUT_INIT;
	int r = output_open(&o, path, e);

	if (r == 0)
		r = write_base(s, k, features, busybox, o.fd, e);
	/* What has the name after a crash of the host must be whole. */
	if (r == 0 && fsync(o.fd) < 0)
		r = err_sys(e, "fsync %s", path);
	if (r == 0)
		r = output_commit(&o, e);
	output_free(&o);
	return r;
}

static int cached(const struct vm_spec *s, const struct kernel *k, unsigned features,
		  struct base *b, struct err *e)
{
	uint64_t h =
		hash(0xcbf29ce484222325u, guest_image, (size_t)(guest_image_end - guest_image));
	bool bare = !s->root && !s->root_host; /* busybox is the root */
	const char *busybox = NULL;
	struct stat st;
	char name[256];
	int r;

	if (bare || copies(s)) {
		busybox = busybox_find(&st, e);
		if (!busybox)
			return -e->code;
		h = hash(h, &bare, sizeof(bare));
		h = hash(h, copies(s) ? "copies" : "", copies(s) ? 6 : 0);
		h = hash(h, busybox, strlen(busybox));
		h = hash(h, &st.st_size, sizeof(st.st_size));
		h = hash(h, &st.st_mtim, sizeof(st.st_mtim));
	}
	if (k->profile == KERNEL_DISTRO) {
		bool disks = s->root || s->ndisks;

		if (stat(k->path, &st) < 0)
			return err_sys(e, "%s", k->path);
		h = hash(h, k->path, strlen(k->path));
		h = hash(h, &st.st_size, sizeof(st.st_size));
		h = hash(h, &st.st_mtim, sizeof(st.st_mtim));
		h = hash(h, &disks, sizeof(disks));
		h = hash(h, &features, sizeof(features));
	}
	snprintf(name, sizeof(name), "initrd/%.100s%s%016llx.cpio",
		 k->profile == KERNEL_DISTRO ? k->release : "",
		 k->profile == KERNEL_DISTRO ? "-" : "", (unsigned long long)h);
	r = cache_path(name, b->path, sizeof(b->path), e);
	if (r < 0)
		return r;
	if (!is_whole(b->path)) {
		r = fill_cache(s, k, features, bare ? busybox : NULL, b->path, e);
		if (r < 0)
			return err_wrap(e, "initrd");
	}
	if (stat(b->path, &st) < 0)
		return err_sys(e, "%s", b->path);
	b->file = b->unpacked = (uint64_t)st.st_size;
	return 0;
}

/* The caller's, then a segment of ours: the last one wins. */
static int composed(const struct vm_spec *s, const struct kernel *k, unsigned features,
		    struct base *b, struct err *e)
{
	struct initrd_info info = { 0 }, ours = { 0 };
	struct initrd *in;
	struct stat st;
	int r = initrd_measure(s->initrd, &info, e);

	if (r < 0)
		return r;
	b->fd = memfd_create("initrd", MFD_CLOEXEC);
	if (b->fd < 0)
		return err_sys(e, "memfd_create");
	r = initrd_copy(s->initrd, b->fd, e);
	if (r < 0)
		return r;
	in = initrd_new(INITRD_SEGMENT);
	r = in ? add_init(s, in, k, features, e) : err_memory(e);
	if (r == 0)
		r = initrd_write(in, b->fd, INITRD_NONE, &ours, e);
	initrd_free(in);
	if (r < 0)
		return err_wrap(e, "initrd");
	if (fstat(b->fd, &st) < 0)
		return err_sys(e, "initrd");
	snprintf(b->path, sizeof(b->path), "/proc/self/fd/%d", b->fd);
	b->file = (uint64_t)st.st_size;
	b->unpacked = info.unpacked + ours.unpacked;
	return 0;
}

/*
 * A tree that does not fit is cut by the kernel without a word. A tmpfs may hold half of the memory
 * that there is when it is made: without the kernel, and without the archive, which lies in memory
 * until it is unpacked.
 */
static int check_memory(const struct vm_spec *s, const struct base *b, struct err *e)
{
	const uint64_t kernel = (uint64_t)24 << 20;
	uint64_t room = s->memory > kernel ? s->memory - kernel : 0;

	if (b->file <= room && b->unpacked <= (room - b->file) / 2)
		return 0;
	return err_set(
		e, EFBIG,
		"the initrd is too large for %llu MiB of memory: %llu MiB unpacked, %llu MiB loaded",
		(unsigned long long)(s->memory >> 20),
		(unsigned long long)((b->unpacked + 0xfffff) >> 20),
		(unsigned long long)((b->file + 0xfffff) >> 20));
}

int base_make(const struct vm_spec *s, const struct qemu_facts *f, struct base *b, struct err *e)
{
	const struct kernel *k = &f->kernel;
	unsigned features = 0;
	int r;

	if (s->root || s->root_host || s->ndisks)
		features |= KERNEL_OVERLAY;
	if (s->root_host || s->nshares)
		features |= f->virtiofsd ? KERNEL_VIRTIOFS : KERNEL_9P;
	if (vm_has_network(s))
		features |= KERNEL_NETWORK;
	*b = (struct base){ .fd = -1 };
	r = s->initrd ? composed(s, k, features, b, e) : cached(s, k, features, b, e);
	return r < 0 ? r : check_memory(s, b, e);
}

void base_free(struct base *b)
{
	if (b->fd >= 0)
		close(take_fd(&b->fd));
}
