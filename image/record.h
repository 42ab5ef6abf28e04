/* SPDX-License-Identifier: MIT */
/*
 * The record of an image: which root, and how a command in it is started when nobody says more. Its
 * bytes are canonical (compact JSON, keys sorted, all of them there), so its digest is the image's
 * and pins both:
 *	{"config":{"Cmd":[],"Entrypoint":[],"Env":[],"User":"","WorkingDir":""},"root":"sha256:…"}
 * Pure.
 */
#pragma once

#include <jansson.h>

#include "archive/digest.h"
#include "lib/argv.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/macro.h"

#define RECORD_MAX ((size_t)4 << 20) /* bytes; of any JSON document that is read here, too */

struct image_config {
	struct argv cmd, entrypoint, env; /* env: "K=V" */
	char *user, *cwd;		  /* owned; NULL = none */
};

struct record {
	struct image_config config;
	char root[DIGEST_TEXT];
};

/* Adds the bytes to out and says what their digest is. */
int record_encode(const struct record *r, struct buf *out, char digest[DIGEST_TEXT],
		  struct err *e) must_check nonnull(1, 2, 3, 4);

/* The bytes must be what record_encode() would write. */
int record_decode(const char *text, size_t n, struct record *r, struct err *e) must_check
	nonnull(1, 3, 4);

/* From an object that has these keys and others: the "config" of docker's and OCI's images. */
int config_from_json(const json_t *o, struct image_config *c, struct err *e) must_check
	nonnull(2, 3);

/* Any JSON document: at most RECORD_MAX bytes, no key twice. what is for the sentence. */
json_t *json_parse(const char *text, size_t n, const char *what, struct err *e) must_check
	nonnull(1, 3, 4);

/* The record as an object; NULL without memory. */
json_t *record_json(const struct record *r) must_check nonnull(1);

void config_free(struct image_config *c) nonnull(1);
void record_free(struct record *r) nonnull(1);
#define cleanup_record __attribute__((cleanup(record_free)))

static inline void cleanup_json_fn(json_t **j)
{
	json_decref(*j);
}
#define cleanup_json __attribute__((cleanup(cleanup_json_fn)))
