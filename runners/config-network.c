/* SPDX-License-Identifier: MIT */
/* Keys and options about the network, and about file systems in memory. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/num.h"
#include "runners/config-key.h"
#include "runners/network.h"

/* Network. */

int config_set_network(struct config_plan *p, const json_t *v, struct err *e)
{
	static const char *const names[] = {
		[NETWORK_NONE] = "none", [NETWORK_USER] = "user", [NETWORK_PASST] = "passt"
	};
	const char *text = json_string_value(v);

	for (size_t i = NETWORK_NONE; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(text, names[i])) {
			p->s->network = (enum vm_network)i;
			return 0;
		}
	}
	return err_set(e, EINVAL, "'%s' is none of none, user, passt", text);
}

static int parse_port(const char *word, const char *text, const char *whose, uint16_t *port,
		      struct err *e)
{
	uint64_t n = 0;

	if (!*text || (num_uint(text, 0, 0, &n) == 0))
		return err_set(e, EINVAL,
			       "'%s': the %s's port must be given: none is chosen by itself", word,
			       whose);
	if (num_uint(text, 1, 65535, &n) < 0)
		return err_set(e, EINVAL, "'%s': '%s' is no port (1 to 65535)", word, text);
	*port = (uint16_t)n;
	return 0;
}

static int parse_addr(const char *word, const char *text, struct in_addr *addr, struct err *e)
{
	if (strchr(text, ':') || *text == '[')
		return err_set(e, EINVAL, "'%s': ports are published on IPv4 addresses only", word);
	if (inet_pton(AF_INET, text, addr) != 1)
		return err_set(e, EINVAL, "'%s': '%s' is no IPv4 address", word, text);
	return 0;
}

/* [ADDR:]HOST:GUEST[/tcp|/udp] */
static int parse_publish(const char *word, struct vm_publish *out, struct err *e)
{
	cleanup_free char *copy = strdup(word);
	char *protocol, *guest, *host;

	*out = (struct vm_publish){ .addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (!copy)
		return err_memory(e);
	protocol = strchr(copy, '/');
	if (protocol) {
		*protocol++ = '\0';
		out->udp = !strcmp(protocol, "udp");
		if (!out->udp && strcmp(protocol, "tcp") != 0)
			return err_set(e, EINVAL, "'%s': '%s' is neither tcp nor udp", word,
				       protocol);
	}
	guest = strrchr(copy, ':');
	if (!guest)
		return err_set(e, EINVAL, "'%s' is not [ADDR:]HOST:GUEST[/tcp|/udp]", word);
	*guest++ = '\0';
	host = strrchr(copy, ':');
	if (host) {
		*host++ = '\0';
		if (parse_addr(word, copy, &out->addr, e) < 0)
			return -EINVAL;
	}
	if (strchr(host ? host : copy, '-') || strchr(guest, '-'))
		return err_set(e, EINVAL, "'%s': a range: ports are published one by one", word);
	if (parse_port(word, host ? host : copy, "host", &out->host, e) < 0)
		return -EINVAL;
	return parse_port(word, guest, "guest", &out->guest, e);
}

static bool same_port(const struct vm_publish *a, const struct vm_publish *b)
{
	return a->udp == b->udp && a->host == b->host;
}

/* Of an option and a description that say the same place of the host, the option counts. */
int config_publish_word(struct config_plan *p, const char *word, struct err *e)
{
	struct vm_spec *s = p->s;
	size_t at = s->npublish;
	struct vm_publish new;

	if (parse_publish(word, &new, e) < 0)
		return -e->code;
	for (size_t i = 0; i < s->npublish; i++) {
		const struct vm_publish *old = &s->publish[i];
		bool same = old->addr.s_addr == new.addr.s_addr;

		if (!same_port(old, &new) ||
		    (!same && old->addr.s_addr != INADDR_ANY && new.addr.s_addr != INADDR_ANY))
			continue;
		if (!same || p->path || !p->line.publish[i])
			return err_set(e, EEXIST, "'%s': port %u/%s is published twice", word,
				       new.host, new.udp ? "udp" : "tcp");
		at = i;
	}
	if (at == VM_PUBLISH)
		return err_set(e, E2BIG, "more than %u ports", VM_PUBLISH);
	s->publish[at] = new;
	p->line.publish[at] = p->path ? config_line(p->text, p->len, "publish", NULL) : 0;
	s->npublish += at == s->npublish;
	return 0;
}

static int each_word(struct config_plan *p, const json_t *v,
		     int (*set)(struct config_plan *, const char *, struct err *), struct err *e)
{
	for (size_t i = 0; i < json_array_size(v); i++) {
		const char *text = json_string_value(json_array_get(v, i));
		int r;

		if (!text)
			return err_set(e, EINVAL, "element %zu is not a string", i);
		r = set(p, text, e);
		if (r < 0)
			return r;
	}
	return 0;
}

int config_set_publish(struct config_plan *p, const json_t *v, struct err *e)
{
	return each_word(p, v, config_publish_word, e);
}

int config_finish_network(struct config_plan *p, struct err *e)
{
	struct vm_spec *s = p->s;

	if (s->npublish && s->network == NETWORK_NONE)
		return err_set(e, EINVAL, "a port is published, and the network is none");
	if (s->network == NETWORK_UNSAID)
		s->network = s->npublish ? NETWORK_USER : NETWORK_NONE;
	if (vm_slots(s) > VM_SLOTS)
		return err_set(
			e, E2BIG,
			"%zu disks, %zu directories%s%s: %zu devices with the console, and a "
			"machine has %u slots",
			s->ndisks, s->nshares, s->root || s->root_host ? ", a root" : "",
			vm_has_network(s) ? ", a network" : "", vm_slots(s), VM_SLOTS);
	return 0;
}

/* File systems in memory. */

/* What a tmpfs takes: a word, or a word with a value of these characters. */
static const struct {
	const char *name;
	const char *value; /* characters that the value is made of; NULL: it has none */
} tmpfs_options[] = {
	{ "rw", NULL },
	{ "ro", NULL },
	{ "exec", NULL },
	{ "noexec", NULL },
	{ "suid", NULL },
	{ "nosuid", NULL },
	{ "dev", NULL },
	{ "nodev", NULL },
	{ "atime", NULL },
	{ "noatime", NULL },
	{ "diratime", NULL },
	{ "nodiratime", NULL },
	{ "relatime", NULL },
	{ "strictatime", NULL },
	{ "size", "0123456789kKmMgG%" },
	{ "nr_inodes", "0123456789kKmMgG" },
	{ "mode", "01234567" },
	{ "uid", "0123456789" },
	{ "gid", "0123456789" },
};

static bool is_tmpfs_option(const char *word, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(tmpfs_options); i++) {
		const char *value = tmpfs_options[i].value;
		size_t k = strlen(tmpfs_options[i].name);

		if (n < k || memcmp(word, tmpfs_options[i].name, k) != 0)
			continue;
		if (!value && n == k)
			return true;
		if (value && n > k + 1 && word[k] == '=' && word[k + 1] >= '0' &&
		    word[k + 1] <= '9' && strspn(word + k + 1, value) >= n - k - 1)
			return true;
	}
	return false;
}

static int check_tmpfs_options(const char *options, struct err *e)
{
	while (*options) {
		size_t n = strcspn(options, ",");

		if (!is_tmpfs_option(options, n))
			return err_set(e, EINVAL, "'%.*s' is no option of a tmpfs", (int)n,
				       options);
		options += n;
		options += *options == ',';
	}
	return 0;
}

/* docker's defaults stand first, so that what is said takes them back. */
static char *with_defaults(const char *said)
{
	static const char defaults[] = "rw,noexec,nosuid,nodev";
	char *out = NULL;

	/* A record has them already. */
	if (!strncmp(said, defaults, sizeof(defaults) - 1))
		return strdup(said);
	if (asprintf(&out, "%s%s%s", defaults, *said ? "," : "", said) < 0)
		return NULL;
	return out;
}

int config_tmpfs_word(struct config_plan *p, const char *word, struct err *e)
{
	struct vm_spec *s = p->s;
	size_t n = strcspn(word, ":"), at = s->ntmpfs;
	const char *said = word[n] ? word + n + 1 : "";
	cleanup_free char *target = strndup(word, n);
	cleanup_free char *options = with_defaults(said);

	if (!target || !options)
		return err_memory(e);
	if (*target != '/' || !target[strspn(target, "/")])
		return err_set(e, EINVAL, "'%s' is not an absolute path below /", target);
	if (check_tmpfs_options(said, e) < 0)
		return -EINVAL;
	for (size_t i = 0; i < s->ntmpfs; i++) {
		if (strcmp(s->tmpfs[i].target, target) != 0)
			continue;
		if (p->path || !p->line.tmpfs[i])
			return err_set(e, EEXIST, "%s is given twice", target);
		at = i;
	}
	if (at == VM_TMPFS)
		return err_set(e, E2BIG, "more than %u", VM_TMPFS);
	if (at < s->ntmpfs) {
		free(s->tmpfs[at].target);
		free(s->tmpfs[at].options);
	}
	s->tmpfs[at] = (struct vm_tmpfs){ take_ptr(&target), take_ptr(&options) };
	p->line.tmpfs[at] = p->path ? config_line(p->text, p->len, "tmpfs", NULL) : 0;
	s->ntmpfs += at == s->ntmpfs;
	return 0;
}

int config_set_tmpfs(struct config_plan *p, const json_t *v, struct err *e)
{
	return each_word(p, v, config_tmpfs_word, e);
}
