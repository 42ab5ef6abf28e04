/* SPDX-License-Identifier: MIT */
/*
 * M4, M8, M9. The input is what an archive says of its images: as manifest.json, as index.json, as a
 * record, as a reference, and as the archive. What is accepted keeps to its limits, what is refused
 * has a sentence.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "image/manifest.h"
#include "image/name.h"
#include "lib/cleanup.h"
#include "tests/fuzz/fuzz.h"

static void check(int r, const struct err *e)
{
	CHECK(r >= 0 || (r == -e->code && e->code > 0 && e->msg[0]));
}

static void as_manifest(const struct members *m)
{
	struct manifest out = { 0 };
	struct err e = { 0 };
	int r = manifest_read(m, &out, &e);

	check(r, &e);
	for (size_t i = 0; r == 0 && i < out.n; i++) {
		for (size_t k = 0; k < out.image[i].names.n; k++) {
			char again[NAME_SIZE];

			/* With its tag it may be longer than a name that is given. */
			CHECK(strlen(out.image[i].names.v[k]) < NAME_SIZE);
			CHECK(strlen(out.image[i].names.v[k]) > NAME_MAX_BYTES ||
			      (name_parse(out.image[i].names.v[k], again, &e) == 0 &&
			       !strcmp(again, out.image[i].names.v[k])));
		}
	}
	manifest_free(&out);
}

static void as_record(const char *text, size_t n)
{
	struct buf again = { 0 };
	char digest[DIGEST_TEXT];
	struct record rec;
	struct err e = { 0 };
	int r = record_decode(text, n, &rec, &e);

	check(r, &e);
	if (r < 0)
		return;
	CHECK(record_encode(&rec, &again, digest, &e) == 0);
	CHECK(again.len == n && !memcmp(again.p, text, n));
	record_free(&rec);
	buf_free(&again);
}

static void as_reference(const char *text)
{
	struct image_ref ref;
	struct err e = { 0 };
	int r = ref_parse(text, &ref, &e);

	check(r, &e);
	if (r == 0)
		CHECK(!strstr(ref.name, "..") && ref.name[0] != '/' && (ref.name[0] || ref.id[0]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_close int fd = memfd_create("fuzz", MFD_CLOEXEC);
	const struct span all = { fd, 0, size };
	char manifest[] = "manifest.json", index[] = "index.json", config[] = "c";
	struct member v[] = { { manifest, NULL, all }, { config, NULL, all } };
	struct members m = { v, 2, 2 };
	char *text = calloc(1, size + 1);
	struct members box = { 0 };
	struct err e = { 0 };

	CHECK(fd >= 0 && text && write(fd, data, size) == (ssize_t)size);
	memcpy(text, data, size);
	as_manifest(&m);
	v[0].name = index;
	as_manifest(&m);
	as_record(text, size);
	as_reference(text);
	check(members_read(&all, &box, &e), &e);
	members_free(&box);
	free(text);
	return 0;
}
