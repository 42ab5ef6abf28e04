/* SPDX-License-Identifier: MIT */
/*
 * struct vm_spec and what was found on the host -> QEMU argv.
 *
 * The machine is -M microvm in three forms (enum form): devices named on the kernel command line,
 * devices in ACPI tables, devices on PCI. The first boots quickest and is for kernels with
 * everything built in; it has 8 slots, so a run with more disks takes the second. Which form it is
 * decides the bus that every device is for, and what QEMU adds to the command line.
 *
 * What never changes: two channels. The wire is a port of the one virtio-serial device, the kernel
 * log its console (hvc0) or, for --boot-log, the serial port, which has the first messages, too,
 * and costs an exit to QEMU for each byte.
 */
#include "runners/qemu.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/payload.h"
#include "lib/wire.h"
#include "runners/network.h"
#include "runners/record.h"

#define SLOTS_NOACPI 8u		/* virtio-mmio slots with acpi=off */
#define SLOTS_ACPI 23u		/* 24, but the first one's interrupt never arrives */
#define MAC "52:54:00:12:34:56" /* QEMU's own first one: nobody else is on the link */
#define DEFAULT_HZ 250u		/* ours and Debian's */

_Static_assert(VM_SLOTS == SLOTS_ACPI, "a plan with more devices is refused");
_Static_assert(VM_DISKS + 2 == SLOTS_ACPI, "root and serial port take a slot each");
_Static_assert(VM_DISKS_NOACPI + 2 == SLOTS_NOACPI, "root and serial port take a slot each");

enum form { FORM_CMDLINE, FORM_ACPI, FORM_PCI };

_Static_assert(QEMU_DISKS_SMALL + QEMU_SHARES_SMALL + 2 == SLOTS_NOACPI, "and port and network");
_Static_assert(QEMU_DISKS_LARGE + QEMU_SHARES_LARGE + 2 == SLOTS_ACPI, "and port and network");

/* Disks that have something in them. What is frozen has no stdin. */
static size_t used_disks(const struct vm_spec *s, const struct qemu_facts *f)
{
	return s->ndisks + (s->root ? 1 : 0) + (f->stdin_disk && f->start != QEMU_FREEZE ? 1 : 0);
}

/* Disks, root and all, and directories that the machine has places for. */
static size_t disks(const struct vm_spec *s, const struct qemu_facts *f)
{
	if (f->start == QEMU_BOOT)
		return used_disks(s, f);
	return f->large ? QEMU_DISKS_LARGE : QEMU_DISKS_SMALL;
}

static size_t shares(const struct vm_spec *s, const struct qemu_facts *f)
{
	if (f->start == QEMU_BOOT)
		return s->nshares;
	return f->large ? QEMU_SHARES_LARGE : QEMU_SHARES_SMALL;
}

static size_t slots(const struct vm_spec *s, const struct qemu_facts *f)
{
	if (f->start == QEMU_BOOT)
		return vm_slots(s) + (f->stdin_disk ? 1 : 0);
	return disks(s, f) + shares(s, f) + 2;
}

static enum form form_of(const struct vm_spec *s, const struct qemu_facts *f)
{
	if (f->kernel.pci)
		return FORM_PCI;
	if (f->kernel.profile == KERNEL_DISTRO || slots(s, f) > SLOTS_NOACPI)
		return FORM_ACPI;
	return FORM_CMDLINE;
}

void qemu_disk_serial(size_t i, char out[21])
{
	snprintf(out, 21, "disk%zu", i);
}

/* The kernel command line. */

/*
 * What emulation needs, measured on a busy host, where a guest may stand still at any moment:
 * - The guest reads the host's own TSC. Told its frequency, the kernel need not calibrate (slow, and
 *   now and then endless); told that it is reliable, it does not compare it with ticks that came
 *   late and go over to counting those, after which time runs wrong for ever.
 * - The check that ticks arrive at all panics when they are late.
 * - One CPU, without ACPI: the calibration of the APIC's timer (200 ms) ends, as often as not, with
 *   its being given up for the PIT, so the PIT is used at once. With ACPI or several CPUs there is
 *   no such choice.
 * - One CPU, and a kernel for several: it would take thousands of lock prefixes out of its code, at a page table
 *   switch each (80 ms); on one emulated CPU they cost nothing.
 */
static int add_tcg(const struct vm_spec *s, const struct qemu_facts *f, struct buf *out)
{
	unsigned hz = f->kernel.hz ? f->kernel.hz : DEFAULT_HZ;
	int r = buf_adds(out, " no_timer_check");

	if (r == 0 && f->tsc_khz)
		r = buf_addf(out, " tsc_early_khz=%llu lpj=%llu tsc=reliable",
			     (unsigned long long)f->tsc_khz,
			     (unsigned long long)(f->tsc_khz * 1000 / hz));
	if (r == 0 && s->cpus == 1 && f->kernel.smp)
		r = buf_adds(out, " noreplace-smp");
	if (r == 0 && s->cpus == 1 && form_of(s, f) == FORM_CMDLINE)
		r = buf_adds(out, " nolapic_timer");
	return r;
}

static int add_words(const struct vm_spec *s, const struct qemu_facts *f, struct buf *out)
{
	int r;

	if (f->uart)
		r = buf_adds(out, "console=ttyS0 earlyprintk=ttyS0");
	else
		r = buf_adds(out, "console=hvc0 loglevel=4");
	if (r == 0)
		r = buf_adds(out, " panic=-1 reboot=t rdinit=/init random.trust_cpu=on");
	if (r == 0 && !f->kvm)
		r = add_tcg(s, f, out);
	if (r == 0 && s->debug)
		r = buf_adds(out, " " PAYLOAD_DEBUG "1");
	if (r == 0 && f->start != QEMU_BOOT)
		r = buf_adds(out, " " PAYLOAD_TEMPLATE "1");
	if (r == 0 && s->append && *s->append)
		r = buf_addf(out, " %s", s->append);
	if (r == 0 && f->payload)
		r = buf_addf(out, " " PAYLOAD_PARAM "%s", f->payload);
	return r;
}

/*
 * Bytes of " virtio_mmio.device=512@0xfeb00e00:12" for each device. Slots are taken from the last
 * one down; slot i has interrupt 5 + i.
 */
static size_t slot_words(size_t n)
{
	size_t bytes = 0;

	for (size_t i = SLOTS_NOACPI; i-- > SLOTS_NOACPI - n;)
		bytes += (size_t)snprintf(NULL, 0, " virtio_mmio.device=512@0x%zx:%zu",
					  (size_t)0xfeb00000 + i * 512, 5 + i);
	return bytes;
}

int qemu_append(const struct vm_spec *s, const struct qemu_facts *f, struct buf *out,
		int *budget_left)
{
	size_t start = out->len, used;
	int r = add_words(s, f, out);

	if (r < 0)
		return r;
	used = out->len - start;
	if (form_of(s, f) == FORM_CMDLINE)
		used += slot_words(slots(s, f));
	*budget_left = used > INT32_MAX ? INT32_MIN : (int)QEMU_CMDLINE_MAX - (int)used;
	return 0;
}

/* The devices. */

/* A comma ends an option's value unless it is doubled; a colon before the first slash would be a protocol. */
static int add_path(struct buf *b, const char *path)
{
	int r = *path == '/' ? 0 : buf_adds(b, "./");

	for (; *path && r == 0; path++)
		r = *path == ',' ? buf_adds(b, ",,") : buf_addc(b, *path);
	return r;
}

void qemu_share_tag(size_t i, char out[QEMU_TAG])
{
	snprintf(out, QEMU_TAG, "share%zu", i);
}

static int push_pair(struct argv *out, const char *option, const char *value)
{
	int r = argv_push(out, option);

	return r < 0 ? r : argv_push(out, value);
}

static const char *bus(enum form form)
{
	return form == FORM_PCI ? "pci" : "device";
}

static int add_disk(struct argv *out, enum form form, const char *id, const char *file,
		    const char *format, bool readonly)
{
	cleanup_buf struct buf path = { 0 };
	int r = add_path(&path, file);

	if (r == 0)
		r = argv_push(out, "-drive");
	if (r == 0)
		r = argv_pushf(out, "if=none,id=%s,file=%s,format=%s,readonly=%s", id, path.p,
			       format, readonly ? "on" : "off");
	if (r == 0)
		r = argv_push(out, "-device");
	if (r == 0)
		r = argv_pushf(out, "virtio-blk-%s,drive=%s,serial=%s", bus(form), id, id);
	return r;
}

/*
 * stdin as a disk: an image that is put together from files that QEMU has open (stdin-file.h). A lock is
 * for who writes, and this is anybody's file.
 */
static int add_stdin(const struct qemu_facts *f, enum form form, struct argv *out)
{
	int r = argv_push(out, "-drive");

	if (r == 0)
		r = argv_pushf(out,
			       "if=none,id=" STDIN_SERIAL ",file=/proc/self/fd/%d,format=vmdk,"
			       "readonly=on,file.locking=off,extents.0.locking=off,"
			       "extents.1.locking=off",
			       f->stdin_disk->image);
	if (r == 0)
		r = argv_push(out, "-device");
	if (r == 0)
		r = argv_pushf(out, "virtio-blk-%s,drive=" STDIN_SERIAL ",serial=" STDIN_SERIAL,
			       bus(form));
	return r;
}

/* A place for a disk, with an empty one in it. */
static int add_no_disk(struct argv *out, enum form form, size_t i)
{
	int r = argv_push(out, "-drive");

	if (r == 0)
		r = argv_pushf(out, "if=none,id=none%zu,driver=null-co,size=0,read-zeroes=on", i);
	if (r == 0)
		r = argv_push(out, "-device");
	if (r == 0)
		r = argv_pushf(out, "virtio-blk-%s,drive=none%zu,serial=none%zu", bus(form), i, i);
	return r;
}

static int add_disks(const struct vm_spec *s, const struct qemu_facts *f, enum form form,
		     struct argv *out)
{
	int r = 0;

	if (s->root)
		r = add_disk(out, form, QEMU_ROOT_SERIAL, s->root, f->root_format,
			     s->root_mode != ROOT_RW);
	for (size_t i = 0; i < s->ndisks && r == 0; i++) {
		char serial[21];

		qemu_disk_serial(i, serial);
		r = add_disk(out, form, serial, s->disk[i].file, "raw", s->disk[i].readonly);
	}
	if (f->stdin_disk && f->start != QEMU_FREEZE && r == 0)
		r = add_stdin(f, form, out);
	for (size_t i = used_disks(s, f); i < disks(s, f) && r == 0; i++)
		r = add_no_disk(out, form, i);
	return r;
}

/* A directory by 9p: QEMU reads and writes it itself. */
static int add_9p(const struct qemu_facts *f, enum form form, const char *tag, const char *source,
		  bool readonly, struct argv *out)
{
	cleanup_buf struct buf path = { 0 };
	int r = add_path(&path, source);

	if (r == 0)
		r = argv_push(out, "-fsdev");
	if (r == 0)
		r = argv_pushf(out,
			       "local,id=%s,path=%s,security_model=%s,multidevs=remap,readonly=%s",
			       tag, path.p, f->privileged ? "passthrough" : "none",
			       readonly ? "on" : "off");
	if (r == 0)
		r = argv_push(out, "-device");
	if (r == 0)
		r = argv_pushf(out, "virtio-9p-%s,fsdev=%s,mount_tag=%s", bus(form), tag, tag);
	return r;
}

/* The same by virtiofs: what is read-only, and what directory it is, is virtiofsd's affair. */
static int add_virtiofs(enum form form, const char *tag, int fd, struct argv *out)
{
	int r = argv_push(out, "-chardev");

	if (r == 0)
		r = argv_pushf(out, "socket,id=%s,fd=%d", tag, fd);
	if (r == 0)
		r = argv_push(out, "-device");
	if (r == 0)
		r = argv_pushf(out, "vhost-user-fs-%s,chardev=%s,tag=%s", bus(form), tag, tag);
	return r;
}

/* A place for a directory, with an empty one in it that is none of the host's. */
static int add_no_share(enum form form, const char *tag, struct argv *out)
{
	int r = argv_push(out, "-fsdev");

	if (r == 0)
		r = argv_pushf(out, "synth,id=%s", tag);
	if (r == 0)
		r = argv_push(out, "-device");
	if (r == 0)
		r = argv_pushf(out, "virtio-9p-%s,fsdev=%s,mount_tag=%s", bus(form), tag, tag);
	return r;
}

static int add_shares(const struct vm_spec *s, const struct qemu_facts *f, enum form form,
		      struct argv *out)
{
	int r = 0;

	if (s->root_host)
		r = f->virtiofsd ? add_virtiofs(form, QEMU_ROOT_SERIAL, f->root_fd, out)
				 : add_9p(f, form, QEMU_ROOT_SERIAL, "/", true, out);
	for (size_t i = 0; i < s->nshares && r == 0; i++) {
		const struct vm_share *sh = &s->share[i];
		char tag[QEMU_TAG];

		qemu_share_tag(i, tag);
		r = f->virtiofsd ? add_virtiofs(form, tag, f->share_fd[i], out)
				 : add_9p(f, form, tag, sh->source, sh->readonly, out);
	}
	for (size_t i = s->nshares; i < shares(s, f) && r == 0; i++) {
		char tag[QEMU_TAG];

		qemu_share_tag(i, tag);
		r = add_no_share(form, tag, out);
	}
	return r;
}

static int add_channels(const struct qemu_facts *f, enum form form, struct argv *out)
{
	int r = argv_push(out, "-chardev");

	if (r == 0)
		r = argv_pushf(out, "socket,id=wire,fd=%d", f->wire_fd);
	if (r == 0)
		r = argv_push(out, "-chardev");
	if (r == 0)
		r = argv_pushf(out, "socket,id=log,fd=%d", f->log_fd);
	if (r == 0)
		r = argv_push(out, "-device");
	if (r == 0)
		r = argv_pushf(out, "virtio-serial-%s,max_ports=2", bus(form));
	if (r == 0)
		r = f->uart ? push_pair(out, "-serial", "chardev:log")
			    : push_pair(out, "-device", "virtconsole,chardev=log");
	if (r == 0)
		r = argv_push(out, "-device");
	/* With an id QEMU says when the guest opens it. */
	if (r == 0)
		r = argv_pushf(out, "virtserialport,%schardev=wire,nr=1,name=" WIRE_PORT,
			       f->start == QEMU_BOOT ? "" : "id=" QEMU_WIRE_ID ",");
	return r;
}

/* Freezing and going on are ordered over a monitor. A machine goes on without being told to. */
static int add_control(const struct qemu_facts *f, struct argv *out)
{
	int r;

	if (f->start == QEMU_BOOT)
		return 0;
	r = argv_push(out, "-chardev");
	if (r == 0)
		r = argv_pushf(out, "socket,id=control,fd=%d", f->control_fd);
	if (r == 0)
		r = push_pair(out, "-mon", "chardev=control,mode=control");
	if (r == 0)
		r = push_pair(out, "-global", "migration.store-global-state=off");
	if (r == 0 && f->start == QEMU_RESTORE)
		r = push_pair(out, "-incoming", "defer");
	return r;
}

/* One -netdev: QEMU is a router with the addresses that the guest is told, or passt is one. */
static int netdev(const struct vm_spec *s, const struct qemu_facts *f, struct buf *out)
{
	int r;

	if (s->network == NETWORK_PASST)
		return buf_addf(out, "socket,id=net,fd=%d", f->net_fd);
	r = buf_adds(out, "user,id=net,net=" NETWORK_NET ",host=" NETWORK_GATEWAY
			  ",dns=" NETWORK_DNS ",dhcpstart=" NETWORK_ADDRESS
			  ",ipv6-net=" NETWORK_NET6 ",ipv6-host=" NETWORK_GATEWAY6);
	for (size_t i = 0; i < s->npublish && r == 0; i++) {
		const struct vm_publish *p = &s->publish[i];
		char addr[INET_ADDRSTRLEN];

		inet_ntop(AF_INET, &p->addr, addr, sizeof(addr));
		r = buf_addf(out, ",hostfwd=%s:%s:%u-" NETWORK_ADDRESS ":%u",
			     p->udp ? "udp" : "tcp", addr, p->host, p->guest);
	}
	return r;
}

static int add_network(const struct vm_spec *s, const struct qemu_facts *f, enum form form,
		       struct argv *out)
{
	cleanup_buf struct buf text = { 0 };
	int r;

	if (!vm_has_network(s) && f->start == QEMU_BOOT)
		return 0;
	r = vm_has_network(s) ? netdev(s, f, &text) : 0;
	if (r == 0 && text.len)
		r = push_pair(out, "-netdev", text.p);
	if (r == 0)
		r = argv_push(out, "-device");
	/* Nothing is booted from it, so its option ROM need not be looked at. */
	if (r == 0)
		r = argv_pushf(out, "virtio-net-%s,%smac=" MAC "%s", bus(form),
			       text.len ? "netdev=net," : "", form == FORM_PCI ? ",romfile=" : "");
	return r;
}

/* The machine. */

static unsigned long long megabytes(const struct vm_spec *s)
{
	return (unsigned long long)((s->memory + 0xfffff) >> 20);
}

/* virtiofsd reads and writes the guest's memory, and knows only modern virtio. */
static bool shared(const struct vm_spec *s, const struct qemu_facts *f)
{
	return f->virtiofsd && (s->root_host || s->nshares);
}

/* Frozen: what the guest writes is in the file. Afterwards the file is read, and never written. */
static int add_memory_file(const struct vm_spec *s, const struct qemu_facts *f, struct argv *out)
{
	int r = argv_push(out, "-object");

	if (r == 0)
		r = argv_pushf(out,
			       "memory-backend-file,id=mem,size=%lluM,mem-path=/proc/self/fd/%d,"
			       "share=%s",
			       megabytes(s), f->memory_fd, f->start == QEMU_FREEZE ? "on" : "off");
	return r;
}

static int add_shared_memory(const struct vm_spec *s, enum form form, struct argv *out)
{
	int r = argv_push(out, "-object");

	if (r == 0)
		r = argv_pushf(out, "memory-backend-memfd,id=mem,size=%lluM,share=on",
			       megabytes(s));
	if (r == 0 && form != FORM_PCI)
		r = push_pair(out, "-global", "virtio-mmio.force-legacy=false");
	return r;
}

static int add_machine(const struct vm_spec *s, const struct qemu_facts *f, enum form form,
		       struct argv *out)
{
	static const char *const machines[] = {
		[FORM_CMDLINE] = "microvm,acpi=off,x-option-roms=off",
		[FORM_ACPI] = "microvm,acpi=on",
		[FORM_PCI] = "microvm,acpi=on,pcie=on",
	};
	bool backend = shared(s, f) || f->start != QEMU_BOOT;
	int r = 0;

	if (s->name)
		r = argv_push(out, "-name");
	if (s->name && r == 0)
		r = argv_pushf(out, "guest=%s,process=%s", s->name, s->name);
	if (r == 0)
		r = argv_push(out, "-M");
	if (r == 0)
		r = argv_pushf(out, "%s,isa-serial=%s,auto-kernel-cmdline=on%s", machines[form],
			       f->uart ? "on" : "off", backend ? ",memory-backend=mem" : "");
	if (r == 0)
		r = push_pair(out, "-accel", f->kvm ? "kvm" : "tcg");
	/*
	 * Emulated, "rep movsb" goes byte by byte. A kernel that is not told that it would be fast
	 * copies and clears by eight.
	 */
	if (r == 0)
		r = push_pair(out, "-cpu", f->kvm ? "host" : "max,erms=off");
	if (r == 0)
		r = argv_push(out, "-smp");
	if (r == 0)
		r = argv_pushf(out, "%u", s->cpus);
	if (r == 0)
		r = argv_push(out, "-m");
	if (r == 0)
		r = argv_pushf(out, "%lluM", megabytes(s));
	if (r == 0 && f->start != QEMU_BOOT)
		return add_memory_file(s, f, out);
	return r < 0 || !shared(s, f) ? r : add_shared_memory(s, form, out);
}

static int add_fixed(struct argv *out)
{
	static const char *const words[] = {
		"-nodefaults",
		"-no-user-config",
		"-no-reboot",
		"-display",
		"none",
		"-monitor",
		"none",
		"-sandbox",
		"on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(words) && r == 0; i++)
		r = argv_push(out, words[i]);
	return r;
}

static int add_boot(const struct vm_spec *s, const struct qemu_facts *f, const char *append,
		    struct argv *out)
{
	int r = push_pair(out, "-kernel", f->kernel.path);

	if (r == 0)
		r = push_pair(out, "-initrd", f->initrd);
	if (r == 0)
		r = push_pair(out, "-append", append);
	if (r == 0 && s->strict)
		r = push_pair(out, "-rtc", "base=" RECORD_RTC);
	return r;
}

int qemu_argv(const struct vm_spec *s, const struct qemu_facts *f, struct argv *out, struct err *e)
{
	cleanup_buf struct buf append = { 0 };
	enum form form = form_of(s, f);
	int left, r;

	r = qemu_append(s, f, &append, &left);
	if (r == 0 && left < 0)
		return err_set(e, E2BIG,
			       "kernel command line: %d bytes over the %u that a kernel takes",
			       -left, QEMU_CMDLINE_MAX);
	if (r == 0)
		r = argv_push(out, f->program);
	if (r == 0)
		r = add_machine(s, f, form, out);
	if (r == 0)
		r = add_fixed(out);
	/* What was loaded is in the guest's memory. */
	if (r == 0 && f->start != QEMU_RESTORE)
		r = add_boot(s, f, append.p, out);
	if (r == 0)
		r = add_control(f, out);
	if (r == 0)
		r = add_channels(f, form, out);
	if (r == 0)
		r = add_disks(s, f, form, out);
	if (r == 0)
		r = add_shares(s, f, form, out);
	if (r == 0)
		r = add_network(s, f, form, out);
	return r < 0 ? err_code(e, -r, "QEMU's arguments") : 0;
}
