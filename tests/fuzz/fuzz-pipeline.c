/* SPDX-License-Identifier: MIT */
/*
 * P1, P2. The reader of pipelines: what it takes has no more stages than there may be, each with what
 * its type needs, and written down again it is the same; what it refuses has a sentence.
 */
#include <errno.h>

#include "lib/b64.h"
#include "lib/cleanup.h"
#include "pipeline/pipeline.h"
#include "tests/fuzz/fuzz.h"

static void check_words(const struct argv *a)
{
	CHECK(a->n && a->v && !a->v[a->n]);
	for (size_t i = 0; i < a->n; i++)
		CHECK(a->v[i]);
}

static size_t check_link(const struct link *l, unsigned depth)
{
	size_t n = 1;

	CHECK(depth <= PIPELINE_NESTING);
	if (!l->nlinks)
		check_words(&l->args);
	for (size_t i = 0; i < l->nlinks; i++)
		n += check_link(&l->links[i], depth + 1);
	return n;
}

static void check_stage(const struct stage *s, bool last)
{
	switch (s->type) {
	case STAGE_COMMAND:
		check_words(&s->args);
		CHECK(json_is_object(s->node) && (!s->runner || json_is_object(s->runner)));
		break;
	case STAGE_CHAIN:
		CHECK(s->chain.nlinks && check_link(&s->chain, 0) <= PIPELINE_CHAIN + 1);
		CHECK(json_is_object(s->node));
		break;
	case STAGE_TAR:
		check_words(&s->files);
		CHECK(tar_compression_name(s->compression));
		break;
	case STAGE_FILE:
		CHECK(last && s->name && *s->name);
		break;
	case STAGE_DOCKER_BUILD:
		CHECK(s->name && *s->name && (!s->file || *s->file));
		break;
	}
	CHECK(s->output.fd < 0 && !s->how);
}

static json_t *text(const char *word)
{
	json_t *v = json_string(word);
	cleanup_buf struct buf b = { 0 };

	if (v)
		return v;
	CHECK(b64_encode(word, strlen(word), &b) == 0);
	return json_pack("{s:s}", "base64", b.p ? b.p : "");
}

static json_t *words(const struct argv *a)
{
	json_t *list = json_array();

	for (size_t i = 0; i < a->n; i++)
		CHECK(json_array_append_new(list, text(a->v[i])) == 0);
	return list;
}

static json_t *links(const struct link *l)
{
	json_t *list = json_array();

	for (size_t i = 0; i < l->nlinks; i++) {
		const struct link *one = &l->links[i];
		json_t *v = one->nlinks ? json_pack("{s:o}", "commands", links(one))
					: words(&one->args);

		CHECK(json_array_append_new(list, v) == 0);
	}
	return list;
}

static json_t *node_of(const struct stage *s, json_t *output)
{
	bool command = s->type == STAGE_COMMAND || s->type == STAGE_CHAIN;
	json_t *v = command ? json_deep_copy(s->node) : json_object();

	json_object_set_new(v, "type", json_string(stage_type_name(s->type)));
	if (s->type == STAGE_COMMAND)
		json_object_set_new(v, "args", words(&s->args));
	if (s->type == STAGE_CHAIN)
		json_object_set_new(v, "commands", links(&s->chain));
	if (s->runner)
		json_object_set(v, "runner", s->runner);
	if (s->type == STAGE_TAR) {
		json_object_set_new(v, "files", words(&s->files));
		json_object_set_new(v, "compression",
				    json_string(tar_compression_name(s->compression)));
		json_object_set_new(v, "deterministic", json_boolean(s->deterministic));
	}
	if (s->name)
		json_object_set_new(v, s->type == STAGE_FILE ? "name" : "tag", text(s->name));
	if (s->file)
		json_object_set_new(v, "file", text(s->file));
	if (output)
		json_object_set_new(v, "output", output);
	return v;
}

/* The pipeline as JSON, in one form only. */
static char *written(const struct pipeline *p)
{
	json_t *top = NULL;
	char *out;

	for (size_t i = p->n; i-- > 0;)
		top = node_of(&p->stage[i], top);
	out = json_dumps(top, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(top);
	CHECK(out);
	return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pipeline p, again;
	char *input = fuzz_copy(data, size), *one, *two;
	struct err e = { 0 };
	int r;

	memset(&p, 0, sizeof(p));
	r = pipeline_read(input, size, &p, &e);
	free(input);
	if (r < 0) {
		CHECK(r == -e.code && e.code > 0 && e.msg[0]);
		pipeline_free(&p);
		return 0;
	}
	CHECK(!e.code && p.n && p.n <= PIPELINE_STAGES);
	for (size_t i = 0; i < p.n; i++)
		check_stage(&p.stage[i], i + 1 == p.n);
	one = written(&p);
	memset(&again, 0, sizeof(again));
	CHECK(pipeline_read(one, strlen(one), &again, &e) == 0);
	two = written(&again);
	CHECK(!strcmp(one, two));
	free(one);
	free(two);
	pipeline_free(&again);
	pipeline_free(&p);
	return 0;
}
