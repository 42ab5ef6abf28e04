/* SPDX-License-Identifier: MIT */
/*
 * A runner answers one question: how do I run this argv with these three descriptors? One file
 * each, one table (runners.c).
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/argv.h"
#include "lib/err.h"
#include "lib/macro.h"
#include "lib/payload.h"
#include "lib/proc.h"

#define VM_SLOTS 23u	   /* virtio devices, with the serial port: virtio-mmio slots that work */
#define VM_DISKS 21u	   /* with the serial port and the root; a network takes one of them */
#define VM_DISKS_NOACPI 6u /* our profile (acpi=off) has 8 slots */
#define VM_SHARES 21u	   /* -v and --mount: they take slots as disks do */
#define VM_COPIES 64u	   /* --in, and as many --out */
#define VM_MEMORY_MIN ((uint64_t)48 << 20)  /* bytes; less never boots */
#define VM_MEMORY_MAX ((uint64_t)512 << 30) /* bytes; what the host has is checked as well */
#define VM_MEMORY_DEFAULT ((uint64_t)256 << 20)
#define VM_CPUS_MAX 64u
#define VM_CONFIG_MAX ((size_t)4 << 20) /* bytes of a machine description */

#define VM_PUBLISH 32u	/* ports */
#define VM_TMPFS 32u	/* of the 64 mounts that a machine can be told */
#define VM_NAME_MAX 64u /* bytes: it becomes a part of an address of 108 */

enum vm_accel { ACCEL_AUTO, ACCEL_KVM, ACCEL_TCG };

/* A directory of the host in the guest. */
struct vm_share {
	char *source;  /* owned, absolute and without links once it was checked */
	char *target;  /* owned, absolute path in the guest */
	bool readonly; /* enforced on the host's side */
	unsigned line; /* of the description that names it; 0 = an option */
};

/* A file or a directory that is copied: in before the command, or out after it. */
struct vm_copy {
	char *host;    /* owned */
	char *guest;   /* owned, absolute */
	char *digest;  /* owned; what it has to be (archive/digest.h), or NULL */
	unsigned line; /* of the description that names it; 0 = an option */
};

/* The first is what nobody has said anything about; config_plan() leaves one of the others. */
enum vm_network { NETWORK_UNSAID, NETWORK_NONE, NETWORK_USER, NETWORK_PASST };

/* A port of this host that leads to one of the guest. */
struct vm_publish {
	struct in_addr addr;
	uint16_t host, guest; /* host byte order */
	bool udp;
};

struct vm_tmpfs {
	char *target;  /* owned, absolute */
	char *options; /* owned, for mount(8) */
};

struct vm_disk {
	char *file;   /* owned, absolute or relative to the caller's directory */
	char *node;   /* owned, "/dev/vda" */
	char *digest; /* owned; what it has to be, or NULL */
	bool readonly;
};

/* The complete plan of a run: everything that config file and options said, checked. */
struct vm_spec {
	char *runner; /* owned; "vm" */
	char *kernel; /* owned; NULL = kernel_find() */
	char *initrd; /* owned; NULL = generated */
	char *kernel_digest, *initrd_digest,
		*root_digest; /* owned; what they have to be, or NULL */
	char *append;	      /* owned; further kernel parameters, or NULL */
	char *root;	      /* owned; image file, or NULL */
	bool root_host;	      /* the root is the host's own "/", never changed */
	char *image_digest;   /* owned; of that image; NULL until it was found */
	bool image_pinned;    /* it was named by it */
	char *image; /* owned; name of an image, or NULL; root is that one's when it was found */
	enum root_mode root_mode;
	struct vm_disk disk[VM_DISKS];
	size_t ndisks;
	struct vm_share share[VM_SHARES]; /* sorted by target: what is above is mounted first */
	size_t nshares;
	struct vm_copy in[VM_COPIES], out[VM_COPIES]; /* in the order in which they happen */
	size_t nin, nout;
	bool strict;  /* everything that goes in is named by its digest */
	char *record; /* owned; where to say what the run was, or NULL */
	struct vm_tmpfs tmpfs[VM_TMPFS];
	size_t ntmpfs;
	enum vm_network network;
	struct vm_publish publish[VM_PUBLISH];
	size_t npublish;
	uint64_t memory; /* bytes */
	unsigned cpus;
	unsigned cpus_milli; /* a fraction was said: thousandths of a CPU; 0 = whole ones */
	bool memory_said, cpus_said;
	enum vm_accel accel;
	bool warm;	     /* start from a machine that was frozen when it had booted */
	char *name;	     /* owned, or NULL; no two runs of a user have the same */
	char *hostname;	     /* owned, or NULL */
	uint64_t timeout_ms; /* 0 = none */
	char *host;	     /* owned; where ssh goes, or NULL */
	struct argv wrap;    /* what stands in front of the command, for the runner wrap */
	struct argv options; /* further words for the program that the runner starts */
	bool no_stdin;
	bool tty;
	struct argv args;
	struct argv env;    /* "K=V", sorted by K, each K once */
	bool env_inherited; /* some came from our own environment */
	bool env_private;   /* some came from -e or --env-file: never on the command line */
	char *cwd;	    /* owned, or NULL = "/" */
	char *user;	    /* owned, or NULL */
	bool has_umask;	    /* the following come from a config file only */
	unsigned umask;
	/* how it is run, not what */
	bool dry_run, show_append, boot_log, timings, debug;
};

void vm_spec_free(struct vm_spec *s) nonnull(1);

/*
 * Is the image (or NULL) taken for a qcow2? By its name, never by its contents: a guest could write
 * such a header into a raw image, with a file of the host as its base, which the next run would
 * then read.
 */
bool vm_is_qcow2(const char *path) must_check;

const char *vm_accel_name(enum vm_accel a) must_check;

bool vm_has_network(const struct vm_spec *s) must_check nonnull(1);

/* Virtio devices that the machine has: serial port, root, disks, network. At most VM_SLOTS. */
size_t vm_slots(const struct vm_spec *s) must_check nonnull(1);

/*
 * Finds s->image: its root becomes s->root, and its config is what holds where the plan says nothing
 * (env by name; args: entrypoint and cmd, when there are none at all).
 */
int spec_image(struct vm_spec *s, struct err *e) must_check nonnull(1, 2);

/*
 * What can be asked of a runner beside an argv, three descriptors, an environment and a directory.
 * What it cannot do is refused by name, never left out in silence. What describes a machine and
 * nothing else (kernel, initrd, accel) is for the runner vm; the others do not look at it.
 */
enum runner_can {
	CAN_IMAGE = 1 << 0,	 /* --image */
	CAN_ROOT = 1 << 1,	 /* --root, --disk */
	CAN_SHARES = 1 << 2,	 /* -v, --mount */
	CAN_COPIES = 1 << 3,	 /* --in, --out */
	CAN_NETWORK = 1 << 4,	 /* --network none and user, -p */
	CAN_PASST = 1 << 5,	 /* --network passt */
	CAN_TMPFS = 1 << 6,	 /* --tmpfs */
	CAN_READ_ONLY = 1 << 7,	 /* --read-only */
	CAN_ROOT_RW = 1 << 8,	 /* --root-mode rw */
	CAN_LIMITS = 1 << 9,	 /* --memory, --cpus */
	CAN_FRACTIONS = 1 << 10, /* --cpus 1.5 */
	CAN_USER = 1 << 11,	 /* --user */
	CAN_TTY = 1 << 12,	 /* --tty */
	CAN_HOSTNAME = 1 << 13,	 /* --hostname */
	CAN_NAME = 1 << 14,	 /* --name */
	CAN_RECORD = 1 << 15,	 /* --strict, --record */
	CAN_HOST = 1 << 16,	 /* --host */
	CAN_WRAP = 1 << 17,	 /* --wrap */
	CAN_OPTIONS = 1 << 18,	 /* --option */
	CAN_APPEND = 1 << 19,	 /* --show-append */
	CAN_ALL = (1 << 20) - 1,
};

struct runner {
	const char *name;
	const char *summary;	 /* one line for --help and `doctor` */
	unsigned can;		 /* of enum runner_can */
	unsigned needs;		 /* of it: what must have been said */
	bool own_command;	 /* without a command, that of the image is run */
	const char *program;	 /* what has to be installed for it, or NULL */
	const char *program_env; /* a variable that names another one of the same words, or NULL */
	const char *chain; /* where the command finds execvm, by path or PATH; NULL: this program */
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
extern const struct runner runner_docker;
extern const struct runner runner_slurm;
extern const struct runner runner_ssh;
extern const struct runner runner_wrap;

/* All of them, ending with a NULL; the default is the first. */
extern const struct runner *const runners[];

/* NULL when there is none of that name. */
const struct runner *runner_find(const char *name) must_check nonnull(1);

/* The names, as a sentence needs them: "vm, local, void". Valid until the next call. */
const char *runner_names(void) must_check;

/* The program that it starts: $program_env, program, or NULL when there is none. */
const char *runner_program(const struct runner *r) must_check nonnull(1);

/* Where a command of this plan finds execvm, for chains; NULL: this program. */
const char *runner_chain(const struct runner *r, const struct vm_spec *s) must_check nonnull(1, 2);

/* Is everything that the plan says something that the runner can do? Pure. */
int runner_check(const struct runner *r, const struct vm_spec *s, struct err *e) must_check
	nonnull(1, 2, 3);

/* Checks the plan, then runs it: the exit code, with a sentence in *e as above. */
int runner_run(const struct runner *r, const struct vm_spec *s, const struct proc_signals *entry,
	       int closed, struct err *e) must_check nonnull(1, 2, 3, 5);
