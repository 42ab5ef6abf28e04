/* SPDX-License-Identifier: MIT */
/* What is copied in and out: what options and descriptions say about it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/digest.h"
#include "lib/cleanup.h"
#include "runners/config-key.h"

/* "/dir/" means: below it, with the name that it has on the other side. */
static int guest_path(const char *guest, const char *host, char **out, struct err *e)
{
	cleanup_buf struct buf b = { 0 };
	size_t n = strlen(guest), end = strlen(host), begin;

	if (!n || guest[n - 1] != '/')
		return config_guest_path(guest, out, e);
	while (end && host[end - 1] == '/')
		end--;
	for (begin = end; begin && host[begin - 1] != '/';)
		begin--;
	if (end == begin || (end - begin <= 2 && !strncmp(host + begin, "..", end - begin)))
		return err_set(e, EINVAL, "'%s' has no name of its own to have in %s", host, guest);
	if (buf_addf(&b, "%s%.*s", guest, (int)(end - begin), host + begin) < 0)
		return err_memory(e);
	return config_guest_path(b.p, out, e);
}

/*
 * The next one. Options replace nothing: what comes later is copied later. Within a description the
 * key is the source, so there are no two of it.
 */
static int put(struct config_plan *p, struct vm_copy *list, size_t *n, const char *key,
	       struct vm_copy new, struct err *e)
{
	if (*n == VM_COPIES)
		return err_set(e, E2BIG, "more than %u of them", VM_COPIES);
	new.line = p->path ? config_line(p->text, p->len, key, p->inner) : 0;
	list[(*n)++] = new; /* owned by the plan from here on, whatever it is */
	return 0;
}

static int put_in(struct config_plan *p, char *host, const char *guest, struct err *e)
{
	struct vm_copy *c = p->s->in + p->s->nin;
	int r = put(p, p->s->in, &p->s->nin, "in", (struct vm_copy){ 0 }, e);

	if (r == 0)
		r = config_take_digest(host, &c->digest, e);
	if (r == 0 && !*host)
		r = err_set(e, EINVAL, "the file of the host is missing");
	if (r == 0)
		r = guest_path(guest, host, &c->guest, e);
	if (r == 0)
		c->host = config_path(p, host);
	return r < 0 || c->host ? r : err_memory(e);
}

static int put_out(struct config_plan *p, const char *guest, const char *host, struct err *e)
{
	struct vm_copy *c = p->s->out + p->s->nout;
	int r = put(p, p->s->out, &p->s->nout, "out", (struct vm_copy){ 0 }, e);

	if (r == 0 && !*host)
		r = err_set(e, EINVAL, "the file of the host is missing");
	if (r == 0)
		r = config_guest_path(guest, &c->guest, e);
	if (r == 0)
		c->host = config_path(p, host);
	return r < 0 || c->host ? r : err_memory(e);
}

/* HOST[@DIGEST]=GUEST; the guest's part begins with a slash, the host's may have a '=' in it. */
int config_in_word(struct config_plan *p, const char *word, struct err *e)
{
	cleanup_free char *copy = strdup(word);
	char *at = NULL;

	if (!copy)
		return err_memory(e);
	for (char *next = copy; (next = strstr(next, "=/")); next++)
		at = next;
	if (!at)
		return err_set(e, EINVAL, "'%s' is not HOST=/GUEST", word);
	*at++ = '\0';
	return put_in(p, copy, at, e);
}

int config_out_word(struct config_plan *p, const char *word, struct err *e)
{
	cleanup_free char *copy = strdup(word);
	char *at = copy ? strchr(copy, '=') : NULL;

	if (!copy)
		return err_memory(e);
	if (!at || *copy != '/')
		return err_set(e, EINVAL, "'%s' is not /GUEST=HOST", word);
	*at++ = '\0';
	return put_out(p, copy, at, e);
}

static int set_object(struct config_plan *p, const json_t *v, bool out, struct err *e)
{
	const char *from;
	json_t *to;

	json_object_foreach((json_t *)v, from, to)
	{
		cleanup_free char *copy = strdup(from);
		int r;

		p->inner = from;
		if (!copy)
			return err_memory(e);
		if (!json_is_string(to))
			return err_set(e, EINVAL, "not a string");
		r = out ? put_out(p, from, json_string_value(to), e)
			: put_in(p, copy, json_string_value(to), e);
		if (r < 0)
			return r;
	}
	p->inner = NULL;
	return 0;
}

/* An object, or a list of them, in which one source may stand twice. */
static int set_copies(struct config_plan *p, const json_t *v, bool out, struct err *e)
{
	if (json_is_object(v))
		return set_object(p, v, out, e);
	for (size_t i = 0; i < json_array_size(v); i++) {
		const json_t *one = json_array_get(v, i);

		if (!json_is_object(one))
			return err_set(e, EINVAL, "element %zu is not an object", i);
		if (set_object(p, one, out, e) < 0)
			return -e->code;
	}
	return 0;
}

int config_set_in(struct config_plan *p, const json_t *v, struct err *e)
{
	return set_copies(p, v, false, e);
}

int config_set_out(struct config_plan *p, const json_t *v, struct err *e)
{
	return set_copies(p, v, true, e);
}

static int check_in(const struct vm_copy *c, struct err *e)
{
	struct stat st;

	if (lstat(c->host, &st) < 0)
		return err_sys(e, "%s", c->host);
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) && !S_ISLNK(st.st_mode))
		return err_set(e, EINVAL, "%s: neither file nor directory", c->host);
	return 0;
}

/* The directory that it goes to is there, and takes it. */
static int check_out(const struct vm_copy *c, struct err *e)
{
	const char *slash = strrchr(c->host, '/');
	cleanup_free char *dir =
		slash ? strndup(c->host, (size_t)(slash - c->host) + 1) : strdup(".");
	struct stat st;

	if (!dir)
		return err_memory(e);
	if (stat(dir, &st) < 0)
		return err_sys(e, "%s", dir);
	if (!S_ISDIR(st.st_mode))
		return err_code(e, ENOTDIR, "%s", dir);
	return access(dir, W_OK | X_OK) < 0 ? err_sys(e, "%s", dir) : 0;
}

static int check(const struct vm_copy *list, size_t n, const char *key, const char *config,
		 int (*one)(const struct vm_copy *c, struct err *e), struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		if (one(&list[i], e) == 0)
			continue;
		if (list[i].line)
			return config_at(config, list[i].line, key, e);
		return err_wrap(e, "--%s", key);
	}
	return 0;
}

int config_check_copies(const struct config_plan *p, const char *config, struct err *e)
{
	int r = check(p->s->in, p->s->nin, "in", config, check_in, e);

	return r < 0 ? r : check(p->s->out, p->s->nout, "out", config, check_out, e);
}
