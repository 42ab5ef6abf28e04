/* SPDX-License-Identifier: MIT */
/* The record, and the part of it that docker and OCI have in their images, too. */
#include "image/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"

/* The keys of the config, once. */
static const struct {
	const char *key;
	size_t list; /* offset of a struct argv, or */
	size_t text; /* offset of a char *; the other is NONE */
} keys[] = {
#define NONE ((size_t)-1)
	{ "Cmd", offsetof(struct image_config, cmd), NONE },
	{ "Entrypoint", offsetof(struct image_config, entrypoint), NONE },
	{ "Env", offsetof(struct image_config, env), NONE },
	{ "User", NONE, offsetof(struct image_config, user) },
	{ "WorkingDir", NONE, offsetof(struct image_config, cwd) },
};

static int no_memory(struct err *e)
{
	return err_memory(e);
}

json_t *json_parse(const char *text, size_t n, const char *what, struct err *e)
{
	json_error_t je;
	json_t *j = NULL;

	if (n > RECORD_MAX)
		err_set(e, EFBIG, "%s: more than %zu MiB of JSON", what, RECORD_MAX >> 20);
	else
		j = json_loadb(text, n, JSON_REJECT_DUPLICATES, &je);
	if (!j && n <= RECORD_MAX)
		err_set(e, EINVAL, "%s: %s", what, je.text);
	return j;
}

static int read_list(const json_t *v, const char *key, struct argv *out, struct err *e)
{
	if (!v || json_is_null(v))
		return 0;
	for (size_t i = 0; i < json_array_size(v); i++) {
		const char *text = json_string_value(json_array_get(v, i));

		if (!text)
			return err_set(e, EINVAL, "%s has something that is no string", key);
		if (argv_push(out, text) < 0)
			return no_memory(e);
	}
	return json_is_array(v) ? 0 : err_set(e, EINVAL, "%s is no list", key);
}

static int read_text(const json_t *v, const char *key, char **out, struct err *e)
{
	if (!v || json_is_null(v))
		return 0;
	if (!json_is_string(v))
		return err_set(e, EINVAL, "%s is no string", key);
	if (!*json_string_value(v))
		return 0;
	*out = strdup(json_string_value(v));
	return *out ? 0 : no_memory(e);
}

int config_from_json(const json_t *o, struct image_config *c, struct err *e)
{
	int r = 0;

	*c = (struct image_config){ 0 };
	if (!o || json_is_null(o))
		return 0;
	if (!json_is_object(o))
		return err_set(e, EINVAL, "config is no object");
	for (size_t i = 0; i < ARRAY_SIZE(keys) && r == 0; i++) {
		const json_t *v = json_object_get(o, keys[i].key);

		if (keys[i].text == NONE)
			r = read_list(v, keys[i].key,
				      (struct argv *)(void *)((char *)c + keys[i].list), e);
		else
			r = read_text(v, keys[i].key, (char **)(void *)((char *)c + keys[i].text),
				      e);
	}
	if (r < 0)
		config_free(c);
	return r;
}

static json_t *list_json(const struct argv *a)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < a->n; i++) {
		if (json_array_append_new(list, json_string(a->v[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

json_t *record_json(const struct record *r)
{
	json_t *config = json_object(), *all = json_object();
	int k = config && all ? 0 : -1;

	for (size_t i = 0; i < ARRAY_SIZE(keys) && k == 0; i++) {
		const char *at = (const char *)&r->config;
		json_t *v;

		if (keys[i].text == NONE) {
			v = list_json((const struct argv *)(const void *)(at + keys[i].list));
		} else {
			const char *text = *(char *const *)(const void *)(at + keys[i].text);

			v = json_string(text ? text : "");
		}
		k = json_object_set_new(config, keys[i].key, v);
	}
	if (k == 0)
		k = json_object_set_new(all, "root", json_string(r->root));
	if (k == 0)
		k = json_object_set(all, "config", config);
	json_decref(config);
	if (k == 0)
		return all;
	json_decref(all);
	return NULL;
}

int record_encode(const struct record *r, struct buf *out, char digest[DIGEST_TEXT], struct err *e)
{
	cleanup_json json_t *j = record_json(r);
	cleanup_free char *text = j ? json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	struct digest d;

	if (!text || buf_adds(out, text) < 0)
		return no_memory(e);
	digest_init(&d);
	digest_add(&d, text, strlen(text));
	digest_end(&d, digest);
	return 0;
}

int record_decode(const char *text, size_t n, struct record *r, struct err *e)
{
	cleanup_json json_t *j = json_parse(text, n, "record of an image", e);
	cleanup_buf struct buf again = { 0 };
	char digest[DIGEST_TEXT];
	const char *root;
	int k;

	*r = (struct record){ 0 };
	if (!j)
		return -e->code;
	root = json_string_value(json_object_get(j, "root"));
	if (!root || !digest_valid(root))
		return err_set(e, EINVAL, "record of an image: no root");
	memcpy(r->root, root, DIGEST_TEXT);
	k = config_from_json(json_object_get(j, "config"), &r->config, e);
	if (k == 0)
		k = record_encode(r, &again, digest, e);
	if (k == 0 && (again.len != n || memcmp(again.p, text, n) != 0))
		k = err_set(e, EINVAL, "record of an image: not in the one form that it has");
	if (k < 0)
		record_free(r);
	return k;
}

void config_free(struct image_config *c)
{
	argv_free(&c->cmd);
	argv_free(&c->entrypoint);
	argv_free(&c->env);
	free(c->user);
	free(c->cwd);
	*c = (struct image_config){ 0 };
}

void record_free(struct record *r)
{
	config_free(&r->config);
	*r = (struct record){ 0 };
}
