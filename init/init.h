/* SPDX-License-Identifier: MIT */
/*
 * PID 1 of the guest. What it works on is one struct guest; what it does is the stage table of
 * cmd-init.c. A stage returns 0, or a negative errno with a sentence that names its operand; it
 * never exits and never prints. Nothing before the listen stage may depend on the run: that is
 * where a template is frozen.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/cmd.h"
#include "lib/err.h"
#include "lib/macro.h"
#include "lib/payload.h"
#include "lib/wire.h"

struct link;

struct guest {
	int argc; /* the words that PID 1 was started with */
	char **argv;
	struct link *link;	 /* the wire; NULL when the machine has no port */
	struct wire_boot boot;	 /* entropy and clock; machine points into machine_text */
	bool debug;		 /* the stages are traced in the kernel log */
	bool template;		 /* the machine is frozen before it is told what to do */
	bool booted;		 /* boot is there */
	bool rooted;		 /* the root was switched */
	struct buf line_text;	 /* the payload of the command line, decoded in place */
	struct buf machine_text; /* the machine half that came over the wire */
	struct payload line;	 /* what the command line says */
	struct payload told;	 /* the machine half from the wire */
	const struct payload_machine *machine; /* the one that counts */
	const struct payload_process *process; /* the command line's; NULL when it names none */
	bool root_writable; /* the root device is mounted read-write: power-off must clean it */
};

/* cmdline.c: pure. */

/*
 * Looks for a parameter with the kernel's quoting rules (double quotes hold blanks, no escapes) and
 * stops at the word "--". The last one wins. *value points into line, without the quotes. Returns
 * its length or -ENOENT. name has the '=' at its end.
 */
ssize_t cmdline_param(const char *line, const char *name, const char **value) must_check
	nonnull(1, 2, 3);

/* Adds the words behind "--" on the line, as the kernel gives them to PID 1. 0 or -ENOMEM. */
int cmdline_words(const char *line, struct argv *out) must_check nonnull(1, 2);

/*
 * What the machine was told on its command line: execvm.payload=, else the words of PID 1. words
 * is NULL-terminated. When they are what the kernel made of the line (bare words that it did not
 * know, then those behind "--"), only those behind "--" count. A single word that decodes to
 * something that begins with '{' is a payload, everything else is a command; a leading "--" is
 * skipped. text holds what out points to. With nothing told, *out is empty and the return is 0.
 */
int cmdline_payload(const char *line, char *const *words, struct buf *text, struct payload *out,
		    struct err *e) must_check nonnull(1, 2, 3, 4, 5);

/* Stages, in the order of the table. */
int mounts_early(struct guest *g, struct err *e) must_check;
int console_open(struct guest *g, struct err *e) must_check;
int modules_load(struct guest *g, struct err *e) must_check;
int virtio_park(struct guest *g, struct err *e) must_check;
int files_prefetch(struct guest *g, struct err *e) must_check;
int link_open(struct guest *g, struct err *e) must_check;
int link_listen(struct guest *g, struct err *e) must_check;
int told_read(struct guest *g, struct err *e) must_check;
int clock_set(struct guest *g, struct err *e) must_check;
int devices_name(struct guest *g, struct err *e) must_check;
int busybox_keep(struct guest *g, struct err *e) must_check;
int root_switch(struct guest *g, struct err *e) must_check;
int mounts_requested(struct guest *g, struct err *e) must_check;
int resolver_write(struct guest *g, struct err *e) must_check;
int binary_install(struct guest *g, struct err *e) must_check;
int loopback_up(struct guest *g, struct err *e) must_check;
int network_up(struct guest *g, struct err *e) must_check;

/* mounts.c: the only user of mount(2) and umount2(2). */

/*
 * Splits mount options ("ro,nosuid,mode=755") into the flags of mount(2) and the data for the file
 * system. data has size bytes. Pure. -EINVAL for what does not fit.
 */
int mount_options(const char *options, unsigned long *flags, char *data, size_t size,
		  struct err *e) must_check nonnull(2, 3, 5);

/* Makes a directory and what is missing above it, by an absolute path; symlinks are followed. */
int mount_mkdir(const char *path, struct err *e) must_check nonnull(1, 2);

/* Mounts; makes the target directory when it is missing. options may be NULL. */
int mount_one(const char *device, const char *target, const char *type, const char *options,
	      struct err *e) must_check nonnull(1, 2, 3, 5);

/*
 * The same for a block device. type may be NULL, "" or "auto": probed. A device that takes no
 * writes is mounted read-only unless options have "rw". -ENODEV with the kernel's file systems.
 */
int mount_device(const char *device, const char *target, const char *type, const char *options,
		 struct err *e) must_check nonnull(1, 2, 5);
/* A file, or a directory, over another that is there. */
int mount_bind(const char *from, const char *to, struct err *e) must_check nonnull(1, 2, 3);
int mount_move(const char *from, const char *to, struct err *e) must_check nonnull(1, 2, 3);
/* The file system, wherever it is mounted. */
int mount_readonly(const char *target, struct err *e) must_check nonnull(1, 2);
int mount_detach(const char *target, struct err *e) must_check nonnull(1, 2);

/* sysfs.c: is the first line of the small file dir/name/leaf this text? */
bool sysfs_says(const char *dir, const char *name, const char *leaf, const char *want) must_check
	nonnull(1, 2, 3, 4);

/* virtio.c */
#define VIRTIO_DEVICES "/sys/bus/virtio/devices"
/* Types, as the files "device" there have them: section 5 of the virtio specification. */
#define VIRTIO_NET "0x0001"
#define VIRTIO_BLOCK "0x0002"
#define VIRTIO_CONSOLE "0x0003"

/* Gives the first device of the type that has no driver its driver. False: there was none. */
bool virtio_bind(const char *type) must_check nonnull(1);

/* devices.c */

/*
 * The device node of a disk that is named by virtio serial or by node, into path. Waits for it up
 * to timeout_ms with growing pauses. -ENODEV with the list of the block devices that there are.
 */
int device_find(const char *name, unsigned timeout_ms, char *path, size_t size,
		struct err *e) must_check nonnull(1, 3, 5);

/* The file system types that a device may hold by its magic numbers, likeliest first. */
size_t device_types(const char *node, const char **types, size_t max) must_check nonnull(1, 2);

/*
 * user.c: "U[:G]" by /etc/passwd and /etc/group of the root. A number needs no entry: its group is
 * 0 then. Other groups that list the user count unless G is given, as in docker.
 */
struct user {
	uid_t uid;
	gid_t gid;
	gid_t groups[64]; /* gid first, then the supplementary ones, as initgroups(3) would */
	size_t ngroups;
	char home[256]; /* "/" when unknown */
};
int user_find(const char *spec, struct user *u, struct err *e) must_check nonnull(1, 2, 3);

/* power.c: the only user of reboot(2) and kill(-1). */

/*
 * Ends every process (TERM, up to 2 s, KILL) and makes every file system that can be written to
 * read-only and clean. Bounded: -ETIMEDOUT with a sentence when the writing back takes too long.
 * What could not be written is an error, too.
 */
int power_clean(const struct guest *g, struct err *e) must_check nonnull(1, 2);

/*
 * power_clean(), then ends the machine. Does not return; on a machine that cannot be ended it waits
 * for ever.
 */
void power_off(const struct guest *g) __attribute__((noreturn));

/* One line to the kernel log ("execvm: …"), which the host sees when the wire cannot be used. */
void power_log(const char *fmt, ...) printf_like(1, 2);
