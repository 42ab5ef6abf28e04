/* SPDX-License-Identifier: MIT */
/* Which kernel, and what it can do. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/argv.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/macro.h"

#ifndef EXECVM_LIBDIR
#define EXECVM_LIBDIR "/usr/local/lib/execvm" /* where `make install` puts our kernel */
#endif

enum kernel_profile {
	KERNEL_OURS,   /* all built in, devices from the command line: -M microvm,acpi=off */
	KERNEL_DISTRO, /* virtio as modules, devices from ACPI or PCI: modules in the initrd */
};

struct kernel {
	char path[4096];
	char config[4096]; /* its configuration, or "" */
	char release[128]; /* "6.1.0-37-cloud-amd64": directory below /lib/modules; "" = none */
	enum kernel_profile profile;
	bool elf;	    /* a vmlinux, not a bzImage */
	bool pci;	    /* KERNEL_DISTRO without a driver for virtio-mmio: devices on PCI */
	bool smp;	    /* for more than one CPU, too */
	unsigned hz;	    /* CONFIG_HZ; 0 = unknown */
	const char *origin; /* "--kernel", "$EXECVM_KERNEL", "make kernel", "installed", "/boot" */
};

/*
 * The kernel of a run, the first that exists: asked (option or description, may be NULL),
 * $EXECVM_KERNEL, one that `make kernel` built or installed and that is for so many CPUs, the newest
 * in /boot that has its modules. Says which of the two profiles it gets, from its file and its
 * configuration, and refuses what is no kernel, one whose virtio drivers are modules that are not in
 * /lib/modules, and one for a single CPU when there are to be more.
 */
int kernel_find(const char *asked, unsigned cpus, struct kernel *k, struct err *e) must_check
	nonnull(3, 4);

/* One file: the same facts and refusals. origin is borrowed for ever. */
int kernel_inspect(const char *path, const char *origin, struct kernel *k, struct err *e) must_check
	nonnull(1, 2, 3, 4);

/* One that `make kernel` built or installed, whatever else there is. */
int kernel_own(unsigned cpus, struct kernel *k, struct err *e) must_check nonnull(2, 3);

/* Adds a line per kernel that kernel_find() would look at: path, profile, origin, "up" or "smp". */
int kernel_list(struct buf *out, struct err *e) must_check nonnull(1, 2);

/* Does its configuration have this symbol ("OVERLAY_FS") as =y? True for ours without one. */
bool kernel_has(const struct kernel *k, const char *symbol) must_check nonnull(1, 2);

/* Can it do what a symbol stands for, as =y or =m? True without a configuration. */
bool kernel_can(const struct kernel *k, const char *symbol) must_check nonnull(1, 2);

/* What a machine may need beside its disks. */
enum { KERNEL_OVERLAY = 1, KERNEL_9P = 2, KERNEL_VIRTIOFS = 4, KERNEL_NETWORK = 8 };

/*
 * Adds the modules that a machine with a root needs and that this kernel does not have built in:
 * names in no special order, none for ours. features is a mask. fstype is the root's ("squashfs"), "" = no root disk,
 * NULL = unknown: those of every file system that a root may have. Without a configuration all that
 * might be modules are named: those that are built in are no error to libkmod.
 */
int kernel_modules(const struct kernel *k, const char *fstype, unsigned features,
		   struct argv *out) must_check nonnull(1, 4);

/*
 * What the configuration text says about a symbol (without CONFIG_): the character behind '=' ('y',
 * 'm', '"', a digit), 'n' for what it does not have. Pure.
 */
char kernel_config_value(const char *config, const char *symbol) must_check nonnull(1, 2);
