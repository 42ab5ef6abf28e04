/* SPDX-License-Identifier: MIT */
/* proves: X6 N1 N3 N6 N7 N8 N9 T1 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/io.h"
#include "runners/config-key.h"
#include "runners/config.h"
#include "tests/tap.h"

/* Reads the text as d/m.json; on failure the sentence is in e.msg. */
static int read_as(const char *text, struct vm_spec *s, struct err *e)
{
	*e = (struct err){ 0 };
	return config_read(text, strlen(text), "d/m.json", s, e);
}

static void refused(const char *text, const char *want)
{
	struct vm_spec s;
	struct err e;

	ok(read_as(text, &s, &e) < 0);
	ok_str(e.msg, want);
	ok(s.runner == NULL);
}

static void an_empty_description_has_the_defaults(void)
{
	struct vm_spec s;
	struct err e;

	tap_case("X6: an empty description has the defaults");
	ok_int(read_as("{}", &s, &e), 0);
	ok_str(s.runner, "vm");
	ok_int(s.memory, 256 << 20);
	ok_int(s.cpus, 1);
	ok_int(s.accel, ACCEL_AUTO);
	ok_int(s.root_mode, ROOT_OVERLAY);
	ok(!s.root && !s.kernel && !s.cwd && !s.user && !s.no_stdin && !s.tty && !s.has_umask);
	ok_int(s.timeout_ms, 0);
	vm_spec_free(&s);
}

static void every_key_arrives(void)
{
	struct vm_spec s;
	struct err e;

	tap_case("X6: every key arrives");
	ok_int(read_as("{\"runner\": \"local\", \"kernel\": \"k\", \"initrd\": \"/i\", \"append\": \"a=1 b\","
		       "\"root\": \"../r.img\", \"image\": \"a/b:c\", \"root-mode\": \"rw\","
		       "\"memory\": \"1G\", \"cpus\": 3,"
		       "\"accel\": \"tcg\", \"cwd\": \"/src\", \"user\": \"me:us\", \"hostname\": \"h-1\","
		       "\"timeout\": \"1.5s\", \"stdin\": \"none\", \"tty\": true, \"umask\": \"027\","
		       "\"env\": {\"B\": \"2=3\", \"A\": \"\"}, \"args\": [\"c\", \"\", \"d e\"],"
		       "\"devices\": {\"/x.img\": \"/dev/vdb\","
		       " \"y\": {\"node\": \"/dev/data\", \"readonly\": true}}}",
		       &s, &e),
	       0);
	ok_str(e.msg, "");
	ok_str(s.runner, "local");
	ok_str(s.kernel, "d/k");
	ok_str(s.initrd, "/i");
	ok_str(s.append, "a=1 b");
	ok_str(s.root, "d/../r.img");
	ok_int(s.root_mode, ROOT_RW);
	ok_int(s.memory, 1 << 30);
	ok_int(s.cpus, 3);
	ok_int(s.accel, ACCEL_TCG);
	ok_str(s.cwd, "/src");
	ok_str(s.user, "me:us");
	ok_str(s.hostname, "h-1");
	ok_int(s.timeout_ms, 1500);
	ok(s.no_stdin && s.tty && s.has_umask);
	ok_int(s.umask, 027);
	ok_str(s.image, "a/b:c");
	ok_int(s.env.n, 2);
	ok_str(s.env.v[0], "A=");
	ok_str(s.env.v[1], "B=2=3");
	ok(!s.env_private);
	ok_int(s.args.n, 3);
	ok_str(s.args.v[1], "");
	ok_int(s.ndisks, 2);
	ok_str(s.disk[0].file, "/x.img");
	ok_str(s.disk[0].node, "/dev/vdb");
	ok(!s.disk[0].readonly);
	ok_str(s.disk[1].file, "d/y");
	ok_str(s.disk[1].node, "/dev/data");
	ok(s.disk[1].readonly);
	vm_spec_free(&s);
	ok_int(read_as("{\"memory\": 67108864, \"timeout\": 2, \"user\": 1000}", &s, &e), 0);
	ok_int(s.memory, 64 << 20);
	ok_int(s.timeout_ms, 2000);
	ok_str(s.user, "1000");
	vm_spec_free(&s);
}

static void a_refusal_names_file_line_and_key(void)
{
	tap_case("X6: a refusal names file, line and key");
	refused("{\n \"cpus\": 1,\n \"colour\": 1\n}", "d/m.json:3: key 'colour': unknown");
	refused("{\n \"cpus\": 1,\n\n \"memory\":\n \"5X\"\n}",
		"d/m.json:4: key 'memory': '5X' is no size (256M, 1G, or bytes)");
	refused("{\"env\": {\n\"memory\": \"\\\"\", \"{\": \"\"},\n \"memory\": true}",
		"d/m.json:3: key 'memory': must be a string or a whole number");
	refused("{\n\"env\": {\"A\": \"x\",\n \"B\": 1}}",
		"d/m.json:3: key 'env': 'B': the value is not a string");
	refused("{\n\"devices\": {\n\"/a\": \"/dev/a\",\n \"/b\": \"vdb\"}}",
		"d/m.json:4: key 'devices': '/b': 'vdb' is not /dev/NAME");
	refused("{\n \"m\\u0065mory\": 1}", "d/m.json:2: key 'memory': '1' is not in 48M..524288M");
	refused("{\"root\": \"a\",\n \"root\": \"b\"}",
		"d/m.json:2:7: duplicate object key near '\"root\"'");
	refused("{\"root\": \"a\",\n \"cpus\": }", "d/m.json:2:10: unexpected token");
	refused("{\"root\": \"a\\u0000b\"}",
		"d/m.json:1:19: \\u0000 is not allowed without JSON_ALLOW_NUL");
	refused("", "d/m.json:1:1: '[' or '{' expected near end of file");
	refused("[1]", "d/m.json:1: not a JSON object");
}

static void values_out_of_range_are_refused(void)
{
	tap_case("X6: values out of range are refused");
	refused("{\"cpus\": 0}", "d/m.json:1: key 'cpus': '0' is not a number in 1..64");
	refused("{\"cpus\": 65}", "d/m.json:1: key 'cpus': '65' is not a number in 1..64");
	refused("{\"cpus\": \"2\"}", "d/m.json:1: key 'cpus': must be a number");
	refused("{\"cpus\": 1.2345}", "d/m.json:1: key 'cpus': '1.2345' is not a number in 1..64");
	refused("{\"cpus\": 1e99}", "d/m.json:1: key 'cpus': '1e+99' is not a number in 1..64");
	refused("{\"memory\": \"50331647\"}",
		"d/m.json:1: key 'memory': '50331647' is not in 48M..524288M");
	refused("{\"memory\": -1}",
		"d/m.json:1: key 'memory': '-1' is no size (256M, 1G, or bytes)");
	refused("{\"accel\": \"hvf\"}", "d/m.json:1: key 'accel': 'hvf' is none of auto, kvm, tcg");
	refused("{\"root-mode\": \"RO\"}",
		"d/m.json:1: key 'root-mode': 'RO' is none of overlay, ro, rw");
	refused("{\"cwd\": \"src\"}", "d/m.json:1: key 'cwd': 'src' is not an absolute path");
	refused("{\"user\": \"\"}", "d/m.json:1: key 'user': '' is not USER[:GROUP]");
	refused("{\"root\": \"\"}", "d/m.json:1: key 'root': must not be empty");
	refused("{\"stdin\": \"null\"}",
		"d/m.json:1: key 'stdin': 'null' is neither inherit nor none");
	refused("{\"umask\": \"1000\"}",
		"d/m.json:1: key 'umask': '1000' is not octal digits up to 0777");
	refused("{\"umask\": \"08\"}",
		"d/m.json:1: key 'umask': '08' is not octal digits up to 0777");
	refused("{\"timeout\": \"soon\"}",
		"d/m.json:1: key 'timeout': 'soon' is no duration (10, 1.5s, 500ms, 2m, 1h)");
	refused("{\"hostname\": \"a b\"}",
		"d/m.json:1: key 'hostname': 'a b' is not 1..64 letters, digits, '.', '-', '_'");
	refused("{\"args\": [\"a\", 1]}", "d/m.json:1: key 'args': element 1 is not a string");
	refused("{\"env\": {\"A=B\": \"\"}}",
		"d/m.json:1: key 'env': 'A=B': no name of a variable");
	refused("{\"append\": \"a -- b\"}",
		"d/m.json:1: key 'append': the word -- would end the kernel's parameters");
	refused("{\"append\": \"a=\\\"b\"}",
		"d/m.json:1: key 'append': a double quote is not closed");
	refused("{\"append\": \"a\\nb\"}",
		"d/m.json:1: key 'append': must be one line without control characters");
}

static void two_disks_of_one_name_are_refused(void)
{
	tap_case("X6: two disks of one name are refused");
	refused("{\"devices\": {\"/a\": \"/dev/vda\",\n \"/b\": \"/dev/vda\"}}",
		"d/m.json:2: key 'devices': '/b': /a is /dev/vda already");
	refused("{\"devices\": {\"x\": \"/dev/vda\",\n \"d/../d/x\": \"/dev/../vda\"}}",
		"d/m.json:2: key 'devices': 'd/../d/x': '/dev/../vda' is not /dev/NAME");
	refused("{\"devices\": {\"/a\": {\"node\": \"/dev/a\", \"ro\": true}}}",
		"d/m.json:1: key 'devices': '/a': unknown key 'ro'");
	refused("{\"devices\": {\"/a\": {\"readonly\": true}}}",
		"d/m.json:1: key 'devices': '/a': not \"FILE\": \"/dev/NAME\"");
}

static void as_many_disks_as_there_is_room_for(void)
{
	tap_case("X6: as many disks as there is room for, and one more");
	for (unsigned n = VM_DISKS; n <= VM_DISKS + 1; n++) {
		cleanup_buf struct buf b = { 0 };
		struct vm_spec s;
		struct err e;
		bool added = buf_adds(&b, "{\"devices\": {\"/0\": \"/dev/v0\"") == 0;

		for (unsigned i = 1; i < n && added; i++)
			added = buf_addf(&b, ", \"/%u\": \"/dev/v%u\"", i, i) == 0;
		ok(added && buf_adds(&b, "}}") == 0);
		ok_int(read_as(b.p, &s, &e), n <= VM_DISKS ? 0 : -E2BIG);
		vm_spec_free(&s);
	}
}

/* The options, as a command line has them. */
static int plan(const char *const *words, struct vm_spec *s, struct err *e)
{
	cleanup_argv struct argv a = { 0 };
	struct run_opts o = { 0 };
	int at, r;

	*e = (struct err){ 0 };
	if (argv_push(&a, "run") < 0)
		bail_out("out of memory");
	for (; *words; words++) {
		if (argv_push(&a, *words) < 0)
			bail_out("out of memory");
	}
	at = opt_parse(run_opts_table, (int)a.n, a.v, &o, e);
	r = at < 0 ? at : config_plan(&o, a.v + at, s, e);
	run_opts_free(&o);
	return r;
}

#define PLAN(s, e, ...) plan((const char *const[]){ __VA_ARGS__, NULL }, s, e)

static void no_plan(const char *const *words, const char *want)
{
	struct vm_spec s = { 0 };
	struct err e;

	ok(plan(words, &s, &e) < 0);
	ok_str(e.msg, want);
	ok(s.runner == NULL);
}

#define NO_PLAN(want, ...) no_plan((const char *const[]){ __VA_ARGS__, NULL }, want)

static void make(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || io_write_all(fd, text, strlen(text)) < 0)
		bail_out("cannot write");
	close(fd);
}

static void options_win(void)
{
	struct vm_spec s;
	struct err e;

	tap_case("X6: a scalar option replaces, a list option adds and wins per key");
	make("d.json", "{\"memory\": \"900T\", \"root\": \"gone\", \"args\": [\"old\"],"
		       " \"env\": {\"A\": \"1\", \"B\": \"2\"},"
		       " \"devices\": {\"one\": \"/dev/vda\", \"two\": \"/dev/vdb\"}}");
	make("one", "1");
	make("two", "2");
	make("r,1=x", "root");
	/* what is out of range stays an error: nobody meant it */
	ok(PLAN(&s, &e, "-c", "d.json", "-m", "64M", "x") < 0);
	make("d.json", "{\"memory\": \"511G\", \"root\": \"gone\", \"args\": [\"old\"],"
		       " \"env\": {\"A\": \"1\", \"B\": \"2\"},"
		       " \"devices\": {\"one\": \"/dev/vda\", \"two\": \"/dev/vdb\"}}");
	setenv("FROM_CALLER", "yes", 1);
	unsetenv("NOT_THERE");
	ok_int(PLAN(&s, &e, "--config", "d.json", "-m64M", "--root", "r,1=x", "-e", "B=3", "-e",
		    "FROM_CALLER", "-e", "NOT_THERE", "--disk", "one=/dev/vdc,ro", "--device",
		    "r,1=x=/dev/vdd", "--cpus=2", "-nt", "--", "new", "-x"),
	       0);
	ok_str(e.msg, "");
	ok_int(s.memory, 64 << 20);
	ok_str(s.root, "r,1=x");
	ok_int(s.cpus, 2);
	ok(s.no_stdin && s.tty);
	ok_int(s.args.n, 2);
	ok_str(s.args.v[1], "-x");
	ok_int(s.env.n, 3);
	ok_str(s.env.v[0], "A=1");
	ok_str(s.env.v[1], "B=3");
	ok_str(s.env.v[2], "FROM_CALLER=yes");
	ok(s.env_private);
	ok_int(s.ndisks, 3);
	ok_str(s.disk[0].file, "one");
	ok_str(s.disk[0].node, "/dev/vdc");
	ok(s.disk[0].readonly);
	ok_str(s.disk[1].node, "/dev/vdb");
	ok_str(s.disk[2].file, "r,1=x");
	ok_str(s.disk[2].node, "/dev/vdd");
	vm_spec_free(&s);
}

static void options_are_refused_by_name(void)
{
	tap_case("X6: a refused option is named");
	NO_PLAN("--memory: '1' is not in 48M..524288M", "--memory", "1", "x");
	NO_PLAN("--cpus: 'two' is not a number in 1..64", "--cpus", "two", "x");
	NO_PLAN("--root: gone: No such file or directory", "--root", "gone", "x");
	NO_PLAN("--root: .: Is a directory", "--root", ".", "x");
	NO_PLAN("--root: /dev/null: not a regular file", "--root", "/dev/null", "x");
	NO_PLAN("--initrd: gone: No such file or directory", "--initrd", "gone", "x");
	NO_PLAN("--disk: gone: No such file or directory", "--disk", "gone=/dev/vda", "x");
	NO_PLAN("--disk: 'one' is not FILE=/dev/NAME[,ro]", "--disk", "one", "x");
	NO_PLAN("--disk: 'one=/dev/vda,rx' is not FILE=/dev/NAME[,ro]", "--disk", "one=/dev/vda,rx",
		"x");
	NO_PLAN("--disk: one is /dev/vda already", "--disk", "one=/dev/vda", "--disk",
		"two=/dev/vda", "x");
	NO_PLAN("--disk: one is given twice", "--disk", "one=/dev/vda", "--disk", "one=/dev/vdb",
		"x");
	NO_PLAN("--env: the name of a variable is missing", "-e", "=secret", "x");
	NO_PLAN("--env-file: open gone: No such file or directory", "--env-file", "gone", "x");
	NO_PLAN("open gone: No such file or directory", "-c", "gone", "x");
	NO_PLAN("no command", "-n");
}

static void a_file_of_a_description_is_named_with_its_line(void)
{
	tap_case("X6: a missing file of a description is named with its line");
	make("d.json", "{\n\"root\":\n\"gone\"}");
	NO_PLAN("d.json:2: key 'root': gone: No such file or directory", "-c", "d.json", "x");
	make("d.json", "{\n\"devices\":{\n\n\"gone\": \"/dev/vda\"}}");
	NO_PLAN("d.json:4: key 'devices': gone: No such file or directory", "-c", "d.json", "x");
	make("d.json", "{\n\"devices\":{\"one\": \"/dev/vda\"}}");
	NO_PLAN("--disk: one is /dev/vda already", "-c", "d.json", "--disk", "two=/dev/vda", "x");
}

static void more_memory_than_the_host_has_is_refused(void)
{
	uint64_t host = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	char want[200];

	tap_case("X6: more memory than the host has is refused with both numbers");
	if (host >= (uint64_t)511 << 30) {
		tap_skip("this host has more than a guest may have");
		return;
	}
	snprintf(want, sizeof(want), "--memory: 523264M is more than the %lluM that this host has",
		 (unsigned long long)host >> 20);
	NO_PLAN(want, "-m", "511G", "x");
	make("d.json", "{\n\n\"memory\": \"511G\"}");
	snprintf(want, sizeof(want),
		 "d.json:3: key 'memory': 523264M is more than the %lluM that this host has",
		 (unsigned long long)host >> 20);
	NO_PLAN(want, "-c", "d.json", "x");
}

static void env_files_are_read_as_docker_does(void)
{
	struct vm_spec s;
	struct err e;

	tap_case("X6: --env-file has docker's format; values are never in a sentence");
	make("env", "\xef\xbb\xbf# comment\n\n  A=1 \r\nB='q' # no comment\n\t#x\nFROM_CALLER\n"
		    "NOT_THERE\nE=\nA=last");
	ok_int(PLAN(&s, &e, "--env-file", "env", "-e", "E=5", "x"), 0);
	ok_int(s.env.n, 4);
	ok_str(s.env.v[0], "A=last");
	ok_str(s.env.v[1], "B='q' # no comment");
	ok_str(s.env.v[2], "E=5");
	ok_str(s.env.v[3], "FROM_CALLER=yes");
	ok(s.env_private);
	vm_spec_free(&s);
	make("env", "A=1\nexport B=secret\n");
	NO_PLAN("--env-file: env:2: the name of a variable has a blank in it", "--env-file", "env",
		"x");
	make("env", "A=1\n\n=secret\n");
	NO_PLAN("--env-file: env:3: the name of a variable is missing", "--env-file", "env", "x");
	make("env", "");
	ok_int(PLAN(&s, &e, "--env-file", "env", "x"), 0);
	vm_spec_free(&s);
}

static void interactive_keeps_stdin(void)
{
	struct vm_spec s;
	struct err e = { 0 };

	tap_case("T1: -i wins over a description, and not with -n");
	make("none.json", "{\"stdin\": \"none\"}");
	ok_int(PLAN(&s, &e, "-c", "none.json", "x"), 0);
	ok(s.no_stdin && !s.tty);
	vm_spec_free(&s);
	ok_int(PLAN(&s, &e, "-c", "none.json", "-it", "x"), 0);
	ok(!s.no_stdin && s.tty);
	vm_spec_free(&s);
	ok_int(PLAN(&s, &e, "--interactive", "x"), 0);
	ok(!s.no_stdin && !s.tty);
	vm_spec_free(&s);
	NO_PLAN("--interactive: not with --no-stdin", "-in", "x");
	NO_PLAN("--interactive: not with --no-stdin", "-c", "none.json", "-n", "-i", "x");
}

static void the_network_is_what_was_said(void)
{
	struct vm_spec s;
	struct err e;

	tap_case("N1: no network unless it is asked for");
	ok_int(PLAN(&s, &e, "x"), 0);
	ok_int(s.network, NETWORK_NONE);
	ok(!vm_has_network(&s));
	ok_int(vm_slots(&s), 1);
	vm_spec_free(&s);
	ok_int(PLAN(&s, &e, "--net", "passt", "x"), 0);
	ok_int(s.network, NETWORK_PASST);
	ok_int(vm_slots(&s), 2);
	vm_spec_free(&s);
	NO_PLAN("--network: 'bridge' is none of none, user, passt", "--network", "bridge", "x");

	tap_case("N3: ports");
	ok_int(PLAN(&s, &e, "-p", "8080:80", "-p", "0.0.0.0:65535:1/udp", "-p", "8080:53/udp", "-p",
		    "127.0.0.2:8080:81/tcp", "x"),
	       0);
	ok_str(e.msg, "");
	ok_int(s.network, NETWORK_USER);
	ok_int(s.npublish, 4);
	ok_int(ntohl(s.publish[0].addr.s_addr), INADDR_LOOPBACK);
	ok_int(s.publish[0].host, 8080);
	ok_int(s.publish[0].guest, 80);
	ok(!s.publish[0].udp && s.publish[1].udp && s.publish[2].udp && !s.publish[3].udp);
	ok_int(s.publish[1].addr.s_addr, INADDR_ANY);
	ok_int(s.publish[1].host, 65535);
	ok_int(s.publish[1].guest, 1);
	vm_spec_free(&s);
	make("d.json", "{\"network\": \"passt\",\n\"publish\": [\"1:2\", \"3:4\"]}");
	ok_int(PLAN(&s, &e, "-c", "d.json", "-p", "3:5", "-p", "6:6", "x"), 0);
	ok_int(s.network, NETWORK_PASST);
	ok_int(s.npublish, 3);
	ok_int(s.publish[1].host, 3);
	ok_int(s.publish[1].guest, 5);
	vm_spec_free(&s);
}

static void bad_ports_are_refused_by_name(void)
{
	static const char *const bad[][2] = {
		{ "80", "'80' is not [ADDR:]HOST:GUEST[/tcp|/udp]" },
		{ "", "'' is not [ADDR:]HOST:GUEST[/tcp|/udp]" },
		{ "0:80", "'0:80': the host's port must be given: none is chosen by itself" },
		{ ":80", "':80': the host's port must be given: none is chosen by itself" },
		{ "127.0.0.1::80",
		  "'127.0.0.1::80': the host's port must be given: none is chosen by itself" },
		{ "80:", "'80:': the guest's port must be given: none is chosen by itself" },
		{ "80:0", "'80:0': the guest's port must be given: none is chosen by itself" },
		{ "65536:80", "'65536:80': '65536' is no port (1 to 65535)" },
		{ "80:http", "'80:http': 'http' is no port (1 to 65535)" },
		{ "+80:80", "'+80:80': '+80' is no port (1 to 65535)" },
		{ "80-90:80", "'80-90:80': a range: ports are published one by one" },
		{ "80:80-90", "'80:80-90': a range: ports are published one by one" },
		{ "80:80/sctp", "'80:80/sctp': 'sctp' is neither tcp nor udp" },
		{ "80:80/", "'80:80/': '' is neither tcp nor udp" },
		{ "[::1]:80:80", "'[::1]:80:80': ports are published on IPv4 addresses only" },
		{ "::1:80:80", "'::1:80:80': ports are published on IPv4 addresses only" },
		{ "127.1:80:80", "'127.1:80:80': '127.1' is no IPv4 address" },
		{ "localhost:80:80", "'localhost:80:80': 'localhost' is no IPv4 address" },
		{ ":80:80", "':80:80': '' is no IPv4 address" },
		{ "1.2.3.4,x:1:2", "'1.2.3.4,x:1:2': '1.2.3.4,x' is no IPv4 address" },
	};

	tap_case("N3: bad ports are refused by name");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char want[200];

		snprintf(want, sizeof(want), "-p: %s", bad[i][1]);
		NO_PLAN(want, "-p", bad[i][0], "x");
	}
	NO_PLAN("-p: '80:2': port 80/tcp is published twice", "-p", "80:1", "-p", "80:2", "x");
	NO_PLAN("-p: '80:2': port 80/tcp is published twice", "-p", "0.0.0.0:80:1", "-p", "80:2",
		"x");
	NO_PLAN("-p: '0.0.0.0:80:2': port 80/tcp is published twice", "-p", "80:1", "-p",
		"0.0.0.0:80:2", "x");
	NO_PLAN("a port is published, and the network is none", "--network", "none", "-p", "80:80",
		"x");
	refused("{\n\"publish\": [\"80:1\", \"80:1\"]}",
		"d/m.json:2: key 'publish': '80:1': port 80/tcp is published twice");
	refused("{\"publish\": [80]}", "d/m.json:1: key 'publish': element 0 is not a string");
	refused("{\"publish\": \"80:80\"}", "d/m.json:1: key 'publish': must be a list");
	refused("{\"network\": true}", "d/m.json:1: key 'network': must be a string");
}

/* As many disks as there are options for, then COUNT words more. */
static int plan_disks(size_t n, const char *const *more, struct err *e)
{
	const char *words[2 * VM_DISKS + 8];
	char disk[VM_DISKS + 1][40];
	struct vm_spec s = { 0 };
	size_t k = 0;
	int r;

	for (size_t i = 0; i < n; i++) {
		char file[16];

		snprintf(file, sizeof(file), "n%zu", i);
		make(file, "x");
		snprintf(disk[i], sizeof(disk[i]), "n%zu=/dev/n%zu", i, i);
		words[k++] = "--disk";
		words[k++] = disk[i];
	}
	while (*more)
		words[k++] = *more++;
	words[k++] = "x";
	words[k] = NULL;
	r = plan(words, &s, e);
	vm_spec_free(&s);
	return r;
}

#define DISKS(n, e, ...) plan_disks(n, (const char *const[]){ __VA_ARGS__, NULL }, e)

static void a_network_takes_the_place_of_a_disk(void)
{
	struct err e;

	tap_case("N1: as many devices as there are slots, and one more");
	make("root", "x");
	ok_int(DISKS(VM_DISKS, &e, "--root", "root"), 0);
	ok_int(DISKS(VM_DISKS, &e, "--network", "user"), 0);
	ok_int(DISKS(VM_DISKS - 1, &e, "--root", "root", "--network", "user"), 0);
	ok_int(DISKS(VM_DISKS, &e, "--root", "root", "--network", "user"), -E2BIG);
	ok_str(e.msg, "21 disks, 0 directories, a root, a network: 24 devices with the console, "
		      "and a machine has 23 slots");
}

static void a_root_is_read_only_in_two_ways(void)
{
	struct vm_spec s;
	struct err e;

	tap_case("N6: --read-only is --root-mode ro");
	ok_int(PLAN(&s, &e, "--read-only", "x"), 0);
	ok_int(s.root_mode, ROOT_RO);
	vm_spec_free(&s);
	ok_int(PLAN(&s, &e, "--read-only", "--root-mode", "ro", "x"), 0);
	vm_spec_free(&s);
	NO_PLAN("--read-only: read-only, and root mode rw: only one can be", "--read-only",
		"--root-mode", "rw", "x");
	NO_PLAN("--read-only: read-only, and root mode overlay: only one can be", "--read-only",
		"--root-mode", "overlay", "x");
	refused("{\"read-only\": true,\n\"root-mode\": \"rw\"}",
		"d/m.json:2: key 'root-mode': read-only, and root mode rw: only one can be");
	make("d.json", "{\"read-only\": true}");
	ok_int(PLAN(&s, &e, "-c", "d.json", "--root-mode", "rw", "x"), 0);
	ok_int(s.root_mode, ROOT_RW);
	vm_spec_free(&s);
	make("d.json", "{\"read-only\": false, \"root-mode\": \"rw\"}");
	ok_int(PLAN(&s, &e, "-c", "d.json", "x"), 0);
	ok_int(s.root_mode, ROOT_RW);
	vm_spec_free(&s);
}

static void tmpfs_has_the_options_of_docker(void)
{
	struct vm_spec s;
	struct err e;

	tap_case("N7: --tmpfs");
	make("d.json", "{\"tmpfs\": [\"/a\", \"/b:ro\"]}");
	ok_int(PLAN(&s, &e, "-c", "d.json", "--tmpfs", "/b:size=10%,exec,mode=1777,uid=1,gid=0",
		    "--tmpfs", "/c d:", "x"),
	       0);
	ok_str(e.msg, "");
	ok_int(s.ntmpfs, 3);
	ok_str(s.tmpfs[0].target, "/a");
	ok_str(s.tmpfs[0].options, "rw,noexec,nosuid,nodev");
	ok_str(s.tmpfs[1].target, "/b");
	ok_str(s.tmpfs[1].options, "rw,noexec,nosuid,nodev,size=10%,exec,mode=1777,uid=1,gid=0");
	ok_str(s.tmpfs[2].target, "/c d");
	vm_spec_free(&s);
	NO_PLAN("--tmpfs: 'a' is not an absolute path below /", "--tmpfs", "a", "x");
	NO_PLAN("--tmpfs: '/' is not an absolute path below /", "--tmpfs", "/", "x");
	NO_PLAN("--tmpfs: '' is not an absolute path below /", "--tmpfs", "", "x");
	NO_PLAN("--tmpfs: 'size' is no option of a tmpfs", "--tmpfs", "/a:size", "x");
	NO_PLAN("--tmpfs: 'size=' is no option of a tmpfs", "--tmpfs", "/a:size=", "x");
	NO_PLAN("--tmpfs: 'size=1x' is no option of a tmpfs", "--tmpfs", "/a:size=1x", "x");
	NO_PLAN("--tmpfs: 'mode=8' is no option of a tmpfs", "--tmpfs", "/a:ro,mode=8", "x");
	NO_PLAN("--tmpfs: 'bind' is no option of a tmpfs", "--tmpfs", "/a:bind", "x");
	NO_PLAN("--tmpfs: '' is no option of a tmpfs", "--tmpfs", "/a:ro,,rw", "x");
	NO_PLAN("--tmpfs: /a is given twice", "--tmpfs", "/a", "--tmpfs", "/a:ro", "x");
}

static void names_have_the_rule_of_docker(void)
{
	static const char *const bad[] = { "",	  "a",	 "-a",	".a",	   "_a",
					   "a b", "a,b", "a/b", "\xc3\xa4" };
	char longest[VM_NAME_MAX + 2];
	struct vm_spec s;
	struct err e;

	tap_case("N8: names");
	memset(longest, 'a', sizeof(longest));
	longest[VM_NAME_MAX + 1] = '\0';
	ok(PLAN(&s, &e, "--name", longest, "x") < 0);
	longest[VM_NAME_MAX] = '\0';
	ok_int(PLAN(&s, &e, "--name", longest, "x"), 0);
	ok_str(s.name, longest);
	vm_spec_free(&s);
	ok_int(PLAN(&s, &e, "--name", "0._-z", "x"), 0);
	vm_spec_free(&s);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char want[200];

		snprintf(
			want, sizeof(want),
			"--name: '%s' is not 2..64 letters, digits, '.', '-', '_', the first one a "
			"letter or a digit",
			bad[i]);
		NO_PLAN(want, "--name", bad[i], "x");
	}
	tap_case("N9: whole CPUs");
	NO_PLAN("--cpus: '1.5': a machine has whole CPUs only", "--cpus", "1.5", "x");
}

/* Every key that has an option must have one of the table. */
static void the_option_table_is_whole(void)
{
	static const char *const names[] = {
		"runner",  "kernel",  "initrd",	  "append",	 "root",     "root-mode",
		"disk",	   "device",  "memory",	  "cpus",	 "env",	     "env-file",
		"workdir", "user",    "hostname", "timeout",	 "no-stdin", "tty",
		"accel",   "config",  "dry-run",  "show-append", "boot-log", "timings",
		"debug",   "verbose", "help",	  "volume",	 "mount",    "in",
		"out",	   "strict",  "record",	  "interactive", "network",  "net",
		"publish", "tmpfs",   "name",	  "read-only",	 "image",    "host",
		"option",  "wrap",    "warm"
	};
	size_t n = 0;

	tap_case("X6: the option table has every option once");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		unsigned found = 0;

		for (const struct opt *o = run_opts_table; o->name; o++)
			found += !strcmp(o->name, names[i]);
		ok_int(found, 1);
	}
	while (run_opts_table[n].name)
		n++;
	ok_int(n, ARRAY_SIZE(names));
}

int main(void)
{
	an_empty_description_has_the_defaults();
	every_key_arrives();
	a_refusal_names_file_line_and_key();
	values_out_of_range_are_refused();
	two_disks_of_one_name_are_refused();
	as_many_disks_as_there_is_room_for();
	options_win();
	options_are_refused_by_name();
	a_file_of_a_description_is_named_with_its_line();
	more_memory_than_the_host_has_is_refused();
	env_files_are_read_as_docker_does();
	interactive_keeps_stdin();
	the_network_is_what_was_said();
	bad_ports_are_refused_by_name();
	a_network_takes_the_place_of_a_disk();
	a_root_is_read_only_in_two_ways();
	tmpfs_has_the_options_of_docker();
	names_have_the_rule_of_docker();
	the_option_table_is_whole();
	return tap_done();
}
