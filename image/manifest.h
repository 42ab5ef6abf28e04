/* SPDX-License-Identifier: MIT */
/*
 * What is in an archive of images: that of `docker save` (manifest.json), an OCI image layout
 * (index.json), and our own form of the latter, which holds a record and a squashfs. Everything that
 * is small is read here and its digests are checked; layers are only pointed to.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "image/members.h"
#include "image/record.h"
#include "lib/argv.h"
#include "lib/err.h"
#include "lib/macro.h"

#define MANIFEST_IMAGES_MAX 256u
#define MANIFEST_INDEX_DEPTH 4 /* indexes in indexes */

#define MEDIA_RECORD "application/vnd.execvm.image.config.v1+json"
#define MEDIA_ROOT "application/vnd.execvm.image.root.v1.squashfs"
#define MEDIA_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_INDEX "application/vnd.oci.image.index.v1+json"
#define NOTE_NAME "org.opencontainers.image.ref.name"
#define NOTE_FULL_NAME "io.containerd.image.name"

struct manifest_layer {
	struct span span;	   /* as it is in the archive */
	char blob[DIGEST_TEXT];	   /* of these bytes; "" = nobody says */
	char diff_id[DIGEST_TEXT]; /* of what is packed in them */
};

struct manifest_image {
	struct argv names; /* full ones */
	bool own; /* record and layer[0], which is the squashfs, are to be kept as they are */
	struct record record;
	struct manifest_layer *layer; /* owned; the lowest first */
	size_t n;
};

struct manifest {
	struct manifest_image *image; /* owned */
	size_t n;
};

int manifest_read(const struct members *m, struct manifest *out, struct err *e) must_check
	nonnull(1, 2, 3);
void manifest_free(struct manifest *m) nonnull(1);
#define cleanup_manifest __attribute__((cleanup(manifest_free)))

/* For manifest.c, of manifest-docker.c and manifest-oci.c. */
struct manifest_image *manifest_add(struct manifest *m, struct err *e) must_check nonnull(1, 2);
int manifest_name(struct manifest_image *im, const char *name, struct err *e) must_check
	nonnull(1, 2, 3);
/* The config of an image, as docker and OCI have it: config and diff_ids; n layers are there. */
int manifest_config(struct manifest_image *im, const char *text, size_t len,
		    struct err *e) must_check nonnull(1, 2, 4);
int manifest_docker(const struct members *m, struct manifest *out, struct err *e) must_check
	nonnull(1, 2, 3);
int manifest_oci(const struct members *m, struct manifest *out, struct err *e) must_check
	nonnull(1, 2, 3);
/* Is the digest of these bytes the one that is said? */
int manifest_verify(const char *text, size_t len, const char *digest, const char *what,
		    struct err *e) must_check nonnull(1, 3, 4, 5);
