/* SPDX-License-Identifier: MIT */
/* jansson writes; what is no UTF-8 becomes {"base64": …}. */
#include "pipeline/report.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "lib/b64.h"
#include "lib/cleanup.h"
#include "lib/json.h"

/* NULL without memory, which is looked at once, at the end. */
static json_t *text(const char *p, size_t n)
{
	json_t *v = memchr(p, '\0', n) ? NULL : json_stringn(p, n);
	cleanup_buf struct buf b = { 0 };

	if (v)
		return v;
	if (b64_encode_padded(p, n, &b) < 0)
		return NULL;
	return json_pack("{s:s}", "base64", b.p ? b.p : "");
}

/* For people: a byte that is no UTF-8 is a '?'. */
static json_t *sentence(const char *p, size_t n)
{
	cleanup_buf struct buf b = { 0 };
	int r = buf_reserve(&b, n);

	for (size_t at = 0, k; at < n && r == 0; at += k ? k : 1) {
		k = json_utf8(p + at, n - at);
		r = k ? buf_add(&b, p + at, k) : buf_addc(&b, '?');
	}
	return r < 0 ? NULL : json_stringn(b.p, b.len);
}

static json_t *words(const struct argv *a)
{
	json_t *list = json_array();

	for (size_t i = 0; i < a->n && list; i++) {
		if (json_array_append_new(list, text(a->v[i], strlen(a->v[i]))) < 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

static int add_what(json_t *line, const struct stage *s)
{
	switch (s->type) {
	case STAGE_COMMAND:
	case STAGE_CHAIN:
		return json_object_set_new(line, "runner", json_string(s->how->name)) < 0
			       ? -1
			       : json_object_set_new(line, "args", words(&s->args));
	case STAGE_TAR:
		return json_object_set_new(line, "files", words(&s->files));
	case STAGE_FILE:
		return json_object_set_new(line, "name", text(s->name, strlen(s->name)));
	case STAGE_DOCKER_BUILD:
		return json_object_set_new(line, "tag", text(s->name, strlen(s->name)));
	}
	return 0;
}

static json_t *line_of(const struct run *r, size_t i)
{
	const struct stage *s = &r->plan->stage[i];
	const struct stage_result *res = &r->result[i];
	const struct stage_told *told = &r->told[i];
	json_t *line = json_pack("{s:i, s:s}", "stage", (int)i, "type", stage_type_name(s->type));
	size_t n = 0;
	const char *tail = tail_bytes(&r->tails[i], &n);
	int k = line ? add_what(line, s) : -1;

	if (k == 0)
		k = json_object_set_new(line, "status",
					res->status < 0 ? json_null() : json_integer(res->status));
	if (k == 0)
		k = json_object_set_new(line, "failed", json_boolean(res->failed));
	if (k == 0)
		k = json_object_set_new(line, "bytes", json_integer((json_int_t)res->bytes));
	if (k == 0)
		k = json_object_set_new(line, "ms", json_integer((json_int_t)res->ms));
	if (k == 0)
		k = json_object_set_new(
			line, "error",
			told->own ? sentence(told->msg, strnlen(told->msg, sizeof(told->msg)))
				  : json_null());
	if (k == 0 && r->tail)
		k = json_object_set_new(line, "stderr", text(tail, n));
	if (k == 0)
		return line;
	json_decref(line);
	return NULL;
}

static int add_line(json_t *line, struct buf *out, struct err *e)
{
	cleanup_free char *one = line ? json_dumps(line, JSON_COMPACT) : NULL;

	json_decref(line);
	return !one || buf_addf(out, "%s\n", one) < 0 ? err_memory(e) : 0;
}

int report_lines(const struct run *r, struct buf *out, struct err *e)
{
	int k = 0;

	for (size_t i = 0; i < r->plan->n && k == 0; i++)
		k = add_line(line_of(r, i), out, e);
	return k;
}

int report_refusal(const struct err *why, struct buf *out, struct err *e)
{
	return add_line(json_pack("{s:n, s:o}", "stage", "error",
				  text(why->msg, strnlen(why->msg, sizeof(why->msg)))),
			out, e);
}
