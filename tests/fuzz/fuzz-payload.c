/* SPDX-License-Identifier: MIT */
/*
 * proves: I2 I4 I8 I9
 * What is accepted is JSON for jansson too, and comes back the same from encode and decode, twice
 * the same text. What is refused leaves a sentence and nothing else. Each half is accepted alone
 * only if both are.
 */
#include <errno.h>
#include <jansson.h>

#include "lib/payload.h"
#include "tests/fuzz/fuzz.h"
#include "tests/payload-equal.h"

static int decode(char *text, size_t size, int halves, struct payload *p)
{
	struct err e = { 0 };
	int r = payload_decode(text, size, halves, p, &e);

	CHECK(r <= 0);
	if (r < 0) {
		static const struct payload none;

		CHECK(e.code == -r && e.msg[0]);
		CHECK(payload_equal(p, &none));
	}
	return r;
}

/* Encodes p, and decodes that into *back, whose text is in b. */
static void there_and_back(const struct payload *p, struct buf *b, struct payload *back)
{
	struct buf again = { 0 };
	struct err e = { 0 };

	CHECK(payload_encode(p, PAYLOAD_BOTH, b, &e) == 0);
	CHECK(payload_encode(p, PAYLOAD_BOTH, &again, &e) == 0);
	CHECK(b->len == again.len && !memcmp(b->p, again.p, b->len));
	CHECK(decode(b->p, b->len, PAYLOAD_BOTH, back) == 0);
	CHECK(payload_equal(p, back));
	buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_copy(data, size);
	struct payload p, back, half;
	struct buf b = { 0 };
	int r = decode(text, size, PAYLOAD_BOTH, &p);

	for (int halves = PAYLOAD_MACHINE; halves <= PAYLOAD_PROCESS; halves++) {
		char *copy = fuzz_copy(data, size);

		CHECK(decode(copy, size, halves, &half) < 0 || r == 0);
		payload_free(&half);
		free(copy);
	}
	if (r == 0) {
		json_error_t je;
		json_t *theirs = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, &je);

		CHECK(theirs);
		json_decref(theirs);
		there_and_back(&p, &b, &back);
		payload_free(&back);
		buf_free(&b);
	}
	payload_free(&p);
	free(text);
	return 0;
}
