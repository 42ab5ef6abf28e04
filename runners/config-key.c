/* SPDX-License-Identifier: MIT */
/* From a value of a description, or of an option, into struct vm_spec: one function per key. */
#include "runners/config-key.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/digest.h"
#include "lib/b64.h"
#include "lib/cleanup.h"
#include "lib/io.h"
#include "lib/num.h"
#include "lib/payload.h"

#define TIMEOUT_MAX ((uint64_t)1 << 40) /* ms: 34 years */

/* Small helpers of the setters. */

static int replace(char **at, char *owned, struct err *e)
{
	if (!owned)
		return err_memory(e);
	free(*at);
	*at = owned;
	return 0;
}

static int set_text(char **at, const json_t *v, struct err *e)
{
	const char *text = json_string_value(v);

	if (!text || !*text)
		return err_set(e, EINVAL, "must not be empty");
	return replace(at, strdup(text), e);
}

/* Text of a number, or of a string: what num_*() want. */
static const char *number_text(const json_t *v, char buf[32])
{
	if (json_is_real(v))
		snprintf(buf, 32, "%.15g", json_real_value(v));
	else if (json_is_integer(v))
		snprintf(buf, 32, "%lld", (long long)json_integer_value(v));
	else
		return json_string_value(v);
	return buf;
}

/* PATH, or PATH@DIGEST. */
static int set_path(struct config_plan *p, char **at, char **digest, const json_t *v, struct err *e)
{
	cleanup_free char *path = strdup(json_string_value(v));
	char *pin = NULL;

	if (!path)
		return err_memory(e);
	if (config_take_digest(path, &pin, e) < 0)
		return -e->code;
	free(*digest);
	*digest = pin;
	if (!*path)
		return err_set(e, EINVAL, "must not be empty");
	return replace(at, config_path(p, path), e);
}

int config_set_runner(struct config_plan *p, const json_t *v, struct err *e)
{
	return set_text(&p->s->runner, v, e);
}

int config_set_kernel(struct config_plan *p, const json_t *v, struct err *e)
{
	return set_path(p, &p->s->kernel, &p->s->kernel_digest, v, e);
}

/* A digest alone is that of the one that is made. */
int config_set_initrd(struct config_plan *p, const json_t *v, struct err *e)
{
	const char *text = json_string_value(v);

	p->line.initrd = p->path ? config_line(p->text, p->len, "initrd", NULL) : 0;
	if (!digest_valid(text))
		return set_path(p, &p->s->initrd, &p->s->initrd_digest, v, e);
	free(take_ptr(&p->s->initrd));
	return replace(&p->s->initrd_digest, strdup(text), e);
}

/* "--" would end the kernel's own parameters, and an open quote would swallow what follows. */
int config_set_append(struct config_plan *p, const json_t *v, struct err *e)
{
	const char *text = json_string_value(v);
	unsigned quotes = 0;
	size_t n;

	for (const char *c = text; *c; c++) {
		quotes += *c == '"';
		if ((unsigned char)*c < ' ')
			return err_set(e, EINVAL, "must be one line without control characters");
	}
	if (quotes % 2)
		return err_set(e, EINVAL, "a double quote is not closed");
	for (const char *c = text + strspn(text, " "); *c; c += n + strspn(c + n, " ")) {
		n = strcspn(c, " ");
		if (n == 2 && !memcmp(c, "--", 2))
			return err_set(e, EINVAL, "the word -- would end the kernel's parameters");
	}
	return replace(&p->s->append, strdup(text), e);
}

int config_set_root(struct config_plan *p, const json_t *v, struct err *e)
{
	p->line.root = p->path ? config_line(p->text, p->len, "root", NULL) : 0;
	p->s->root_host = !strcmp(json_string_value(v), "host");
	if (!p->s->root_host)
		return set_path(p, &p->s->root, &p->s->root_digest, v, e);
	free(take_ptr(&p->s->root));
	return 0;
}

static int check_read_only(const struct config_plan *p, struct err *e)
{
	if (p->mode_said && p->read_only_said && p->s->root_mode != ROOT_RO)
		return err_set(e, EINVAL, "read-only, and root mode %s: only one can be",
			       payload_root_mode_name(p->s->root_mode));
	return 0;
}

int config_set_image(struct config_plan *p, const json_t *v, struct err *e)
{
	p->line.image = p->path ? config_line(p->text, p->len, "image", NULL) : 0;
	return set_text(&p->s->image, v, e);
}

int config_set_root_mode(struct config_plan *p, const json_t *v, struct err *e)
{
	const char *text = json_string_value(v);

	if (payload_root_mode(text, &p->s->root_mode) < 0)
		return err_set(e, EINVAL, "'%s' is none of overlay, ro, rw", text);
	p->mode_said = true;
	return check_read_only(p, e);
}

int config_set_read_only(struct config_plan *p, const json_t *v, struct err *e)
{
	if (!json_is_true(v))
		return 0;
	p->read_only_said = true;
	if (check_read_only(p, e) < 0)
		return -EINVAL;
	p->s->root_mode = ROOT_RO;
	return 0;
}

int config_set_memory(struct config_plan *p, const json_t *v, struct err *e)
{
	char number[32];
	const char *text = number_text(v, number);
	int r = num_size(text, VM_MEMORY_MIN, VM_MEMORY_MAX, &p->s->memory);

	if (r == -ERANGE)
		return err_set(e, ERANGE, "'%s' is not in %lluM..%lluM", text,
			       (unsigned long long)VM_MEMORY_MIN >> 20,
			       (unsigned long long)VM_MEMORY_MAX >> 20);
	if (r < 0)
		return err_set(e, EINVAL, "'%s' is no size (256M, 1G, or bytes)", text);
	p->s->memory_said = true;
	p->line.memory = p->path ? config_line(p->text, p->len, "memory", NULL) : 0;
	return 0;
}

/* "1.5" is 1500; at most three digits behind the point, which is there. 0 for what is none. */
static unsigned milli(const char *text, const char *point)
{
	char digits[16];
	uint64_t n;
	int len =
		snprintf(digits, sizeof(digits), "%.*s%s%.*s", (int)(point - text), text, point + 1,
			 strlen(point + 1) < 3 ? (int)(3 - strlen(point + 1)) : 0, "000");

	if (len < 0 || (size_t)len >= sizeof(digits) || point == text || !point[1] ||
	    strlen(point + 1) > 3 || num_uint(digits, 1, VM_CPUS_MAX * UINT64_C(1000), &n) < 0)
		return 0;
	return (unsigned)n;
}

int config_set_cpus(struct config_plan *p, const json_t *v, struct err *e)
{
	char number[32];
	const char *text = number_text(v, number);
	const char *point = strchr(text, '.');
	uint64_t n = 1;

	p->s->cpus_milli = point ? milli(text, point) : 0;
	if (point ? !p->s->cpus_milli : num_uint(text, 1, VM_CPUS_MAX, &n) < 0)
		return err_set(e, EINVAL, "'%s' is not a number in 1..%u", text, VM_CPUS_MAX);
	p->s->cpus = (unsigned)n;
	p->s->cpus_said = true;
	p->line.cpus = p->path ? config_line(p->text, p->len, "cpus", NULL) : 0;
	return 0;
}

int config_set_accel(struct config_plan *p, const json_t *v, struct err *e)
{
	const char *text = json_string_value(v);

	for (enum vm_accel a = ACCEL_AUTO; a <= ACCEL_TCG; a++) {
		if (!strcmp(text, vm_accel_name(a))) {
			p->s->accel = a;
			return 0;
		}
	}
	return err_set(e, EINVAL, "'%s' is none of auto, kvm, tcg", text);
}

int config_set_cwd(struct config_plan *p, const json_t *v, struct err *e)
{
	const char *text = json_string_value(v);

	if (*text != '/')
		return err_set(e, EINVAL, "'%s' is not an absolute path", text);
	return replace(&p->s->cwd, strdup(text), e);
}

int config_set_user(struct config_plan *p, const json_t *v, struct err *e)
{
	char number[32];
	const char *text = number_text(v, number);

	if (!*text || *text == ':' || *text == '-')
		return err_set(e, EINVAL, "'%s' is not USER[:GROUP]", text);
	return replace(&p->s->user, strdup(text), e);
}

/* docker's rule, and short enough for an address. */
int config_set_name(struct config_plan *p, const json_t *v, struct err *e)
{
	const char *text = json_string_value(v);
	size_t n = strspn(text, CONFIG_NAME_CHARS);

	if (n < 2 || text[n] || n > VM_NAME_MAX || strchr(".-_", *text))
		return err_set(e, EINVAL,
			       "'%s' is not 2..%u letters, digits, '.', '-', '_', the first one a "
			       "letter or a digit",
			       text, VM_NAME_MAX);
	return replace(&p->s->name, strdup(text), e);
}

int config_set_hostname(struct config_plan *p, const json_t *v, struct err *e)
{
	const char *text = json_string_value(v);
	size_t n = strspn(text, CONFIG_NAME_CHARS);

	if (!n || text[n] || n > PAYLOAD_HOSTNAME)
		return err_set(e, EINVAL, "'%s' is not 1..%u letters, digits, '.', '-', '_'", text,
			       PAYLOAD_HOSTNAME);
	return replace(&p->s->hostname, strdup(text), e);
}

int config_set_timeout(struct config_plan *p, const json_t *v, struct err *e)
{
	char number[32];
	const char *text = number_text(v, number);

	if (num_duration(text, 0, TIMEOUT_MAX, &p->s->timeout_ms) < 0)
		return err_set(e, EINVAL, "'%s' is no duration (10, 1.5s, 500ms, 2m, 1h)", text);
	return 0;
}

int config_set_no_stdin(struct config_plan *p, const json_t *v, struct err *e)
{
	const char *text = json_is_true(v) ? "none" : json_string_value(v);

	if (strcmp(text, "none") != 0 && strcmp(text, "inherit") != 0)
		return err_set(e, EINVAL, "'%s' is neither inherit nor none", text);
	p->s->no_stdin = !strcmp(text, "none");
	return 0;
}

int config_set_tty(struct config_plan *p, const json_t *v, struct err *e)
{
	(void)e;
	p->s->tty = json_is_true(v);
	return 0;
}

int config_set_warm(struct config_plan *p, const json_t *v, struct err *e)
{
	(void)e;
	p->s->warm = json_is_true(v);
	return 0;
}

int config_set_strict(struct config_plan *p, const json_t *v, struct err *e)
{
	(void)e;
	p->s->strict = json_is_true(v);
	return 0;
}

int config_set_host(struct config_plan *p, const json_t *v, struct err *e)
{
	if (*json_string_value(v) == '-')
		return err_set(e, EINVAL, "'%s' is no host", json_string_value(v));
	return set_text(&p->s->host, v, e);
}

int config_set_debug(struct config_plan *p, const json_t *v, struct err *e)
{
	(void)e;
	p->s->debug = json_is_true(v);
	return 0;
}

int config_set_umask(struct config_plan *p, const json_t *v, struct err *e)
{
	const char *text = json_string_value(v);
	unsigned mask = 0;

	if (!*text || strlen(text) > 4 || text[strspn(text, "01234567")])
		return err_set(e, EINVAL, "'%s' is not octal digits up to 0777", text);
	for (; *text; text++)
		mask = mask << 3 | (unsigned)(*text - '0');
	if (mask > 0777)
		return err_set(e, EINVAL, "'%s' is not octal digits up to 0777",
			       json_string_value(v));
	p->s->umask = mask;
	p->s->has_umask = true;
	return 0;
}

/* Bytes that are no UTF-8, as in a payload; NULL for what is none. */
static char *from_base64(const json_t *v)
{
	const char *text = json_string_value(v);
	char *bytes = text ? strdup(text) : NULL;
	ssize_t n = bytes ? b64_decode(bytes, strlen(bytes), bytes) : -1;

	if (n < 0 || memchr(bytes, '\0', (size_t)n)) {
		free(bytes);
		return NULL;
	}
	bytes[n] = '\0';
	return bytes;
}

const char *config_text(const json_t *v, char **owned)
{
	if (!json_is_object(v) || json_object_size(v) != 1)
		return json_string_value(v);
	return *owned = from_base64(json_object_get(v, "base64"));
}

static int set_words(struct argv *out, const json_t *v, struct err *e)
{
	argv_free(out);
	for (size_t i = 0; i < json_array_size(v); i++) {
		cleanup_free char *bytes = NULL;
		const char *text = config_text(json_array_get(v, i), &bytes);

		if (!text)
			return err_set(e, EINVAL, "element %zu is not a string", i);
		if (argv_push(out, text) < 0)
			return err_memory(e);
	}
	return 0;
}

int config_set_args(struct config_plan *p, const json_t *v, struct err *e)
{
	return set_words(&p->s->args, v, e);
}

int config_set_wrap(struct config_plan *p, const json_t *v, struct err *e)
{
	return set_words(&p->s->wrap, v, e);
}

int config_set_options(struct config_plan *p, const json_t *v, struct err *e)
{
	return set_words(&p->s->options, v, e);
}

int config_option_word(struct config_plan *p, const char *word, struct err *e)
{
	return argv_push(&p->s->options, word) < 0 ? err_memory(e) : 0;
}
