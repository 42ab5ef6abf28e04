/* SPDX-License-Identifier: MIT */
/*
 * The runner that starts a container for each command.
 *
 * The engine's program is a client: it passes on streams, signals and the status, and the container
 * is the daemon's. Three things make that exact. The guest program is the container's first process
 * and the command its child, so a signal means in it what it means anywhere (the kernel keeps from a
 * first process what it does not handle). The container has a name of ours, and a guard that removes
 * it when nobody else can. And it has no log: docker would keep every byte of stdout on disk.
 *
 * What came by -e does not appear among the words, which everybody can read: it goes by a file in
 * memory, or, where docker's format of such files cannot say it, as a variable of the client.
 */
#include "runners/docker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/b64.h"
#include "lib/cleanup.h"
#include "lib/io.h"
#include "lib/json.h"
#include "lib/layout.h"
#include "lib/msg.h"
#include "lib/payload.h"
#include "runners/client.h"
#include "runners/guard.h"
#include "runners/guest-file.h"
#include "runners/name.h"
#include "runners/token.h"

#define ENV_LINE_MAX 60000u /* docker reads such a file with lines of less than 64 KiB */
#define CONFIG_MAX ((size_t)4 << 20)

bool docker_env_plain(const char *pair)
{
	return json_is_utf8(pair) && !strpbrk(pair, "\n\r") && strlen(pair) < ENV_LINE_MAX &&
	       *pair != '#' && strcspn(pair, " \t\v\f") >= strcspn(pair, "=");
}

bool docker_env_by_name(const char *pair)
{
	static const char *const its[] = { "PATH=",	 "HOME=",     "DOCKER_", "BUILDKIT_",
					   "LD_",	 "GO",	      "XDG_",	 "TMPDIR=",
					   "SSH_",	 "NO_PROXY=", "HTTP_",	 "HTTPS_",
					   "CONTAINER_", "no_proxy=", "http_",	 "https_" };

	for (size_t i = 0; i < ARRAY_SIZE(its); i++) {
		if (!strncmp(pair, its[i], strlen(its[i])))
			return false;
	}
	return true;
}

/* A field of a line of comma-separated values, as RFC 4180 has them. */
static int add_field(struct buf *b, const char *key, const char *value)
{
	int r = buf_addf(b, "%s\"%s=", b->len ? "," : "", key);

	for (; *value && r == 0; value++)
		r = buf_addf(b, "%s%c", *value == '"' ? "\"" : "", *value);
	return r < 0 ? r : buf_addc(b, '"');
}

static int add_mount(struct argv *out, const char *source, const char *target, bool readonly)
{
	cleanup_buf struct buf b = { 0 };
	int r = buf_adds(&b, "type=bind");

	if (r == 0)
		r = add_field(&b, "source", source);
	if (r == 0)
		r = add_field(&b, "target", target);
	if (r == 0 && readonly)
		r = buf_adds(&b, ",readonly");
	if (r == 0)
		r = argv_push(out, "--mount");
	return r < 0 ? r : argv_push(out, b.p);
}

static int add_ports(const struct vm_spec *s, struct argv *out)
{
	int r = 0;

	for (size_t i = 0; i < s->npublish && r == 0; i++) {
		const struct vm_publish *p = &s->publish[i];
		char addr[INET_ADDRSTRLEN];

		if (!inet_ntop(AF_INET, &p->addr, addr, sizeof(addr)))
			return -errno;
		r = argv_pushf(out, "--publish=%s:%u:%u/%s", addr, p->host, p->guest,
			       p->udp ? "udp" : "tcp");
	}
	return r;
}

static int add_env(const struct vm_spec *s, const struct docker_facts *f, struct argv *out)
{
	int r = f->env_file ? argv_pushf(out, "--env-file=%s", f->env_file) : 0;

	for (size_t i = 0; i < s->env.n && r == 0; i++) {
		const char *pair = s->env.v[i];

		if (docker_env_plain(pair) || !json_is_utf8(pair))
			continue;
		r = docker_env_by_name(pair)
			    ? argv_pushf(out, "--env=%.*s", (int)strcspn(pair, "="), pair)
			    : argv_pushf(out, "--env=%s", pair);
	}
	return r;
}

static int add_limits(const struct vm_spec *s, struct argv *out)
{
	int r = 0;

	if (s->memory_said)
		r = argv_pushf(out, "--memory=%llu", (unsigned long long)s->memory);
	if (r == 0 && s->cpus_milli)
		r = argv_pushf(out, "--cpus=%u.%03u", s->cpus_milli / 1000, s->cpus_milli % 1000);
	else if (r == 0 && s->cpus_said)
		r = argv_pushf(out, "--cpus=%u", s->cpus);
	return r;
}

static int add_words(const struct vm_spec *s, struct argv *out)
{
	const struct {
		bool said;
		const char *option, *value;
	} words[] = {
		{ !s->no_stdin, "--interactive", NULL },
		{ s->tty, "--tty", NULL },
		{ s->tty, "--detach-keys", "\377,\377" }, /* by default Ctrl-P is docker's own */
		{ s->root_mode == ROOT_RO, "--read-only", NULL },
		{ s->hostname, "--hostname", s->hostname },
		{ s->user, "--user", s->user },
		{ s->cwd, "--workdir", s->cwd },
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(words) && r == 0; i++) {
		if (words[i].said)
			r = argv_pushf(out, "%s%s%s", words[i].option, words[i].value ? "=" : "",
				       words[i].value ? words[i].value : "");
	}
	return r;
}

/* What an engine's words, or its JSON, cannot carry. */
static bool needs_payload(const struct vm_spec *s)
{
	bool bytes = s->has_umask;

	for (size_t i = 0; i < s->args.n; i++)
		bytes |= !json_is_utf8(s->args.v[i]);
	for (size_t i = 0; i < s->env.n; i++)
		bytes |= !json_is_utf8(s->env.v[i]);
	return bytes;
}

static int add_payload(const struct vm_spec *s, struct argv *out, struct err *e)
{
	cleanup_buf struct buf json = { 0 };
	cleanup_buf struct buf text = { 0 };
	struct payload p = { .process = { .has_umask = s->has_umask, .umask = s->umask } };
	int r;

	p.process.args = (const char **)s->args.v;
	p.process.nargs = s->args.n;
	p.process.env = calloc(s->env.n + 1, sizeof(char *));
	if (!p.process.env)
		return err_memory(e);
	for (size_t i = 0; i < s->env.n; i++) {
		if (!json_is_utf8(s->env.v[i]))
			p.process.env[p.process.nenv++] = s->env.v[i];
	}
	r = payload_encode(&p, PAYLOAD_PROCESS, &json, e);
	free(p.process.env);
	if (r < 0)
		return r;
	if (b64_encode(json.p, json.len, &text) < 0 || argv_push(out, text.p) < 0)
		return err_memory(e);
	return 0;
}

static int add_command(const struct vm_spec *s, struct argv *out, struct err *e)
{
	int r = argv_push(out, "--");

	if (r == 0)
		r = argv_push(out, s->image);
	if (r == 0)
		r = argv_push(out, "init");
	if (r == 0)
		r = argv_push(out, "--container");
	if (r == 0 && needs_payload(s))
		return add_payload(s, out, e);
	if (r == 0)
		r = argv_push(out, "--");
	if (r == 0)
		r = argv_push_all(out, s->args.v, s->args.n);
	return r < 0 ? err_memory(e) : 0;
}

int docker_argv(const struct vm_spec *s, const struct docker_facts *f, struct argv *out,
		struct err *e)
{
	const char *head[] = { f->program, "run", "--rm", "--label=execvm", "--log-driver=none" };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(head) && r == 0; i++)
		r = argv_push(out, head[i]);
	if (r == 0)
		r = argv_pushf(out, "--name=%s", f->container);
	if (r == 0)
		r = argv_pushf(out, "--network=%s", vm_has_network(s) ? "bridge" : "none");
	if (r == 0)
		r = add_words(s, out);
	if (r == 0)
		r = add_limits(s, out);
	if (r == 0)
		r = add_ports(s, out);
	for (size_t i = 0; i < s->ntmpfs && r == 0; i++)
		r = argv_pushf(out, "--tmpfs=%s:%s", s->tmpfs[i].target, s->tmpfs[i].options);
	for (size_t i = 0; i < s->nshares && r == 0; i++)
		r = add_mount(out, s->share[i].source, s->share[i].target, s->share[i].readonly);
	if (r == 0)
		r = add_mount(out, f->guest, GUEST_CHAIN, true);
	if (r == 0)
		r = argv_push(out, "--entrypoint=" GUEST_CHAIN);
	if (r == 0)
		r = add_env(s, f, out);
	if (r == 0)
		r = argv_push_all(out, s->options.v, s->options.n);
	return r < 0 ? err_memory(e) : add_command(s, out, e);
}

/* The variables that a file can say, in one that has no name. *fd stays -1 when there are none. */
static int env_file(const struct vm_spec *s, int *fd, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	int r = 0;

	for (size_t i = 0; i < s->env.n && r == 0; i++) {
		if (docker_env_plain(s->env.v[i]))
			r = buf_addf(&text, "%s\n", s->env.v[i]);
	}
	if (r < 0)
		return err_memory(e);
	if (!text.len)
		return 0;
	*fd = memfd_create("env", MFD_CLOEXEC);
	r = *fd < 0 ? -errno : io_write_all(*fd, text.p, text.len);
	return r < 0 ? err_code(e, -r, "the variables for the container") : 0;
}

static int push_all(struct argv *out, json_t *list)
{
	int r = 0;

	for (size_t i = 0; i < json_array_size(list) && r == 0; i++) {
		const char *word = json_string_value(json_array_get(list, i));

		r = word ? argv_push(out, word) : -EINVAL;
	}
	return r;
}

/* The image's own entrypoint and command. */
static int own_command(const char *program, const char *image, struct argv *args, struct err *e)
{
	const char *words[] = { program, "image", "inspect", "--format={{json .Config}}",
				"--",	 image };
	cleanup_argv struct argv argv = { 0 };
	cleanup_buf struct buf text = { 0 };
	json_t *config = NULL;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(words) && r == 0; i++)
		r = argv_push(&argv, words[i]);
	if (r < 0)
		return err_memory(e);
	r = proc_capture(argv.v, CONFIG_MAX, &text, e);
	if (r < 0)
		return err_wrap(e, "no command, and of %s", image);
	config = json_loadb(text.p, text.len, 0, NULL);
	r = push_all(args, json_object_get(config, "Entrypoint"));
	if (r == 0)
		r = push_all(args, json_object_get(config, "Cmd"));
	json_decref(config);
	if (r < 0 || !args->n)
		return err_set(e, EINVAL, "no command, and %s has none", image);
	return 0;
}

static int fill(const struct vm_spec *s, const struct docker_facts *f, struct client *c,
		struct err *e)
{
	const char *undo[] = { f->program, "rm", "--force", "--volumes", "--", f->container };
	struct vm_spec by_name = { 0 };
	int r = 0;

	for (size_t i = 0; i < s->env.n && r == 0; i++) {
		const char *pair = s->env.v[i];

		if (json_is_utf8(pair) && !docker_env_plain(pair) && docker_env_by_name(pair))
			r = argv_push(&by_name.env, pair);
	}
	if (r == 0)
		r = client_environment(&by_name, &c->env);
	argv_free(&by_name.env);
	for (size_t i = 0; i < ARRAY_SIZE(undo) && r == 0; i++)
		r = argv_push(&c->undo, undo[i]);
	return r < 0 ? err_memory(e) : docker_argv(s, f, &c->argv, e);
}

static int quote_dots(const char *name, struct buf *out)
{
	int r = 0;

	for (; *name && r == 0; name++)
		r = *name == '.' ? buf_adds(out, "[.]") : buf_addc(out, *name);
	return r;
}

/* Is there a container of this name, or, when all is not set, one that runs? 1, 0 or a negative errno. */
static int is_there(const char *program, const char *name, bool all, struct err *e)
{
	cleanup_argv struct argv argv = { 0 };
	cleanup_buf struct buf text = { 0 };
	cleanup_buf struct buf filter = { 0 };
	const char *words[] = { program, "ps", "--quiet" };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(words) && r == 0; i++)
		r = argv_push(&argv, words[i]);
	if (r == 0 && all)
		r = argv_push(&argv, "--all");
	/* A regular expression; of its signs a name can have the dot. */
	if (r == 0)
		r = quote_dots(name, &filter);
	if (r == 0)
		r = argv_pushf(&argv, "--filter=name=^/?%s$", filter.p);
	if (r < 0)
		return err_memory(e);
	if (proc_capture(argv.v, CONFIG_MAX, &text, e) < 0)
		return -e->code;
	return text.len > 0;
}

/* What is to be removed by its name must be ours. */
static int check_name(const char *program, const char *name, struct err *e)
{
	int r = is_there(program, name, true, e);

	return r > 0 ? err_set(e, EEXIST, "--name %s: another container has this name", name) : r;
}

/* The client gives up when it cannot write, and a terminal can be left: the container would go on. */
static int check_left(const struct vm_spec *s, const struct docker_facts *f, const struct client *c,
		      int code, struct err *e)
{
	struct err ignored = { 0 };

	if ((!code && !s->tty) || s->dry_run || e->msg[0] || c->end.signal || c->end.timed_out ||
	    c->end.status.kind == PROC_SIGNALED ||
	    is_there(f->program, f->container, false, &ignored) <= 0)
		return code;
	guard_undo(c->undo.v);
	if (client_reader_gone())
		return EXIT_SIGNAL + SIGPIPE;
	err_set(e, ECONNABORTED, "%s: it ended before its container", f->program);
	return EXIT_EXECVM;
}

static int prepare(struct vm_spec *s, struct docker_facts *f, char *guest, size_t size,
		   struct err *e)
{
	f->program = runner_program(&runner_docker);
	if (s->tty && !s->no_stdin && !isatty(STDIN_FILENO))
		return err_set(
			e, ENOTTY,
			"runner docker: --tty: stdin is no terminal (--no-stdin: none at all)");
	if (!s->args.n && own_command(f->program, s->image, &s->args, e) < 0)
		return -e->code;
	if (s->name && !s->dry_run && check_name(f->program, s->name, e) < 0)
		return -e->code;
	return guest_file(guest, size, e);
}

static int docker_run(const struct vm_spec *plan, const struct proc_signals *entry, int closed,
		      struct err *e)
{
	cleanup_client struct client c = CLIENT_INIT;
	cleanup_close int env_fd = -1;
	struct docker_facts f = { 0 };
	struct vm_spec s = *plan; /* borrowed; a command may be added */
	char guest[4096], container[VM_NAME_MAX + 1], path[32];
	cleanup_close int name = -1;
	int r, code = EXIT_EXECVM;

	c.elsewhere = true;
	/* Between the look at the name and the container of that name an image may be pulled. */
	if (s.name && !s.dry_run) {
		name = name_hold(s.name, e);
		if (name < 0)
			return code;
	}
	s.args = (struct argv){ 0 };
	r = argv_push_all(&s.args, plan->args.v, plan->args.n) < 0 ? err_memory(e) : 0;
	if (r == 0)
		r = prepare(&s, &f, guest, sizeof(guest), e);
	if (r == 0)
		r = env_file(&s, &env_fd, e);
	if (r == 0 && s.name)
		snprintf(container, sizeof(container), "%s", s.name);
	else if (r == 0)
		r = token_make("execvm-", container, sizeof(container), e);
	if (r == 0) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", env_fd);
		f.container = container;
		f.guest = guest;
		f.env_file = env_fd >= 0 ? path : NULL;
		c.keep[0] = env_fd;
		c.nkeep = env_fd >= 0;
		r = fill(&s, &f, &c, e);
	}
	if (r == 0)
		code = check_left(&s, &f, &c, client_run(&s, &c, entry, closed, e), e);
	argv_free(&s.args);
	return code;
}

const struct runner runner_docker = {
	.name = "docker",
	.summary = "run the command in a container of its own",
	.can = CAN_IMAGE | CAN_SHARES | CAN_NETWORK | CAN_TMPFS | CAN_READ_ONLY | CAN_LIMITS |
	       CAN_FRACTIONS | CAN_USER | CAN_TTY | CAN_HOSTNAME | CAN_NAME | CAN_OPTIONS,
	.needs = CAN_IMAGE,
	.own_command = true,
	.program = "docker",
	.program_env = "EXECVM_DOCKER",
	.chain = GUEST_CHAIN,
	.run = docker_run,
};
