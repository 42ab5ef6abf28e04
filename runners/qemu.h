/* SPDX-License-Identifier: MIT */
/* struct vm_spec and what was found on the host -> QEMU argv. Pure, golden-tested. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/argv.h"
#include "lib/err.h"
#include "lib/macro.h"
#include "runners/kernel.h"
#include "runners/runner.h"
#include "runners/stdin-file.h"

#define QEMU_CMDLINE_MAX                                                                           \
	2047u /* bytes of kernel command line on x86-64, with what QEMU adds; at 2048
				* the kernel hangs without a word */

/* A machine boots; or boots to be frozen; or goes on from where one was frozen. */
enum qemu_start { QEMU_BOOT, QEMU_FREEZE, QEMU_RESTORE };

/*
 * Devices of a machine that is frozen: what a run may want at most. The small set fits in the slots
 * of a machine without ACPI, with serial port and network.
 */
#define QEMU_DISKS_SMALL 3u /* the root is one */
#define QEMU_SHARES_SMALL 3u
#define QEMU_DISKS_LARGE 12u
#define QEMU_SHARES_LARGE 9u

/* What the plan is put together with: facts of this host and descriptors of this run. */
struct qemu_facts {
	const char *program; /* "qemu-system-x86_64" or a path */
	struct kernel kernel;
	const char *initrd; /* path, may be /proc/self/fd/N */
	enum qemu_start start;
	bool large;	  /* not QEMU_BOOT: the large set of devices */
	bool kvm;	  /* the accelerator, decided */
	uint64_t tsc_khz; /* measured; 0 = unknown or not needed */
	int wire_fd;	  /* QEMU's end of the wire; survives exec */
	int log_fd;	  /* QEMU's end of the kernel log */
	int net_fd;	  /* QEMU's end of the link to passt, or -1 */
	int control_fd;	  /* not QEMU_BOOT: QEMU's end of its monitor */
	int memory_fd,
		state_fd; /* not QEMU_BOOT: the guest's memory; what QEMU_RESTORE reads; or -1 */
	const struct stdin_file *stdin_disk; /* stdin as a disk; borrowed, or NULL */
	const char *root_format;	     /* "raw" or "qcow2" for the root; disks are raw */
	bool uart;	       /* the kernel log comes by the serial port, from its first line on */
	bool privileged;       /* files of shares may belong to anybody */
	const char *virtiofsd; /* shares take virtiofs; NULL = 9p */
	int root_fd, share_fd[VM_SHARES]; /* virtiofs: QEMU's ends, as wire_fd */
	const char *payload;		  /* base64url, or NULL: it takes the wire */
};

/* Id of the port that is the wire, in QEMU's events; not QEMU_BOOT. */
#define QEMU_WIRE_ID "wire"

/* Serial of the root disk and of disk i: what init finds them by. */
#define QEMU_ROOT_SERIAL "root"
void qemu_disk_serial(size_t i, char out[21]) nonnull(2);

#define QEMU_TAG 26 /* bytes, with the NUL */

/* Tag of share i; that of the host's root is QEMU_ROOT_SERIAL. */
void qemu_share_tag(size_t i, char out[QEMU_TAG]) nonnull(2);

/*
 * The kernel command line as the guest will see it, without what QEMU adds. *budget_left gets the
 * bytes that are left of QEMU_CMDLINE_MAX with QEMU's additions counted (negative = over).
 */
int qemu_append(const struct vm_spec *s, const struct qemu_facts *f, struct buf *out,
		int *budget_left) must_check nonnull(1, 2, 3, 4);

/* The whole argv. -E2BIG with a sentence when the command line is over its budget. */
int qemu_argv(const struct vm_spec *s, const struct qemu_facts *f, struct argv *out,
	      struct err *e) must_check nonnull(1, 2, 3, 4);
