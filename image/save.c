/* SPDX-License-Identifier: MIT */
/*
 * An image as an OCI layout: oci-layout, index.json, and three blobs, of which the root is copied as
 * it is. The tar says nothing of time or owner, so the same image is the same bytes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/load.h"
#include "image/manifest.h"
#include "late/archive.h"
#include "lib/cleanup.h"
#include "lib/io.h"

#define PIECE ((size_t)256 << 10)

struct save {
	struct archive *tar; /* owned */
	int fd;
	int broken; /* a positive errno */
};

static void save_free(struct save *s)
{
	s->broken = s->broken ? s->broken : EIO; /* nothing is written any more */
	if (s->tar)
		archive_write_free(s->tar);
}
#define cleanup_save __attribute__((cleanup(save_free)))

static la_ssize_t write_fd(struct archive *a, void *ctx, const void *p, size_t n)
{
	struct save *s = ctx;
	int r = s->broken ? 0 : io_write_all(s->fd, p, n);

	if (r == 0)
		return (la_ssize_t)n;
	s->broken = -r;
	archive_set_error(a, -r, "write");
	return -1;
}

static int save_err(struct save *s, struct err *e)
{
	if (s->broken)
		return err_code(e, s->broken, "write the archive");
	return err_set(e, EIO, "write the archive: %s", archive_error_string(s->tar));
}

static int put_header(struct save *s, const char *name, uint64_t size, struct err *e)
{
	struct archive_entry *en = archive_entry_new();
	int r;

	if (!en)
		return err_memory(e);
	archive_entry_copy_pathname(en, name);
	archive_entry_set_mode(en, AE_IFREG | 0644);
	archive_entry_set_mtime(en, 0, 0);
	archive_entry_set_size(en, (la_int64_t)size);
	r = archive_write_header(s->tar, en);
	archive_entry_free(en);
	return r == ARCHIVE_OK ? 0 : save_err(s, e);
}

static int put_data(struct save *s, const void *p, size_t n, struct err *e)
{
	return archive_write_data(s->tar, p, n) == (la_ssize_t)n ? 0 : save_err(s, e);
}

static void blob_name(const char *digest, char out[96])
{
	snprintf(out, 96, "blobs/sha256/%s", digest + strlen(DIGEST_PREFIX));
}

static int put_text(struct save *s, const char *name, const char *text, size_t n, struct err *e)
{
	int r = put_header(s, name, n, e);

	return r < 0 ? r : put_data(s, text, n, e);
}

static int put_root(struct save *s, const struct store *store, const struct stored *st,
		    const struct watch *w, struct err *e)
{
	cleanup_free char *piece = malloc(PIECE);
	cleanup_close int fd = store_open_root(store, st->record.root, e);
	char name[96];
	uint64_t done = 0;
	ssize_t n;
	int r = fd < 0 ? fd : 0;

	if (!piece)
		return err_memory(e);
	blob_name(st->record.root, name);
	if (r == 0)
		r = put_header(s, name, st->size, e);
	while (r == 0 && (n = io_read_full(fd, piece, PIECE)) != 0) {
		if (n < 0)
			return err_code(e, (int)-n, "read the root");
		r = put_data(s, piece, (size_t)n, e);
		done += (uint64_t)n;
		watch_progress(w, "writing", done);
	}
	return r;
}

/* A JSON document with its digest and size, as others name it. */
struct blob {
	char *text; /* owned */
	char digest[DIGEST_TEXT];
};

static void blob_free(struct blob *b)
{
	free(b->text);
}
#define cleanup_blob __attribute__((cleanup(blob_free)))

/* Takes j over, which may be NULL without memory. */
static int blob_of(json_t *j, struct blob *b, struct err *e)
{
	struct digest d;

	b->text = j ? json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	json_decref(j);
	if (!b->text)
		return err_memory(e);
	digest_init(&d);
	digest_add(&d, b->text, strlen(b->text));
	digest_end(&d, b->digest);
	return 0;
}

static json_t *manifest_json(const struct stored *st, const struct blob *record)
{
	return json_pack("{s:i, s:s, s:{s:s, s:s, s:I}, s:[{s:s, s:s, s:I}]}", "schemaVersion", 2,
			 "mediaType", MEDIA_MANIFEST, "config", "mediaType", MEDIA_RECORD, "digest",
			 record->digest, "size", (json_int_t)strlen(record->text), "layers",
			 "mediaType", MEDIA_ROOT, "digest", st->record.root, "size",
			 (json_int_t)st->size);
}

static json_t *index_json(const struct stored *st, const struct blob *manifest)
{
	json_t *d = json_pack("{s:s, s:s, s:I}", "mediaType", MEDIA_MANIFEST, "digest",
			      manifest->digest, "size", (json_int_t)strlen(manifest->text));

	/* One that was found by its digest has no name to take along. */
	if (d && st->name[0] &&
	    json_object_set_new(d, "annotations", json_pack("{s:s}", NOTE_NAME, st->name)) < 0)
		return json_decref(d), NULL;
	return d ? json_pack("{s:i, s:s, s:[o]}", "schemaVersion", 2, "mediaType", MEDIA_INDEX,
			     "manifests", d)
		 : NULL;
}

static int put_blob(struct save *s, const struct blob *b, struct err *e)
{
	char name[96];

	blob_name(b->digest, name);
	return put_text(s, name, b->text, strlen(b->text), e);
}

static int open_tar(struct save *s, struct err *e)
{
	int r = late_archive(e);

	if (r < 0)
		return r;
	s->tar = archive_write_new();
	if (!s->tar)
		return err_memory(e);
	if (archive_write_set_format_pax_restricted(s->tar) != ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(s->tar, PIECE) != ARCHIVE_OK ||
	    archive_write_set_bytes_in_last_block(s->tar, 512) != ARCHIVE_OK ||
	    archive_write_open(s->tar, s, NULL, write_fd, NULL) != ARCHIVE_OK)
		return save_err(s, e);
	return 0;
}

int save_image(const struct store *store, const struct stored *st, int fd, const struct watch *w,
	       struct err *e)
{
	static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	cleanup_save struct save s = { .fd = fd };
	cleanup_blob struct blob record = { NULL, "" };
	cleanup_blob struct blob manifest = { NULL, "" };
	cleanup_blob struct blob index = { NULL, "" };
	int r = blob_of(record_json(&st->record), &record, e);

	if (r == 0)
		r = blob_of(manifest_json(st, &record), &manifest, e);
	if (r == 0)
		r = blob_of(index_json(st, &manifest), &index, e);
	if (r == 0)
		r = open_tar(&s, e);
	if (r == 0)
		r = put_text(&s, "oci-layout", layout, strlen(layout), e);
	if (r == 0)
		r = put_text(&s, "index.json", index.text, strlen(index.text), e);
	if (r == 0)
		r = put_blob(&s, &manifest, e);
	if (r == 0)
		r = put_blob(&s, &record, e);
	if (r == 0)
		r = put_root(&s, store, st, w, e);
	if (r == 0 && archive_write_close(s.tar) != ARCHIVE_OK)
		r = save_err(&s, e);
	return r;
}
