/* SPDX-License-Identifier: MIT */
/* manifest.json: [{"Config": FILE, "RepoTags": [NAME, …], "Layers": [FILE, …]}, …] */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "image/flat.h"
#include "image/manifest.h"
#include "lib/cleanup.h"

/* "…/HEX" and "HEX.json": names that say what the contents are. */
static bool digest_of_name(const char *name, char digest[DIGEST_TEXT])
{
	const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
	size_t n = strcspn(base, ".");

	if (n != DIGEST_TEXT - strlen(DIGEST_PREFIX) - 1)
		return false;
	memcpy(digest, DIGEST_PREFIX, strlen(DIGEST_PREFIX));
	memcpy(digest + strlen(DIGEST_PREFIX), base, n);
	digest[DIGEST_TEXT - 1] = '\0';
	return digest_valid(digest) && (!base[n] || !strcmp(base + n, ".json"));
}

static int read_layers(const struct members *m, const json_t *list, struct manifest_image *im,
		       struct err *e)
{
	size_t n = json_array_size(list);

	if (!json_is_array(list))
		return err_set(e, EINVAL, "manifest.json: Layers is no list");
	if (n > FLAT_LAYERS_MAX)
		return err_set(e, E2BIG, "manifest.json: more than %u layers", FLAT_LAYERS_MAX);
	im->layer = calloc(n ? n : 1, sizeof(*im->layer));
	if (!im->layer)
		return err_memory(e);
	for (; im->n < n; im->n++) {
		const char *name = json_string_value(json_array_get(list, im->n));
		const struct member *file = name ? members_find(m, name) : NULL;

		if (!name)
			return err_set(e, EINVAL, "manifest.json: a layer that is no file name");
		if (!file)
			return err_set(e, ENOENT, "layer %zu: %.150s is missing in the archive",
				       im->n + 1, name);
		im->layer[im->n].span = file->span;
		if (!strncmp(name, "blobs/sha256/", 13) &&
		    !digest_of_name(name, im->layer[im->n].blob))
			im->layer[im->n].blob[0] = '\0';
	}
	return 0;
}

static int read_names(const json_t *list, struct manifest_image *im, struct err *e)
{
	int r = 0;

	if (list && !json_is_null(list) && !json_is_array(list))
		return err_set(e, EINVAL, "manifest.json: RepoTags is no list");
	for (size_t i = 0; r == 0 && i < json_array_size(list); i++) {
		const char *name = json_string_value(json_array_get(list, i));

		r = name ? manifest_name(im, name, e)
			 : err_set(e, EINVAL, "manifest.json: a name that is no string");
	}
	return r;
}

static int read_image(const struct members *m, const json_t *j, struct manifest *out, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	const char *config = json_string_value(json_object_get(j, "Config"));
	struct manifest_image *im = manifest_add(out, e);
	char digest[DIGEST_TEXT];
	int r;

	if (!im)
		return -e->code;
	if (!config)
		return err_set(e, EINVAL, "manifest.json: an image without a Config");
	r = read_names(json_object_get(j, "RepoTags"), im, e);
	if (r == 0)
		r = read_layers(m, json_object_get(j, "Layers"), im, e);
	if (r == 0)
		r = members_load(m, config, RECORD_MAX, &text, e);
	if (r == 0 && digest_of_name(config, digest))
		r = manifest_verify(text.len ? text.p : "", text.len, digest, config, e);
	return r < 0 ? r : manifest_config(im, text.len ? text.p : "", text.len, e);
}

int manifest_docker(const struct members *m, struct manifest *out, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_json json_t *j = NULL;
	int r = members_load(m, "manifest.json", RECORD_MAX, &text, e);

	if (r < 0)
		return r;
	j = json_parse(text.len ? text.p : "", text.len, "manifest.json", e);
	if (!j)
		return -e->code;
	if (!json_is_array(j))
		return err_set(e, EINVAL, "manifest.json: not a list of images");
	for (size_t i = 0; r == 0 && i < json_array_size(j); i++)
		r = read_image(m, json_array_get(j, i), out, e);
	return r;
}
