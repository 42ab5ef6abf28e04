/* SPDX-License-Identifier: MIT */
/* proves: E1 E3 */
#include <errno.h>

#include "lib/b64.h"
#include "lib/payload.h"
#include "runners/docker.h"
#include "tests/tap.h"

static const struct docker_facts facts = { .program = "docker",
					   .container = "execvm-1",
					   .guest = "/c/execvm" };

static char name[] = "/bin/x", dash[] = "-y", empty[] = "", image[] = "busy:1";
static char *command[] = { name, dash, empty, NULL };

static struct vm_spec plan(void)
{
	return (struct vm_spec){ .memory = VM_MEMORY_DEFAULT,
				 .cpus = 1,
				 .image = image,
				 .args = { .v = command, .n = 3 } };
}

static void has_words(const struct vm_spec *s, const struct docker_facts *f, const char *want)
{
	cleanup_argv struct argv argv = { 0 };
	cleanup_buf struct buf got = { 0 };
	struct err e = { 0 };

	ok_int(docker_argv(s, f, &argv, &e), 0);
	for (size_t i = 0; i < argv.n; i++) {
		if (buf_addf(&got, "%s%s", i ? "\n" : "", argv.v[i]) < 0)
			bail_out("out of memory");
	}
	ok_str(got.p, want);
}

/* What stands before and behind the words that an option makes. */
#define HEAD                                                                                       \
	"docker\nrun\n--rm\n--label=execvm\n--log-driver=none\n--name=execvm-1\n--network=none\n"
#define GUEST                                                                                      \
	"--mount\ntype=bind,\"source=/c/execvm\",\"target=/bin/execvm\",readonly\n"                \
	"--entrypoint=/bin/execvm\n"
#define TAIL "--\nbusy:1\ninit\n--container\n--\n/bin/x\n-y\n"

static void a_plan_that_says_nothing(void)
{
	struct vm_spec s = plan();

	tap_case(
		"E1: a plan that says nothing: no network, no log, execvm read-only, PID 1 is ours");
	has_words(&s, &facts, HEAD "--interactive\n" GUEST TAIL);
	tap_case("E1: --no-stdin");
	s.no_stdin = true;
	has_words(&s, &facts, HEAD GUEST TAIL);
}

static void every_option_has_its_word(void)
{
	static char host[] = "h", user[] = "u:g", cwd[] = "/d", opt[] = "--shm-size=1m";
	static char *more[] = { opt, NULL };
	struct vm_spec s = plan();

	tap_case("E3: every option has its word");
	s.no_stdin = s.tty = s.memory_said = s.cpus_said = true;
	s.root_mode = ROOT_RO;
	s.hostname = host;
	s.user = user;
	s.cwd = cwd;
	s.memory = 100 << 20;
	s.cpus = 2;
	s.options = (struct argv){ .v = more, .n = 1 };
	has_words(
		&s, &facts,
		HEAD
		"--tty\n--detach-keys=\377,\377\n--read-only\n--hostname=h\n--user=u:g\n--workdir=/d\n"
		"--memory=104857600\n--cpus=2\n" GUEST "--shm-size=1m\n" TAIL);
	tap_case("E3: fractions of a CPU");
	s = plan();
	s.no_stdin = s.cpus_said = true;
	s.cpus = 1;
	s.cpus_milli = 50;
	has_words(&s, &facts, HEAD "--cpus=0.050\n" GUEST TAIL);
}

static void network_and_file_systems(void)
{
	static char t[] = "/t", topt[] = "rw,size=1m";
	struct vm_spec s = plan();

	tap_case("E3: ports and tmpfs");
	s.no_stdin = true;
	s.network = NETWORK_USER;
	s.publish[0] = (struct vm_publish){ { htonl(INADDR_LOOPBACK) }, 8080, 80, false };
	s.publish[1] = (struct vm_publish){ { htonl(0) }, 53, 5353, true };
	s.npublish = 2;
	s.tmpfs[0] = (struct vm_tmpfs){ t, topt };
	s.ntmpfs = 1;
	has_words(
		&s, &facts,
		"docker\nrun\n--rm\n--label=execvm\n--log-driver=none\n--name=execvm-1\n--network=bridge\n"
		"--publish=127.0.0.1:8080:80/tcp\n--publish=0.0.0.0:53:5353/udp\n"
		"--tmpfs=/t:rw,size=1m\n" GUEST TAIL);
}

static void mounts_are_quoted(void)
{
	static char odd[] = "/a,b \"c\"\n=d", at[] = "/x,readonly";
	struct vm_spec s = plan();

	tap_case("E3: a comma, a quote or a newline of a path is no word of docker's");
	s.no_stdin = true;
	s.share[0] = (struct vm_share){ .source = odd, .target = at, .readonly = true };
	s.share[1] = (struct vm_share){ .source = at, .target = odd };
	s.nshares = 2;
	has_words(
		&s, &facts,
		HEAD
		"--mount\ntype=bind,\"source=/a,b \"\"c\"\"\n=d\",\"target=/x,readonly\",readonly\n"
		"--mount\ntype=bind,\"source=/x,readonly\",\"target=/a,b \"\"c\"\"\n=d\"\n" GUEST
			TAIL);
}

static void variables(void)
{
	static char plain[] = "A=secret", lines[] = "B=1\n2", path[] = "PATH=/x\n/y",
		    bytes[] = "C=\377";
	static char *env[] = { plain, lines, bytes, path, NULL };
	struct docker_facts f = facts;
	cleanup_argv struct argv argv = { 0 };
	char json[512];
	struct payload p = { 0 };
	struct err e = { 0 };
	struct vm_spec s = plan();
	ssize_t n;

	tap_case("E3: no value stands among the words where docker has another way");
	f.env_file = "/proc/self/fd/9";
	s.no_stdin = true;
	s.env = (struct argv){ .v = env, .n = 2 };
	has_words(&s, &f, HEAD GUEST "--env-file=/proc/self/fd/9\n--env=B\n" TAIL);

	tap_case("E3: bytes that are no UTF-8 go as a payload, with all of the command");
	s.env.n = 4;
	ok_int(docker_argv(&s, &f, &argv, &e), 0);
	ok_str(argv.v[argv.n - 2], "--container");
	n = b64_decode(argv.v[argv.n - 1], strlen(argv.v[argv.n - 1]), json);
	ok(n > 0 && payload_decode(json, (size_t)n, PAYLOAD_PROCESS, &p, &e) == 0);
	ok_int(p.process.nargs, 3);
	ok_str(p.process.args[1], "-y");
	ok_str(p.process.args[2], "");
	ok_int(p.process.nenv, 1);
	ok_str(p.process.env[0], "C=\377");
	payload_free(&p);
}

static void what_a_file_can_say(void)
{
	char *longest = malloc(70000);

	if (!longest)
		bail_out("out of memory");
	memset(longest, 'x', 69999);
	memcpy(longest, "A=", 2);
	tap_case("E3: what docker's file of variables can say");
	ok(docker_env_plain("A=b"));
	ok(docker_env_plain("A="));
	ok(docker_env_plain("A= b = c "));
	ok(docker_env_plain("A=#"));
	ok(docker_env_plain("\303\274=\303\274"));
	longest[69999] = 0;
	ok(!docker_env_plain(longest));
	longest[59999] = 0;
	ok(docker_env_plain(longest));
	tap_case("E3: what it cannot say");
	ok(!docker_env_plain("A=b\nc"));
	ok(!docker_env_plain("A=b\r"));
	ok(!docker_env_plain("#A=b"));
	ok(!docker_env_plain("A B=c"));
	ok(!docker_env_plain("A\t=c"));
	ok(!docker_env_plain("A=\377"));
	free(longest);
}

static void what_docker_would_act_on(void)
{
	static const char *const its[] = { "PATH=x",	   "HOME=x",	    "DOCKER_HOST=x",
					   "LD_PRELOAD=x", "GODEBUG=x",	    "XDG_RUNTIME_DIR=x",
					   "TMPDIR=x",	   "HTTPS_PROXY=x", "http_proxy=x" };

	tap_case("E3: no variable of the command's becomes one of docker's own");
	for (size_t i = 0; i < ARRAY_SIZE(its); i++)
		ok(!docker_env_by_name(its[i]));
	ok(docker_env_by_name("PATHS=x"));
	ok(docker_env_by_name("A=x"));
}

int main(void)
{
	a_plan_that_says_nothing();
	every_option_has_its_word();
	network_and_file_systems();
	mounts_are_quoted();
	variables();
	what_a_file_can_say();
	what_docker_would_act_on();
	return tap_done();
}
