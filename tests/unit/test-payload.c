/* SPDX-License-Identifier: MIT */
/* proves: I2 I4 I8 I9 I31 I32 N2 */
#include "lib/payload.h"

#include <errno.h>
#include <stdint.h>

#include "tests/payload-equal.h"
#include "tests/tap.h"

/* What was decoded lives as long as its text. */
struct decoded {
	char *text;
	struct payload p;
	struct err e;
	int r;
};

static struct decoded decode_n(const char *text, size_t n, int halves)
{
	struct decoded d = { .text = malloc(n ? n : 1) };

	if (!d.text)
		bail_out("out of memory");
	memcpy(d.text, text, n);
	memset(&d.p, 0x5a, sizeof(d.p)); /* decode owes nothing to what was there */
	d.r = payload_decode(d.text, n, halves, &d.p, &d.e);
	return d;
}

static struct decoded decode(const char *text)
{
	return decode_n(text, strlen(text), PAYLOAD_BOTH);
}

static void done(struct decoded *d)
{
	payload_free(&d->p);
	free(d->text);
}

static void refused(const char *text, const char *sentence)
{
	static const struct payload none;
	struct decoded d = decode(text);

	ok_int(d.r, -EINVAL);
	if (!ok_str(d.e.msg, sentence))
		tap_show("text", text);
	ok_int(d.e.code, EINVAL);
	ok(payload_equal(&d.p, &none) && !d.p.process.pool);
	done(&d);
}

static void accepted(const char *text)
{
	struct decoded d = decode(text);

	if (!ok_int(d.r, 0)) {
		tap_show("text", text);
		tap_show("said", d.e.msg);
	}
	done(&d);
}

static void the_object(void)
{
	tap_case("I8: one object and nothing else");
	refused("", "offset 0: the text ends, a value is expected");
	refused("[]", "offset 0: an object is wanted");
	refused("\"a\"", "offset 0: an object is wanted");
	refused("{} {}", "offset 3: something stands behind the value");
	refused("{\"args\":[\"a\"]", "offset 13: ',' or '}' is expected");
	tap_case("I8: unknown keys are refused by name");
	refused("{\"arg\":[\"a\"]}", "offset 1: unknown key 'arg'");
	refused("{\"\":1}", "offset 1: unknown key ''");
	refused("{\"args \":[\"a\"]}", "offset 1: unknown key 'args '");
	refused("{\"root_mode\":\"ro\"}", "offset 1: unknown key 'root_mode'");
	refused("{\"base64\":\"YQ\"}", "offset 1: unknown key 'base64'");
	refused("{\"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz\":1}",
		"offset 1: unknown key 'abcdefghijklmnopqrstuvwxyzabcdefghijklmn'");
	refused("{\"mounts\":[{\"source\":\"a\"}]}", "mounts: offset 12: unknown key 'source'");
	tap_case("I8: duplicate keys are refused, also in another case or spelling");
	refused("{\"tty\":true,\"tty\":true}", "offset 12: key 'tty' stands here twice");
	refused("{\"tty\":true,\"TTY\":true}", "offset 12: key 'tty' stands here twice");
	refused("{\"tty\":true,\"\\u0074ty\":true}", "offset 12: key 'tty' stands here twice");
	refused("{\"mounts\":[{\"device\":\"a\",\"Device\":\"a\"}]}",
		"mounts: offset 25: key 'device' stands here twice");
	tap_case("I4: the empty object");
	accepted("{}");
	accepted(" \n{ }\t");
}

static void wrong_type(const char *const *keys, const char *value, const char *sentence)
{
	for (; *keys; keys++) {
		char json[80], want[80];

		snprintf(json, sizeof(json), "{\"%s\":%s}", *keys, value);
		snprintf(want, sizeof(want), "%s: offset %zu: %s", *keys, strlen(*keys) + 4,
			 sentence);
		refused(json, want);
	}
}

static void wrong_types(void)
{
	static const char *const text[] = { "root", "root-mode", "fstype", "hostname", "network",
					    "cwd",  "user",	 "umask",  NULL };
	static const char *const flag[] = { "no-new-privs", "tty", "exec", NULL };
	static const char *const object[] = { "devices", "env", "rlimits", NULL };
	static const char *const list[] = { "mounts", "args", NULL };

	tap_case("I8: a value of another type is refused");
	wrong_type(text, "1", "a string is wanted");
	wrong_type(text, "null", "a string is wanted");
	wrong_type(text, "[]", "a string is wanted");
	wrong_type(text, "true", "a string is wanted");
	wrong_type(flag, "0", "true or false is wanted");
	wrong_type(flag, "\"true\"", "true or false is wanted");
	wrong_type(flag, "null", "true or false is wanted");
	wrong_type(object, "[]", "an object is wanted");
	wrong_type(object, "\"a\"", "an object is wanted");
	wrong_type(object, "null", "an object is wanted");
	wrong_type(list, "{}", "a list is wanted");
	wrong_type(list, "\"a\"", "a list is wanted");
	wrong_type(list, "null", "a list is wanted");
	refused("{\"args\":[1]}", "args: offset 9: a string is wanted");
	refused("{\"args\":[\"a\",null]}", "args: offset 13: a string is wanted");
	refused("{\"args\":[[\"a\"]]}", "args: offset 9: a string is wanted");
	refused("{\"env\":{\"A\":1}}", "env: offset 12: a string is wanted");
	refused("{\"env\":{\"A\":null}}", "env: offset 12: a string is wanted");
	refused("{\"mounts\":[\"a\"]}", "mounts: offset 11: an object is wanted");
	refused("{\"mounts\":[{\"device\":1}]}", "mounts: device: offset 21: a string is wanted");
	refused("{\"mounts\":[{\"options\":[\"ro\"]}]}",
		"mounts: options: offset 22: a string is wanted");
	refused("{\"devices\":{\"a\":1}}", "devices: offset 16: a string is wanted");
}

static void halves(void)
{
	static const char machine[] = "{\"hostname\":\"a\"}", process[] = "{\"args\":[\"a\"]}";
	struct decoded d = decode_n(machine, sizeof(machine) - 1, PAYLOAD_PROCESS);

	tap_case("I4: each half is refused where only the other may stand");
	ok_int(d.r, -EINVAL);
	ok_str(d.e.msg, "offset 1: key 'hostname' does not belong here");
	done(&d);
	d = decode_n(process, sizeof(process) - 1, PAYLOAD_MACHINE);
	ok_int(d.r, -EINVAL);
	ok_str(d.e.msg, "offset 1: key 'args' does not belong here");
	done(&d);
	d = decode_n(machine, sizeof(machine) - 1, PAYLOAD_MACHINE);
	ok_str(d.p.machine.hostname, "a");
	done(&d);
	d = decode_n(process, sizeof(process) - 1, PAYLOAD_PROCESS);
	ok_int(d.p.process.nargs, 1);
	done(&d);
}

static void the_original(void)
{
	struct decoded d =
		decode("{\"Mounts\":[{\"Device\":\"/dev/vdb\",\"Target\":\"/data\","
		       "\"MType\":\"ext4\",\"Options\":\"ro\"}],\"Args\":[\"/bin/sh\",\"\"]}");

	tap_case("I4: the keys of the original");
	ok_int(d.r, 0);
	ok_int(d.p.machine.nmounts, 1);
	ok_str(d.p.machine.mount[0].device, "/dev/vdb");
	ok_str(d.p.machine.mount[0].target, "/data");
	ok_str(d.p.machine.mount[0].mtype, "ext4");
	ok_str(d.p.machine.mount[0].options, "ro");
	ok_int(d.p.process.nargs, 2);
	ok_str(d.p.process.args[0], "/bin/sh");
	ok_str(d.p.process.args[1], "");
	ok(!d.p.process.args[2]);
	done(&d);
	tap_case("I4: keys in any case");
	accepted("{\"ARGS\":[\"a\"],\"No-New-Privs\":true,\"RLimits\":{\"NOFILE\":1}}");
}

static void everything(void)
{
	struct decoded d = decode(
		"{\"root\":\"disk0\",\"root-mode\":\"rw\",\"fstype\":\"ext4\","
		"\"devices\":{\"disk0\":\"/dev/vda\",\"d\":\"/dev/mapper/x\"},"
		"\"mounts\":[{\"device\":\"t\",\"target\":\"/t\",\"mtype\":\"\"}],"
		"\"hostname\":\"build\",\"network\":{\"address\":\"10.0.2.15/24\","
		"\"gateway\":\"10.0.2.2\",\"address6\":\"fec0::15/64\",\"gateway6\":\"fec0::2\","
		"\"nameserver\":\"10.0.2.3\"},\"args\":[\"a\"],"
		"\"env\":{\"Z\":\"\",\"A\":\"x=y\"},\"cwd\":\"/src\",\"user\":\"1:2\",\"umask\":\"027\","
		"\"rlimits\":{\"nofile\":1024,\"core\":\"unlimited\",\"stack\":[1,\"unlimited\"]},"
		"\"no-new-privs\":true,\"tty\":true,\"exec\":false}");
	const struct payload_machine *m = &d.p.machine;
	const struct payload_process *p = &d.p.process;

	tap_case("I4: every key arrives");
	if (!ok_int(d.r, 0))
		bail_out(d.e.msg);
	ok_str(m->root, "disk0");
	ok_int(m->root_mode, ROOT_RW);
	ok_str(m->fstype, "ext4");
	ok_int(m->ndevices, 2);
	ok_str(m->device[0].serial, "disk0");
	ok_str(m->device[0].node, "/dev/vda");
	ok_str(m->device[1].serial, "d");
	ok_str(m->device[1].node, "/dev/mapper/x");
	ok_int(m->nmounts, 1);
	ok_str(m->mount[0].mtype, "");
	ok(!m->mount[0].options);
	ok_str(m->hostname, "build");
	ok_str(m->network.address, "10.0.2.15/24");
	ok_str(m->network.gateway, "10.0.2.2");
	ok_str(m->network.address6, "fec0::15/64");
	ok_str(m->network.gateway6, "fec0::2");
	ok_str(m->network.nameserver, "10.0.2.3");
	ok_int(p->nargs, 1);
	ok_int(p->nenv, 2);
	ok_str(p->env[0], "Z=");
	ok_str(p->env[1], "A=x=y");
	ok(!p->env[2]);
	ok_str(p->cwd, "/src");
	ok_str(p->user, "1:2");
	ok(p->has_umask);
	ok_int(p->umask, 027);
	ok_int(p->nrlimits, 3);
	ok_int(p->rlimit[0].resource, RLIMIT_NOFILE);
	ok_int(p->rlimit[0].limit.rlim_cur, 1024);
	ok_int(p->rlimit[0].limit.rlim_max, 1024);
	ok(p->rlimit[1].limit.rlim_cur == RLIM_INFINITY);
	ok(p->rlimit[1].limit.rlim_max == RLIM_INFINITY);
	ok_int(p->rlimit[2].limit.rlim_cur, 1);
	ok(p->rlimit[2].limit.rlim_max == RLIM_INFINITY);
	ok(p->no_new_privs && p->tty && !p->exec);
	done(&d);
}

static void args_and_base64(void)
{
	struct decoded d = decode("{\"args\":[{\"base64\":\"/w==\"},{\"Base64\":\"_w\"},"
				  "{\"base64\":\"\"},\"\\u00e9\\ud83d\\ude00\\n\",\" b\"]}");

	tap_case("I4: args: both alphabets, padding optional; I9: bytes and escapes");
	ok_int(d.r, 0);
	ok_int(d.p.process.nargs, 5);
	ok_str(d.p.process.args[0], "\xff");
	ok_str(d.p.process.args[1], "\xff");
	ok_str(d.p.process.args[2], "");
	ok_str(d.p.process.args[3], "\xc3\xa9\xf0\x9f\x98\x80\n");
	ok_str(d.p.process.args[4], " b");
	done(&d);

	tap_case("I8: args: refusals");
	refused("{\"args\":[]}", "args: offset 8: empty");
	refused("{\"args\":[\"\"]}", "args: offset 9: the command is empty");
	refused("{\"args\":[{\"base64\":\"\"}]}", "args: offset 19: the command is empty");
	refused("{\"args\":[\"a\\u0000b\"]}", "args: offset 11: NUL in a string");
	refused("{\"args\":[\"\\ud800\"]}", "args: offset 10: half of a surrogate pair");
	refused("{\"args\":[\"\xff\"]}", "args: offset 10: not UTF-8");
	refused("{\"args\":[\"a\",]}", "args: offset 13: a value is expected");
	refused("{\"args\":[\"a\" \"b\"]}", "args: offset 13: ',' or ']' is expected");
	refused("{\"args\":[{}]}", "args: offset 9: key 'base64' is missing");
	refused("{\"args\":[{\"base64\":1}]}", "args: base64: offset 19: a string is wanted");
	refused("{\"args\":[{\"base64\":{\"base64\":\"YQ\"}}]}",
		"args: base64: offset 19: a string is wanted");
	refused("{\"args\":[{\"base64\":\"A\"}]}", "args: base64: offset 19: not base64");
	refused("{\"args\":[{\"base64\":\"QR==\"}]}", "args: base64: offset 19: not base64");
	refused("{\"args\":[{\"base64\":\"AA\"}]}", "args: base64: offset 19: NUL in the bytes");
	refused("{\"args\":[{\"base64\":\"YQBi\"}]}", "args: base64: offset 19: NUL in the bytes");
	refused("{\"args\":[{\"base64\":\"YQ\",\"base64\":\"YQ\"}]}",
		"args: offset 24: key 'base64' stands here twice");
	refused("{\"args\":[{\"hex\":\"61\"}]}", "args: offset 10: unknown key 'hex'");

	d = decode("{\"cwd\":{\"base64\":\"L_8\"},\"umask\":{\"base64\":\"Nw\"}}");
	tap_case("I4: base64 wherever a string stands");
	ok_int(d.r, 0);
	ok_str(d.p.process.cwd, "/\xff");
	ok_int(d.p.process.umask, 7);
	done(&d);
}

static void env(void)
{
	struct decoded d = decode("{\"env\":{}}");

	tap_case("I4: env: an empty one is not none");
	ok_int(d.r, 0);
	ok(d.p.process.env && !d.p.process.env[0]);
	done(&d);

	d = decode(
		"{\"env\":{\"C\":\"1\",\"\\u00e9\":{\"base64\":\"_w\"},\"A\":\"\",\"AA\":\"=\",\"a\":\"2\"}}");
	tap_case("I9: env: in the order of the text; names differ by case");
	ok_int(d.p.process.nenv, 5);
	ok_str(d.p.process.env[0], "C=1");
	ok_str(d.p.process.env[1], "\xc3\xa9=\xff");
	ok_str(d.p.process.env[2], "A=");
	ok_str(d.p.process.env[3], "AA==");
	ok_str(d.p.process.env[4], "a=2");
	done(&d);

	tap_case("I8: env: refusals");
	refused("{\"env\":{\"\":\"1\"}}", "env: offset 8: a name is empty or has a '='");
	refused("{\"env\":{\"A=B\":\"1\"}}", "env: offset 8: a name is empty or has a '='");
	refused("{\"env\":{\"=\":\"1\"}}", "env: offset 8: a name is empty or has a '='");
	refused("{\"env\":{\"A\\u0000\":\"1\"}}", "env: offset 10: NUL in a string");
	refused("{\"env\":{\"A\":\"1\",\"A\":\"2\"}}", "env: offset 7: name 'A' stands here twice");
	refused("{\"env\":{\"A\":\"1\",\"B\":\"1\",\"A-\":\"\",\"\\u0041\":\"1\"}}",
		"env: offset 7: name 'A' stands here twice");
}

static void machine_values(void)
{
	tap_case("I8: machine: refusals");
	refused("{\"root\":\"\"}", "root: offset 8: empty");
	refused("{\"fstype\":\"\"}", "fstype: offset 10: empty");
	refused("{\"root-mode\":\"RO\"}", "root-mode: offset 13: neither overlay nor ro nor rw");
	refused("{\"root-mode\":\"\"}", "root-mode: offset 13: neither overlay nor ro nor rw");
	refused("{\"hostname\":\"\"}", "hostname: offset 12: empty");
	refused("{\"network\":\"user\"}", "network: offset 11: neither none nor an object");
	refused("{\"network\":\"\"}", "network: offset 11: neither none nor an object");
	refused("{\"network\":{}}", "network: offset 13: address or address6 is missing");
	refused("{\"network\":{\"nameserver\":\"1\"}}",
		"network: offset 29: address or address6 is missing");
	refused("{\"network\":{\"address\":\"1\",\"gateway6\":\"2\"}}",
		"network: offset 41: a gateway without an address");
	refused("{\"network\":{\"address6\":\"1\",\"gateway\":\"2\"}}",
		"network: offset 41: a gateway without an address");
	refused("{\"network\":{\"address\":\"\"}}", "network: address: offset 22: empty");
	refused("{\"network\":{\"mac\":\"1\"}}", "network: offset 12: unknown key 'mac'");
	tap_case("N2: network");
	accepted("{\"network\":\"none\"}");
	accepted("{\"network\":{\"address\":\"1\"}}");
	accepted("{\"Network\":{\"ADDRESS6\":\"1\",\"gateway6\":\"2\",\"nameserver\":\"3\"}}");
	tap_case("I4: root-mode");
	accepted("{\"root-mode\":\"overlay\"}");
	accepted("{\"root-mode\":\"ro\"}");
	accepted("{\"root-mode\":\"rw\"}");
	tap_case("I8: mounts: device, target and mtype must be there");
	refused("{\"mounts\":[{}]}", "mounts: offset 13: device, target or mtype is missing");
	refused("{\"mounts\":[{\"device\":\"a\",\"target\":\"b\"}]}",
		"mounts: offset 38: device, target or mtype is missing");
	refused("{\"mounts\":[{\"target\":\"\"}]}", "mounts: target: offset 21: empty");
	refused("{\"mounts\":[{\"device\":\"\"}]}", "mounts: device: offset 21: empty");
}

static void devices(void)
{
	static const char *const bad[] = {
		"",	    "vda",	   "/dev",	   "/dev/",
		"/devvda",  "/dev//vda",   "/dev/vda/",	   "/dev/.",
		"/dev/..",  "/dev/../vda", "/dev/a/../b",  "/dev/a/./b",
		"/dev/a b", "/dev/a\\nb",  "/dev/\\u00e9", "dev/vda",
		"/DEV/vda", "/dev/a,b",	   "/dev/a'b",	   " /dev/vda",
	};
	static const char *const good[] = {
		"/dev/vda", "/dev/sr0", "/dev/mapper/a-b_c.d",	  "/dev/...",
		"/dev/..a", "/dev/.a",	"/dev/disk/by-id/x:0@1+2"
	};
	char text[128];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		tap_case("I8: devices: only nodes below /dev");
		snprintf(text, sizeof(text), "{\"devices\":{\"s\":\"%s\"}}", bad[i]);
		refused(text, "devices: offset 16: not /dev/NAME");
	}
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		tap_case("I4: devices: nodes below /dev");
		snprintf(text, sizeof(text), "{\"devices\":{\"s\":\"%s\"}}", good[i]);
		accepted(text);
	}
	tap_case("I8: devices: serials and nodes are different");
	refused("{\"devices\":{\"s\":\"/dev/a\",\"s\":\"/dev/b\"}}",
		"devices: offset 25: serial 's' stands here twice");
	refused("{\"devices\":{\"s\":\"/dev/a\",\"t\":\"/dev/a\"}}",
		"devices: offset 29: another device has this node");
	accepted("{\"devices\":{\"s\":\"/dev/a\",\"S\":\"/dev/b\"}}");
	tap_case("I8: devices: a serial at its limit and one past");
	refused("{\"devices\":{\"\":\"/dev/a\"}}",
		"devices: offset 12: a serial has 1 to 20 bytes");
	accepted("{\"devices\":{\"12345678901234567890\":\"/dev/a\"}}");
	refused("{\"devices\":{\"123456789012345678901\":\"/dev/a\"}}",
		"devices: offset 12: a serial has 1 to 20 bytes");
}

static void process_values(void)
{
	tap_case("I8: process: refusals");
	refused("{\"cwd\":\"\"}", "cwd: offset 7: not an absolute path");
	refused("{\"cwd\":\"src\"}", "cwd: offset 7: not an absolute path");
	refused("{\"user\":\"\"}", "user: offset 8: empty");
	refused("{\"umask\":\"\"}", "umask: offset 9: empty");
	refused("{\"umask\":\"1000\"}", "umask: offset 9: not octal digits up to 0777");
	refused("{\"umask\":\"8\"}", "umask: offset 9: not octal digits up to 0777");
	refused("{\"umask\":\"-1\"}", "umask: offset 9: not octal digits up to 0777");
	refused("{\"umask\":\"77777777777777777777\"}",
		"umask: offset 9: not octal digits up to 0777");
	refused("{\"umask\":22}", "umask: offset 9: a string is wanted");
	tap_case("I4: umask");
	accepted("{\"umask\":\"0777\"}");
	accepted("{\"umask\":\"0\"}");
	tap_case("I8: rlimits: refusals");
	refused("{\"rlimits\":{\"RLIMIT_NOFILE\":1}}",
		"rlimits: offset 12: unknown limit 'RLIMIT_NOFILE'");
	refused("{\"rlimits\":{\"core\":1,\"Core\":1}}",
		"rlimits: offset 21: limit 'core' stands here twice");
	refused("{\"rlimits\":{\"core\":-1}}",
		"rlimits: core: offset 19: the number is out of range");
	refused("{\"rlimits\":{\"core\":9223372036854775808}}",
		"rlimits: core: offset 19: the number is out of range");
	refused("{\"rlimits\":{\"core\":1.5}}", "rlimits: core: offset 19: an integer is wanted");
	refused("{\"rlimits\":{\"core\":\"1\"}}",
		"rlimits: core: offset 19: neither a number nor unlimited");
	refused("{\"rlimits\":{\"core\":null}}", "rlimits: core: offset 19: a string is wanted");
	refused("{\"rlimits\":{\"core\":[]}}", "rlimits: core: offset 19: less than [soft, hard]");
	refused("{\"rlimits\":{\"core\":[1]}}", "rlimits: core: offset 20: less than [soft, hard]");
	refused("{\"rlimits\":{\"core\":[1,2,3]}}",
		"rlimits: core: offset 24: more than [soft, hard]");
	refused("{\"rlimits\":{\"core\":[2,1]}}", "rlimits: core: offset 22: soft is above hard");
	refused("{\"rlimits\":{\"core\":[\"unlimited\",1]}}",
		"rlimits: core: offset 32: soft is above hard");
	tap_case("I4: rlimits: all of them at once");
	accepted("{\"rlimits\":{\"as\":1,\"core\":1,\"cpu\":1,\"data\":1,\"fsize\":1,\"locks\":1,"
		 "\"memlock\":1,\"msgqueue\":1,\"nice\":1,\"nofile\":1,\"nproc\":1,\"rss\":1,"
		 "\"rtprio\":1,\"rttime\":1,\"sigpending\":1,\"stack\":9223372036854775807}}");
}

/* head, n times item with commas between, tail. */
static char *many(const char *head, const char *item, size_t n, const char *tail)
{
	struct buf b = { 0 };
	int r = buf_adds(&b, head);

	for (size_t i = 0; i < n && r == 0; i++) {
		if (i)
			r = buf_addc(&b, ',');
		if (r == 0)
			r = buf_adds(&b, item);
	}
	if (r < 0 || buf_adds(&b, tail) < 0)
		bail_out("out of memory");
	return b.p;
}

static void limit(const char *head, const char *item, size_t max, const char *tail,
		  const char *sentence)
{
	char *text = many(head, item, max, tail);
	struct decoded d = decode(text);

	if (!ok_int(d.r, 0))
		tap_show("said", d.e.msg);
	done(&d);
	free(text);
	text = many(head, item, max + 1, tail);
	d = decode(text);
	ok_int(d.r, -EINVAL);
	ok(strstr(d.e.msg, sentence));
	done(&d);
	free(text);
}

static void limits(void)
{
	char *text;
	struct decoded d;

	tap_case("I31: mounts at the limit and one past");
	limit("{\"mounts\":[", "{\"device\":\"a\",\"target\":\"/b\",\"mtype\":\"c\"}",
	      PAYLOAD_MOUNTS, "]}", ": more than 64");
	tap_case("I31: args at the limit and one past");
	limit("{\"args\":[\"a\",", "\"\"", PAYLOAD_STRINGS - 1, "]}", ": more than 524288");

	/* Names that differ are too long to reach the limit, so what is past it is what is told. */
	tap_case("I31: env at the limit and one past");
	text = many("{\"env\":{", "\"A\":\"\"", PAYLOAD_STRINGS, "}}");
	d = decode(text);
	ok_str(d.e.msg, "env: offset 7: name 'A' stands here twice");
	done(&d);
	free(text);
	text = many("{\"env\":{", "\"A\":\"\"", PAYLOAD_STRINGS + 1, "}}");
	d = decode(text);
	ok_str(d.e.msg, "env: offset 3670024: more than 524288");
	done(&d);
	free(text);
}

static void device_limit(void)
{
	cleanup_buf struct buf b = { 0 };

	for (size_t n = PAYLOAD_DEVICES; n <= PAYLOAD_DEVICES + 1; n++) {
		struct decoded d;

		b.len = 0;
		for (size_t i = 0; i < n; i++) {
			if (buf_addf(&b, "%s\"s%zu\":\"/dev/x%zu\"", i ? "," : "{\"devices\":{", i,
				     i) < 0)
				bail_out("out of memory");
		}
		if (buf_adds(&b, "}}") < 0)
			bail_out("out of memory");
		d = decode(b.p);
		tap_case("I31: devices at the limit and one past");
		ok_int(d.r, n > PAYLOAD_DEVICES ? -EINVAL : 0);
		if (n > PAYLOAD_DEVICES)
			ok(strstr(d.e.msg, ": more than 64"));
		else
			ok_int(d.p.machine.ndevices, PAYLOAD_DEVICES);
		done(&d);
	}
}

static void hostname_limit(void)
{
	char text[128];

	tap_case("I8: hostname at the limit and one past");
	snprintf(text, sizeof(text), "{\"hostname\":\"%064d\"}", 0);
	accepted(text);
	snprintf(text, sizeof(text), "{\"hostname\":\"%065d\"}", 0);
	refused(text, "hostname: offset 12: longer than 64 bytes");
}

/* As many names as fit, each with a long beginning in common with all others or hardly any. */
static void many_names_take_no_long(void)
{
	static const char *const heads[] = { "", "0123456789012345678901234567890123456789" };

	for (size_t h = 0; h < ARRAY_SIZE(heads); h++) {
		cleanup_buf struct buf b = { 0 };
		struct decoded d;
		size_t n = 0;

		if (buf_adds(&b, "{\"env\":{\"A\":\"\"") < 0)
			bail_out("out of memory");
		while (b.len < PAYLOAD_MAX - 100) {
			if (buf_addf(&b, ",\"%s%zx\":\"\"", heads[h], n++) < 0)
				bail_out("out of memory");
		}
		if (buf_adds(&b, "}}") < 0)
			bail_out("out of memory");
		d = decode_n(b.p, b.len, PAYLOAD_BOTH);
		tap_case("I8: 4 MiB of names are looked through in time");
		if (!ok_int(d.r, 0))
			tap_show("said", d.e.msg);
		ok_int(d.p.process.nenv, n + 1);
		done(&d);
	}
}

static void size_limit(void)
{
	char *text = malloc(PAYLOAD_MAX + 1);
	struct decoded d;

	if (!text)
		bail_out("out of memory");
	memset(text, ' ', PAYLOAD_MAX + 1);
	memcpy(text, "{}", 2);
	tap_case("I2: a payload at the limit and one past");
	d = decode_n(text, PAYLOAD_MAX, PAYLOAD_BOTH);
	ok_int(d.r, 0);
	done(&d);
	d = decode_n(text, PAYLOAD_MAX + 1, PAYLOAD_BOTH);
	ok_int(d.r, -EFBIG);
	ok_str(d.e.msg, "the payload has more than 4194304 bytes");
	done(&d);
	free(text);
}

/* A payload of one argument that is n bytes long. */
static int encode_one(size_t n, char fill, struct buf *out, struct err *e)
{
	char *arg = malloc(n + 1);
	const char *args[] = { "a", arg, NULL };
	struct payload p = { .process = { .args = args, .nargs = 2 } };
	int r;

	if (!arg)
		bail_out("out of memory");
	memset(arg, fill, n);
	arg[n] = '\0';
	r = payload_encode(&p, PAYLOAD_BOTH, out, e);
	free(arg);
	return r;
}

static void encode_refuses(void)
{
	cleanup_buf struct buf b = { 0 };
	struct err e = { 0 };
	const size_t frame = strlen("{\"args\":[\"a\",\"\"]}");

	tap_case("I2: encode: a payload at the limit and one past");
	ok_int(encode_one(PAYLOAD_MAX - frame, 'x', &b, &e), 0);
	ok_int(b.len, PAYLOAD_MAX);
	b.len = 0;
	ok_int(encode_one(PAYLOAD_MAX - frame + 1, 'x', &b, &e), -EFBIG);
	ok_str(e.msg, "the payload has more than 4194304 bytes");
	ok_int(b.len, 0);
	ok_int(encode_one(PAYLOAD_MAX / 4 * 3, '\xff', &b, &e), -EFBIG);
	ok_int(b.len, 0);
}

static void encode_fails(struct payload p, const char *sentence)
{
	cleanup_buf struct buf b = { 0 };
	struct err e = { 0 };

	if (buf_adds(&b, "x") < 0)
		bail_out("out of memory");
	ok_int(payload_encode(&p, PAYLOAD_BOTH, &b, &e), -EINVAL);
	ok(strstr(e.msg, sentence));
	if (!strstr(e.msg, sentence))
		tap_show("said", e.msg);
	ok_str(b.p, "x");
}

static void encode_refuses_what_decode_would(void)
{
	const char *none[] = { NULL }, *empty[] = { "", NULL }, *bare[] = { "A", NULL };
	const char *twice[] = { "A=1", "B=1", "A=2", NULL }, *noname[] = { "=1", NULL };
	const char *bytes[] = { "\xff=1", NULL };

	tap_case("I8: encode refuses what decode would");
	encode_fails((struct payload){ .process = { .args = none } }, "args: offset 8: empty");
	encode_fails((struct payload){ .process = { .args = empty, .nargs = 1 } },
		     "the command is empty");
	encode_fails((struct payload){ .process = { .env = bare, .nenv = 1 } },
		     "env: entry 0 has no '='");
	encode_fails((struct payload){ .process = { .env = twice, .nenv = 3 } },
		     "name 'A' stands here twice");
	encode_fails((struct payload){ .process = { .env = noname, .nenv = 1 } },
		     "a name is empty");
	encode_fails((struct payload){ .process = { .env = bytes, .nenv = 1 } }, "not UTF-8");
	encode_fails((struct payload){ .process = { .cwd = "x" } }, "not an absolute path");
	encode_fails((struct payload){ .process = { .has_umask = true, .umask = 01000 } },
		     "not octal digits");
	encode_fails(
		(struct payload){ .process = { .nrlimits = 1, .rlimit = { { 99, { 1, 1 } } } } },
		"unknown limit 99");
	encode_fails(
		(struct payload){ .process = { .nrlimits = 1, .rlimit = { { 1, { 2, 1 } } } } },
		"soft is above hard");
	encode_fails(
		(struct payload){ .process = { .nrlimits = 1,
					       .rlimit = { { 1, { 1, RLIM_INFINITY - 1 } } } } },
		"out of range");
	encode_fails((struct payload){ .machine = { .hostname = "" } }, "hostname: ");
	encode_fails((struct payload){ .machine = { .ndevices = 1, .device = { { "s", "vda" } } } },
		     "not /dev/NAME");
}

static void encode_is_minimal(void)
{
	const char *args[] = { "a\"b\\c/\n\x01\x7f", "\xc3\xa9", "\xff", "", NULL };
	const char *vars[] = { "B=1=2", "A=\xff", NULL };
	struct payload p = {
		.machine = { .root = "r", .ndevices = 1, .device = { { "s", "/dev/vda" } } },
		.process = { .args = args,
			     .nargs = 4,
			     .env = vars,
			     .nenv = 2,
			     .exec = true,
			     .nrlimits = 2,
			     .rlimit = { { RLIMIT_CORE, { 0, RLIM_INFINITY } },
					 { RLIMIT_AS, { 5, 5 } } } },
	};
	static const char machine[] = "\"root\":\"r\",\"devices\":{\"s\":\"/dev/vda\"}";
	static const char process[] =
		"\"args\":[\"a\\\"b\\\\c/\\n\\u0001\x7f\",\"\xc3\xa9\",{\"base64\":\"_w\"},\"\"],"
		"\"env\":{\"B\":\"1=2\",\"A\":{\"base64\":\"_w\"}},"
		"\"rlimits\":{\"core\":[0,\"unlimited\"],\"as\":5},\"exec\":true";
	cleanup_buf struct buf b = { 0 };
	struct err e = { 0 };
	char want[512];

	tap_case(
		"I9: encode: nothing but what is not at its default, raw UTF-8, base64 for the rest");
	ok_int(payload_encode(&p, PAYLOAD_BOTH, &b, &e), 0);
	snprintf(want, sizeof(want), "{%s,%s}", machine, process);
	ok_str(b.p, want);
	tap_case("I4: encode: the halves asked for, behind what is there");
	ok_int(payload_encode(&p, PAYLOAD_MACHINE, &b, &e), 0);
	ok_int(payload_encode(&p, PAYLOAD_PROCESS, &b, &e), 0);
	snprintf(want, sizeof(want), "{%s,%s}{%s}{%s}", machine, process, machine, process);
	ok_str(b.p, want);
}

/* A seeded generator of payloads. What it gives out lives until reset(). */
static struct {
	uint64_t state;
	char *text[600];
	size_t n;
} gen;

static unsigned below(unsigned n)
{
	gen.state = gen.state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)((gen.state >> 33) % n);
}

static void reset(void)
{
	while (gen.n)
		free(gen.text[--gen.n]);
}

enum flavour { ASCII, UTF8, BYTES };

static size_t put_char(char *s, enum flavour f)
{
	static const char *const chars[] = { "\xc2\x80",	"\xc3\xa9",	"\xe2\x82\xac",
					     "\xed\x9f\xbf",	"\xef\xbf\xbf", "\xf0\x9f\x98\x80",
					     "\xf4\x8f\xbf\xbf" };
	const char *c = chars[below(ARRAY_SIZE(chars))];

	if (f == UTF8 && below(3) == 0) {
		memcpy(s, c, strlen(c));
		return strlen(c);
	}
	*s = (char)(1 + below(f == BYTES ? 255 : 127));
	return 1;
}

/* prefix and up to max characters. */
static char *some(const char *prefix, size_t max, enum flavour f)
{
	size_t n = strlen(prefix), count = below((unsigned)max + 1);
	char *s = malloc(n + 4 * count + 1);

	if (!s || gen.n == ARRAY_SIZE(gen.text))
		bail_out("out of memory");
	memcpy(s, prefix, n);
	while (count--)
		n += put_char(s + n, f);
	s[n] = '\0';
	gen.text[gen.n++] = s;
	return s;
}

static const char *maybe(const char *prefix, size_t max)
{
	return below(2) ? some(prefix, max, (enum flavour)below(3)) : NULL;
}

static void random_machine(struct payload_machine *m)
{
	char number[32];

	m->root = maybe("r", 30);
	m->root_mode = (enum root_mode)below(3);
	m->fstype = maybe("x", 10);
	m->hostname = maybe("h", 15);
	m->network.address = maybe("a", 10);
	m->network.address6 = maybe("b", 10);
	m->network.gateway = m->network.address ? maybe("c", 10) : NULL;
	m->network.gateway6 = m->network.address6 ? maybe("d", 10) : NULL;
	if (m->network.address || m->network.address6)
		m->network.nameserver = maybe("e", 10);
	m->ndevices = below(6);
	for (size_t i = 0; i < m->ndevices; i++) {
		snprintf(number, sizeof(number), "%zu", i);
		m->device[i].serial = some(number, 4, UTF8);
		snprintf(number, sizeof(number), "/dev/vd%zu", i);
		m->device[i].node = some(number, 0, ASCII);
	}
	for (size_t i = 0; i < m->ndevices; i++) { /* "1" + "1" and "11" are the same */
		for (size_t k = 0; k < i; k++) {
			if (same_text(m->device[i].serial, m->device[k].serial))
				m->ndevices = i;
		}
	}
	m->nmounts = below(4);
	for (size_t i = 0; i < m->nmounts; i++)
		m->mount[i] = (struct payload_mount){ some("d", 9, BYTES), some("/", 9, BYTES),
						      some("", 9, UTF8), maybe("", 30) };
}

static void random_process(struct payload_process *p, const char **args, const char **vars)
{
	static const rlim_t values[] = { 0, 1, 1024, INT64_MAX, RLIM_INFINITY };
	char name[48];

	p->args = below(8) ? args : NULL;
	p->nargs = p->args ? 1 + below(20) : 0;
	for (size_t i = 0; i < p->nargs; i++)
		args[i] = some(i ? "" : "c", below(20) ? 20 : 100 << 10, (enum flavour)below(3));
	args[p->nargs] = NULL;
	p->env = below(4) ? vars : NULL;
	p->nenv = p->env ? below(20) : 0;
	for (size_t i = 0; i < p->nenv; i++) {
		static const char *const names[] = {
			"A", "a", "LONG_NAME", "\xc3\xa9", "\n", "\""
		};

		snprintf(name, sizeof(name), "%s%zu=", names[below(ARRAY_SIZE(names))], i);
		vars[i] = some(name, 20, (enum flavour)below(3));
	}
	vars[p->nenv] = NULL;
	p->cwd = maybe("/", 20);
	p->user = maybe("0", 10);
	p->has_umask = below(2);
	p->umask = p->has_umask ? below(01000) : 0;
	p->nrlimits = below(5);
	for (size_t i = 0; i < p->nrlimits; i++) {
		rlim_t a = values[below(ARRAY_SIZE(values))], b = values[below(ARRAY_SIZE(values))];

		p->rlimit[i].resource = (int)(3 * i + below(3));
		p->rlimit[i].limit = (struct rlimit){ a < b ? a : b, a < b ? b : a };
	}
	p->no_new_privs = below(2);
	p->tty = below(2);
	p->exec = below(2);
}

static void round_trip(void)
{
	unsigned bad = 0, rounds = 400;

	gen.state = 20240229;
	for (unsigned i = 0; i < rounds; i++) {
		cleanup_buf struct buf b = { 0 }, again = { 0 };
		const char *args[32], *vars[32];
		struct payload p = { 0 };
		struct err e = { 0 };
		struct decoded d;

		random_machine(&p.machine);
		random_process(&p.process, args, vars);
		if (payload_encode(&p, PAYLOAD_BOTH, &b, &e) < 0) {
			tap_show("encode", e.msg);
			bad++;
		} else {
			d = decode_n(b.p, b.len, PAYLOAD_BOTH);
			bad += d.r < 0 || !payload_equal(&p, &d.p) ||
			       payload_encode(&d.p, PAYLOAD_BOTH, &again, &e) < 0 ||
			       strcmp(b.p, again.p);
			done(&d);
		}
		reset();
	}
	tap_case("I9: decode(encode(x)) = x, with any bytes and args of up to 100 KB");
	ok_int(bad, 0);
}

static void one_long_argument(void)
{
	static const char fill[] = { 'x', '"', '\x01', '\xff' };
	const size_t n = 200 << 10;

	for (size_t i = 0; i < sizeof(fill); i++) {
		cleanup_buf struct buf b = { 0 };
		struct err e = { 0 };
		struct decoded d;

		tap_case("I9: one argument of 200 KB");
		ok_int(encode_one(n, fill[i], &b, &e), 0);
		d = decode_n(b.p, b.len, PAYLOAD_BOTH);
		ok_int(d.r, 0);
		ok_int(d.p.process.nargs, 2);
		ok_int(strspn(d.p.process.args[1], (char[]){ fill[i], '\0' }), n);
		ok_int(strlen(d.p.process.args[1]), n);
		done(&d);
	}
}

static void strings_are_in_the_text(void)
{
	struct decoded d =
		decode("{\"args\":[\"a\",\"\\u0062\",{\"base64\":\"Yw\"}],\"cwd\":\"/x\","
		       "\"env\":{\"A\":\"1\",\"B\":{\"base64\":\"Mg\"}}}");
	const struct payload_process *p = &d.p.process;

	tap_case("I31: nothing is allocated but pointers");
	ok_int(d.r, 0);
	for (size_t i = 0; i < p->nargs; i++)
		ok(p->args[i] > d.text && p->args[i] < p->cwd);
	for (size_t i = 0; i < p->nenv; i++)
		ok(p->env[i] > p->cwd && p->env[i] < p->cwd + 60);
	ok(!p->pool);
	done(&d);
}

static void values_are_not_in_sentences(void)
{
	static const char *const secret[] = {
		"{\"root\":\"hunter2\",}",
		"{\"root-mode\":\"hunter2\"}",
		"{\"network\":\"hunter2\"}",
		"{\"cwd\":\"hunter2\"}",
		"{\"umask\":\"hunter2\"}",
		"{\"devices\":{\"a\":\"hunter2\"}}",
		"{\"args\":[\"hunter2\"\"\"]}",
		"{\"args\":[{\"base64\":\"hunter2*\"}]}",
		"{\"env\":{\"A\":\"hunter2\",\"A\":\"hunter2\"}}",
		"{\"rlimits\":{\"core\":\"hunter2\"}}",
		"{\"args\":[\"hunter2\"]}hunter2",
		"{\"tty\":\"hunter2\"}",
		"{\"hostname\":\"hunter2hunter2hunter2hunter2hunter2hunter2hunter2hunter2hunter2hunter2\"}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(secret); i++) {
		struct decoded d = decode(secret[i]);

		tap_case("I32: a value is never part of a sentence");
		ok_int(d.r, -EINVAL);
		if (!ok(!strstr(d.e.msg, "hunter")))
			tap_show("said", d.e.msg);
		done(&d);
	}
}

static void root_modes(void)
{
	enum root_mode m = ROOT_RO;

	tap_case("I11: names of the root modes");
	ok_str(payload_root_mode_name(ROOT_OVERLAY), "overlay");
	ok_str(payload_root_mode_name(ROOT_RO), "ro");
	ok_str(payload_root_mode_name(ROOT_RW), "rw");
	ok_int(payload_root_mode("tmpfs", &m), -EINVAL);
	ok_int(m, ROOT_RO);
	ok_int(payload_root_mode("rw", &m), 0);
	ok_int(m, ROOT_RW);
}

int main(void)
{
	the_object();
	wrong_types();
	halves();
	the_original();
	everything();
	args_and_base64();
	env();
	machine_values();
	devices();
	process_values();
	limits();
	device_limit();
	hostname_limit();
	many_names_take_no_long();
	size_limit();
	encode_refuses();
	encode_refuses_what_decode_would();
	encode_is_minimal();
	round_trip();
	one_long_argument();
	strings_are_in_the_text();
	values_are_not_in_sentences();
	root_modes();
	return tap_done();
}
