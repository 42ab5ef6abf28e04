/* SPDX-License-Identifier: MIT */
/*
 * M3, M4. The input is a row of entries of layers: whatever they are, nothing crashes, a refusal
 * has a sentence, and what is accepted is what the naive model makes of it.
 */
#include "tests/flat-model.h"
#include "tests/fuzz/fuzz.h"

#define ENTRIES_MAX 200u

struct input {
	const uint8_t *p;
	size_t n;
};

static unsigned byte(struct input *in)
{
	if (!in->n)
		return 0;
	in->n--;
	return *in->p++;
}

/* Few names, so that they meet; now and then the bytes themselves. */
static void name(struct input *in, char *out, size_t size)
{
	static const char *const parts[] = {
		"a",  "b", "c", "d",	".wh.a", ".wh.b",  ".wh..wh..opq",
		"..", ".", "",	".wh.", ".wh..", ".wh...", ".wh..wh.x",
		"e",  "a"
	};
	unsigned head = byte(in), depth = head % 4 + 1;

	*out = '\0';
	if (head >= 0xf0) {
		size_t i, len = byte(in) % 64;

		for (i = 0; i < len && in->n; i++)
			out[i] = (char)(byte(in) ?: 'x');
		out[i] = '\0';
		return;
	}
	for (unsigned i = 0; i < depth; i++) {
		unsigned k = byte(in);
		size_t at = strlen(out);

		/* Mostly plain ones. */
		snprintf(out + at, size - at, "%s%s", i || head & 0x40 ? "/" : "",
			 parts[k & 0x80 ? k % 16 : k % 4]);
	}
}

static void run(struct input in, bool whiteouts)
{
	static struct model model;
	struct flat *f = flat_new(whiteouts);
	struct err e = { 0 };
	unsigned n = 0;
	int r = 0, want = 0;

	CHECK(f);
	model_init(&model, whiteouts);
	while (in.n && n++ < ENTRIES_MAX && r >= 0) {
		char path[400], target[400];
		unsigned kind = byte(&in);
		struct flat_entry en = { path, (enum flat_type)(kind % 4), target };

		if (kind >= 0xe0 && model.layer + 1 < FLAT_LAYERS_MAX) {
			CHECK(flat_next_layer(f, &e) == 0);
			model_next_layer(&model);
			continue;
		}
		name(&in, path, sizeof(path));
		name(&in, target, sizeof(target));
		want = model_add(&model, &en);
		r = flat_add(f, &en, &e);
		if (model.full)
			break;
		CHECK((r < 0) == (want < 0));
		if (r < 0)
			CHECK(r == -e.code && e.msg[0]);
	}
	flat_finish(f);
	if (r >= 0 && !model.full)
		CHECK(model_same(&model, f));
	flat_free(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct input in = { data, size };

	run(in, true);
	run(in, false);
	return 0;
}
