/* SPDX-License-Identifier: MIT */
/* A plan for people. */
#include "pipeline/pipeline.h"

int stage_show(const struct stage *s, struct buf *out)
{
	int r = buf_adds(out, stage_type_name(s->type));

	if (r < 0)
		return r;
	switch (s->type) {
	case STAGE_COMMAND:
	case STAGE_CHAIN:
		r = buf_addf(out, " %s%s%s: ", s->how->name, s->spec.image ? " " : "",
			     s->spec.image ? s->spec.image : "");
		return r < 0 ? r : argv_quote(out, s->args.v);
	case STAGE_TAR:
		r = buf_addf(out, " %s%s: ", tar_compression_name(s->compression),
			     s->deterministic ? " deterministic" : "");
		return r < 0 ? r : argv_quote(out, s->files.v);
	case STAGE_FILE:
	case STAGE_DOCKER_BUILD: {
		char *const name[] = { s->name, NULL };

		r = buf_adds(out, ": ");
		return r < 0 ? r : argv_quote(out, name);
	}
	}
	return r;
}

static int indent(size_t n, bool branch, struct buf *out)
{
	return buf_addf(out, "%*s%s", (int)(3 * n), "", branch ? "└─ " : "");
}

/* The commands of a chain, below it. */
static int show_links(const struct link *l, size_t depth, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; i < l->nlinks && r == 0; i++) {
		const struct link *one = &l->links[i];

		r = indent(depth, false, out);
		if (r == 0)
			r = buf_addf(out, "%zu. ", i + 1);
		if (r == 0 && one->nlinks)
			r = buf_adds(out, "Chain\n");
		else if (r == 0)
			r = argv_quote(out, one->args.v);
		if (r == 0 && !one->nlinks)
			r = buf_addc(out, '\n');
		if (r == 0)
			r = show_links(one, depth + 1, out);
	}
	return r;
}

int pipeline_show(const struct pipeline *p, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; i < p->n && r == 0; i++) {
		const struct stage *s = &p->stage[i];

		r = i ? indent(i - 1, true, out) : 0;
		if (r == 0 && s->type == STAGE_CHAIN)
			r = buf_addf(out, "Chain %s", s->how->name);
		else if (r == 0)
			r = stage_show(s, out);
		if (r == 0)
			r = buf_addc(out, '\n');
		if (r == 0 && s->type == STAGE_CHAIN)
			r = show_links(&s->chain, i + 1, out);
	}
	return r;
}
