/* SPDX-License-Identifier: MIT */
/*
 * Names of images and references to them, as docker's: NAME[:TAG], NAME[:TAG]@sha256:DIGEST, a
 * digest, or at least 12 digits of one. Pure.
 */
#pragma once

#include "archive/digest.h"
#include "lib/err.h"
#include "lib/macro.h"

#define NAME_MAX_BYTES 200u /* of a name as given */
#define NAME_SIZE (NAME_MAX_BYTES + sizeof(":latest"))
#define ID_MIN 12u /* hex digits of a digest that name an image */

struct image_ref {
	char name[NAME_SIZE];	  /* with its tag; "" when it can only be a digest */
	char pin[DIGEST_TEXT];	  /* what the name must have; "" = anything */
	char id[DIGEST_TEXT - 7]; /* hex digits, where it can be a digest; "" = it cannot */
};

/* The full name, with the tag that it has when it says none. */
int name_parse(const char *text, char out[NAME_SIZE], struct err *e) must_check nonnull(1, 2, 3);

int ref_parse(const char *text, struct image_ref *out, struct err *e) must_check nonnull(1, 2, 3);

/* As a file name: '/' becomes '+', which no name has; and back, in place. */
void name_to_file(char *name) nonnull(1);
void name_from_file(char *name) nonnull(1);
