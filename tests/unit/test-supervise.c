/* SPDX-License-Identifier: MIT */
/* proves: E1 E8 W10 */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/proc.h"
#include "tests/tap.h"

/* What the hook was called with, in order. */
static struct {
	int sig[8];
	size_t n;
} delivered;

static void hook(void *ctx, pid_t pid, int sig)
{
	if (delivered.n < ARRAY_SIZE(delivered.sig))
		delivered.sig[delivered.n++] = sig;
	*(int *)ctx += 1;
	kill(pid, sig);
}

/* A shell that signals us, its parent. */
static struct proc_supervised supervise(struct proc_spec *s, const char *script,
					uint64_t timeout_ms)
{
	char sh[] = "/bin/sh", c[] = "-c", text[400];
	char *argv[] = { sh, c, text, NULL };
	struct proc_supervised end = { 0 };
	struct proc_signals entry;
	struct proc_failure f = { 0 };

	snprintf(text, sizeof(text), "%s", script);
	proc_signals_save(&entry);
	s->argv = argv;
	ok_int(proc_supervise(s, &entry, timeout_ms, &end, &f), 0);
	return end;
}

static const char twice[] =
	"n=0; trap 'n=$((n+1)); [ $n -lt 2 ] || exit 7' TERM;"
	"kill -TERM $PPID; sleep 0.4; kill -TERM $PPID; while :; do sleep 0.05; done";

static void a_second_term_kills_when_it_is_asked_for(void)
{
	struct proc_spec s = PROC_SPEC_INIT;
	struct proc_supervised end;

	tap_case("W10: a second TERM is a KILL when that is asked for");
	s.second_term_kills = true;
	end = supervise(&s, twice, 0);
	ok_int(proc_exit_code(&end.status), 137);
	ok(end.killed && end.signal == SIGTERM && !end.timed_out);

	tap_case("W10: and else it is a TERM");
	s.second_term_kills = false;
	end = supervise(&s, twice, 0);
	ok_int(proc_exit_code(&end.status), 7);
	ok(!end.killed && end.signal == SIGTERM);
}

static void two_terms_at_once_are_one(void)
{
	struct proc_spec s = PROC_SPEC_INIT;
	struct proc_supervised end;

	tap_case("W10: two TERM at once do not kill: timeout(1) sends them so");
	s.second_term_kills = true;
	end = supervise(&s, "trap '' TERM; kill -TERM $PPID; kill -TERM $PPID; sleep 0.1; exit 9",
			0);
	ok_int(proc_exit_code(&end.status), 9);
	ok(!end.killed);
}

static void what_is_delivered_goes_by_the_hook(void)
{
	struct proc_spec s = PROC_SPEC_INIT;
	struct proc_supervised end;
	int calls = 0;

	tap_case("E1: signals go by the hook, with its context");
	s.deliver = hook;
	s.ctx = &calls;
	end = supervise(
		&s,
		"trap 'u=1' USR1; trap 'exit 6' INT; kill -USR1 $PPID; sleep 0.2; kill -INT $PPID;"
		"while :; do sleep 0.05; done",
		0);
	ok_int(proc_exit_code(&end.status), 6);
	ok_int(calls, 2);
	ok_int(delivered.sig[0], SIGUSR1);
	ok_int(delivered.sig[1], SIGINT);
	ok_int(end.signal, SIGINT);

	tap_case("E1: so does the end of the time");
	delivered.n = 0;
	end = supervise(&s, "exec sleep 60", 100);
	ok(end.timed_out && !end.killed);
	ok_int(delivered.sig[0], SIGTERM);
	ok_int(delivered.sig[1], SIGCONT);
}

static void orphans_are_reaped_when_it_is_asked_for(void)
{
	struct proc_spec s = PROC_SPEC_INIT;
	struct proc_supervised end;
	struct proc_status st;

	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		bail_out("no subreaper");
	tap_case("E8: orphans are reaped, and none is taken for the command");
	s.reap_orphans = true;
	end = supervise(
		&s, "for i in 1 2 3 4 5 6 7 8; do (exit 3 & exit 4); done; sleep 0.3; exit 5", 0);
	ok_int(proc_exit_code(&end.status), 5);
	ok_int(proc_reap(&st), -ECHILD);
	tap_case("E8: else they are not");
	s.reap_orphans = false;
	end = supervise(&s, "(exit 3 & exit 4); sleep 0.1; exit 5", 0);
	ok_int(proc_exit_code(&end.status), 5);
	ok(proc_reap(&st) > 0);
	while (proc_reap(&st) > 0)
		;
}

int main(void)
{
	a_second_term_kills_when_it_is_asked_for();
	two_terms_at_once_are_one();
	what_is_delivered_goes_by_the_hook();
	orphans_are_reaped_when_it_is_asked_for();
	return tap_done();
}
