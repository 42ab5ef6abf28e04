/* SPDX-License-Identifier: MIT */
/*
 * What shapes a frozen machine, and who makes it.
 *
 * The shape is a text: QEMU, the files that were read at the boot, the host's CPU, and the arguments
 * that QEMU was frozen with. A file is its device, inode, size and times: whatever is written to it
 * changes one of them. The whole text is compared, its digest is only the name.
 */
#include "runners/template.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "archive/digest.h"
#include "initrd/guest-image.h"
#include "lib/argv.h"
#include "lib/b64.h"
#include "lib/cleanup.h"
#include "lib/json.h"
#include "lib/msg.h"
#include "lib/payload.h"
#include "lib/proc.h"
#include "runners/accel.h"
#include "runners/cache.h"

#define VERSION "execvm template 1\n"
#define WAIT_MS 15000u /* for another run that makes it */

const char *template_refusal(const struct vm_spec *s, const struct qemu_facts *f)
{
	struct stat st;

	if (s->root_host)
		return "the root is a directory of this host";
	if (s->root && s->root_mode == ROOT_RW)
		return "root-mode rw: the image is changed";
	if (s->root && vm_is_qcow2(s->root))
		return "a qcow2 image may stand on others";
	if (s->root && (stat(s->root, &st) < 0 || !S_ISREG(st.st_mode)))
		return "the root is no regular file";
	if (s->strict)
		return "--strict: every input is read";
	if (s->boot_log)
		return "--boot-log: there is no boot to be shown";
	if (s->ndisks + 1 > QEMU_DISKS_LARGE || s->nshares > QEMU_SHARES_LARGE)
		return "more disks or directories than a template has places for";
	if (s->nshares && !kernel_can(&f->kernel, "NET_9P_VIRTIO"))
		return "the kernel has no 9p, and virtiofs cannot be frozen";
	return NULL;
}

bool template_is_large(const struct vm_spec *s, const struct qemu_facts *f)
{
	return s->ndisks + 1 + (f->stdin_disk ? 1 : 0) > QEMU_DISKS_SMALL ||
	       s->nshares > QEMU_SHARES_SMALL;
}

void template_spec(const struct vm_spec *s, struct vm_spec *frozen)
{
	*frozen = *s;
	frozen->ndisks = frozen->nshares = frozen->npublish = 0;
	frozen->network = NETWORK_NONE;
	frozen->name = NULL;
}

/* The machine half that is done before the freeze: the root. */
static int payload(const struct vm_spec *s, struct buf *b64, struct err *e)
{
	cleanup_buf struct buf json = { 0 };
	struct payload what = { 0 };
	int r;

	if (!s->root)
		return 0;
	what.machine.root = QEMU_ROOT_SERIAL;
	what.machine.root_mode = s->root_mode;
	r = payload_encode(&what, PAYLOAD_MACHINE, &json, e);
	if (r < 0)
		return err_wrap(e, "payload");
	return b64_encode(json.p, json.len, b64) < 0 ? err_memory(e) : 0;
}

/* the shape */

static int add_file(struct buf *out, const char *what, const char *path, struct err *e)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_sys(e, "%s", path);
	return buf_addf(out, "%s %s %llx:%llx %lld %lld.%09ld %lld.%09ld\n", what, path,
			(unsigned long long)st.st_dev, (unsigned long long)st.st_ino,
			(long long)st.st_size, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
			(long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec) < 0
		       ? err_memory(e)
		       : 0;
}

/* A cached initrd has the program in its name; one that the caller gave gets it put behind. */
static int add_initrd(struct buf *out, const struct vm_spec *s, const struct base *b, struct err *e)
{
	char text[DIGEST_TEXT];
	struct digest d;

	if (b->fd < 0)
		return add_file(out, "initrd", b->path, e);
	digest_init(&d);
	digest_add(&d, guest_image, (size_t)(guest_image_end - guest_image));
	digest_end(&d, text);
	if (buf_addf(out, "init %s\nunpacked %llu\n", text, (unsigned long long)b->unpacked) < 0)
		return err_memory(e);
	return add_file(out, "initrd", s->initrd, e);
}

static int add_program(struct buf *out, const struct qemu_facts *f, struct err *e)
{
	char path[PATH_MAX];

	if (!proc_find(f->program, getenv("PATH"), path, NULL))
		return err_set(e, ENOENT, "%s: not found", f->program);
	return add_file(out, "qemu", path, e);
}

static int add_argv(struct buf *out, const struct vm_spec *frozen, const struct qemu_facts *f,
		    const struct base *b, struct err *e)
{
	cleanup_argv struct argv argv = { 0 };
	struct qemu_facts named = *f;
	int r;

	/* Numbers of descriptors say nothing about the machine. */
	named.wire_fd = named.log_fd = named.control_fd = named.memory_fd = 0;
	if (b->fd >= 0)
		named.initrd = "initrd";
	r = qemu_argv(frozen, &named, &argv, e);
	if (r < 0)
		return r;
	return argv_quote(out, argv.v) < 0 || buf_addc(out, '\n') < 0 ? err_memory(e) : 0;
}

static int make_shape(const struct vm_spec *s, const struct vm_spec *frozen,
		      const struct qemu_facts *f, const struct base *b, struct buf *out,
		      struct err *e)
{
	int r = buf_adds(out, VERSION) < 0 ? err_memory(e) : 0;

	if (r == 0)
		r = add_program(out, f, e);
	if (r == 0)
		r = add_file(out, "kernel", f->kernel.path, e);
	if (r == 0)
		r = add_initrd(out, s, b, e);
	if (r == 0 && s->root)
		r = add_file(out, "root", s->root, e);
	if (r == 0 && accel_cpu_model(out) < 0)
		r = err_memory(e);
	if (r == 0)
		r = add_argv(out, frozen, f, b, e);
	/* It is to be kept as JSON. */
	if (r == 0 && !json_is_utf8(out->p))
		r = err_set(e, EILSEQ, "a path that is not UTF-8");
	return r;
}

/* making it */

static json_t *describe(const struct vm_spec *s, const struct qemu_facts *f)
{
	return json_pack("{s:s, s:s, s:I, s:i, s:s?, s:s, s:I}", "kernel", f->kernel.path, "accel",
			 f->kvm ? "kvm" : "tcg", "bytes", (json_int_t)s->memory, "cpus",
			 (int)s->cpus, "root", s->image ? s->image : s->root, "qemu", f->program,
			 "made", (json_int_t)time(NULL));
}

static void make_room(const char *id)
{
	struct err e = { 0 };
	uint64_t limit, bytes;
	size_t n;

	if (template_limit(&limit, &e) < 0 || template_prune(limit, id, &n, &bytes, &e) < 0)
		msg_debug("templates: %s", e.msg);
	else if (n)
		msg_info("templates: %zu removed, %llu MiB", n, (unsigned long long)bytes >> 20);
}

static int make(const struct vm_spec *s, const struct vm_spec *frozen, struct qemu_facts *f,
		const struct base *b, const struct freeze_limit *limit, struct template *t,
		struct err *e)
{
	struct template_files files = TEMPLATE_FILES_INIT;
	cleanup_buf struct buf log = { 0 };
	json_t *about = describe(s, f);
	int r = about ? template_begin(t->id, &files, e) : err_memory(e);

	if (r == 0)
		r = freeze_make(frozen, f, b, files.memory, files.state, limit, &log, e);
	if (r == 0)
		r = template_commit(t->id, &files, t->shape.p, about, e);
	if (r < 0) {
		template_abort(t->id);
		if (log.len) {
			msg_clean(log.p, log.len);
			msg_debug("template %s: %.*s", t->id, (int)log.len, log.p);
		}
	} else {
		msg_info("template %s: made", t->id);
		make_room(t->id);
	}
	json_decref(about);
	template_close(&files);
	return r;
}

static int find_or_make(const struct vm_spec *s, const struct vm_spec *frozen, struct qemu_facts *f,
			const struct base *b, const struct freeze_limit *limit, struct template *t,
			struct err *e)
{
	cleanup_close int lock = -1;
	char word[8];
	char bad[TEMPLATE_BAD];
	int r = template_open(t->shape.p, &t->files, e);

	t->used = r == 0;
	if (r != -ENOENT)
		return r;
	template_bad(t->id, bad);
	if (!t->insist && cache_recall(bad, word, sizeof(word)))
		return err_set(e, ENOTSUP, "template %s did not work before", t->id);
	lock = template_lock(t->id, WAIT_MS, limit->stop, e);
	if (lock < 0)
		return lock;
	/* Whoever had the lock has made it. */
	r = template_open(t->shape.p, &t->files, e);
	t->used = r == 0;
	if (r != -ENOENT)
		return r;
	r = make(s, frozen, f, b, limit, t, e);
	return r < 0 ? r : template_open(t->shape.p, &t->files, e);
}

int template_take(const struct vm_spec *s, struct qemu_facts *f, const struct base *b,
		  const struct freeze_limit *limit, struct template *t, struct err *e)
{
	cleanup_buf struct buf b64 = { 0 };
	struct qemu_facts freeze = *f;
	struct vm_spec frozen;
	int r = payload(s, &b64, e);

	template_spec(s, &frozen);
	freeze.start = QEMU_FREEZE;
	freeze.payload = b64.p;
	if (r == 0)
		r = make_shape(s, &frozen, &freeze, b, &t->shape, e);
	if (r < 0)
		return r;
	template_id(t->shape.p, t->id);
	r = find_or_make(s, &frozen, &freeze, b, limit, t, e);
	if (r < 0)
		return r;
	f->start = QEMU_RESTORE;
	f->payload = NULL;
	f->memory_fd = t->files.memory;
	f->state_fd = t->files.state;
	return 0;
}

bool template_holds(const struct template *t, const struct vm_spec *s)
{
	cleanup_buf struct buf line = { 0 };
	struct err ignored;

	return !s->root || (add_file(&line, "root", s->root, &ignored) == 0 &&
			    strstr(t->shape.p, line.p) != NULL);
}

void template_failed(struct template *t)
{
	char bad[TEMPLATE_BAD];

	template_drop(t->id, &t->files);
	template_bad(t->id, bad);
	if (!t->used)
		cache_remember(bad, "yes");
}

void template_free(struct template *t)
{
	template_close(&t->files);
	buf_free(&t->shape);
}
