/* SPDX-License-Identifier: MIT */
/* The option table at work. getopt's globals are touched here and nowhere else. */
#include "lib/opt.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>

#define OPT_MAX 48	/* options of one tool */
#define LONG_BASE 0x100 /* getopt's value of the option at index 0 */

static bool takes_arg(const struct opt *o)
{
	return o->kind == OPT_STRING || o->kind == OPT_LIST || o->kind == OPT_ORDER;
}

static int store(const struct opt *o, const char *value, void *dest)
{
	void *at = (char *)dest + o->offset;

	switch (o->kind) {
	case OPT_FLAG:
		*(bool *)at = true;
		return 0;
	case OPT_COUNT:
		++*(unsigned *)at;
		return 0;
	case OPT_STRING:
		*(const char **)at = value;
		return 0;
	case OPT_LIST:
		return argv_push(at, value);
	case OPT_ORDER:
		return argv_pushf(at, "%s=%s", o->name, value);
	case OPT_HELP:
		return OPT_WANT_HELP;
	}
	return -EINVAL;
}

static const struct opt *find(const struct opt *table, size_t n, int c)
{
	if (c >= LONG_BASE && (size_t)(c - LONG_BASE) < n)
		return &table[c - LONG_BASE];
	for (size_t i = 0; i < n; i++) {
		if (table[i].brief == c)
			return &table[i];
	}
	return NULL;
}

/* argv[optind - 1] is the word at fault for long options, optopt the letter for short ones. */
static int refuse(const struct opt *table, size_t n, int c, char **argv, struct err *e)
{
	const struct opt *o = optopt ? find(table, n, optopt) : NULL;

	if (c == ':' && o)
		return err_set(e, EINVAL, "option --%s needs a value", o->name);
	if (o && optopt >= LONG_BASE)
		return err_set(e, EINVAL, "option --%s takes no value", o->name);
	if (optopt && optopt < LONG_BASE)
		return err_set(e, EINVAL, "unknown option '-%c'", optopt);
	return err_set(e, EINVAL, "unknown option '%s'", argv[optind - 1]);
}

int opt_parse(const struct opt *table, int argc, char **argv, void *dest, struct err *e)
{
	struct option lng[OPT_MAX + 1] = { { 0 } };
	char brief[2 + 2 * OPT_MAX + 1] = "+:";
	size_t n, k = 2;
	int c;

	for (n = 0; table[n].name; n++) {
		if (n == OPT_MAX)
			return err_set(e, EINVAL, "too many options in the table");
		lng[n] = (struct option){ table[n].name, takes_arg(&table[n]), NULL,
					  LONG_BASE + (int)n };
		if (table[n].brief) {
			brief[k++] = (char)table[n].brief;
			if (takes_arg(&table[n]))
				brief[k++] = ':';
		}
	}
	brief[k] = '\0';
	optind = 0; /* glibc and musl: start anew, in the middle of no bundle */
	opterr = 0;
	while ((c = getopt_long(argc, argv, brief, lng, NULL)) != -1) {
		const struct opt *o = c == '?' || c == ':' ? NULL : find(table, n, c);
		int r;

		if (!o)
			return refuse(table, n, c, argv, e);
		r = store(o, optarg, dest);
		if (r == OPT_WANT_HELP)
			return r;
		if (r < 0)
			return err_code(e, -r, "option --%s", o->name);
	}
	return optind;
}

int opt_parse_mixed(const struct opt *table, int argc, char **argv, void *dest,
		    struct argv *operands, struct err *e)
{
	while (argc > 0) {
		int at = opt_parse(table, argc, argv, dest, e);

		if (at < 0)
			return at;
		if (at < argc && argv_push(operands, argv[at]) < 0)
			return err_memory(e);
		argc -= at;
		argv += at;
	}
	return 0;
}

int opt_help(const struct opt *table, struct buf *b)
{
	for (const struct opt *o = table; o->name; o++) {
		char left[64];
		int r;

		snprintf(left, sizeof(left), "%c%c%s --%s%s%s", o->brief ? '-' : ' ',
			 o->brief ? o->brief : ' ', o->brief ? "," : " ", o->name,
			 o->arg ? " " : "", o->arg ? o->arg : "");
		r = buf_addf(b, "  %-32s %s\n", left, o->help);
		if (r < 0)
			return r;
	}
	return 0;
}
