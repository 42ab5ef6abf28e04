/* SPDX-License-Identifier: MIT */
/*
 * `execvm init`: PID 1. The stage table is the boot; behind it the machine runs what it was told,
 * and every way out ends in power_off().
 *
 * There are three ways to run: the agent (there is a wire), the console (there is none: the command
 * gets the console, its status goes to the kernel log), and exec (PID 1 becomes the command).
 */
#include "init/cmd-init.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "init/agent.h"
#include "init/container.h"
#include "init/init.h"
#include "init/link.h"
#include "init/process.h"
#include "lib/b64.h"
#include "lib/cleanup.h"
#include "lib/io.h"
#include "lib/msg.h"

#define CMDLINE_MAX ((size_t)64 << 10)
#define HOST_WAIT_MS 5000

enum when {
	ALWAYS,
	WIRED,	/* there is a wire */
	FROZEN, /* the machine will be frozen: what every run from it needs, done once */
};

struct stage {
	const char *name;
	int (*run)(struct guest *g, struct err *e);
	enum when when;
};

/* The first thing that can be known: /proc has just been mounted. */
static bool debug_asked(void)
{
	cleanup_buf struct buf line = { 0 };
	struct err ignored;
	const char *value;

	return io_read_file("/proc/cmdline", CMDLINE_MAX, &line, &ignored) == 0 &&
	       cmdline_param(line.p, PAYLOAD_DEBUG, &value) == 1 && *value == '1';
}

/* What the command line says. It is read before the wire: with "exec" there is no wire. */
static int told_line(struct guest *g, struct err *e)
{
	cleanup_buf struct buf line = { 0 };
	const char *value;
	int r = io_read_file("/proc/cmdline", CMDLINE_MAX, &line, e);

	if (r < 0)
		return r;
	g->template = cmdline_param(line.p, PAYLOAD_TEMPLATE, &value) == 1 && *value == '1';
	r = cmdline_payload(line.p, g->argv + 1, &g->line_text, &g->line, e);
	if (r < 0)
		return r;
	g->machine = &g->line.machine;
	g->process = g->line.process.args ? &g->line.process : NULL;
	return 0;
}

/* What the host says about the machine wins over the command line, as a whole. */
int told_read(struct guest *g, struct err *e)
{
	int r;

	if (!g->boot.machine_len)
		return 0;
	r = payload_decode(g->machine_text.p, g->machine_text.len, PAYLOAD_MACHINE, &g->told, e);
	if (r < 0)
		return r;
	g->machine = &g->told.machine;
	return 0;
}

/*
 * Nothing above "listen" depends on the run: there a machine may be frozen. What is done both before
 * and behind it does the second time what is left to do.
 */
static const struct stage stages[] = {
	{ "early mounts", mounts_early, ALWAYS },
	{ "console", console_open, ALWAYS },
	{ "modules", modules_load, ALWAYS },
	{ "command line", told_line, ALWAYS },
	{ "loopback", loopback_up, ALWAYS },
	{ "park", virtio_park, FROZEN },
	{ "busybox", busybox_keep, FROZEN },
	{ "root", root_switch, FROZEN },
	{ "binary", binary_install, FROZEN },
	{ "prefetch", files_prefetch, FROZEN },
	{ "wire", link_open, ALWAYS },
	{ "listen", link_listen, WIRED },
	{ "machine", told_read, WIRED },
	{ "clock", clock_set, WIRED },
	{ "devices", devices_name, ALWAYS },
	{ "busybox", busybox_keep, ALWAYS },
	{ "root", root_switch, ALWAYS },
	{ "mounts", mounts_requested, ALWAYS },
	{ "resolver", resolver_write, ALWAYS },
	{ "binary", binary_install, ALWAYS },
	{ "network", network_up, ALWAYS },
};

/* Says which stage failed, to the host when there is one that listens, else to the kernel log. */
static void report(struct guest *g, const char *stage, const struct err *why)
{
	struct wire_failure f;
	uint8_t room[WIRE_FAILURE_MAX];
	struct wire_out o = { .p = room, .cap = sizeof(room) };
	struct mux_event ev;
	struct err e = { 0 };

	power_log("%s: %s", stage, why->msg);
	if (!g->link) {
		power_log("exit %d", EXIT_EXECVM);
		return;
	}
	if (!g->booted && link_listen(g, &e) < 0)
		return;
	wire_failure_set(&f, stage, why->code, why->msg);
	wire_put_failure(&o, &f);
	if (mux_global(&g->link->mux, WIRE_FAILED, false, o.p, o.n) < 0 ||
	    mux_global_reply(&g->link->mux, false) < 0 || link_drain(g->link, HOST_WAIT_MS, &e) < 0)
		return;
	if (link_await(g->link, MUX_DISCONNECT, HOST_WAIT_MS, &ev, &e) < 0)
		power_log("wire: %s", e.msg);
}

static int run_stages(struct guest *g, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(stages); i++) {
		const struct stage *s = &stages[i];
		int r;

		if ((s->when == WIRED && !g->link) || (s->when == FROZEN && !g->template))
			continue;
		if (s->run == link_open && g->process && g->process->exec)
			continue;
		r = s->run(g, e);
		if (i == 0 && r == 0)
			g->debug = debug_asked();
		if (g->debug)
			power_log("debug: %s: %s", s->name, r < 0 ? e->msg : "done");
		if (r < 0) {
			report(g, s->name, e);
			return r;
		}
	}
	return 0;
}

static void run_agent(struct guest *g, struct err *e)
{
	int r = mux_global_reply(&g->link->mux, true);

	if (r == 0)
		r = agent_run(g, e);
	if (r < 0)
		power_log("wire: %s", e->msg);
}

/* The kernel log is the only place for a status when there is no wire. */
static void log_failure(const struct process *p, const struct proc_failure *f)
{
	bool exec = !strcmp(f->stage, "exec");
	struct err e;

	process_failure(p, f, &e);
	power_log("%s", e.msg);
	power_log("exit %d", exec ? proc_exec_code(f->code) : EXIT_EXECVM);
}

/* What is to run, in the terms of a process; a failure is logged. */
static int prepare(struct guest *g, struct process *p, struct err *e)
{
	const char *stage = "payload";
	int r = g->process
			? process_spec(g->process, g->process->tty ? "linux" : "dumb", p, &stage, e)
			: err_set(e, EINVAL, "nothing was said to run");

	if (r < 0) {
		power_log("%s: %s", stage, e->msg);
		power_log("exit %d", EXIT_EXECVM);
	}
	return r;
}

/* The command gets the console. */
static void run_console(struct process *p)
{
	struct proc_status st = { 0 };
	struct proc_failure f;
	pid_t pid, got;

	p->spec.new_session = true;
	if (proc_spawn(&p->spec, &pid, &f) < 0) {
		log_failure(p, &f);
		return;
	}
	do
		got = proc_reap_wait(&st);
	while (got != pid && got > 0);
	power_log("exit %d", proc_exit_code(&st));
}

/* PID 1 becomes the command: the classic use. Returns only when it could not. */
static void run_exec(const struct process *p)
{
	struct proc_failure f;

	if (proc_become(&p->spec, &f) < 0)
		log_failure(p, &f);
}

static void run_alone(struct guest *g, struct err *e)
{
	struct process p = { .spec = PROC_SPEC_INIT };

	if (prepare(g, &p, e) == 0) {
		p.spec.new_session = p.spec.controlling_tty = g->process->tty;
		if (g->process->exec)
			run_exec(&p);
		else
			run_console(&p);
	}
	process_free(&p);
}

static int pid1(int argc, char **argv)
{
	static struct guest g;
	struct err e = { 0 };

	g.argc = argc;
	g.argv = argv;
	if (run_stages(&g, &e) == 0) {
		if (g.link)
			run_agent(&g, &e);
		else
			run_alone(&g, &e);
	}
	power_off(&g);
}

/* The words, or the JSON on stdin for "-", as the text that goes behind execvm.payload=. */
static int encode(char **words)
{
	cleanup_buf struct buf json = { 0 };
	cleanup_buf struct buf in = { 0 };
	cleanup_buf struct buf text = { 0 };
	struct payload p = { 0 };
	struct err e = { 0 };
	int r = 0;

	if (*words && !strcmp(*words, "--"))
		words++;
	else if (*words && !strcmp(*words, "-") && !words[1]) {
		r = io_read_fd(STDIN_FILENO, PAYLOAD_MAX, &in);
		if (r < 0)
			return failf("read stdin: %s", strerror(-r));
		r = payload_decode(in.p, in.len, PAYLOAD_BOTH, &p, &e);
		words = NULL;
	}
	if (words && !*words)
		return failf("--encode: no command");
	if (words) {
		p.process.nargs = argv_count(words);
		p.process.args = calloc(p.process.nargs + 1, sizeof(char *));
		if (!p.process.args)
			return failf("out of memory");
		memcpy(p.process.args, words, p.process.nargs * sizeof(char *));
	}
	if (r == 0)
		r = payload_encode(&p, PAYLOAD_BOTH, &json, &e);
	payload_free(&p);
	if (r < 0)
		return fail(&e);
	if (b64_encode(json.p, json.len, &text) < 0)
		return failf("out of memory");
	puts(text.p);
	return cmd_flush(0);
}

static int decode(const char *text)
{
	cleanup_buf struct buf json = { 0 };
	cleanup_buf struct buf out = { 0 };
	struct payload p = { 0 };
	struct err e = { 0 };
	ssize_t n;
	int r;

	if (!text)
		return failf("--decode: no payload");
	if (!strncmp(text, PAYLOAD_PARAM, strlen(PAYLOAD_PARAM)))
		text += strlen(PAYLOAD_PARAM);
	if (buf_reserve(&json, b64_decoded_max(strlen(text))) < 0)
		return failf("out of memory");
	n = b64_decode(text, strlen(text), json.p);
	if (n < 0)
		return failf("--decode: not base64");
	json.len = (size_t)n;
	json.p[n] = '\0';
	r = payload_decode(json.p, json.len, PAYLOAD_BOTH, &p, &e);
	if (r == 0)
		r = payload_encode(&p, PAYLOAD_BOTH, &out, &e);
	payload_free(&p);
	if (r < 0)
		return fail(&e);
	puts(out.p);
	return cmd_flush(0);
}

static int init_main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--container"))
		return container_main(argv + 2);
	if (getpid() == 1)
		return pid1(argc, argv);
	if (argc > 1 && !strcmp(argv[1], "--encode"))
		return encode(argv + 2);
	if (argc > 1 && !strcmp(argv[1], "--decode"))
		return decode(argv[2]);
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
		return cmd_help(&cmd_init);
	return failf("not PID 1: this is the first process of a machine (see execvm help init)");
}

const struct cmd cmd_init = {
	.name = "init",
	.operands = "[PAYLOAD | [--] CMD [ARG...]] | --encode [--] CMD [ARG...] | --encode - | "
		    "--decode PAYLOAD | --container {PAYLOAD | -- CMD [ARG...]}",
	.words = "--encode --decode --container",
	.summary = "PID 1 that is told what to do",
	.help = "As PID 1 of an initrd: mounts, root, network, then the command. It is told by the\n"
		"host over the wire, by execvm.payload=BASE64 on the kernel command line, or by its\n"
		"arguments.\n\n"
		"  --encode [--] CMD [ARG...]  print a payload that runs CMD\n"
		"  --encode -                  the same for the JSON object on stdin\n"
		"  --decode PAYLOAD            print the JSON of a payload\n"
		"  --container -- CMD [ARG...] as the first process of a container: run CMD, pass\n"
		"                              signals on, reap orphans, end with its status\n"
		"  --container PAYLOAD         the same for bytes that an engine would not pass on\n",
	.main = init_main,
};
