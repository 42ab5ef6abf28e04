/* SPDX-License-Identifier: MIT */
/* Directories of the host: what options and descriptions say about them. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "runners/config-key.h"

/* In its place by target; what an option says about a target replaces what the description does. */
static int put_share(struct config_plan *p, const char *source, const char *target, bool readonly,
		     struct err *e)
{
	struct vm_share new = {
		.readonly = readonly,
		.line = p->path ? config_line(p->text, p->len, "volumes", NULL) : 0,
	};
	struct vm_spec *s = p->s;
	bool same = false;
	size_t at = 0;
	int r;

	if (!*source)
		return err_set(e, EINVAL, "the directory of the host is missing");
	r = config_guest_path(target, &new.target, e);
	while (r == 0 && at < s->nshares && strcmp(s->share[at].target, new.target) < 0)
		at++;
	if (r == 0)
		same = at < s->nshares && !strcmp(s->share[at].target, new.target);
	if (same && (p->path || !s->share[at].line))
		r = err_set(e, EEXIST, "%s is %s already", new.target, s->share[at].source);
	if (r == 0 && !same && s->nshares == VM_SHARES)
		r = err_set(e, E2BIG, "more than %u directories", VM_SHARES);
	if (r == 0) {
		new.source = config_path(p, source);
		r = new.source ? 0 : err_memory(e);
	}
	if (r < 0) {
		free(new.target);
		return r;
	}
	if (same) {
		free(s->share[at].source);
		free(s->share[at].target);
	} else {
		memmove(s->share + at + 1, s->share + at, (s->nshares++ - at) * sizeof(new));
	}
	s->share[at] = new;
	return 0;
}

/* DIR:GUEST[:ro|:rw] */
int config_volume_word(struct config_plan *p, const char *word, struct err *e)
{
	cleanup_free char *copy = strdup(word);
	char *target, *mode;

	if (!copy)
		return err_memory(e);
	target = strchr(copy, ':');
	if (!target)
		return err_set(e, EINVAL, "'%s' is not DIR:GUEST[:ro]", word);
	*target++ = '\0';
	mode = strchr(target, ':');
	if (mode)
		*mode++ = '\0';
	if (mode && strcmp(mode, "ro") != 0 && strcmp(mode, "rw") != 0)
		return err_set(e, EINVAL, "'%s': '%s' is neither ro nor rw", word, mode);
	return put_share(p, copy, target, mode && !strcmp(mode, "ro"), e);
}

/* What --mount says, word by word. */
struct mount_words {
	const char *type, *source, *target;
	const char *size, *mode; /* of a tmpfs */
	bool readonly;
};

static int mount_word(struct mount_words *m, char *word, struct err *e)
{
	const struct {
		const char *name;
		const char **at; /* NULL: readonly */
	} names[] = {
		{ "type", &m->type },	    { "source", &m->source },
		{ "src", &m->source },	    { "target", &m->target },
		{ "dst", &m->target },	    { "destination", &m->target },
		{ "tmpfs-size", &m->size }, { "tmpfs-mode", &m->mode },
		{ "readonly", NULL },	    { "ro", NULL },
	};
	char *value = strchr(word, '=');
	size_t i = 0;

	if (value)
		*value++ = '\0';
	while (i < ARRAY_SIZE(names) && strcmp(names[i].name, word) != 0)
		i++;
	if (i == ARRAY_SIZE(names))
		return err_set(e, EINVAL, "unknown word '%s'", word);
	if (!names[i].at) {
		m->readonly = !value || !strcmp(value, "true") || !strcmp(value, "1");
		if (value && !m->readonly && strcmp(value, "false") != 0 && strcmp(value, "0") != 0)
			return err_set(e, EINVAL, "readonly is neither true nor false");
		return 0;
	}
	if (!value || !*value)
		return err_set(e, EINVAL, "%s is empty", word);
	*names[i].at = value;
	return 0;
}

/* The same as --tmpfs, in other words. */
static int put_tmpfs(struct config_plan *p, const struct mount_words *m, const char *word,
		     struct err *e)
{
	cleanup_buf struct buf b = { 0 };
	int r;

	if (!m->target || m->source)
		return err_set(e, EINVAL, "'%s': needs a target and no source", word);
	r = buf_addf(&b, "%s:%s", m->target, m->readonly ? "ro" : "rw");
	if (r == 0 && m->size)
		r = buf_addf(&b, ",size=%s", m->size);
	if (r == 0 && m->mode)
		r = buf_addf(&b, ",mode=%s", m->mode);
	return r < 0 ? err_memory(e) : config_tmpfs_word(p, b.p, e);
}

int config_mount_word(struct config_plan *p, const char *word, struct err *e)
{
	struct mount_words m = { .type = "bind" };
	cleanup_free char *copy = strdup(word);
	char *rest = copy, *one;
	int r = 0;

	if (!copy)
		return err_memory(e);
	while (r == 0 && (one = strsep(&rest, ",")))
		r = mount_word(&m, one, e);
	if (r < 0)
		return err_wrap(e, "'%s'", word);
	if (!strcmp(m.type, "tmpfs"))
		return put_tmpfs(p, &m, word, e);
	if (m.size || m.mode)
		return err_set(e, EINVAL, "'%s': sizes and modes are a tmpfs's", word);
	if (strcmp(m.type, "bind") != 0)
		return err_set(e, EINVAL, "'%s': type %s is neither bind nor tmpfs", word, m.type);
	if (!m.source || !m.target)
		return err_set(e, EINVAL, "'%s': needs source and target", word);
	return put_share(p, m.source, m.target, m.readonly, e);
}

/* {"source": "DIR", "target": "GUEST", "readonly": true}: for paths that have a colon in them. */
static int volume_object(struct config_plan *p, json_t *v, struct err *e)
{
	const char *source, *target;
	int readonly = 0;

	if (json_unpack(v, "{s:s,s:s,s?b!}", "source", &source, "target", &target, "readonly",
			&readonly) < 0)
		return -EINVAL;
	return put_share(p, source, target, readonly, e);
}

int config_set_volumes(struct config_plan *p, const json_t *v, struct err *e)
{
	for (size_t i = 0; i < json_array_size(v); i++) {
		json_t *one = json_array_get(v, i);
		const char *text = json_string_value(one);
		int r = text ? config_volume_word(p, text, e) : volume_object(p, one, e);

		if (r < 0 && !e->code)
			return err_set(e, EINVAL, "element %zu is not %s", i,
				       json_is_object(one) ? "source, target and readonly alone"
							   : "a string");
		if (r < 0)
			return r;
	}
	return 0;
}

/* A relative path would mean something else to a file server with a directory of its own. */
static int check_share(struct vm_share *sh, struct err *e)
{
	char *path = realpath(sh->source, NULL);
	struct stat st;

	if (!path)
		return err_sys(e, "%s", sh->source);
	free(sh->source);
	sh->source = path;
	if (stat(path, &st) < 0)
		return err_sys(e, "%s", path);
	if (!S_ISDIR(st.st_mode))
		return err_code(e, ENOTDIR, "%s", path);
	if (access(path, R_OK | X_OK) < 0)
		return err_sys(e, "%s", path);
	return 0;
}

static int check_target(const struct vm_spec *s, const struct vm_share *sh, struct err *e)
{
	for (size_t i = 0; i < s->ntmpfs; i++) {
		if (!strcmp(s->tmpfs[i].target, sh->target))
			return err_set(e, EEXIST, "%s is a tmpfs already", sh->target);
	}
	return 0;
}

int config_check_shares(const struct config_plan *p, const char *config, struct err *e)
{
	for (size_t i = 0; i < p->s->nshares; i++) {
		struct vm_share *sh = &p->s->share[i];

		if (check_share(sh, e) == 0 && check_target(p->s, sh, e) == 0)
			continue;
		if (sh->line)
			return config_at(config, sh->line, "volumes", e);
		return err_wrap(e, "--volume");
	}
	return 0;
}
