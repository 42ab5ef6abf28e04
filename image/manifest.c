/* SPDX-License-Identifier: MIT */
/* What both kinds of archives have in common. */
#include "image/manifest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "image/flat.h"
#include "image/name.h"
#include "lib/cleanup.h"

struct manifest_image *manifest_add(struct manifest *m, struct err *e)
{
	struct manifest_image *more;

	if (m->n == MANIFEST_IMAGES_MAX) {
		err_set(e, E2BIG, "more than %u images", MANIFEST_IMAGES_MAX);
		return NULL;
	}
	more = reallocarray(m->image, m->n + 1, sizeof(*more));
	if (!more) {
		err_memory(e);
		return NULL;
	}
	m->image = more;
	more[m->n] = (struct manifest_image){ 0 };
	return &more[m->n++];
}

/* As docker shows it: its own registry and library are not said. */
static const char *familiar(const char *name)
{
	static const char *const prefixes[] = { "docker.io/library/", "docker.io/" };

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return name + strlen(prefixes[i]);
	}
	return name;
}

int manifest_name(struct manifest_image *im, const char *name, struct err *e)
{
	char full[NAME_SIZE];
	int r = name_parse(familiar(name), full, e);

	if (r == 0 && argv_push(&im->names, full) < 0)
		r = err_memory(e);
	return r;
}

int manifest_verify(const char *text, size_t len, const char *digest, const char *what,
		    struct err *e)
{
	char is[DIGEST_TEXT];
	struct digest d;

	digest_init(&d);
	digest_add(&d, text, len);
	digest_end(&d, is);
	return strcmp(is, digest) ? err_set(e, EINVAL, "%.80s: its digest is %s", what, is) : 0;
}

int manifest_config(struct manifest_image *im, const char *text, size_t len, struct err *e)
{
	cleanup_json json_t *j = json_parse(text, len, "config of the image", e);
	const json_t *ids;
	int r;

	if (!j)
		return -e->code;
	if (!json_is_object(json_object_get(j, "rootfs")))
		return err_set(e, EINVAL, "config of the image: it says nothing of a rootfs");
	r = config_from_json(json_object_get(j, "config"), &im->record.config, e);
	if (r < 0)
		return err_wrap(e, "config of the image");
	ids = json_object_get(json_object_get(j, "rootfs"), "diff_ids");
	if (json_array_size(ids) != im->n)
		return err_set(e, EINVAL, "config of the image: %zu diff_ids for %zu layers",
			       json_array_size(ids), im->n);
	for (size_t i = 0; i < im->n; i++) {
		const char *id = json_string_value(json_array_get(ids, i));

		if (!id || !digest_valid(id))
			return err_set(e, EINVAL, "config of the image: diff_id %zu is no digest",
				       i + 1);
		memcpy(im->layer[i].diff_id, id, DIGEST_TEXT);
	}
	return 0;
}

int manifest_read(const struct members *m, struct manifest *out, struct err *e)
{
	int r;

	/* A new docker writes both; the first is what it reads. */
	if (members_find(m, "manifest.json"))
		r = manifest_docker(m, out, e);
	else if (members_find(m, "index.json"))
		r = manifest_oci(m, out, e);
	else
		r = err_set(e, EINVAL,
			    "neither manifest.json nor index.json is in it: this is no archive of "
			    "images (a root file system: execvm image import)");
	if (r == 0 && !out->n)
		r = err_set(e, EINVAL, "the archive has no image");
	return r;
}

void manifest_free(struct manifest *m)
{
	for (size_t i = 0; i < m->n; i++) {
		argv_free(&m->image[i].names);
		record_free(&m->image[i].record);
		free(m->image[i].layer);
	}
	free(m->image);
	*m = (struct manifest){ 0 };
}
