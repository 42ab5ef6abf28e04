/* SPDX-License-Identifier: MIT */
/*
 * index.json -> manifests -> config and layers, each a blob under its digest. An index may be in an
 * index, with a manifest for each platform: the one for this machine is taken.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "image/flat.h"
#include "image/manifest.h"
#include "lib/cleanup.h"

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

static int blob_path(const json_t *descriptor, char path[96], struct err *e)
{
	const char *digest = text_of(descriptor, "digest");

	if (!digest_valid(digest))
		return err_set(e, EINVAL, "'%.100s': not a sha256 digest", digest);
	snprintf(path, 96, "blobs/sha256/%s", digest + strlen(DIGEST_PREFIX));
	return 0;
}

/* A small blob, whose digest is right. */
static int load_blob(const struct members *m, const json_t *descriptor, struct buf *text,
		     struct err *e)
{
	char path[96];
	int r = blob_path(descriptor, path, e);

	if (r == 0)
		r = members_load(m, path, RECORD_MAX, text, e);
	if (r == 0)
		r = manifest_verify(text->len ? text->p : "", text->len,
				    text_of(descriptor, "digest"), path, e);
	return r;
}

static int read_layers(const struct members *m, const json_t *list, struct manifest_image *im,
		       struct err *e)
{
	size_t n = json_array_size(list);

	if (!json_is_array(list))
		return err_set(e, EINVAL, "a manifest without layers");
	if (n > FLAT_LAYERS_MAX)
		return err_set(e, E2BIG, "more than %u layers", FLAT_LAYERS_MAX);
	im->layer = calloc(n ? n : 1, sizeof(*im->layer));
	if (!im->layer)
		return err_memory(e);
	for (; im->n < n; im->n++) {
		const json_t *d = json_array_get(list, im->n);
		const struct member *file;
		char path[96];

		if (blob_path(d, path, e) < 0)
			return err_wrap(e, "layer %zu", im->n + 1);
		file = members_find(m, path);
		if (!file)
			return err_set(e, ENOENT, "layer %zu: %s is missing in the archive",
				       im->n + 1, path);
		im->layer[im->n].span = file->span;
		memcpy(im->layer[im->n].blob, text_of(d, "digest"), DIGEST_TEXT);
	}
	return 0;
}

/* One that `execvm image save` has written. */
static int read_own(struct manifest_image *im, const json_t *layers, const struct buf *record,
		    struct err *e)
{
	int r = record_decode(record->p, record->len, &im->record, e);

	if (r < 0)
		return r;
	if (im->n != 1 ||
	    strcmp(text_of(json_array_get(layers, 0), "mediaType"), MEDIA_ROOT) != 0 ||
	    strcmp(im->layer[0].blob, im->record.root) != 0)
		return err_set(e, EINVAL, "the manifest and the record name different roots");
	im->own = true;
	return 0;
}

static int read_manifest(const struct members *m, const json_t *j, struct manifest_image *im,
			 struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	const json_t *config = json_object_get(j, "config"), *layers = json_object_get(j, "layers");
	int r = load_blob(m, config, &text, e);

	if (r < 0)
		return err_wrap(e, "config");
	r = read_layers(m, layers, im, e);
	if (r < 0)
		return r;
	if (!strcmp(text_of(config, "mediaType"), MEDIA_RECORD))
		return read_own(im, layers, &text, e);
	return manifest_config(im, text.len ? text.p : "", text.len, e);
}

static bool for_this_machine(const json_t *descriptor)
{
	static const struct {
		const char *machine, *architecture;
	} names[] = {
		{ "x86_64", "amd64" },
		{ "aarch64", "arm64" },
	};
	const json_t *platform = json_object_get(descriptor, "platform");
	struct utsname u;

	if (!platform)
		return true;
	if (uname(&u) < 0 || strcmp(text_of(platform, "os"), "linux") != 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(u.machine, names[i].machine))
			return !strcmp(text_of(platform, "architecture"), names[i].architecture);
	}
	return !strcmp(text_of(platform, "architecture"), u.machine);
}

/* From a descriptor to the manifest: through indexes. It is the caller's; NULL with a sentence. */
static json_t *open_manifest(const struct members *m, const json_t *descriptor, struct err *e)
{
	json_t *at = json_deep_copy(descriptor), *j = NULL;

	for (int depth = 0; at && depth <= MANIFEST_INDEX_DEPTH; depth++) {
		cleanup_buf struct buf text = { 0 };
		const json_t *list, *next = NULL;

		j = load_blob(m, at, &text, e) < 0 ? NULL
						   : json_parse(text.len ? text.p : "", text.len,
								"manifest of an image", e);
		json_decref(at);
		list = json_object_get(j, "manifests");
		if (!j || !list)
			return j;
		for (size_t i = 0; !next && i < json_array_size(list); i++) {
			if (for_this_machine(json_array_get(list, i)))
				next = json_array_get(list, i);
		}
		at = next ? json_deep_copy(next) : NULL;
		json_decref(j);
		if (!next) {
			err_set(e, ENOENT, "an index without an image for this machine");
			return NULL;
		}
	}
	json_decref(at);
	err_set(e, ELOOP, "indexes in more than %d indexes", MANIFEST_INDEX_DEPTH);
	return NULL;
}

/* What one says of its name, if it does; what is no name here (a mere comment) does not count. */
static int read_name(const json_t *descriptor, struct manifest_image *im, struct err *e)
{
	const json_t *notes = json_object_get(descriptor, "annotations");
	const char *name = text_of(notes, NOTE_FULL_NAME);

	if (!*name)
		name = text_of(notes, NOTE_NAME);
	if (!*name || manifest_name(im, name, e) != -ENOMEM)
		return 0;
	return -ENOMEM;
}

static int read_image(const struct members *m, const json_t *descriptor, struct manifest *out,
		      struct err *e)
{
	cleanup_json json_t *j = open_manifest(m, descriptor, e);
	struct manifest_image *im = j ? manifest_add(out, e) : NULL;
	int r;

	if (!im)
		return -e->code;
	r = read_name(descriptor, im, e);
	return r < 0 ? r : read_manifest(m, j, im, e);
}

int manifest_oci(const struct members *m, struct manifest *out, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_json json_t *j = NULL;
	const json_t *list;
	bool ours = false;
	int r = members_load(m, "index.json", RECORD_MAX, &text, e);

	if (r < 0)
		return r;
	j = json_parse(text.len ? text.p : "", text.len, "index.json", e);
	if (!j)
		return -e->code;
	list = json_object_get(j, "manifests");
	if (!json_is_array(list))
		return err_set(e, EINVAL, "index.json: no list of manifests");
	for (size_t i = 0; i < json_array_size(list); i++)
		ours |= for_this_machine(json_array_get(list, i));
	/* One for another machine is taken only where there is no choice. */
	for (size_t i = 0; r == 0 && i < json_array_size(list); i++) {
		if (!ours || for_this_machine(json_array_get(list, i)))
			r = read_image(m, json_array_get(list, i), out, e);
	}
	return r;
}
