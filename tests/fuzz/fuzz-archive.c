/* SPDX-License-Identifier: MIT */
/*
 * R1, R4, R5, R10, R13. The input is a file: as an archive, as an initrd. What can
 * be read as an archive is written, and the result is an initrd that measures as it was written and
 * that, read and written again, is the same bytes; in every compression. What is refused has a
 * sentence.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#include "initrd/initrd.h"
#include "initrd/newc.h"
#include "initrd/sources.h"
#include "lib/cleanup.h"
#include "lib/io.h"
#include "tests/fuzz/fuzz.h"

#define SIZE_MAX_WRITTEN ((uint64_t)1 << 20) /* larger ones, as sparse files are, are only read */

struct file {
	int fd;
	char path[40];
};

static struct file new_file(const void *p, size_t n)
{
	struct file f = { .fd = memfd_create("fuzz", MFD_CLOEXEC) };

	CHECK(f.fd >= 0 && io_write_all(f.fd, p, n) == 0);
	snprintf(f.path, sizeof(f.path), "/proc/self/fd/%d", f.fd);
	return f;
}

static void check_refusal(int r, const struct err *e)
{
	CHECK(r == -e->code && e->code > 0 && e->msg[0]);
}

/* The archive in from, read and written. Returns false when that cannot be. */
static bool rebuild(const char *from, int flags, enum initrd_compress compress, struct file *to,
		    struct initrd_info *info)
{
	struct initrd *in = initrd_new(flags);
	struct err e = { 0 };
	uint64_t size = 0;
	int r;

	CHECK(in);
	initrd_set_epoch(in, 1000000);
	initrd_drop_extra(in);
	r = initrd_add_archive(in, from, &e);
	for (size_t i = 0; r == 0 && i < in->tree.n; i++)
		size += in->tree.v[i]->node->content.size;
	if (r < 0) {
		check_refusal(r, &e);
	} else if (size <= SIZE_MAX_WRITTEN) {
		*to = new_file("", 0);
		r = initrd_write(in, to->fd, compress, info, &e);
		/* Nothing but /dev as something else can be in the way of what was read. */
		if (r < 0)
			check_refusal(r, &e);
		CHECK(r == 0 || r == -ENOTDIR || r == -ELOOP || r == -ENAMETOOLONG);
		if (r < 0)
			close(to->fd);
	} else {
		r = -EFBIG;
	}
	initrd_free(in);
	return r == 0;
}

static bool same_bytes(int a, int b)
{
	cleanup_buf struct buf x = { 0 };
	cleanup_buf struct buf y = { 0 };

	lseek(a, 0, SEEK_SET);
	lseek(b, 0, SEEK_SET);
	CHECK(io_read_fd(a, SIZE_MAX / 4, &x) == 0 && io_read_fd(b, SIZE_MAX / 4, &y) == 0);
	return x.len == y.len && (!x.len || !memcmp(x.p, y.p, x.len));
}

static void check_info(const struct initrd_info *a, const struct initrd_info *b)
{
	CHECK(a->entries == b->entries && a->unpacked == b->unpacked && a->file == b->file &&
	      a->has_init == b->has_init);
}

static void as_archive(const struct file *f, enum initrd_compress compress)
{
	struct initrd_info built = { 0 }, again = { 0 }, measured = { 0 };
	struct file first, second, packed;
	struct err e = { 0 };

	if (!rebuild(f->path, 0, INITRD_NONE, &first, &built))
		return;
	if (built.entries) {
		CHECK(initrd_measure(first.path, &measured, &e) == 0);
		check_info(&built, &measured);
	}
	CHECK(rebuild(first.path, INITRD_SEGMENT, INITRD_NONE, &second, &again));
	check_info(&built, &again);
	CHECK(same_bytes(first.fd, second.fd));
	close(second.fd);
	if (compress != INITRD_NONE) {
		CHECK(rebuild(first.path, INITRD_SEGMENT, compress, &packed, &again));
		CHECK(initrd_measure(packed.path, &measured, &e) == 0);
		check_info(&again, &measured);
		CHECK(again.unpacked == built.unpacked);
		CHECK(rebuild(packed.path, INITRD_SEGMENT, INITRD_NONE, &second, &again));
		CHECK(same_bytes(first.fd, second.fd));
		close(second.fd);
		close(packed.fd);
	}
	close(first.fd);
}

static void as_initrd(const struct file *f)
{
	struct initrd_info info;
	struct err e = { 0 };
	int r = initrd_measure(f->path, &info, &e);

	if (r < 0)
		check_refusal(r, &e);
	else
		CHECK(info.entries > 0);
}

/* The result does not depend on the pieces. */
static void as_newc(const uint8_t *data, size_t size, size_t piece)
{
	static struct newc whole, parts;
	struct err e = { 0 };
	ssize_t all, some = 0;
	size_t at = 0;

	whole = parts = (struct newc){ .strict = size % 2 };
	all = newc_feed(&whole, data, size, 0, &e);
	while (at < size) {
		size_t n = size - at < piece ? size - at : piece;
		char *copy = fuzz_copy(data + at, n);

		some = newc_feed(&parts, copy, n, at, &e);
		free(copy);
		if (some < 0)
			break;
		at += (size_t)some;
		if ((size_t)some < n)
			break;
	}
	CHECK(all < 0 ? some == all : (size_t)all == at);
	CHECK(whole.entries == parts.entries && whole.unpacked == parts.unpacked);
	CHECK(all < 0 || newc_end(&whole, &e) == newc_end(&parts, &e));
}

/* libarchive takes memory for a name of up to 4 GiB before it looks whether there is one. */
static bool has_huge_name(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i + NEWC_HEAD <= size; i++) {
		const uint8_t *field = data + i + 6 + 8 * 11;

		if (!memcmp(data + i, "07070", 5) && memcmp(field, "0000", 4))
			return true;
	}
	return false;
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	return setenv("TMPDIR", "/dev/shm", 0); /* what is spooled is small here */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct file f = new_file(data, size);
	unsigned byte = size ? data[size - 1] : 0;

	/* Compressors are slow to start: not for each input. */
	if (!has_huge_name(data, size))
		as_archive(&f, (enum initrd_compress)(byte % 32 < 4 ? byte % 4 : 0));
	as_initrd(&f);
	as_newc(data, size, byte % 64 + 1);
	close(f.fd);
	return 0;
}
