/* SPDX-License-Identifier: MIT */
/*
 * Pins, strict runs, records.
 *
 * A record is a JSON object whose key "run" is a machine description: given as --config it is the
 * same run again, with everything pinned. The file is written when the command has ended.
 */
#include "runners/record.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/b64.h"
#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/io.h"
#include "lib/output.h"
#include "version.h"

int record_check_strict(const struct vm_spec *s, struct err *e)
{
	const struct {
		bool has;
		const char *what;
	} rules[] = {
		{ s->root_host, "--root host: the host's root is not the same twice" },
		{ s->root && s->root_mode == ROOT_RW, "--root-mode rw: the root would change" },
		{ s->nshares, "--volume: a directory of the host may change" },
		{ s->env_inherited, "--env: a variable without a value is this host's" },
		{ vm_has_network(s), "--network: what it says is not the same twice" },
		{ s->tty, "--tty: a terminal is not the same twice" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		if (rules[i].has)
			return err_set(e, EPERM, "--strict: %s", rules[i].what);
	}
	for (size_t i = 0; i < s->ndisks; i++) {
		if (!s->disk[i].readonly)
			return err_set(e, EPERM, "--strict: --disk %s: without ro it would change",
				       s->disk[i].file);
	}
	return 0;
}

/* A file that goes in. */
struct input {
	const char *option, *path;
	const char *pin; /* or NULL */
	char *digest;	 /* DIGEST_TEXT bytes */
};

static size_t all_inputs(const struct vm_spec *s, const char *kernel, const char *initrd,
			 struct record *r, struct input list[3 + VM_DISKS])
{
	size_t n = 0;

	list[n++] = (struct input){ "kernel", kernel, s->kernel_digest, r->kernel };
	/* Behind one of the caller's own goes nothing but our program: its own digest counts. */
	list[n++] = (struct input){ "initrd", s->initrd ? s->initrd : initrd, s->initrd_digest,
				    r->initrd };
	if (s->root)
		list[n++] = (struct input){ "root", s->root, s->root_digest, r->root };
	for (size_t i = 0; i < s->ndisks; i++)
		list[n++] =
			(struct input){ "disk", s->disk[i].file, s->disk[i].digest, r->disk[i] };
	return n;
}

/* Of everything that a strict run does not name, the first. */
static int check_named(const struct vm_spec *s, const struct input *list, size_t n, struct err *e)
{
	if (s->image && !s->image_pinned)
		return err_set(e, EPERM, "--strict: --image: %s is not named by its digest, %s",
			       s->image, s->image_digest);
	for (size_t i = 0; i < n; i++) {
		if (!list[i].pin)
			return err_set(e, EPERM,
				       "--strict: --%s: %s is not named by its digest, %s",
				       list[i].option, list[i].path, list[i].digest);
	}
	for (size_t i = 0; i < s->nin; i++) {
		if (!s->in[i].digest)
			return err_set(e, EPERM,
				       "--strict: --in: %s is not named by its digest (execvm pack "
				       "--digest %s)",
				       s->in[i].host, s->in[i].host);
	}
	return 0;
}

/* JSON is UTF-8. For words of the command and values of variables there is another form. */
static int check_text(const char *option, const char *text, size_t n, struct err *e)
{
	json_t *v = json_stringn(text, n);

	if (!v)
		return err_set(e, EILSEQ, "--record: --%s: '%.*s' is not UTF-8", option, (int)n,
			       text);
	json_decref(v);
	return 0;
}

static int check_texts(const struct vm_spec *s, const struct input *list, size_t n, struct err *e)
{
	const struct {
		const char *option, *text;
	} words[] = { { "append", s->append }, { "workdir", s->cwd }, { "user", s->user } };
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = check_text(list[i].option, list[i].path, strlen(list[i].path), e);
	for (size_t i = 0; i < ARRAY_SIZE(words) && r == 0; i++) {
		if (words[i].text)
			r = check_text(words[i].option, words[i].text, strlen(words[i].text), e);
	}
	for (size_t i = 0; i < s->env.n && r == 0; i++)
		r = check_text("env", s->env.v[i], strcspn(s->env.v[i], "="), e);
	for (size_t i = 0; i < s->nin && r == 0; i++) {
		r = check_text("in", s->in[i].host, strlen(s->in[i].host), e);
		if (r == 0)
			r = check_text("in", s->in[i].guest, strlen(s->in[i].guest), e);
	}
	for (size_t i = 0; i < s->nout && r == 0; i++) {
		r = check_text("out", s->out[i].host, strlen(s->out[i].host), e);
		if (r == 0)
			r = check_text("out", s->out[i].guest, strlen(s->out[i].guest), e);
	}
	for (size_t i = 0; i < s->nshares && r == 0; i++) {
		r = check_text("volume", s->share[i].source, strlen(s->share[i].source), e);
		if (r == 0)
			r = check_text("volume", s->share[i].target, strlen(s->share[i].target), e);
	}
	return r;
}

/* Where something is to be made: its directory is there, it need not be. NULL without memory. */
static char *absolute(const char *path)
{
	const char *slash = strrchr(path, '/');
	cleanup_free char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	cleanup_free char *full = dir ? realpath(dir, NULL) : NULL;
	cleanup_buf struct buf b = { 0 };

	if (!full)
		return strdup(path);
	if (buf_addf(&b, "%s/%s", strcmp(full, "/") ? full : "", slash ? slash + 1 : path) < 0)
		return NULL;
	return strdup(b.p);
}

/* The file is the name of a disk in a description: it cannot stand there twice. */
static int check_disks(const struct vm_spec *s, struct err *e)
{
	for (size_t i = 0; i < s->ndisks; i++) {
		cleanup_free char *one = absolute(s->disk[i].file);

		for (size_t k = i + 1; k < s->ndisks; k++) {
			cleanup_free char *other = absolute(s->disk[k].file);

			if (one && other && !strcmp(one, other))
				return err_set(e, EEXIST,
					       "--record: --disk: %s and %s are one file",
					       s->disk[i].file, s->disk[k].file);
		}
	}
	return 0;
}

/* A qcow2 may have a base, or its data elsewhere: no digest of it would say what is read. */
static int check_image(const char *path, struct err *e)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	uint8_t head[80] = { 0 };
	bool base, outside;

	if (fd < 0 || pread(fd, head, sizeof(head), 0) < 0)
		return err_sys(e, "%s", path);
	base = memcmp(head + 8, "\0\0\0\0\0\0\0", 8) != 0;
	outside = head[7] >= 3 && head[79] & 4;
	if (base || outside)
		return err_set(e, EPERM, "%s has its contents in another file, too", path);
	return 0;
}

int record_inputs(const struct vm_spec *s, const char *kernel, const char *initrd, struct record *r,
		  struct err *e)
{
	struct input list[3 + VM_DISKS];
	size_t n = all_inputs(s, kernel, initrd, r, list);

	if (s->record && (check_texts(s, list, n, e) < 0 || check_disks(s, e) < 0))
		return -e->code;
	for (size_t i = 0; i < n; i++) {
		if (!s->strict && !s->record && !list[i].pin)
			continue;
		if (digest_file(list[i].path, list[i].digest, e) < 0)
			return err_wrap(e, "--%s", list[i].option);
	}
	if ((s->strict || s->record || s->root_digest) && vm_is_qcow2(s->root) &&
	    check_image(s->root, e) < 0)
		return err_wrap(e, "--root");
	if (s->strict && check_named(s, list, n, e) < 0)
		return -e->code;
	for (size_t i = 0; i < n; i++) {
		if (list[i].pin && strcmp(list[i].pin, list[i].digest) != 0)
			return err_set(e, EKEYREJECTED, "--%s: %s is %s, not what it has to be",
				       list[i].option, list[i].path, list[i].digest);
	}
	return 0;
}

/* The JSON. NULL when memory is gone, which is looked at once, at the end. */

/* PATH@DIGEST. A symlink keeps its name, which may say a format, or be what is copied. */
static json_t *pinned(const char *path, const char *digest)
{
	cleanup_free char *full = absolute(path);

	return full ? json_sprintf("%s@%s", full, digest) : NULL;
}

static json_t *image(const struct vm_spec *s)
{
	return s->image_pinned ? json_string(s->image)
			       : json_sprintf("%s@%s", s->image, s->image_digest);
}

/* Bytes that are no UTF-8 as in a payload. */
static json_t *text(const char *s)
{
	cleanup_buf struct buf b = { 0 };
	json_t *v = json_string(s);

	if (v || b64_encode(s, strlen(s), &b) < 0)
		return v;
	return json_pack("{s:s}", "base64", b.p);
}

static json_t *list(const struct argv *words)
{
	json_t *v = json_array();

	for (size_t i = 0; i < words->n; i++) {
		if (json_array_append_new(v, text(words->v[i])) < 0)
			return NULL;
	}
	return v;
}

static json_t *environment(const struct argv *env)
{
	json_t *v = json_object();

	for (size_t i = 0; i < env->n; i++) {
		size_t n = strcspn(env->v[i], "=");
		cleanup_free char *name = strndup(env->v[i], n);

		if (!name || json_object_set_new(v, name, text(env->v[i] + n + 1)) < 0)
			return NULL;
	}
	return v;
}

static json_t *disks(const struct vm_spec *s, const struct record *r)
{
	json_t *v = json_object();

	for (size_t i = 0; i < s->ndisks; i++) {
		const struct vm_disk *d = &s->disk[i];
		json_t *key = pinned(d->file, r->disk[i]);
		json_t *value = json_pack("{s:s,s:b}", "node", d->node, "readonly", d->readonly);
		int k = json_object_set_new(v, key ? json_string_value(key) : "", value);

		json_decref(key);
		if (!key || k < 0)
			return NULL;
	}
	return v;
}

/* What is copied: one object each, because an object has neither an order nor a name twice. */

static json_t *inputs(const struct vm_spec *s, const struct record *r)
{
	json_t *v = json_array();

	for (size_t i = 0; i < s->nin; i++) {
		json_t *from = pinned(s->in[i].host, r->in[i]);
		int k = json_array_append_new(
			v,
			from ? json_pack("{s:s}", json_string_value(from), s->in[i].guest) : NULL);

		json_decref(from);
		if (k < 0)
			return NULL;
	}
	return v;
}

static json_t *outputs(const struct vm_spec *s)
{
	json_t *v = json_array();

	for (size_t i = 0; i < s->nout; i++) {
		cleanup_free char *host = absolute(s->out[i].host);

		if (!host ||
		    json_array_append_new(v, json_pack("{s:s}", s->out[i].guest, host)) < 0)
			return NULL;
	}
	return v;
}

static json_t *out_digests(const struct vm_spec *s, const struct record *r)
{
	json_t *v = json_object();

	for (size_t i = 0; i < s->nout; i++) {
		if (*r->out[i] &&
		    json_object_set_new(v, s->out[i].guest, json_string(r->out[i])) < 0)
			return NULL;
	}
	return v;
}

/* Lists of words as the options take them. */

static json_t *volumes(const struct vm_spec *s)
{
	json_t *v = json_array();

	for (size_t i = 0; i < s->nshares; i++) {
		const struct vm_share *sh = &s->share[i];

		if (json_array_append_new(v,
					  json_pack("{s:s,s:s,s:b}", "source", sh->source, "target",
						    sh->target, "readonly", sh->readonly)) < 0)
			return NULL;
	}
	return v;
}

static json_t *tmpfs(const struct vm_spec *s)
{
	json_t *v = json_array();

	for (size_t i = 0; i < s->ntmpfs; i++) {
		if (json_array_append_new(
			    v, json_sprintf("%s:%s", s->tmpfs[i].target, s->tmpfs[i].options)) < 0)
			return NULL;
	}
	return v;
}

static json_t *ports(const struct vm_spec *s)
{
	json_t *v = json_array();

	for (size_t i = 0; i < s->npublish; i++) {
		const struct vm_publish *p = &s->publish[i];
		char addr[INET_ADDRSTRLEN];

		inet_ntop(AF_INET, &p->addr, addr, sizeof(addr));
		if (json_array_append_new(v, json_sprintf("%s:%u:%u/%s", addr, p->host, p->guest,
							  p->udp ? "udp" : "tcp")) < 0)
			return NULL;
	}
	return v;
}

static const char *network(const struct vm_spec *s)
{
	if (!vm_has_network(s))
		return "none";
	return s->network == NETWORK_PASST ? "passt" : "user";
}

/* What is there only when it was said. */
static int add_said(const struct vm_spec *s, const struct record *r, json_t *v)
{
	const struct {
		const char *key;
		bool has;
		json_t *value; /* taken over */
	} rows[] = {
		{ "initrd", true,
		  s->initrd ? pinned(s->initrd, r->initrd) : json_string(r->initrd) },
		{ "root", s->root_host, json_string("host") },
		{ "root", s->root && !s->image, s->root ? pinned(s->root, r->root) : json_null() },
		{ "image", s->image, s->image ? image(s) : json_null() },
		{ "name", s->name, json_string(s->name ? s->name : "") },
		{ "hostname", s->hostname, json_string(s->hostname ? s->hostname : "") },
		{ "timeout", s->timeout_ms,
		  json_sprintf("%llums", (unsigned long long)s->timeout_ms) },
		{ "stdin", s->no_stdin, json_string("none") },
	};
	int k = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!rows[i].has)
			json_decref(rows[i].value);
		else if (json_object_set_new(v, rows[i].key, rows[i].value) < 0)
			k = -ENOMEM;
	}
	return k;
}

/* The same run, as a machine description. What is at its default is said, too. */
static json_t *description(const struct vm_spec *s, const char *kernel, const struct record *r)
{
	char umask[8];
	json_t *v;

	snprintf(umask, sizeof(umask), "%03o", s->has_umask ? s->umask : 022);
	v = json_pack(
		"{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:s,s:s,s:I,s:i,s:s,s:s,s:s,s:s,s:s,s:b,"
		"s:b}",
		"kernel", pinned(kernel, r->kernel), "args", list(&s->args), "env",
		environment(&s->env), "devices", disks(s, r), "in", inputs(s, r), "out", outputs(s),
		"volumes", volumes(s), "tmpfs", tmpfs(s), "publish", ports(s), "network",
		network(s), "accel", vm_accel_name(s->accel), "memory", (json_int_t)s->memory,
		"cpus", (int)s->cpus, "cwd", s->cwd ? s->cwd : "/", "user",
		s->user ? s->user : "0:0", "umask", umask, "root-mode",
		payload_root_mode_name(s->root_mode), "append", s->append ? s->append : "", "tty",
		s->tty, "strict", s->strict);
	if (v && add_said(s, r, v) < 0) {
		json_decref(v);
		return NULL;
	}
	return v;
}

int record_open(const struct vm_spec *s, struct record *r, struct err *e)
{
	if (!s->record)
		return 0;
	return output_open(&r->to, s->record, e) < 0 ? err_wrap(e, "--record") : 0;
}

int record_write(const struct vm_spec *s, const char *kernel, struct record *r,
		 const struct proc_status *st, struct err *e)
{
	cleanup_free char *dump = NULL;
	json_t *v = json_pack("{s:s,s:o,s:{s:s,s:i,s:i},s:o}", "execvm", EXECVM_VERSION, "run",
			      description(s, kernel, r), "status", "kind",
			      st->kind == PROC_EXITED ? "exited" : "signaled", "value", st->value,
			      "code", proc_exit_code(st), "out", out_digests(s, r));
	int k;

	dump = v ? json_dumps(v, JSON_INDENT(2) | JSON_SORT_KEYS) : NULL;
	json_decref(v);
	if (!dump)
		return err_set(e, ENOMEM, "--record: out of memory");
	k = io_write_all(r->to.fd, dump, strlen(dump));
	if (k == 0)
		k = io_write_all(r->to.fd, "\n", 1);
	k = k < 0 ? err_code(e, -k, "write %s", s->record) : output_commit(&r->to, e);
	return k < 0 ? err_wrap(e, "--record") : 0;
}
