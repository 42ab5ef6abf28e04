/* SPDX-License-Identifier: MIT */
/*
 * PID 1 of a container: the kernel gives it orphans, and keeps from it every signal that it does not
 * ask for. The command is its child, so that neither becomes the command's business: it gets the
 * signals, and the container ends with its status.
 *
 * Engines take words that are UTF-8 and nothing else. Other bytes come as a payload.
 */
#include "init/container.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/argv.h"
#include "lib/b64.h"
#include "lib/cleanup.h"
#include "lib/env.h"
#include "lib/msg.h"
#include "lib/payload.h"
#include "lib/proc.h"

static int supervise(struct proc_spec *s, const struct proc_signals *entry)
{
	struct proc_supervised end;
	struct proc_failure f;
	struct err e = { 0 };

	s->reap_orphans = getpid() == 1;
	if (proc_supervise(s, entry, 0, &end, &f) == 0)
		return proc_exit_code(&end.status);
	err_code(&e, f.code, "%s", strcmp(f.stage, "exec") ? f.stage : s->argv[0]);
	return strcmp(f.stage, "exec") ? fail(&e) : (fail(&e), proc_exec_code(f.code));
}

static int run_payload(const char *text, const struct proc_signals *entry)
{
	cleanup_buf struct buf json = { 0 };
	cleanup_argv struct argv env = { 0 };
	struct proc_spec s = PROC_SPEC_INIT;
	struct payload p = { 0 };
	struct err e = { 0 };
	ssize_t n;
	int code;

	if (buf_reserve(&json, b64_decoded_max(strlen(text))) < 0)
		return failf("out of memory");
	n = b64_decode(text, strlen(text), json.p);
	if (n < 0)
		return failf("--container: not base64");
	if (payload_decode(json.p, (size_t)n, PAYLOAD_PROCESS, &p, &e) < 0)
		return fail(&e);
	if (!p.process.args) {
		code = failf("--container: no command");
	} else if (env_merge(environ, p.process.env, p.process.nenv, &env) < 0) {
		code = failf("out of memory");
	} else {
		s.argv = (char *const *)p.process.args;
		s.envp = env.v;
		s.path = env_find((const char *const *)env.v, "PATH");
		s.set_umask = p.process.has_umask;
		s.umask = (mode_t)p.process.umask;
		code = supervise(&s, entry);
	}
	payload_free(&p);
	return code;
}

static int run_words(char *const *words, const struct proc_signals *entry)
{
	struct proc_spec s = PROC_SPEC_INIT;

	s.argv = words;
	s.path = getenv("PATH");
	return supervise(&s, entry);
}

int container_main(char *const *words)
{
	struct proc_signals entry;

	proc_signals_save(&entry);
	if (words[0] && !strcmp(words[0], "--"))
		return words[1] ? run_words(words + 1, &entry) : failf("--container: no command");
	if (words[0] && !words[1])
		return run_payload(words[0], &entry);
	return failf("--container: a payload, or -- and a command");
}
