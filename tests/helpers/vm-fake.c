/* SPDX-License-Identifier: MIT */
/*
 * vm-fake QEMU-ARGS...: EXECVM_QEMU of a test. Instead of a machine it is one that does what
 * $VM_FAKE says, step by step, on the wire and the log that it is given; see execvm-wire(7). Its pid
 * is added to the file $VM_FAKE_PIDS. It ends with 0 after the last step, and when the wire ends.
 * Steps, separated by ";":
 *
 *   hello                   the host's first line is read and answered
 *   get-exec                everything is accepted until the command is to start
 *   start                   the same, and it does
 *   refuse STAGE ERRNO TEXT the command cannot start
 *   failed STAGE ERRNO TEXT a stage of the boot failed
 *   out TEXT, err TEXT      a line on stdout, on stderr
 *   many N                  N bytes on stdout, whatever the window says
 *   file PATH               its bytes on stdout, as many as the window takes
 *   get-eof                 waits for the end of stdin
 *   get-signal, get-size    waits for a signal, a new size of the window: a line on stdout
 *   exit KIND VALUE CORE    how the command ended: kind 0 or 1
 *   eow                     nothing more is read from stdin
 *   end                     the end of both channels: the next process may follow
 *   close                   the same, then waits for DISCONNECT
 *   serve                   answers whatever comes until DISCONNECT
 *   raw HEX                 these bytes on the wire
 *   junk N                  N bytes that mean nothing on the wire
 *   flood                   log messages on the wire for ever
 *   log TEXT, say TEXT      a line in the kernel's log, on our own stderr
 *   shut                    closes the wire
 *   nap MS, hang            does nothing, for ever
 *   quit N, die N           ends with status N, by signal N
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HELLO "execvm-wire 1\n"

enum { DISCONNECT = 1, DEBUG = 4, GLOBAL = 80, REQ_OK = 81, OPEN = 90, CONFIRM = 91, ADJUST = 93 };
enum { DATA = 94, CHAN_EOF = 96, CLOSE = 97, REQUEST = 98, CHAN_OK = 99, CHAN_FAIL = 100 };

static int wire = -1, klog = -1;
static uint8_t in[1 << 18], out[1 << 18]; /* one packet */
static uint32_t in_len, in_at, out_len;
static uint32_t peer[2]; /* the host's numbers of our channels: 0 session, 1 stderr */
static uint32_t room;	 /* the host's window of stdout */
static bool got_exec, got_eof, got_bye;
static char got_signal[16], got_size[32];

/* fields */

static uint32_t get_u32(void)
{
	uint32_t v = 0;

	for (int i = 0; i < 4 && in_at < in_len; i++)
		v = v << 8 | in[in_at++];
	return v;
}

static void get_text(char *to, size_t size)
{
	uint32_t n = get_u32();

	n = n < in_len - in_at ? n : in_len - in_at;
	snprintf(to, size, "%.*s", (int)n, (const char *)in + in_at);
	in_at += n;
}

static void put_u8(unsigned v)
{
	out[out_len++] = (uint8_t)v;
}

static void put_u32(uint32_t v)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		put_u8(v >> shift & 255);
}

static void put_bytes(const char *p, size_t n)
{
	put_u32((uint32_t)n);
	memcpy(out + out_len, p, n);
	out_len += (uint32_t)n;
}

/* packets */

static void write_all(const void *p, size_t n)
{
	const char *at = p;

	while (n) {
		ssize_t k = write(wire, at, n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			exit(0);
		at += k;
		n -= (size_t)k;
	}
}

static void read_all(void *p, size_t n)
{
	char *at = p;

	while (n) {
		ssize_t k = read(wire, at, n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			exit(0);
		at += k;
		n -= (size_t)k;
	}
}

static void begin(unsigned message)
{
	out_len = 4;
	put_u8(message);
}

static void send_packet(void)
{
	uint32_t n = out_len;

	out_len = 0;
	put_u32(n - 4);
	write_all(out, n);
}

static void say_on(unsigned message, int channel)
{
	begin(message);
	put_u32(peer[channel]);
	send_packet();
}

static void data(int channel, const char *p, size_t n)
{
	begin(DATA);
	put_u32(peer[channel]);
	put_bytes(p, n);
	send_packet();
}

static void request(const char *name)
{
	begin(REQUEST);
	put_u32(peer[0]);
	put_bytes(name, strlen(name));
	put_u8(0);
}

/* what the host says */

static void on_open(void)
{
	char type[64];
	int mine;

	get_text(type, sizeof(type));
	mine = strcmp(type, "session") != 0;
	peer[mine] = get_u32();
	if (!mine)
		room = get_u32();
	begin(CONFIRM);
	put_u32(peer[mine]);
	put_u32((uint32_t)mine);
	put_u32(mine ? 0 : 1 << 20);
	put_u32(1 << 17);
	send_packet();
}

static void on_request(void)
{
	char name[64];
	int channel = (int)get_u32() & 1;
	bool want;

	get_text(name, sizeof(name));
	want = in[in_at++];
	if (!strcmp(name, "exec@execvm"))
		got_exec = true; /* its answer is a step of its own */
	else if (want)
		say_on(CHAN_OK, channel);
	if (!strcmp(name, "signal"))
		get_text(got_signal, sizeof(got_signal));
	if (!strcmp(name, "window-change")) {
		uint32_t columns = get_u32();

		snprintf(got_size, sizeof(got_size), "%u %u", get_u32(), columns);
	}
}

static void on_global(void)
{
	char name[64];

	get_text(name, sizeof(name));
	if (!in[in_at])
		return;
	begin(REQ_OK);
	send_packet();
}

static void on_data(void)
{
	uint32_t n;

	get_u32();
	n = get_u32();
	begin(ADJUST);
	put_u32(peer[0]);
	put_u32(n);
	send_packet();
}

/* Of stdout alone: the other one is never used up here. */
static void on_adjust(void)
{
	if (get_u32() == 0)
		room += get_u32();
}

static void one_packet(void)
{
	read_all(in, 4);
	in_len = 4;
	in_at = 0;
	in_len = get_u32();
	if (in_len > sizeof(in))
		exit(4);
	read_all(in, in_len);
	in_at = 1;
	switch (in[0]) {
	case GLOBAL:
		on_global();
		break;
	case OPEN:
		on_open();
		break;
	case REQUEST:
		on_request();
		break;
	case DATA:
		on_data();
		break;
	case ADJUST:
		on_adjust();
		break;
	case CHAN_EOF:
		got_eof = true;
		break;
	case DISCONNECT:
		got_bye = true;
		break;
	default:
		break;
	}
}

/* steps */

static void hello(void)
{
	read_all(in, strlen(HELLO));
	write_all(HELLO, strlen(HELLO));
}

/* "STAGE ERRNO TEXT" behind the head of a request. */
static void put_failure(const char *words)
{
	char stage[32];
	unsigned code;
	int at;

	if (sscanf(words, "%31s %u %n", stage, &code, &at) < 2)
		exit(5);
	put_bytes(stage, strlen(stage));
	put_u32(code);
	put_bytes(words + at, strlen(words + at));
	send_packet();
}

static void get_exec(void)
{
	while (!got_exec)
		one_packet();
}

static void start(void)
{
	get_exec();
	got_exec = got_eof = false;
	say_on(CHAN_OK, 0);
}

static void refuse(const char *words)
{
	get_exec();
	got_exec = false;
	say_on(CHAN_FAIL, 0);
	request("exec-failed@execvm");
	put_failure(words);
}

static void failed(const char *words)
{
	begin(GLOBAL);
	put_bytes("failed@execvm", strlen("failed@execvm"));
	put_u8(0);
	put_failure(words);
}

static void line_on(int channel, const char *text)
{
	char line[1024];
	int n = snprintf(line, sizeof(line), "%s\n", text);

	data(channel, line, (size_t)n);
}

/* Waits until text is there, then it is a line on stdout. */
static void show(char *text)
{
	while (!text[0])
		one_packet();
	line_on(0, text);
	text[0] = '\0';
}

static void many(size_t n)
{
	static char block[1 << 16];

	memset(block, 'x', sizeof(block));
	while (n) {
		size_t k = n < sizeof(block) ? n : sizeof(block);

		data(0, block, k);
		n -= k;
	}
}

static void said_exit(const char *words)
{
	unsigned kind, value, core = 0;

	if (sscanf(words, "%u %u %u", &kind, &value, &core) < 2)
		exit(5);
	request("exit@execvm");
	put_u8(kind);
	put_u32(value);
	put_u8(core);
	put_u8(0);
	send_packet();
}

static void file(const char *path)
{
	static char block[1 << 15];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		exit(5);
	while ((n = read(fd, block, sizeof(block))) > 0) {
		while (room < (size_t)n)
			one_packet();
		room -= (uint32_t)n;
		data(0, block, (size_t)n);
	}
	close(fd);
}

static void end_all(void)
{
	for (int i = 1; i >= 0; i--) {
		say_on(CHAN_EOF, i);
		say_on(CLOSE, i);
	}
}

static void close_all(void)
{
	end_all();
	while (!got_bye)
		one_packet();
}

static void raw(const char *hex)
{
	unsigned byte;
	int n;

	for (; sscanf(hex, "%2x%n", &byte, &n) == 1; hex += n) {
		uint8_t c = (uint8_t)byte;

		write_all(&c, 1);
	}
}

static void junk(size_t n)
{
	uint64_t state = 0x9e3779b97f4a7c15u;

	while (n--) {
		uint8_t c;

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		c = (uint8_t)state;
		write_all(&c, 1);
	}
}

static void flood(void)
{
	for (;;) {
		begin(DEBUG);
		put_u8(0);
		put_bytes("again", 5);
		put_bytes("", 0);
		send_packet();
	}
}

static void die(int sig)
{
	signal(sig, SIG_DFL);
	kill(getpid(), sig);
}

static void nap(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static void hang(void)
{
	for (;;)
		pause();
}

/* Steps on the wire. */
static bool talk(const char *step, const char *rest)
{
	if (!strcmp(step, "hello")) {
		hello();
	} else if (!strcmp(step, "get-exec")) {
		get_exec();
	} else if (!strcmp(step, "start")) {
		start();
	} else if (!strcmp(step, "refuse")) {
		refuse(rest);
	} else if (!strcmp(step, "failed")) {
		failed(rest);
	} else if (!strcmp(step, "out") || !strcmp(step, "err")) {
		line_on(*step == 'e', rest);
	} else if (!strcmp(step, "many")) {
		many((size_t)atol(rest));
	} else if (!strcmp(step, "file")) {
		file(rest);
	} else if (!strcmp(step, "eow")) {
		request("eow@openssh.com");
		send_packet();
	} else if (!strcmp(step, "end")) {
		end_all();
	} else if (!strcmp(step, "get-eof")) {
		while (!got_eof)
			one_packet();
	} else if (!strcmp(step, "get-signal")) {
		show(got_signal);
	} else if (!strcmp(step, "get-size")) {
		show(got_size);
	} else if (!strcmp(step, "exit")) {
		said_exit(rest);
	} else if (!strcmp(step, "close")) {
		close_all();
	} else if (!strcmp(step, "serve")) {
		while (!got_bye)
			one_packet();
	} else {
		return false;
	}
	return true;
}

/* All others. */
static bool misbehave(const char *step, const char *rest)
{
	if (!strcmp(step, "raw"))
		raw(rest);
	else if (!strcmp(step, "junk"))
		junk((size_t)atol(rest));
	else if (!strcmp(step, "flood"))
		flood();
	else if (!strcmp(step, "log"))
		dprintf(klog, "%s\n", rest);
	else if (!strcmp(step, "say"))
		dprintf(2, "%s\n", rest);
	else if (!strcmp(step, "shut"))
		close(wire);
	else if (!strcmp(step, "nap"))
		nap(atol(rest));
	else if (!strcmp(step, "hang"))
		hang();
	else if (!strcmp(step, "quit"))
		exit(atoi(rest));
	else if (!strcmp(step, "die"))
		die(atoi(rest));
	else
		return false;
	return true;
}

static int fd_of(int argc, char **argv, const char *what)
{
	for (int i = 1; i < argc; i++) {
		if (!strncmp(argv[i], what, strlen(what)))
			return atoi(argv[i] + strlen(what));
	}
	return -1;
}

static void note_pid(void)
{
	const char *path = getenv("VM_FAKE_PIDS");
	int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;

	if (fd < 0)
		return;
	dprintf(fd, "%d\n", getpid());
	close(fd);
}

int main(int argc, char **argv)
{
	const char *text = getenv("VM_FAKE");
	char *script = strdup(text ? text : "hang");
	char *save = NULL;

	note_pid();
	wire = fd_of(argc, argv, "socket,id=wire,fd=");
	klog = fd_of(argc, argv, "socket,id=log,fd=");
	signal(SIGPIPE, SIG_IGN);
	for (char *s = strtok_r(script, ";", &save); s; s = strtok_r(NULL, ";", &save)) {
		char *rest;

		s += strspn(s, " \t\n");
		rest = s + strcspn(s, " ");
		if (*rest)
			*rest++ = '\0';
		if (*s && !talk(s, rest) && !misbehave(s, rest)) {
			fprintf(stderr, "vm-fake: no step '%s'\n", s);
			return 5;
		}
	}
	return 0;
}
