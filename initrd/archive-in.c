/* SPDX-License-Identifier: MIT */
/*
 * libarchive as a reader, with what it leaves open settled. It stops at the end of the first archive
 * and does not say what follows, but an initrd is several archives in a row, some of them compressed.
 * So bytes reach it through struct input, which keeps what it has given out last: when an archive has
 * ended, what was not consumed is put back. Decompression is a reader of its own (the "raw" format)
 * below the one for tar and cpio, with an input in between, because what follows the first archive
 * inside it would be lost as well.
 */
#include "initrd/archive.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "initrd/archive-impl.h"
#include "initrd/input.h"
#include "late/archive.h"
#include "lib/cleanup.h"
#include "lib/io.h"
#include "lib/locale.h"

#define NEST_MAX 4 /* compression inside of compression */

int arc_err(struct archive *a, struct err *e)
{
	const char *text = archive_error_string(a);

	if (e->code)
		return -e->code;
	if (archive_errno(a) > 0 && !text)
		return err_code(e, archive_errno(a), "archive");
	return err_set(e, EINVAL, "%s", text ? text : "the archive cannot be read");
}

/* An archive, or something compressed, that begins in an input. */
struct reader {
	struct archive *a; /* owned */
	struct input *in;
	uint64_t start; /* where it begins */
	bool more_gzip; /* another gzip header was seen, or what looks like one */
	uint64_t size;	/* of what was unpacked, and its checksum */
	uint32_t crc;
};

static void reader_free(struct reader *rd)
{
	if (rd->a)
		archive_read_free(rd->a);
}
#define cleanup_reader __attribute__((cleanup(reader_free)))

static ssize_t more_unpacked(void *ctx, void *p, size_t n, struct err *e)
{
	struct reader *rd = ctx;
	la_ssize_t k = archive_read_data(rd->a, p, n);

	if (k < 0)
		return arc_err(rd->a, e);
	rd->size += (uint64_t)k;
	rd->crc = (uint32_t)crc32_z(rd->crc, p, (size_t)k);
	return k;
}

static ssize_t more_of_fd(void *ctx, void *p, size_t n, struct err *e)
{
	const int *fd = ctx;
	ssize_t k = io_read_full(*fd, p, n);

	return k < 0 ? err_code(e, (int)-k, "read archive") : k;
}

static void look_for_gzip(struct reader *rd)
{
	static const char magic[] = { '\x1f', '\x8b', '\x08' };
	const struct input *in = rd->in;
	/* It may have begun in the piece before; the first one is no other one. */
	size_t from = in->at < sizeof(magic) - 1 ? 0 : in->at - (sizeof(magic) - 1);

	if (in->base + from <= rd->start)
		from = (size_t)(rd->start + 1 - in->base);
	if (from < in->n && memmem(in->buf + from, in->n - from, magic, sizeof(magic)))
		rd->more_gzip = true;
}

static la_ssize_t read_input(struct archive *a, void *ctx, const void **p)
{
	struct reader *rd = ctx;
	struct input *in = rd->in;
	ssize_t k = input_fill(in);

	if (k < 0) {
		archive_set_error(a, (int)-k, "%s", in->e->msg);
		return -1;
	}
	look_for_gzip(rd);
	*p = in->buf + in->at;
	in->at = in->n;
	return k;
}

/* Only what libarchive has inside: for some others it would start programs. */
static struct archive *new_filter(void)
{
	struct archive *a = archive_read_new();

	if (!a)
		return NULL;
	archive_read_support_filter_gzip(a);
	archive_read_support_filter_bzip2(a);
	archive_read_support_filter_xz(a);
	archive_read_support_filter_lzma(a);
	archive_read_support_filter_zstd(a);
	archive_read_support_filter_lz4(a);
	archive_read_support_filter_lzip(a);
	archive_read_support_filter_compress(a);
	archive_read_support_format_raw(a);
	return a;
}

/* Opens what begins at in. */
static int reader_open(struct reader *rd)
{
	rd->start = input_offset(rd->in);
	if (archive_read_open2(rd->a, rd, NULL, read_input, NULL, NULL) != ARCHIVE_OK)
		return arc_err(rd->a, rd->in->e);
	return 0;
}

/* It has ended: in goes on right behind it. */
static int reader_close(struct reader *rd)
{
	return input_back(rd->in, rd->start + (uint64_t)archive_filter_bytes(rd->a, -1));
}

static uint32_t le32(const void *p)
{
	const uint8_t *b = p;

	return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

/*
 * libarchive does not look at the checksum of gzip. It is in the last bytes that were consumed. Of
 * several members in a row it is that of the last one, and nothing can be said.
 */
static int check_gzip(const struct reader *rd)
{
	const struct input *in = rd->in;
	const char *end = in->buf + in->at;

	if (archive_filter_code(rd->a, 0) != ARCHIVE_FILTER_GZIP ||
	    archive_filter_count(rd->a) != 2 || rd->more_gzip)
		return 0;
	if (in->at >= 8 && le32(end - 4) == (uint32_t)rd->size && le32(end - 8) == rd->crc)
		return 0;
	return err_set(in->e, EINVAL, "gzip: the checksum does not fit");
}

typedef int stream_fn(struct input *in, int depth, void *ctx);

/* Gives what the compressed stream at in holds to fn, as an input of its own. */
static int decompress(struct input *in, int depth, stream_fn *fn, void *ctx)
{
	cleanup_reader struct reader rd = { .a = new_filter(), .in = in };
	cleanup_input struct input inner = { .more = more_unpacked, .ctx = &rd, .e = in->e };
	struct archive_entry *entry;
	int r;

	if (!rd.a)
		return err_code(in->e, ENOMEM, "read archive");
	if (depth >= NEST_MAX)
		return err_set(in->e, EINVAL, "compressed more than %d times", NEST_MAX);
	r = reader_open(&rd);
	if (r < 0)
		return r;
	if (archive_read_next_header(rd.a, &entry) != ARCHIVE_OK)
		return arc_err(rd.a, in->e);
	if (archive_filter_code(rd.a, 0) == ARCHIVE_FILTER_NONE)
		return err_set(in->e, EINVAL, "not a compressed archive");
	r = fn(&inner, depth + 1, ctx);
	if (r == 0)
		r = reader_close(&rd);
	return r < 0 ? r : check_gzip(&rd);
}

static int member_type(const struct archive_entry *entry, struct arc_member *m, struct err *e)
{
	/* libarchive's macros are of mode_t. */
	switch (archive_entry_filetype((struct archive_entry *)entry)) {
	case AE_IFREG:
		m->type = TREE_FILE;
		break;
	case AE_IFDIR:
		m->type = TREE_DIR;
		m->hardlink = NULL; /* cpio: of directories the numbers mean nothing */
		break;
	case AE_IFLNK:
		m->type = TREE_SYMLINK;
		break;
	case AE_IFCHR:
		m->type = TREE_CHAR;
		break;
	case AE_IFBLK:
		m->type = TREE_BLOCK;
		break;
	case AE_IFIFO:
		m->type = TREE_FIFO;
		break;
	case AE_IFSOCK:
		m->type = TREE_SOCKET;
		break;
	default:
		if (!m->hardlink)
			return err_set(e, EINVAL, "'%s': of no known type", m->path);
	}
	if (m->type == TREE_SYMLINK && m->target)
		m->hardlink = NULL;
	if (m->hardlink)
		m->type = TREE_FILE;
	return 0;
}

static int convert(struct archive_entry *entry, struct arc_member *m, struct err *e)
{
	*m = (struct arc_member){
		.path = archive_entry_pathname(entry),
		.hardlink = archive_entry_hardlink(entry),
		.target = archive_entry_symlink(entry),
		.mode = archive_entry_perm(entry),
		.uid = archive_entry_uid(entry),
		.gid = archive_entry_gid(entry),
		.mtime = archive_entry_mtime(entry),
		.major = archive_entry_rdevmajor(entry),
		.minor = archive_entry_rdevminor(entry),
		.size = archive_entry_size(entry) > 0 ? (uint64_t)archive_entry_size(entry) : 0,
	};
	if (!m->path)
		return err_set(e, EINVAL, "a member without a name");
	if (archive_entry_acl_types(entry))
		m->extra = "an access control list";
	else if (archive_entry_xattr_count(entry))
		m->extra = "extended attributes";
	else if (archive_entry_fflags_text(entry))
		m->extra = "file flags";
	return member_type(entry, m, e);
}

static int read_data(struct archive *a, const struct arc_sink *sink, struct err *e)
{
	for (;;) {
		const void *p;
		size_t n;
		la_int64_t offset;
		int r = archive_read_data_block(a, &p, &n, &offset);

		if (r == ARCHIVE_EOF)
			return 0;
		if (r != ARCHIVE_OK)
			return arc_err(a, e);
		r = n ? sink->data(sink->ctx, p, n, (uint64_t)offset, e) : 0;
		if (r < 0)
			return r;
	}
}

/* One tar or cpio archive that is not compressed. */
static int read_plain(struct input *in, const struct arc_sink *sink)
{
	cleanup_reader struct reader rd = { .a = archive_read_new(), .in = in };
	struct archive_entry *entry;
	struct arc_member m;
	int r;

	if (!rd.a)
		return err_code(in->e, ENOMEM, "read archive");
	archive_read_support_format_tar(rd.a);
	archive_read_support_format_cpio(rd.a);
	r = reader_open(&rd);
	while (r == 0) {
		int k = archive_read_next_header(rd.a, &entry);

		if (k == ARCHIVE_EOF)
			return reader_close(&rd);
		if (k != ARCHIVE_OK)
			return arc_err(rd.a, in->e);
		r = convert(entry, &m, in->e);
		if (r == 0)
			r = sink->member(sink->ctx, &m, in->e);
		if (r == 0 && m.type == TREE_FILE)
			r = read_data(rd.a, sink, in->e);
		if (r == 0)
			r = sink->done(sink->ctx, in->e);
	}
	return r;
}

/* All archives of a stream. */
static int read_stream(struct input *in, int depth, void *ctx)
{
	int r = 0;

	for (bool first = true;; first = false) {
		ssize_t k = first ? input_fill(in) : input_skip_zeros(in);

		if (k <= 0)
			return k == 0 && first ? err_set(in->e, EINVAL, "empty") : (int)k;
		r = input_compressed(in);
		if (r >= 0)
			r = r ? decompress(in, depth, read_stream, ctx) : read_plain(in, ctx);
		if (r < 0)
			return r;
	}
}

int arc_read(int fd, const struct arc_sink *sink, struct err *e)
{
	cleanup_utf8 struct utf8_locale l = { 0 };
	cleanup_input struct input in = { .more = more_of_fd, .ctx = &fd, .e = e };
	int r = late_archive(e);

	if (r < 0)
		return r;
	e->code = 0;
	utf8_enter(&l);
	return read_stream(&in, 0, (void *)sink);
}

struct unpack {
	arc_feed *feed;
	void *ctx;
};

/* All archives of a stream, as bytes. Inside of a compressed one there are no others. */
static int unpack_stream(struct input *in, int depth, void *ctx)
{
	const struct unpack *u = ctx;

	for (;;) {
		ssize_t k = input_fill(in), used;
		int r;

		if (k == 0)
			k = u->feed(u->ctx, "", 0, input_offset(in), in->e);
		if (k <= 0)
			return (int)k;
		used = u->feed(u->ctx, in->buf + in->at, (size_t)k, input_offset(in), in->e);
		if (used < 0)
			return (int)used;
		in->at += (size_t)used;
		if (used == k)
			continue;
		r = depth ? 0 : input_compressed(in);
		if (r == 0)
			r = err_set(in->e, EINVAL, "no archive at byte %ju%s",
				    (uintmax_t)(input_offset(in)),
				    depth ? " of what is compressed" : "");
		else if (r > 0)
			r = decompress(in, depth, unpack_stream, ctx);
		if (r < 0)
			return r;
	}
}

int arc_unpack(int fd, arc_feed *feed, void *ctx, struct err *e)
{
	struct unpack u = { feed, ctx };
	cleanup_input struct input in = { .more = more_of_fd, .ctx = &fd, .e = e };
	int r = late_archive(e);

	if (r < 0)
		return r;
	e->code = 0;
	return unpack_stream(&in, 0, &u);
}

struct bytes {
	int (*to)(void *ctx, const void *p, size_t n, struct err *e);
	void *ctx;
};

static int bytes_stream(struct input *in, int depth, void *ctx)
{
	const struct bytes *b = ctx;
	ssize_t k;
	int r = 0;

	(void)depth;
	while (r == 0 && (k = input_fill(in)) != 0) {
		r = k < 0 ? (int)k : b->to(b->ctx, in->buf + in->at, (size_t)k, in->e);
		in->at = in->n;
	}
	return r;
}

int arc_decompress(int fd, int (*to)(void *ctx, const void *p, size_t n, struct err *e), void *ctx,
		   struct err *e)
{
	struct bytes b = { to, ctx };
	cleanup_input struct input in = { .more = more_of_fd, .ctx = &fd, .e = e };
	int r = late_archive(e);

	if (r < 0)
		return r;
	e->code = 0;
	return decompress(&in, 0, bytes_stream, &b);
}
