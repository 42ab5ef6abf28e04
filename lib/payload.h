/* SPDX-License-Identifier: MIT */
/*
 * What the guest is told: the machine half once, the process half once per command. One JSON object
 * with keys of both; execvm-payload(5) is its definition. Both ends use this file.
 *
 * Strings are borrowed: after payload_decode() they point into the caller's JSON text, which is
 * decoded in place; before payload_encode() they are the caller's. Only the arrays are owned.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/macro.h"
#include "lib/proc.h"

#define PAYLOAD_MAX ((size_t)4 << 20) /* bytes of JSON */
#define PAYLOAD_MOUNTS 64u
#define PAYLOAD_DEVICES 64u
#define PAYLOAD_RLIMITS 16u
#define PAYLOAD_STRINGS ((size_t)1 << 19)   /* args, and env: what execve takes is not much more */
#define PAYLOAD_HOSTNAME 64u		    /* bytes: what the kernel keeps */
#define PAYLOAD_SERIAL 20u		    /* bytes: what virtio has room for */
#define PAYLOAD_DEBUG "execvm.debug="	    /* on the kernel command line, 1: trace the stages */
#define PAYLOAD_TEMPLATE "execvm.template=" /* 1: this machine is to be frozen before it is told */
#define PAYLOAD_PARAM "execvm.payload="	    /* on the kernel command line, base64 follows */

enum root_mode { ROOT_OVERLAY, ROOT_RO, ROOT_RW };

struct payload_mount {
	const char *device, *target, *mtype, *options; /* options may be NULL */
};

struct payload_device {
	const char *serial; /* virtio serial, at most 20 bytes */
	const char *node;   /* "/dev/vda": the name that was asked for */
};

/* The one interface beside lo. All NULL: there is none. A name is text until init reads it. */
struct payload_network {
	const char *address;	/* "10.0.2.15/24" */
	const char *gateway;	/* "10.0.2.2", or NULL: no default route */
	const char *address6;	/* "fec0::15/64", or NULL */
	const char *gateway6;	/* "fec0::2", or NULL */
	const char *nameserver; /* for /etc/resolv.conf, or NULL: the root keeps its own */
};

struct payload_machine {
	const char *root; /* virtio serial or device node; NULL = stay in the initrd */
	enum root_mode root_mode;
	const char *fstype; /* NULL = probed */
	struct payload_device device[PAYLOAD_DEVICES];
	size_t ndevices;
	struct payload_mount mount[PAYLOAD_MOUNTS];
	size_t nmounts;
	const char *hostname; /* NULL = "execvm" */
	struct payload_network network;
};

struct payload_process {
	const char **args; /* owned array, NULL-terminated; NULL = none given */
	size_t nargs;
	const char **env; /* owned array of "K=V", NULL-terminated; NULL = none given */
	size_t nenv;
	const char *cwd;  /* NULL = "/" */
	const char *user; /* "U[:G]", names or numbers; NULL = 0:0 */
	bool has_umask;
	unsigned umask;
	struct proc_rlimit rlimit[PAYLOAD_RLIMITS];
	size_t nrlimits;
	bool no_new_privs, tty, exec;
	char *pool; /* owned; NULL as long as everything can be decoded in place */
};

struct payload {
	struct payload_machine machine;
	struct payload_process process;
};

/* Which halves may stand in the object. */
enum { PAYLOAD_MACHINE = 1, PAYLOAD_PROCESS = 2, PAYLOAD_BOTH = 3 };

/*
 * Reads n bytes of JSON into *p, whatever it held. text is changed and must live as long as *p. A
 * key of a half that is not in halves is refused. Returns 0, or -EINVAL (-EFBIG, -ENOMEM) with *p
 * empty and a sentence that has the offset and the key, and never a value: values may be secrets.
 *
 * Keys are the names of the fields with '-' for '_', in any case. Wherever a value is a string,
 * {"base64": "…"} may stand instead: any bytes but NUL. umask is a string of octal digits, at most
 * "0777"; rlimits are {"nofile": 1024, "core": "unlimited", "stack": [soft, hard]}.
 *
 * Allocates a pointer per element of args and env and nothing else: at most 2 * PAYLOAD_MAX.
 */
int payload_decode(char *text, size_t n, int halves, struct payload *p, struct err *e) must_check
	nonnull(1, 4, 5);

/*
 * Adds the JSON of the given halves; what is at its default is left out. Bytes that are not UTF-8
 * become {"base64": …}. payload_decode() of it gives the same values: what that would refuse (names
 * in env and devices that are not UTF-8, too) is refused here, with out as it was. Returns 0 or a
 * negative errno with a sentence.
 */
int payload_encode(const struct payload *p, int halves, struct buf *out, struct err *e) must_check
	nonnull(1, 3, 4);

/* Releases the arrays. */
void payload_free(struct payload *p) nonnull(1);

/* "overlay", "ro", "rw". payload_root_mode() returns -EINVAL for other text. */
const char *payload_root_mode_name(enum root_mode mode) must_check;
int payload_root_mode(const char *text, enum root_mode *mode) must_check nonnull(1, 2);
