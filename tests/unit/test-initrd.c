/* SPDX-License-Identifier: MIT */
/* The parts below the archive, and the interface that runners use. */
#include <errno.h>
#include <fcntl.h>
#include <lz4.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "initrd/archive.h"
#include "initrd/initrd.h"
#include "initrd/input.h"
#include "initrd/links.h"
#include "initrd/lz4.h"
#include "initrd/newc.h"
#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/io.h"
#include "lib/layout.h"
#include "tests/tap.h"

static void links_keep_all_bits(void)
{
	struct links l = { 0 };

	tap_case("R4: source inodes that differ above bit 32 are different files");
	ok_int(links_add(&l, 1, 7, "a"), 0);
	ok_int(links_add(&l, 1, 7 + (1ull << 32), "b"), 0);
	ok_int(links_add(&l, 1 + (1ull << 32), 7, "c"), 0);
	ok_int(links_add(&l, 2, 7, "d"), 0);
	ok_str(links_find(&l, 1, 7), "a");
	ok_str(links_find(&l, 1, 7 + (1ull << 32)), "b");
	ok_str(links_find(&l, 1 + (1ull << 32), 7), "c");
	ok_str(links_find(&l, 2, 7), "d");
	ok_str(links_find(&l, 1, 7 + (1ull << 33)), NULL);
	ok_str(links_find(&l, 7, 1), NULL);
	links_free(&l);
}

static int collect(void *ctx, const void *p, size_t n, struct err *e)
{
	(void)e;
	return buf_add(ctx, p, n);
}

static void lz4_is_the_legacy_format(void)
{
	static const size_t sizes[] = { 0, 1, 100000, LZ4_LEGACY_BLOCK, LZ4_LEGACY_BLOCK + 1 };
	cleanup_buf struct buf in = { 0 };
	struct err e = { 0 };

	if (buf_reserve(&in, LZ4_LEGACY_BLOCK + 1))
		bail_out("no memory");
	for (size_t i = 0; i <= LZ4_LEGACY_BLOCK; i++)
		in.p[i] = (char)(i * i >> 7);
	tap_case("R12: lz4 is the legacy format: magic, then length and block, 8 MiB each");
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		cleanup_buf struct buf out = { 0 };
		struct lz4 *z = lz4_new(collect, &out);
		size_t at = 4, got = 0;

		if (!z)
			bail_out("no memory");
		for (size_t k = 0; k < sizes[i]; k += 65537)
			ok_int(lz4_add(z, in.p + k, sizes[i] - k < 65537 ? sizes[i] - k : 65537,
				       &e),
			       0);
		ok_int(lz4_end(z, &e), 0);
		lz4_free(z);
		ok(out.len >= 4 && !memcmp(out.p, "\x02\x21\x4c\x18", 4));
		while (at + 4 <= out.len) {
			char *plain = malloc(LZ4_LEGACY_BLOCK);
			uint32_t n;
			int k;

			memcpy(&n, out.p + at, 4); /* little-endian machine */
			k = LZ4_decompress_safe(out.p + at + 4, plain, (int)n,
						(int)LZ4_LEGACY_BLOCK);
			ok(k > 0 && !memcmp(plain, in.p + got, (size_t)k));
			got += (size_t)k;
			at += 4 + n;
			free(plain);
		}
		ok(at == out.len && got == sizes[i]);
	}
}

static ssize_t three_at_a_time(void *ctx, void *p, size_t n, struct err *e)
{
	unsigned *left = ctx;
	size_t k = *left < 3 ? *left : 3;

	(void)e;
	if (k > n)
		k = n;
	for (size_t i = 0; i < k; i++)
		((char *)p)[i] = (char)(*left - i);
	*left -= (unsigned)k;
	return (ssize_t)k;
}

static void input_puts_back(void)
{
	unsigned left = 200;
	struct err e = { 0 };
	struct input in = { .more = three_at_a_time, .ctx = &left, .e = &e };

	tap_case("R10: what was read too far is put back");
	for (int i = 0; i < 10; i++) {
		ok_int(input_fill(&in), 3);
		in.at = in.n;
	}
	ok_int(input_offset(&in), 30);
	ok_int(input_back(&in, 7), 0);
	ok_int(input_fill(&in), 23);
	ok_int((unsigned char)in.buf[in.at], 193);
	ok_int(input_back(&in, 31), -EINVAL);
	ok_int(input_compressed(&in), 0);
	input_free(&in);
	tap_case("R10: a magic in pieces");
	static const struct {
		const char *bytes;
		int want;
	} magic[] = {
		{ "\x1f\x8b....", 1 },
		{ "070701", 0 },
		{ "BZh9", 1 },
		{ "\xfd"
		  "7zXZ",
		  0 },
		{ "BZ", 0 },
		{ "\x28\xb5\x2f\xfd", 1 },
		{ "\x02\x21\x4c\x18", 1 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(magic); i++) {
		int fd = memfd_create("magic", MFD_CLOEXEC);
		char got[2];

		if (fd < 0 || io_write_all(fd, magic[i].bytes, strlen(magic[i].bytes)))
			bail_out("no memory file");
		lseek(fd, 0, SEEK_SET);
		left = 0;
		in = (struct input){ .more = three_at_a_time, .ctx = &left, .e = &e };
		in.buf = malloc(INPUT_KEEP + INPUT_PIECE);
		if (!in.buf)
			bail_out("no memory");
		in.n = (size_t)io_read_full(fd, in.buf, 6);
		ok_int(input_compressed(&in), magic[i].want);
		ok(read(fd, got, 1) == 0);
		input_free(&in);
		close(fd);
	}
}

/* A newc entry. */
static void entry(struct buf *b, const char *name, unsigned mode, unsigned size)
{
	if (buf_addf(b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08zx%08x%s", 1, mode, 0,
		     0, 1, 0, size, 0, 0, 0, 0, strlen(name) + 1, 0, name) < 0)
		bail_out("no memory");
	do {
		if (buf_addc(b, '\0') < 0)
			bail_out("no memory");
	} while (b->len % 4);
	for (unsigned i = 0; i < (size + 3) / 4 * 4; i++) {
		if (buf_addc(b, 'x') < 0)
			bail_out("no memory");
	}
}

/* Counts of the archive, fed in pieces of that size; entries = -1 for an error. */
static long count(const struct buf *b, size_t piece, bool strict, struct newc *c, struct err *e)
{
	*c = (struct newc){ .strict = strict };
	for (size_t at = 0; at < b->len; at += piece) {
		size_t n = b->len - at < piece ? b->len - at : piece;
		ssize_t k = newc_feed(c, b->p + at, n, at, e);

		if (k < 0 || (size_t)k < n)
			return k < 0 ? -1 : -2;
	}
	return newc_end(c, e) < 0 ? -1 : (long)c->entries;
}

static void newc_is_read_as_the_kernel_reads_it(void)
{
	cleanup_buf struct buf b = { 0 };
	struct err e = { 0 };
	static struct newc c;

	tap_case("R1: newc in pieces of any size");
	entry(&b, "dir", 040755, 0);
	entry(&b, "dir/f", 0100644, 4097);
	entry(&b, "init", 0120777, 5);
	entry(&b, "TRAILER!!!", 0, 0);
	for (size_t piece = 1; piece < 300; piece += 7) {
		ok_int(count(&b, piece, true, &c, &e), 3);
		ok(c.unpacked == 8192 && c.has_init);
	}
	tap_case("R10: zeros, and another archive");
	if (buf_add(&b, "\0\0\0\0\0\0\0", 8) < 0)
		bail_out("no memory");
	entry(&b, "./init", 0100755, 0);
	ok_int(count(&b, 100, false, &c, &e), -1);
	ok_str(e.msg, "the archive is not complete");
	entry(&b, "TRAILER!!!", 0, 0);
	ok_int(count(&b, 100, false, &c, &e), 4);
	tap_case("R10: not on a multiple of 4");
	if (buf_add(&b, "\0", 1) < 0)
		bail_out("no memory");
	entry(&b, "x", 0100755, 0);
	ok_int(count(&b, 100, false, &c, &e), -1);
	tap_case("R17: strict: out of order, or twice");
	b.len = 0;
	entry(&b, "b", 0100755, 0);
	entry(&b, "a", 0100755, 0);
	entry(&b, "TRAILER!!!", 0, 0);
	ok_int(count(&b, 100, true, &c, &e), -1);
	ok_int(count(&b, 100, false, &c, &e), 2);
	b.len = 0;
	entry(&b, "b", 0100755, 0);
	entry(&b, "b", 0100755, 0);
	entry(&b, "TRAILER!!!", 0, 0);
	ok_int(count(&b, 100, true, &c, &e), -1);
	tap_case("R1: a name of PATH_MAX, and one more, which the kernel skips");
	for (size_t n = 4094; n < 4098; n++) {
		cleanup_buf struct buf name = { 0 };

		if (buf_reserve(&name, n) < 0)
			bail_out("no memory");
		memset(name.p, 'n', n);
		name.p[n] = '\0';
		b.len = 0;
		entry(&b, name.p, 0100755, 1);
		entry(&b, "TRAILER!!!", 0, 0);
		ok_int(count(&b, 1000, false, &c, &e), 1);
		ok_int(c.unpacked, n < 4096 ? 4096 : 0);
		ok_int(count(&b, 1000, true, &c, &e), n < 4096 ? 1 : -1);
	}
	tap_case("R13: what is no header");
	b.len = 0;
	entry(&b, "a", 0100755, 0);
	b.p[5] = '7';
	ok_int(count(&b, 1000, false, &c, &e), -1);
	b.p[5] = '1';
	b.p[20] = 'g';
	ok_int(count(&b, 1000, false, &c, &e), -1);
}

static struct initrd *new_initrd(int flags)
{
	struct initrd *in = initrd_new(flags);

	if (!in)
		bail_out("no memory");
	return in;
}

/* "NAME NAME…" of what an initrd holds; frees it. */
static const char *names(struct initrd *in)
{
	static char out[4096];
	cleanup_buf struct buf list = { 0 };
	struct err e = { 0 };
	size_t n = 0;
	char *line, *rest;

	if (initrd_list(in, &list, &e) < 0)
		return "(refused)";
	out[0] = '\0';
	for (line = list.p; line && *line; line = rest) {
		char *at = line;

		rest = strchr(line, '\n');
		*rest++ = '\0';
		for (int blanks = 0; blanks < 7; blanks++)
			at = strchr(at, ' ') + 1;
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%s", n ? " " : "", at);
	}
	initrd_free(in);
	return out;
}

static void runners_build_in_memory(void)
{
	cleanup_close int base = memfd_create("base", MFD_CLOEXEC);
	cleanup_close int both = memfd_create("both", MFD_CLOEXEC);
	struct initrd *in = new_initrd(0);
	struct initrd_info info = { 0 }, again = { 0 };
	struct err e = { 0 };
	char path[64];
	off_t size;

	tap_case("R11: a base, then a segment behind a copy of it");
	ok_int(initrd_add_bytes(in, GUEST_INIT,
				"\x7f"
				"ELF",
				4, 0755, &e),
	       0);
	ok_int(initrd_add_symlink(in, "../init", "/bin/execvm", &e), 0);
	ok_int(initrd_add_dir(in, "/tmp", 01777, &e), 0);
	ok_int(initrd_add_file(in, "/proc/self/exe", "/self", 0700, &e), 0);
	ok_int(initrd_write(in, base, INITRD_GZIP, &info, &e), 0);
	ok_int(info.entries, 8);
	ok(info.has_init && info.file == (uint64_t)lseek(base, 0, SEEK_CUR));
	initrd_free(in);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", base);
	ok_int(initrd_measure(path, &again, &e), 0);
	ok(again.unpacked == info.unpacked && again.entries == info.entries && again.has_init &&
	   again.file == info.file);
	ok_int(initrd_copy(path, both, &e), 0);
	size = lseek(both, 0, SEEK_CUR);
	ok(size % 4 == 0 && (uint64_t)size - info.file < 4);
	in = new_initrd(INITRD_SEGMENT);
	ok_int(initrd_add_bytes(in, "/execvm/run", "x", 1, 0600, &e), 0);
	ok_int(initrd_write(in, both, INITRD_NONE, &info, &e), 0);
	initrd_free(in);
	ok_int(info.entries, 2);
	ok_int(info.unpacked, 4096);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", both);
	ok_int(initrd_measure(path, &info, &e), 0);
	ok_int(info.entries, 10);
	ok_int(info.unpacked, again.unpacked + 4096);
	ok_int((off_t)info.file, lseek(both, 0, SEEK_END));
	in = new_initrd(INITRD_SEGMENT);
	ok_int(initrd_add_archive(in, path, &e), 0);
	ok_str(names(in),
	       "bin bin/execvm -> ../init dev dev/console dev/null execvm execvm/run init "
	       "self tmp");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", base);
	ok_int(initrd_measure(path, &info, &e), 0);
	ok(info.file == again.file);
	tap_case("R10: nothing can follow lz4");
	in = new_initrd(INITRD_SEGMENT);
	ok_int(ftruncate(both, 0), 0);
	lseek(both, 0, SEEK_SET);
	ok_int(initrd_write(in, both, INITRD_LZ4, NULL, &e), 0);
	initrd_free(in);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", both);
	ok_int(initrd_copy(path, base, &e), -EINVAL);
}

static void refusals_have_a_sentence(void)
{
	struct initrd *in = new_initrd(INITRD_SEGMENT);
	struct err e = { 0 };
	struct initrd_info info;
	char none[] = "x";
	char *mods[] = { none };

	tap_case("X6: refused with a sentence");
	ok_int(initrd_add_bytes(in, "/..", "", 0, 0644, &e), -EINVAL);
	ok_str(e.msg, "'/..': '..' is refused");
	ok_int(initrd_add_bytes(in, "/", "", 0, 0644, &e), -EINVAL);
	ok_int(initrd_add_bytes(in, "/f", "", (size_t)UINT32_MAX + 1, 0644, &e), -EFBIG);
	ok_int(initrd_add_symlink(in, "", "/l", &e), -EINVAL);
	ok_int(initrd_add_file(in, "/absent", "/f", 0644, &e), -ENOENT);
	ok_str(e.msg, "/absent: No such file or directory");
	ok_int(initrd_add_file(in, "/dev/null", "/f", 0644, &e), -EINVAL);
	ok_int(initrd_add_archive(in, "/absent", &e), -ENOENT);
	ok_int(initrd_add_tree(in, "/absent", &e), -ENOENT);
	ok_int(initrd_add_modules(in, "absent", mods, 1, &e), -ENOENT);
	ok_int(initrd_measure("/dev/null", &info, &e), -EINVAL);
	ok_int(initrd_copy("/absent", 1, &e), -ENOENT);
	ok_int(initrd_write(in, -1, INITRD_NONE, NULL, &e), -EBADF);
	ok_str(names(in), "");
	in = new_initrd(INITRD_SEGMENT);
	ok_int(initrd_add_bytes(in, "/f", NULL, 0, 0644, &e), 0);
	ok_int(initrd_add_bytes(in, "/f/g", NULL, 0, 0644, &e), 0);
	ok_int(initrd_write(in, -1, INITRD_NONE, NULL, &e), -ENOTDIR);
	ok_str(e.msg, "/f/g: /f is a file");
	initrd_free(in);
	initrd_free(NULL);
}

int main(void)
{
	links_keep_all_bits();
	lz4_is_the_legacy_format();
	input_puts_back();
	newc_is_read_as_the_kernel_reads_it();
	runners_build_in_memory();
	refusals_have_a_sentence();
	return tap_done();
}
