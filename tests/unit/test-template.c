/* SPDX-License-Identifier: MIT */
/* F2, F5, F6, F7, F8: what is frozen, where it is kept, and what QEMU's monitor may say about it. */
#include "runners/template.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/fd.h"
#include "lib/io.h"
#include "runners/qmp.h"
#include "runners/template-store.h"
#include "tests/tap.h"

#define STORE "execvm/templates/"

/* ---- which runs can be warm, and what of a plan is frozen ---- */

static struct vm_spec spec(void)
{
	return (struct vm_spec){ .memory = VM_MEMORY_DEFAULT, .cpus = 1, .warm = true };
}

/* Static: a kernel's paths are long. */
static struct qemu_facts facts;

static void make_file(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		bail_out(name);
	close(fd);
}

static void refusals(void)
{
	struct vm_spec s = spec();

	tap_case("F5: a plain run can be warm");
	ok(!template_refusal(&s, &facts));
	s.network = NETWORK_USER;
	s.nin = 1;
	ok(!template_refusal(&s, &facts));
	tap_case("F5: roots");
	s = spec();
	s.root = (char *)"root.img";
	ok_str(template_refusal(&s, &facts), "the root is no regular file");
	make_file("root.img");
	ok(!template_refusal(&s, &facts));
	s.root_mode = ROOT_RO;
	ok(!template_refusal(&s, &facts));
	s.root_mode = ROOT_RW;
	ok_str(template_refusal(&s, &facts), "root-mode rw: the image is changed");
	s.root_mode = ROOT_OVERLAY;
	s.root = (char *)"/dev/null";
	ok_str(template_refusal(&s, &facts), "the root is no regular file");
	s.root = (char *)".";
	ok_str(template_refusal(&s, &facts), "the root is no regular file");
	s.root = NULL;
	s.root_host = true;
	ok_str(template_refusal(&s, &facts), "the root is a directory of this host");
	s.root_host = false;
	s.root_mode = ROOT_RW;
	ok(!template_refusal(&s, &facts));
	tap_case("F5: words");
	s = spec();
	s.strict = true;
	ok_str(template_refusal(&s, &facts), "--strict: every input is read");
	s = spec();
	s.boot_log = true;
	ok_str(template_refusal(&s, &facts), "--boot-log: there is no boot to be shown");
}

static void counts(void)
{
	static const struct {
		unsigned disks, shares;
		bool large, warm;
	} rows[] = {
		{ 0, 0, false, true },	{ 2, 3, false, true }, { 3, 0, true, true },
		{ 0, 4, true, true },	{ 11, 9, true, true }, { 12, 0, true, false },
		{ 0, 10, true, false },
	};

	tap_case("F3, F5: how many disks and directories");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vm_spec s = spec();

		s.ndisks = rows[i].disks;
		s.nshares = rows[i].shares;
		ok_int(template_is_large(&s, &facts), rows[i].large);
		ok_int(!template_refusal(&s, &facts), rows[i].warm);
	}
}

static void what_is_the_runs_own_is_not_frozen(void)
{
	struct vm_spec s = spec(), frozen;

	tap_case("F2: what is the run's own is not frozen");
	s.ndisks = 2;
	s.nshares = 3;
	s.npublish = 1;
	s.network = NETWORK_USER;
	s.name = (char *)"name";
	s.root = (char *)"root.img";
	template_spec(&s, &frozen);
	ok(!frozen.ndisks && !frozen.nshares && !frozen.npublish && !frozen.name);
	ok_int(frozen.network, NETWORK_NONE);
	ok_str(frozen.root, "root.img");
	ok(frozen.memory == s.memory && frozen.cpus == s.cpus);
	ok_int(s.ndisks, 2);
}

/* ---- the store ---- */

static void names(void)
{
	char id[TEMPLATE_ID], other[TEMPLATE_ID], bad[TEMPLATE_BAD];

	tap_case("F2: names");
	template_id("abc", id);
	ok_str(id, "ba7816bf8f01"); /* sha256sum */
	template_id("abd", other);
	ok(strcmp(id, other) != 0);
	template_bad(id, bad);
	ok_str(bad, "templates/ba7816bf8f01.bad");
}

/* Makes one of this shape, by the steps that a run takes. */
static int make(const char *shape, size_t size)
{
	struct template_files f = TEMPLATE_FILES_INIT;
	char id[TEMPLATE_ID];
	json_t *about = json_pack("{s:s}", "kernel", "k");
	struct err e = { 0 };
	int r;

	template_id(shape, id);
	r = template_begin(id, &f, &e);
	if (r == 0 &&
	    (ftruncate(f.memory, (off_t)size) < 0 || io_write_all(f.state, "state", 5) < 0))
		bail_out("write");
	if (r == 0)
		r = template_commit(id, &f, shape, about, &e);
	json_decref(about);
	template_close(&f);
	return r;
}

static bool there(const char *name)
{
	struct stat st;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), STORE "%s", name);
	return lstat(path, &st) == 0;
}

static int open_one(const char *shape)
{
	struct template_files f = TEMPLATE_FILES_INIT;
	struct err e = { 0 };
	int r = template_open(shape, &f, &e);

	if (r == 0 && (f.dir < 0 || f.memory < 0 || f.state < 0))
		r = -EBADF;
	if (r < 0 && (f.dir >= 0 || f.memory >= 0 || f.state >= 0 || !e.msg[0]))
		r = -EIO;
	template_close(&f);
	return r;
}

static void life(void)
{
	struct template_files f = TEMPLATE_FILES_INIT;
	struct err e = { 0 };
	char id[TEMPLATE_ID];

	tap_case("F7: what has no name yet does not count");
	template_id("one", id);
	ok_int(open_one("one"), -ENOENT);
	ok_int(template_begin(id, &f, &e), 0);
	ok(there("7692c3ad3540.new/memory") && there("7692c3ad3540.new/state"));
	ok_int(open_one("one"), -ENOENT);
	template_close(&f);
	ok_int(template_begin(id, &f, &e), 0); /* what another left */
	template_close(&f);
	template_abort(id);
	ok(!there("7692c3ad3540.new"));
	template_abort(id);
	tap_case("F7: what has its name is complete");
	ok_int(make("one", 5000), 0);
	ok(!there("7692c3ad3540.new") && there("7692c3ad3540/about.json"));
	ok_int(open_one("one"), 0);
	ok_int(open_one("One"), -ENOENT);
	ok_int(open_one("one"), 0);
	tap_case("F7: a second one of the same name does not take the place of the first");
	ok(make("one", 6000) < 0);
	template_abort(id);
	ok_int(open_one("one"), 0);
	tap_case("F6: who drops one drops that and no other");
	ok_int(template_open("one", &f, &e), 0);
	template_drop(id, &f);
	ok(!there(id));
	ok_int(make("one", 7000), 0);
	template_drop(id, &f);
	ok(there(id));
	template_close(&f);
	ok_int(open_one("one"), 0);
}

/* Each makes one that is no good any more; it is removed when it is looked at. */
static void damage(void)
{
	static const struct {
		const char *name, *command;
	} rows[] = {
		{ "memory is shorter", "truncate -s 4000 memory" },
		{ "memory is longer", "truncate -s 6000 memory" },
		{ "memory was written", "echo x | dd of=memory conv=notrunc status=none" },
		{ "state was written", "echo x | dd of=state conv=notrunc status=none" },
		{ "memory is gone", "rm memory" },
		{ "state is gone", "rm state" },
		{ "memory is a link", "mv memory ../m; ln -s ../m memory" },
		{ "state is a directory", "rm state; ln -s /etc state" },
		{ "about.json is gone", "rm about.json" },
		{ "about.json is empty", ": >about.json" },
		{ "about.json is an array", "echo '[]' >about.json" },
		{ "about.json is garbage", "head -c 10000 /dev/urandom >about.json" },
		{ "about.json is too much",
		  "head -c 2000000 /dev/zero | tr '\\0' ' ' >about.json" },
		{ "about.json says nothing", "echo '{}' >about.json" },
		{ "the shape is a number", "sed -i 's/\"two\"/2/' about.json" },
		{ "the shape is another one", "sed -i 's/\"two\"/\"twO\"/' about.json" },
		{ "a size is text", "sed -i 's/: 5000/: \"5000\"/' about.json" },
	};
	char id[TEMPLATE_ID], line[300];

	template_id("two", id);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		tap_case(rows[i].name);
		ok_int(make("two", 5000), 0);
		ok_int(open_one("two"), 0);
		/* A time that is not the one of its making, on a clock that ticks 250 times a second. */
		snprintf(line, sizeof(line), "sleep 0.01; cd " STORE "%s && %s", id,
			 rows[i].command);
		if (system(line) != 0) // NOLINT(cert-env33-c): a fixed text, in a test
			bail_out(rows[i].command);
		ok_int(open_one("two"), -ENOENT);
		ok(!there(id));
		if (system("rm -rf " STORE "m " STORE "*.new") != 0) // NOLINT(cert-env33-c)
			bail_out("rm");
	}
}

static void locks(void)
{
	struct err e = { 0 };
	cleanup_close int r = -1;
	cleanup_close int w = -1;
	uint64_t begin;
	int one, other;

	tap_case("F7: one has the lock");
	one = template_lock("000000000001", 0, -1, &e);
	ok(one >= 0);
	begin = clock_ms();
	ok_int(template_lock("000000000001", 100, -1, &e), -EAGAIN);
	ok(clock_ms() - begin >= 100);
	ok(strstr(e.msg, "is being made by another run") != NULL);
	tap_case("F7: of another template somebody else has it");
	other = template_lock("000000000002", 0, -1, &e);
	ok(other >= 0);
	close(other);
	tap_case("F7: who is told to stop does not wait");
	if (fd_pipe(&r, &w, 0) < 0 || write(w, "x", 1) != 1)
		bail_out("pipe");
	begin = clock_ms();
	ok_int(template_lock("000000000001", 20000, r, &e), -EINTR);
	ok(clock_ms() - begin < 10000);
	tap_case("F7: it is free when its holder has gone");
	close(one);
	one = template_lock("000000000001", 0, r, &e);
	ok(one >= 0);
	close(one);
}

static void removal(void)
{
	struct template_list l;
	struct err e = { 0 };
	char removed[TEMPLATE_ID] = "", id[TEMPLATE_ID];
	uint64_t bytes;
	size_t n;
	int lock;

	tap_case("F8: the least recently used go first");
	ok_int(template_prune(0, NULL, &n, &bytes, &e), 0);
	ok_int(template_ls(&l, &e), 0);
	ok_int(l.n, 0);
	template_list_free(&l);
	for (const char *const *s = (const char *const[]){ "a", "b", "c", NULL }; *s; s++) {
		const struct timespec when[2] = { { 1000 - **s, 0 }, { 1000 - **s, 0 } };
		char path[PATH_MAX];

		ok_int(make(*s, 100), 0);
		template_id(*s, id);
		snprintf(path, sizeof(path), STORE "%s", id);
		if (utimensat(AT_FDCWD, path, when, 0) < 0)
			bail_out("utimensat");
	}
	ok_int(template_ls(&l, &e), 0);
	ok_int(l.n, 3);
	template_id("a", id);
	ok(l.n == 3 && !strcmp(l.at[0].id, id) && l.at[0].used > l.at[1].used &&
	   l.at[1].used > l.at[2].used && json_is_object(l.at[0].about));
	bytes = l.n ? l.at[0].bytes : 0;
	template_list_free(&l);
	ok_int(template_prune(bytes * 2, NULL, &n, &bytes, &e), 0);
	ok_int(n, 1);
	ok_int(open_one("c"), -ENOENT);
	tap_case("F8: one that is used is not the next to go");
	ok_int(open_one("b"), 0);
	ok_int(template_prune(bytes, NULL, &n, &bytes, &e), 0);
	ok_int(n, 1);
	ok(!there(id));
	tap_case("F8: what was just made stays, whatever the limit");
	template_id("b", id);
	ok_int(template_prune(0, id, &n, &bytes, &e), 0);
	ok_int(n, 0);
	ok(there(id));
	tap_case("F7: what is being made is not removed, and what nobody makes is");
	if (mkdir(STORE "000000000001.new", 0700) < 0)
		bail_out("mkdir");
	lock = template_lock("000000000001", 0, -1, &e);
	ok_int(template_prune(UINT64_MAX, NULL, &n, &bytes, &e), 0);
	ok(there("000000000001.new"));
	close(lock);
	ok_int(template_prune(UINT64_MAX, NULL, &n, &bytes, &e), 0);
	ok(!there("000000000001.new"));
	tap_case("F8: rm");
	ok_int(template_rm("zzz", removed, &e), -ENOENT);
	ok_int(template_rm("", removed, &e), -ENOENT);
	ok_str(removed, "");
	ok_int(template_rm("3e23e8", removed, &e), 0); /* of "b" */
	ok_str(removed, id);
}

static void limits(void)
{
	struct err e = { 0 };
	uint64_t n = 0;

	tap_case("F8: EXECVM_TEMPLATE_LIMIT");
	unsetenv("EXECVM_TEMPLATE_LIMIT");
	ok(template_limit(&n, &e) == 0 && n == TEMPLATE_LIMIT_DEFAULT);
	setenv("EXECVM_TEMPLATE_LIMIT", "3M", 1);
	ok(template_limit(&n, &e) == 0 && n == 3 << 20);
	setenv("EXECVM_TEMPLATE_LIMIT", "0", 1);
	ok(template_limit(&n, &e) == 0 && n == 0);
	setenv("EXECVM_TEMPLATE_LIMIT", "-1", 1);
	ok_int(template_limit(&n, &e), -EINVAL);
	setenv("EXECVM_TEMPLATE_LIMIT", "9999999999G", 1);
	ok_int(template_limit(&n, &e), -EINVAL);
}

/* ---- the monitor ---- */

struct monitor {
	int theirs;
	struct qmp q;
};

static void monitor_open(struct monitor *m, uint64_t ms)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		bail_out("socketpair");
	m->theirs = ends[1];
	m->q = (struct qmp){ .fd = ends[0], .until = clock_ms() + ms, .stop = -1 };
}

static void monitor_close(struct monitor *m)
{
	close(m->q.fd);
	if (m->theirs >= 0)
		close(m->theirs);
	qmp_free(&m->q);
}

static void says(struct monitor *m, const char *text)
{
	if (io_write_all(m->theirs, text, strlen(text)) < 0)
		bail_out("write");
}

/* What is awaited from a monitor that says this, and then no more. */
static void awaits(const char *text, const char *event, int want, const char *why)
{
	struct monitor m;
	struct err e = { 0 };

	monitor_open(&m, 60000);
	says(&m, text);
	close(take_fd(&m.theirs));
	ok_int(qmp_await(&m.q, event, NULL, &e), want);
	if (why)
		ok_str(e.msg, why);
	monitor_close(&m);
}

static void words(void)
{
	tap_case("F6: what is waited for");
	awaits("{\"QMP\": {}}\r\n{\"return\": {}}\r\n", NULL, 0, "");
	awaits("{\"return\": {}}\n{\"event\": \"STOP\"}\n{\"event\": \"RESUME\"}\n", "RESUME", 0,
	       "");
	awaits("{\"event\": \"RESUME\"}\n{\"return\": 5}\n", NULL, 0, "");
	tap_case("F6: what is not");
	awaits("", NULL, -EPIPE, "QEMU has ended");
	awaits("{\"event\": \"RESUME\"}", "RESUME", -EPIPE, NULL);
	awaits("{\"return\": {}}\n", "RESUME", -EPIPE, NULL);
	awaits("{\"event\": \"RESUMED\"}\n{\"event\": 5}\n{\"event\": null}\n{}\n", "RESUME",
	       -EPIPE, NULL);
	awaits("{\"event\": \"RESUME\"}\n", NULL, -EPIPE, NULL);
	tap_case("F6: a command that failed, whatever is waited for");
	awaits("{\"error\": {\"class\": \"GenericError\", \"desc\": \"no such device\"}}\n", NULL,
	       -EREMOTEIO, "QEMU: no such device");
	awaits("{\"error\": {\"desc\": \"no\"}}\n{\"event\": \"RESUME\"}\n", "RESUME", -EREMOTEIO,
	       "QEMU: no");
	awaits("{\"error\": {}}\n", NULL, -EREMOTEIO, "QEMU: a command failed");
	awaits("{\"error\": 5}\n", NULL, -EREMOTEIO, "QEMU: a command failed");
	tap_case("F6: no JSON");
	awaits("qemu-system-x86_64: help\n", NULL, -EPROTO, "QEMU's monitor says no JSON");
	awaits("\n", NULL, -EPROTO, NULL);
	awaits("[]\n", NULL, -EPROTO, NULL);
	awaits("{\"return\": {}} x\n", NULL, -EPROTO, NULL);
	awaits("{\"return\": \xff}\n", NULL, -EPROTO, NULL);
}

static void bytes(void)
{
	static const char text[] =
		"{\"QMP\": 1}\n{\"event\": \"VSERPORT_CHANGE\", \"data\": {\"open\": true}}\n";
	struct monitor m;
	struct err e = { 0 };
	json_t *data = NULL;
	unsigned early = 0;

	tap_case("F6: a byte at a time");
	monitor_open(&m, 60000);
	for (const char *p = text; *p; p++) {
		m.q.until = clock_ms() + (p[1] ? 1 : 60000);
		if (write(m.theirs, p, 1) != 1)
			bail_out("write");
		if (p[1] && qmp_await(&m.q, "VSERPORT_CHANGE", &data, &e) != -ETIMEDOUT)
			early++;
	}
	ok_int(early, 0);
	ok_int(qmp_await(&m.q, "VSERPORT_CHANGE", &data, &e), 0);
	ok(json_is_true(json_object_get(data, "open")));
	json_decref(data);
	tap_case("F6: one answer for each that is waited for, in their order");
	says(&m, "{\"return\": 1}\n{\"return\": 2}\n{\"return\"");
	ok_int(qmp_await(&m.q, NULL, NULL, &e), 0);
	ok_int(qmp_await(&m.q, NULL, NULL, &e), 0);
	ok_str(m.q.in.p, "{\"return\"");
	says(&m, ": 3}\n");
	ok_int(qmp_await(&m.q, NULL, NULL, &e), 0);
	ok_int(m.q.in.len, 0);
	tap_case("F6: an event without data");
	data = NULL;
	says(&m, "{\"event\": \"RESUME\"}\n");
	ok_int(qmp_await(&m.q, "RESUME", &data, &e), 0);
	ok(!data);
	monitor_close(&m);
}

static void silence(void)
{
	struct monitor m;
	struct err e = { 0 };
	cleanup_close int r = -1;
	cleanup_close int w = -1;
	uint64_t begin = clock_ms();

	tap_case("F6: silence");
	monitor_open(&m, 50);
	says(&m, "{\"QMP\": {}}\n{\"ret");
	ok_int(qmp_await(&m.q, NULL, NULL, &e), -ETIMEDOUT);
	ok_str(e.msg, "QEMU's monitor is silent");
	ok(clock_ms() - begin >= 50 && clock_ms() - begin < 5000);
	tap_case("F6: told to stop");
	if (fd_pipe(&r, &w, 0) < 0 || write(w, "x", 1) != 1)
		bail_out("pipe");
	m.q.until = clock_ms() + 60000;
	m.q.stop = r;
	ok_int(qmp_await(&m.q, NULL, NULL, &e), -EINTR);
	monitor_close(&m);
}

/* More than any answer is: who writes it is not QEMU. */
static void endless(void)
{
	static char much[1 << 16];
	struct monitor m;
	struct err e = { 0 };
	size_t sent = 0;
	int r = -ETIMEDOUT;

	tap_case("F6: a line without an end");
	monitor_open(&m, 0);
	memset(much, ' ', sizeof(much));
	while (r == -ETIMEDOUT && sent < 8u << 20) {
		if (io_write_all(m.theirs, much, sizeof(much)) < 0)
			bail_out("write");
		sent += sizeof(much);
		/* Reads all that there is, then waits. */
		m.q.until = clock_ms() + 20;
		r = qmp_await(&m.q, NULL, NULL, &e);
	}
	ok_int(r, -EMSGSIZE);
	ok(sent <= 2u << 20);
	ok_str(e.msg, "QEMU's monitor");
	monitor_close(&m);
}

static void sending(void)
{
	struct monitor m;
	struct err e = { 0 };
	char got[64] = "";
	char room[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { got, sizeof(got) - 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = room,
			      .msg_controllen = sizeof(room) };
	const struct cmsghdr *c;

	tap_case("F6: a command, and a descriptor with it");
	monitor_open(&m, 1000);
	ok_int(qmp_send(&m.q, "{\"execute\":\"x\"}", -1, &e), 0);
	ok(recvmsg(m.theirs, &msg, 0) > 0);
	ok_str(got, "{\"execute\":\"x\"}");
	ok(!CMSG_FIRSTHDR(&msg));
	msg.msg_controllen = sizeof(room);
	ok_int(qmp_send(&m.q, "{\"execute\":\"y\"}", STDIN_FILENO, &e), 0);
	ok(recvmsg(m.theirs, &msg, MSG_CMSG_CLOEXEC) > 0);
	ok_str(got, "{\"execute\":\"y\"}");
	c = CMSG_FIRSTHDR(&msg);
	ok(c && c->cmsg_type == SCM_RIGHTS);
	if (c) {
		int fd;

		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
		close(fd);
	}
	tap_case("F6: nobody listens");
	close(take_fd(&m.theirs));
	ok_int(qmp_send(&m.q, "{}", -1, &e), -EPIPE);
	ok_str(e.msg, "QEMU's monitor: Broken pipe");
	monitor_close(&m);
}

int main(void)
{
	char cwd[PATH_MAX];

	if (!getcwd(cwd, sizeof(cwd)))
		bail_out("getcwd");
	setenv("XDG_CACHE_HOME", cwd, 1);
	refusals();
	counts();
	what_is_the_runs_own_is_not_frozen();
	names();
	life();
	damage();
	locks();
	removal();
	limits();
	words();
	bytes();
	silence();
	endless();
	sending();
	return tap_done();
}
