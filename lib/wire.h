/* SPDX-License-Identifier: MIT */
/*
 * Packets of the host-guest channel: encode and decode, no I/O. A packet is uint32 length (of what
 * follows), one byte message number, fields. Numbers are big-endian, a string is uint32 length and
 * bytes: RFC 4251 section 5; messages: RFC 4254 and, for DISCONNECT and DEBUG, RFC 4253 section 11.
 * The names with @execvm are ours: execvm-wire(7).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/macro.h"
#include "lib/proc.h"

#define WIRE_HELLO "execvm-wire 1\n" /* first bytes, each way */
#define WIRE_HELLO_LEN (sizeof(WIRE_HELLO) - 1)

#define WIRE_DATA_MAX ((size_t)128 << 10)  /* bytes of stream in one CHANNEL_DATA */
#define WIRE_DATA_HEAD 13u		   /* length, number, channel, string length */
#define WIRE_PIECE_MAX ((size_t)64 << 10)  /* bytes in one payload@execvm */
#define WIRE_PAYLOAD_MAX ((size_t)4 << 20) /* bytes of one payload half */
#define WIRE_CONTROL_MAX                                                                           \
	(WIRE_PIECE_MAX + 256) /* any packet that is not CHANNEL_DATA, with its length */
#define WIRE_ENTROPY 64u       /* bytes in boot@execvm */
#define WIRE_PORT "execvm"     /* name of the virtio-serial port */

enum wire_msg {
	WIRE_DISCONNECT = 1,
	WIRE_IGNORE = 2,
	WIRE_DEBUG = 4,
	WIRE_GLOBAL_REQUEST = 80,
	WIRE_REQUEST_SUCCESS = 81,
	WIRE_REQUEST_FAILURE = 82,
	WIRE_CHANNEL_OPEN = 90,
	WIRE_OPEN_CONFIRMATION = 91,
	WIRE_OPEN_FAILURE = 92,
	WIRE_WINDOW_ADJUST = 93,
	WIRE_CHANNEL_DATA = 94,
	WIRE_CHANNEL_EOF = 96,
	WIRE_CHANNEL_CLOSE = 97,
	WIRE_CHANNEL_REQUEST = 98,
	WIRE_CHANNEL_SUCCESS = 99,
	WIRE_CHANNEL_FAILURE = 100,
};

/* Requests and channel types. */
#define WIRE_BOOT "boot@execvm"
#define WIRE_FAILED "failed@execvm" /* global, guest -> host: a boot stage failed */
#define WIRE_FINISH                                                                                \
	"finish@execvm" /* global, host -> guest: write back; answered when it is done */
#define WIRE_KEEPALIVE "keepalive@openssh.com"
#define WIRE_SESSION "session"
#define WIRE_STDERR "stderr@execvm"
#define WIRE_PAYLOAD "payload@execvm"
#define WIRE_EXEC "exec@execvm"
#define WIRE_EXEC_FAILED "exec-failed@execvm"
#define WIRE_PTY "pty-req"
#define WIRE_WINCH "window-change"
#define WIRE_SIGNAL "signal"
#define WIRE_EOW "eow@openssh.com"
#define WIRE_EXIT "exit@execvm"
#define WIRE_FILE "stdin-file@execvm"
#define WIRE_OFFSET "stdin-offset@execvm"

/* Writes fields into fixed memory. What does not fit sets overflow; it and all after it is dropped. */
struct wire_out {
	uint8_t *p;
	size_t n, cap;
	bool overflow;
};
void wire_put_u8(struct wire_out *o, uint8_t v) nonnull(1);
void wire_put_u32(struct wire_out *o, uint32_t v) nonnull(1);
void wire_put_u64(struct wire_out *o, uint64_t v) nonnull(1);
void wire_put_bytes(struct wire_out *o, const void *p, size_t n)
	nonnull(1); /* no length in front */
void wire_put_string(struct wire_out *o, const void *p, size_t n) nonnull(1);
void wire_put_text(struct wire_out *o, const char *s) nonnull(1, 2);

/* Starts a packet (room for its length) and, at the end, fills the length in. */
size_t wire_begin(struct wire_out *o, enum wire_msg msg) nonnull(1);
void wire_end(struct wire_out *o, size_t begin) nonnull(1);

/* Reads fields. What is not there sets bad; it and all after it reads as zero or empty. */
struct wire_in {
	const uint8_t *p;
	size_t n; /* bytes left */
	bool bad;
};
uint8_t wire_get_u8(struct wire_in *i) nonnull(1);
uint32_t wire_get_u32(struct wire_in *i) nonnull(1);
uint64_t wire_get_u64(struct wire_in *i) nonnull(1);
/* Borrowed from the input. */
const uint8_t *wire_get_string(struct wire_in *i, size_t *n) nonnull(1, 2);
/* The string as C text into out, NUL added; bad when it holds a NUL or does not fit. */
void wire_get_text(struct wire_in *i, char *out, size_t size) nonnull(1, 2);

/* The values of our own requests. Each decoder returns 0, or -EBADMSG unless it reads all of it. */
struct wire_boot {
	uint8_t entropy[WIRE_ENTROPY];
	uint64_t sec; /* wall clock of the host, seconds since 1970 */
	uint32_t nsec;
	const char *machine; /* JSON, borrowed, not terminated */
	size_t machine_len;  /* 0 = what the command line says */
};
void wire_put_boot(struct wire_out *o, const struct wire_boot *b) nonnull(1, 2);
int wire_get_boot(const void *p, size_t n, struct wire_boot *b) must_check nonnull(3);

#define WIRE_ERRNO_MAX 4095u /* as in the kernel */

/* failed@execvm and exec-failed@execvm. */
struct wire_failure {
	char stage[32];
	uint32_t code;	   /* errno, 1..WIRE_ERRNO_MAX */
	char operand[200]; /* what it was about: a path, a device, a sentence */
};
#define WIRE_FAILURE_MAX 256u /* bytes of one on the wire */
/* What does not fit is cut. */
void wire_failure_set(struct wire_failure *f, const char *stage, int code, const char *operand)
	nonnull(1, 2, 4);
void wire_put_failure(struct wire_out *o, const struct wire_failure *f) nonnull(1, 2);
int wire_get_failure(const void *p, size_t n, struct wire_failure *f) must_check nonnull(3);

struct wire_exit {
	struct proc_status status;
	bool oom; /* the kernel's out-of-memory killer did it */
};
void wire_put_exit(struct wire_out *o, const struct wire_exit *x) nonnull(1, 2);
int wire_get_exit(const void *p, size_t n, struct wire_exit *x) must_check nonnull(3);

/* pty-req (RFC 4254 section 6.2) and window-change (6.7). No terminal modes are sent; those of a
 * peer are skipped. */
struct wire_winsize {
	uint32_t cols, rows, xpixel, ypixel;
};
void wire_put_winsize(struct wire_out *o, const struct wire_winsize *w) nonnull(1, 2);
int wire_get_winsize(const void *p, size_t n, struct wire_winsize *w) must_check nonnull(3);
struct wire_pty {
	char term[64];
	struct wire_winsize size;
};
void wire_put_pty(struct wire_out *o, const struct wire_pty *t) nonnull(1, 2);
int wire_get_pty(const void *p, size_t n, struct wire_pty *t) must_check nonnull(3);

/* stdin-file@execvm: standard input is a regular file. */
struct wire_file {
	char serial[21];   /* of the disk that has it; "" = its bytes come as data */
	uint64_t size, at; /* bytes; where it is read from */
	uint64_t sec;	   /* when it was changed, seconds since 1970 */
	uint32_t nsec;
};
void wire_put_file(struct wire_out *o, const struct wire_file *f) nonnull(1, 2);
int wire_get_file(const void *p, size_t n, struct wire_file *f) must_check nonnull(3);

/* RFC 4254 section 6.10: signal names without "SIG". NULL or 0 = not one that may be sent. */
const char *wire_signal_name(int sig) must_check;
int wire_signal_number(const void *name, size_t n) must_check;
