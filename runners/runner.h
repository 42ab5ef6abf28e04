/* SPDX-License-Identifier: MIT */
/*
 * A runner answers one question: how do I run this argv with these three descriptors? One file
 * each, one table (runners.c).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/argv.h"
#include "lib/err.h"
#include "lib/macro.h"
#include "lib/payload.h"
#include "lib/proc.h"

#define VM_DISKS 21u	   /* with the root and the serial port: 23 virtio-mmio slots that work */
#define VM_DISKS_NOACPI 6u /* our profile (acpi=off) has 8 slots */
#define VM_MEMORY_MIN ((uint64_t)48 << 20)  /* bytes; less never boots */
#define VM_MEMORY_MAX ((uint64_t)512 << 30) /* bytes; what the host has is checked as well */
#define VM_MEMORY_DEFAULT ((uint64_t)256 << 20)
#define VM_CPUS_MAX 64u
#define VM_CONFIG_MAX ((size_t)4 << 20) /* bytes of a machine description */

enum vm_accel { ACCEL_AUTO, ACCEL_KVM, ACCEL_TCG };

struct vm_disk {
	char *file; /* owned, absolute or relative to the caller's directory */
	char *node; /* owned, "/dev/vda" */
	bool readonly;
};

/* The complete plan of a run: everything that config file and options said, checked. */
struct vm_spec {
	char *runner; /* owned; "vm" */
	char *kernel; /* owned; NULL = kernel_find() */
	char *initrd; /* owned; NULL = generated */
	char *append; /* owned; further kernel parameters, or NULL */
	char *root;   /* owned; image file, or NULL */
	char *image;  /* owned; name of an image, or NULL; root is that one's when it was found */
	enum root_mode root_mode;
	struct vm_disk disk[VM_DISKS];
	size_t ndisks;
	uint64_t memory; /* bytes */
	unsigned cpus;
	enum vm_accel accel;
	char *hostname;	     /* owned, or NULL */
	uint64_t timeout_ms; /* 0 = none */
	bool no_stdin;
	bool tty;
	struct argv args;
	struct argv env;  /* "K=V", sorted by K, each K once */
	bool env_private; /* some came from -e or --env-file: never on the command line */
	char *cwd;	  /* owned, or NULL = "/" */
	char *user;	  /* owned, or NULL */
	bool has_umask;	  /* the following come from a config file only */
	unsigned umask;
	/* how it is run, not what */
	bool dry_run, show_append, boot_log, timings, debug;
};

void vm_spec_free(struct vm_spec *s) nonnull(1);

/*
 * Finds s->image: its root becomes s->root, and its config is what holds where the plan says nothing
 * (env by name; args: entrypoint and cmd, when there are none at all).
 */
int spec_image(struct vm_spec *s, struct err *e) must_check nonnull(1, 2);

struct runner {
	const char *name;
	const char *summary; /* one line for --help and `doctor` */
	/*
	 * Runs s->args with fds 0, 1, 2 as they are (closed is a mask of those that were closed at
	 * entry) and entry's signal state. Returns the exit code; when it is execvm's own failure,
	 * 125 or what DESIGN says, with the sentence in *e (empty = already said by the command).
	 */
	int (*run)(const struct vm_spec *s, const struct proc_signals *entry, int closed,
		   struct err *e);
};

extern const struct runner runner_void;
extern const struct runner runner_local;
extern const struct runner runner_vm;

/* NULL when there is none of that name. */
const struct runner *runner_find(const char *name) must_check nonnull(1);
