/* SPDX-License-Identifier: MIT */
/*
 * The runner that goes to another host by ssh(1).
 *
 * ssh exits with 255 when it fails, and also when the command does: what it has to say goes to a log
 * of ours (-E), and a 255 is the command's own when that says so. It does not pass signals on
 * either, so a second ssh takes them there: the shell around the command has a name that nothing
 * else has, and leads the process group of the session.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/msg.h"
#include "runners/client.h"
#include "runners/guard.h"
#include "runners/remote.h"
#include "runners/token.h"

#define SSH_FAILED 255
#define CONNECT_S "5" /* of a second one */
/* TERM, and KILL for what is there two seconds later. */
#define UNDO "f 15; for i in 1 2; do f 0 || exit 0; sleep 1; done; f 9"

struct session {
	const struct vm_spec *spec;
	char token[32];
};

/* The program, its options, and where it goes. Without a log it is a second one: it asks nobody. */
static int push_head(const struct vm_spec *s, const char *log, struct argv *out)
{
	int r = argv_push(out, runner_program(&runner_ssh));

	if (r == 0)
		r = argv_push(out, "-T");
	if (r == 0)
		r = argv_push(out, "-oLogLevel=DEBUG1");
	if (r == 0 && log)
		r = argv_pushf(out, "-E%s", log);
	if (r == 0 && !log)
		r = argv_push(out, "-oBatchMode=yes");
	if (r == 0 && !log)
		r = argv_push(out, "-oConnectTimeout=" CONNECT_S);
	if (r == 0)
		r = argv_push_all(out, s->options.v, s->options.n);
	if (r == 0)
		r = argv_push(out, "--");
	return r < 0 ? r : argv_push(out, s->host);
}

/*
 * What a second ssh does there. "f N" sends a signal to the leader's group, if there is one: it is
 * found by its name, in a pattern that does not find this script itself.
 */
static int push_there(const struct session *n, const char *what, struct argv *out)
{
	cleanup_buf struct buf script = { 0 };
	cleanup_buf struct buf line = { 0 };
	char *const none[] = { NULL };
	int r = buf_addf(&script,
			 "f() { r=1; for d in /proc/[0-9]*; do grep -q '[%c]%s' $d/cmdline && "
			 "kill -$1 -${d#/proc/} && r=0; done 2>/dev/null; return $r; }; %s",
			 n->token[0], n->token + 1, what);

	if (r == 0)
		r = remote_line(script.p, "sh", none, &line);
	if (r == 0)
		r = push_head(n->spec, NULL, out);
	return r ? r : argv_push(out, line.p);
}

static int push_signal(const struct session *n, int sig, struct argv *out)
{
	char what[16];

	snprintf(what, sizeof(what), "f %d", sig);
	return push_there(n, what, out);
}

static void deliver(void *ctx, pid_t pid, int sig)
{
	const struct session *n = ctx;
	cleanup_argv struct argv argv = { 0 };

	if (sig == SIGCONT)
		return;
	if (push_signal(n, sig, &argv) == 0)
		guard_undo(argv.v);
	if (sig == SIGKILL)
		kill(pid, sig);
}

static int fill(const struct vm_spec *s, struct session *n, int log, struct client *c,
		struct err *e)
{
	cleanup_buf struct buf script = { 0 };
	cleanup_buf struct buf line = { 0 };
	struct vm_spec none = { 0 };
	char path[48];
	int r = remote_script(s, true, &script, e);

	if (r < 0)
		return r;
	/* By our pid: ssh closes what it inherits before it opens its log. */
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), log);
	r = remote_line(script.p, n->token, s->args.v, &line);
	if (r == 0)
		r = push_head(s, path, &c->argv);
	if (r == 0)
		r = argv_push(&c->argv, line.p);
	if (r == 0)
		r = client_environment(&none, &c->env);
	if (r == 0)
		r = push_there(n, UNDO, &c->undo);
	return r < 0 ? err_memory(e) : 0;
}

/*
 * Only at this level does it say with which status the command has ended. Of one that shares the
 * connection of another it says less. The words of the command are in there, but no blank of theirs.
 */
static bool ssh_failed(int log, struct err *e)
{
	if (client_said(log, "Exit status 255") || client_said(log, "mux_client_request_session: "))
		return false;
	if (client_said(log, "Exit status -1") || !client_reason(log, "ssh", "debug1: ", e))
		err_set(e, ECONNABORTED, "ssh: it ended without the status of the command");
	return true;
}

static int ssh_run(const struct vm_spec *s, const struct proc_signals *entry, int closed,
		   struct err *e)
{
	struct session n = { .spec = s };
	cleanup_client struct client c = CLIENT_INIT;
	cleanup_close int log = memfd_create("ssh log", MFD_CLOEXEC);
	int code = EXIT_EXECVM;

	if (log < 0) {
		err_sys(e, "memfd_create");
		return code;
	}
	c.elsewhere = true;
	c.deliver = deliver;
	c.ctx = &n;
	if (token_make("execvm-", n.token, sizeof(n.token), e) < 0 || fill(s, &n, log, &c, e) < 0)
		return code;
	code = client_run(s, &c, entry, closed, e);
	if (s->dry_run || e->msg[0])
		return code;
	if (c.end.killed)
		return EXIT_SIGNAL + SIGKILL;
	return code == SSH_FAILED && ssh_failed(log, e) ? EXIT_EXECVM : code;
}

const struct runner runner_ssh = {
	.name = "ssh",
	.summary = "run the command on another host",
	.can = CAN_HOST | CAN_OPTIONS,
	.needs = CAN_HOST,
	.program = "ssh",
	.program_env = "EXECVM_SSH",
	.chain = "execvm",
	.run = ssh_run,
};
