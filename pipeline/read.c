/* SPDX-License-Identifier: MIT */
/*
 * JSON -> stages. A node is known by its "type", or by the field that only it has. The nesting of
 * "output" is followed in a loop, so its depth costs nothing; jansson itself gives up at 2048.
 *
 * The form in which such nodes were first published has the type in front of the object, as a
 * constructor: Tar{"files": …}. It is taken, too.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "pipeline/pipeline.h"
#include "runners/config-key.h"

#define FIELDS 8u

static const struct type {
	const char *name;
	const char *mark; /* the field that tells it from the others */
	const char *fields[FIELDS];
} types[] = {
	[STAGE_COMMAND] = { "Command", "args", { "args", "env", "cwd", "runner", "output" } },
	[STAGE_CHAIN] = { "Chain", "commands", { "commands", "env", "cwd", "runner", "output" } },
	[STAGE_TAR] = { "Tar", "files", { "files", "compression", "deterministic", "output" } },
	[STAGE_FILE] = { "File", "name", { "name" } },
	[STAGE_DOCKER_BUILD] = { "DockerBuild", "tag", { "tag", "file", "output" } },
};

const char *stage_type_name(enum stage_type t)
{
	return types[t].name;
}

/*
 * Sentences about a field begin with a dot and its name, so that what is around it can be put in
 * front: "[1]: not a string", ".args[1]: not a string", "$.output.args[1]: not a string".
 */
static int within(const char *outer, struct err *e)
{
	struct err inner = *e;
	bool joined = *inner.msg == '.' || *inner.msg == '[';

	return err_set(e, inner.code, "%s%s%s", outer, joined ? "" : ": ", inner.msg);
}

static int named(const char *field, struct err *e)
{
	char outer[40];

	snprintf(outer, sizeof(outer), ".%s", field);
	return within(outer, e);
}

static int element(const char *field, size_t i, struct err *e)
{
	char outer[64];

	snprintf(outer, sizeof(outer), ".%s[%zu]", field, i);
	return within(outer, e);
}

int pipeline_at(size_t stage, struct err *e)
{
	cleanup_buf struct buf path = { 0 };
	int r = buf_addc(&path, '$');

	/* A path of 256 steps would leave no room for the sentence. */
	if (r == 0 && stage > 8)
		r = buf_addf(&path, "(.output)*%zu", stage);
	for (size_t i = 0; stage <= 8 && i < stage && r == 0; i++)
		r = buf_adds(&path, ".output");
	return r < 0 ? r : within(path.p, e);
}

static int unknown_type(struct err *e)
{
	return err_set(e, EINVAL, "no type, and none of args, commands, files, name, tag");
}

static int find_type(const json_t *node, enum stage_type *out, struct err *e)
{
	const json_t *said = json_object_get(node, "type");
	int found = -1;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (said) {
			if (json_is_string(said) && !strcmp(json_string_value(said), types[i].name))
				found = (int)i;
		} else if (json_object_get(node, types[i].mark)) {
			if (found >= 0)
				return err_set(e, EINVAL, "no type, and both %s and %s",
					       types[found].mark, types[i].mark);
			found = (int)i;
		}
	}
	if (found < 0 && said)
		return err_set(e, EINVAL,
			       ".type: '%.60s': none of Command, Chain, Tar, File, "
			       "DockerBuild",
			       json_is_string(said) ? json_string_value(said) : "?");
	*out = (enum stage_type)found;
	return found < 0 ? unknown_type(e) : 0;
}

static int check_fields(json_t *node, const struct type *t, struct err *e)
{
	const char *name;
	json_t *v;

	json_object_foreach(node, name, v)
	{
		size_t i = 0;

		while (i < FIELDS && t->fields[i] && strcmp(t->fields[i], name) != 0)
			i++;
		if ((i == FIELDS || !t->fields[i]) && strcmp(name, "type") != 0)
			return err_set(e, EINVAL, ".%.60s: a %s has no such field", name, t->name);
	}
	return 0;
}

/* A string, or {"base64": …}. Owned; NULL: there is a sentence. */
static char *text_of(const json_t *v, struct err *e)
{
	char *bytes = NULL;
	const char *text = config_text(v, &bytes);

	if (!text) {
		err_set(e, EINVAL, "not a string");
		return NULL;
	}
	if (!bytes)
		bytes = strdup(text);
	if (!bytes)
		err_memory(e);
	return bytes;
}

static int field_text(const json_t *node, const char *name, bool needed, char **out, struct err *e)
{
	const json_t *v = json_object_get(node, name);

	if (!v)
		return needed ? err_set(e, EINVAL, ".%s: missing", name) : 0;
	*out = text_of(v, e);
	if (!*out)
		return named(name, e);
	return **out ? 0 : err_set(e, EINVAL, ".%s: must not be empty", name);
}

static int words_of(const json_t *list, const char *name, struct argv *out, struct err *e)
{
	if (!json_is_array(list))
		return err_set(e, EINVAL, ".%s: not a list", name);
	if (!json_array_size(list))
		return err_set(e, EINVAL, ".%s: must not be empty", name);
	for (size_t i = 0; i < json_array_size(list); i++) {
		cleanup_free char *word = text_of(json_array_get(list, i), e);

		if (!word)
			return element(name, i, e);
		if (argv_push(out, word) < 0)
			return err_memory(e);
	}
	return 0;
}

static int read_link(json_t *v, struct link *l, size_t *total, unsigned depth, struct err *e);

static int read_links(json_t *list, struct link *l, size_t *total, unsigned depth, struct err *e)
{
	size_t n = json_array_size(list);

	if (!json_is_array(list))
		return err_set(e, EINVAL, ".commands: not a list");
	if (!n)
		return err_set(e, EINVAL, ".commands: must not be empty");
	if (n > PIPELINE_CHAIN || depth == PIPELINE_NESTING)
		return err_set(e, E2BIG, ".commands: more than %u commands, or %u chains deep",
			       PIPELINE_CHAIN, PIPELINE_NESTING);
	l->links = calloc(n, sizeof(*l->links));
	if (!l->links)
		return err_memory(e);
	for (size_t i = 0; i < n; i++) {
		l->nlinks++;
		/* A path of 64 steps would leave no room for the sentence. */
		if (read_link(json_array_get(list, i), &l->links[i], total, depth + 1, e) < 0)
			return depth < 8 ? element("commands", i, e) : -e->code;
	}
	return 0;
}

/* [WORD...], {"args": [WORD...]}, or {"commands": […]}. */
static int read_link(json_t *v, struct link *l, size_t *total, unsigned depth, struct err *e)
{
	static const struct type command = { "command of a chain", "args", { "args" } };
	static const struct type chain = { "chain in a chain", "commands", { "commands" } };
	enum stage_type type = STAGE_COMMAND;

	if (++*total > PIPELINE_CHAIN)
		return err_set(e, E2BIG, "more than %u commands", PIPELINE_CHAIN);
	if (json_is_array(v))
		return words_of(v, "args", &l->args, e);
	if (!json_is_object(v))
		return err_set(e, EINVAL, "neither a list of words nor a node");
	if (find_type(v, &type, e) < 0)
		return -e->code;
	if (type == STAGE_CHAIN)
		return check_fields(v, &chain, e) < 0
			       ? -e->code
			       : read_links(json_object_get(v, "commands"), l, total, depth, e);
	if (type != STAGE_COMMAND)
		return err_set(e, EINVAL, "a %s cannot be in a chain", types[type].name);
	return check_fields(v, &command, e) < 0
		       ? -e->code
		       : words_of(json_object_get(v, "args"), "args", &l->args, e);
}

/* A name is short for a description that has it and nothing else. */
static int read_runner(json_t *node, struct stage *s, struct err *e)
{
	json_t *v = json_object_get(node, "runner");

	if (!v)
		return 0;
	if (json_is_string(v))
		s->runner = json_pack("{s:O}", "runner", v);
	else if (json_is_object(v))
		s->runner = json_incref(v);
	else
		return err_set(e, EINVAL, ".runner: neither a name nor an object");
	return s->runner ? 0 : err_memory(e);
}

/* What a run takes from the node itself is said in the words of a machine description. */
static int read_command(json_t *node, struct stage *s, struct err *e)
{
	static const char *const kept[] = { "cwd", "env" };
	size_t total = 0;
	int r;

	if (s->type == STAGE_COMMAND)
		r = words_of(json_object_get(node, "args"), "args", &s->args, e);
	else
		r = read_links(json_object_get(node, "commands"), &s->chain, &total, 0, e);
	if (r < 0)
		return r;
	s->node = json_object();
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		json_t *v = json_object_get(node, kept[i]);

		if (v && json_object_set(s->node, kept[i], v) < 0)
			return err_memory(e);
	}
	return s->node ? read_runner(node, s, e) : err_memory(e);
}

static int read_tar(const json_t *node, struct stage *s, struct err *e)
{
	const json_t *deterministic = json_object_get(node, "deterministic");
	cleanup_free char *compression = NULL;

	if (words_of(json_object_get(node, "files"), "files", &s->files, e) < 0 ||
	    field_text(node, "compression", false, &compression, e) < 0)
		return -e->code;
	if (compression && tar_compression(compression, &s->compression) < 0)
		return err_set(e, EINVAL,
			       ".compression: '%.60s' is none of none, gzip, bzip2, xz, zstd",
			       compression);
	if (deterministic && !json_is_boolean(deterministic))
		return err_set(e, EINVAL, ".deterministic: must be true or false");
	s->deterministic = json_is_true(deterministic);
	return 0;
}

static int read_node(json_t *node, struct stage *s, struct err *e)
{
	if (!json_is_object(node))
		return err_set(e, EINVAL, "not an object");
	if (find_type(node, &s->type, e) < 0 || check_fields(node, &types[s->type], e) < 0)
		return -e->code;
	switch (s->type) {
	case STAGE_COMMAND:
	case STAGE_CHAIN:
		return read_command(node, s, e);
	case STAGE_TAR:
		return read_tar(node, s, e);
	case STAGE_FILE:
		return field_text(node, "name", true, &s->name, e);
	case STAGE_DOCKER_BUILD:
		if (field_text(node, "tag", true, &s->name, e) < 0)
			return -e->code;
		return field_text(node, "file", false, &s->file, e);
	}
	return unknown_type(e);
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Tar{ -> {"type":"Tar", outside of strings. Nothing else in JSON has a letter before a brace. */
static int with_types(const char *text, size_t n, struct buf *out)
{
	bool string = false;
	size_t done = 0;
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		size_t k = 0, end;

		if (text[i] == '"')
			string = !string;
		if (string && text[i] == '\\')
			i++;
		if (string)
			continue;
		while (i + k < n && ((text[i + k] | 32) >= 'a' && (text[i + k] | 32) <= 'z'))
			k++;
		end = i + k;
		while (k && end < n && blank(text[end]))
			end++;
		if (k && end < n && text[end] == '{') {
			size_t next = end + 1;

			while (next < n && blank(text[next]))
				next++;
			r = buf_add(out, text + done, i - done);
			if (r == 0)
				r = buf_addf(out, "{\"type\":\"%.*s\"%s", (int)k, text + i,
					     next < n && text[next] == '}' ? "" : ",");
			done = end + 1;
		}
		if (k)
			i += k - 1;
	}
	return r < 0 ? r : buf_add(out, text + done, n - done);
}

static int syntax_error(const json_error_t *je, struct err *e)
{
	if (json_error_code(je) == json_error_stack_overflow)
		return err_set(e, E2BIG, "more than %u stages", PIPELINE_STAGES);
	return err_set(e, EINVAL, "line %d, column %d: %s", je->line, je->column, je->text);
}

int pipeline_read(const char *text, size_t n, struct pipeline *p, struct err *e)
{
	cleanup_buf struct buf tagged = { 0 };
	json_error_t je;
	json_t *top, *node;
	int r = 0;

	if (with_types(text, n, &tagged) < 0)
		return err_memory(e);
	top = json_loadb(tagged.p ? tagged.p : "", tagged.len, JSON_REJECT_DUPLICATES, &je);
	if (!top)
		return syntax_error(&je, e);
	for (node = top; node && r == 0; node = json_object_get(node, "output")) {
		size_t at = p->n;

		if (at == PIPELINE_STAGES) {
			r = err_set(e, E2BIG, "more than %u stages", PIPELINE_STAGES);
			break;
		}
		p->n++;
		p->stage[at].output = (struct output)OUTPUT_INIT;
		r = read_node(node, &p->stage[at], e);
		if (r < 0)
			r = pipeline_at(at, e);
	}
	json_decref(top);
	return r;
}

static void free_link(struct link *l)
{
	argv_free(&l->args);
	for (size_t i = 0; i < l->nlinks; i++)
		free_link(&l->links[i]);
	free(l->links);
}

void pipeline_free(struct pipeline *p)
{
	for (size_t i = 0; i < p->n; i++) {
		struct stage *s = &p->stage[i];

		argv_free(&s->args);
		argv_free(&s->files);
		free_link(&s->chain);
		json_decref(s->node);
		json_decref(s->runner);
		free(s->name);
		free(s->file);
		vm_spec_free(&s->spec);
		output_free(&s->output);
	}
	p->n = 0;
}
