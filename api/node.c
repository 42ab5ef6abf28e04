/* SPDX-License-Identifier: MIT */
/* Nodes. A pipeline is a list here, so that neither building nor freeing it recurses. */
#include "api/node.h"

#include <stdlib.h>
#include <string.h>

#include "lib/b64.h"
#include "lib/buf.h"

/* Both are given up; what is NULL is none. */
static struct execvm *drop(struct execvm *node, json_t *v)
{
	json_decref(v);
	execvm_free(node);
	return NULL;
}

/* Takes the object. */
static struct execvm *make(json_t *object)
{
	struct execvm *node = object ? calloc(1, sizeof(*node)) : NULL;

	if (!node)
		return drop(NULL, object);
	node->nodes = json_array();
	if (json_array_append_new(node->nodes, object) < 0) /* takes it also when it fails */
		return drop(node, NULL);
	return node;
}

/* Bytes that are no UTF-8 are said in base64. */
static json_t *text(const char *s)
{
	json_t *v = s ? json_string(s) : NULL;
	struct buf b = { 0 };

	if (v || !s)
		return v;
	if (b64_encode_padded(s, strlen(s), &b) == 0)
		v = json_pack("{s:s}", "base64", b.p);
	buf_free(&b);
	return v;
}

static json_t *list(const char *const *words)
{
	json_t *v = words ? json_array() : NULL;

	for (; v && *words; words++) {
		if (json_array_append_new(v, text(*words)) < 0) {
			json_decref(v);
			v = NULL;
		}
	}
	return v;
}

/* An object with its type; v is taken. NULL when v is. */
static json_t *typed(const char *type, const char *field, json_t *v)
{
	return v ? json_pack("{s:s, s:o}", "type", type, field, v) : NULL;
}

/* Sets a field of an object; both are taken, and the object, or NULL, is returned. */
static json_t *with(json_t *object, const char *field, json_t *v)
{
	if (object && json_object_set_new(object, field, v) == 0)
		return object;
	if (!object)
		json_decref(v);
	json_decref(object);
	return NULL;
}

struct execvm *execvm_command(const char *const *args)
{
	return make(typed("Command", "args", list(args)));
}

struct execvm *execvm_tar(const char *const *files, const char *compression)
{
	json_t *v = typed("Tar", "files", list(files));

	return make(compression ? with(v, "compression", text(compression)) : v);
}

struct execvm *execvm_file(const char *name)
{
	return make(typed("File", "name", text(name)));
}

struct execvm *execvm_docker_build(const char *tag, const char *file)
{
	json_t *v = typed("DockerBuild", "tag", text(tag));

	return make(file ? with(v, "file", text(file)) : v);
}

struct execvm *execvm_chain(struct execvm *const *commands, size_t n)
{
	json_t *all = json_array();

	for (size_t i = 0; i < n; i++) {
		struct execvm *c = commands[i];

		if (all && (!c || json_array_size(c->nodes) != 1 ||
			    json_array_append(all, json_array_get(c->nodes, 0)) < 0)) {
			json_decref(all);
			all = NULL;
		}
		execvm_free(c);
	}
	return make(typed("Chain", "commands", all));
}

/* Of the last node: a pipeline is given its parts before it is one. v is taken. */
static struct execvm *set(struct execvm *node, const char *field, json_t *v)
{
	size_t n = node ? json_array_size(node->nodes) : 0;
	json_t *last = n ? json_array_get(node->nodes, n - 1) : NULL;

	if (!last || !v)
		return drop(node, v);
	return json_object_set_new(last, field, v) < 0 ? drop(node, NULL) : node;
}

struct execvm *execvm_env(struct execvm *node, const char *name, const char *value)
{
	size_t n = node ? json_array_size(node->nodes) : 0;
	json_t *env = n ? json_object_get(json_array_get(node->nodes, n - 1), "env") : NULL;

	env = env ? json_incref(env) : json_object();
	if (!env || !name || json_object_set_new(env, name, text(value)) < 0)
		return drop(node, env);
	return set(node, "env", env);
}

struct execvm *execvm_cwd(struct execvm *node, const char *dir)
{
	return set(node, "cwd", text(dir));
}

struct execvm *execvm_runner(struct execvm *node, const char *runner)
{
	if (runner && *runner == '{')
		return set(node, "runner", json_loads(runner, JSON_REJECT_DUPLICATES, NULL));
	return set(node, "runner", text(runner));
}

struct execvm *execvm_pipe(struct execvm *a, struct execvm *b)
{
	if (!a || !b || json_array_extend(a->nodes, b->nodes) < 0)
		a = drop(a, NULL);
	execvm_free(b);
	return a;
}

/* From the last to the first, each into the one in front of it. */
char *execvm_json(const struct execvm *node)
{
	size_t n = node ? json_array_size(node->nodes) : 0;
	json_t *whole = NULL;
	char *out;

	for (size_t i = n; i-- > 0;) {
		json_t *one = json_copy(json_array_get(node->nodes, i));

		if (one && whole)
			one = with(one, "output", whole);
		else if (!one)
			json_decref(whole);
		whole = one;
		if (!whole)
			return NULL;
	}
	out = whole ? json_dumps(whole, JSON_COMPACT) : NULL;
	json_decref(whole);
	return out;
}

void execvm_free(struct execvm *node)
{
	if (node)
		json_decref(node->nodes);
	free(node);
}
