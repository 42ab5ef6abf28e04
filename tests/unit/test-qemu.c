/* SPDX-License-Identifier: MIT */
/* proves: F2 F3 D1 D2 D5 X1 X4 X6 N1 N3 N8 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/io.h"
#include "runners/qemu.h"
#include "tests/tap.h"

static const struct qemu_facts ours = {
	.program = "qemu-system-x86_64",
	.kernel = { .path = "/k/vmlinux",
		    .profile = KERNEL_OURS,
		    .elf = true,
		    .smp = true,
		    .hz = 250 },
	.initrd = "/i/base.cpio",
	.tsc_khz = 2595954,
	.wire_fd = 3,
	.log_fd = 4,
	.root_format = "raw",
	.payload = "eyJhcmdzIjpbIi9iaW4vdHJ1ZSJdfQ",
};

static const struct stdin_file stdin_disk = {
	.way = STDIN_DISK, .fd = 11, .head = 12, .image = 13
};

static struct vm_spec spec(void)
{
	return (struct vm_spec){ .memory = VM_MEMORY_DEFAULT, .cpus = 1 };
}

/* argv, a word a line, against tests/golden/NAME; tests/run --update rewrites it. */
static void golden(const char *name, const struct vm_spec *s, const struct qemu_facts *f)
{
	cleanup_argv struct argv argv = { 0 };
	cleanup_buf struct buf got = { 0 }, want = { 0 };
	const char *top = getenv("SRCDIR");
	char path[4096];
	struct err e = { 0 };

	tap_case(name);
	snprintf(path, sizeof(path), "%s/tests/golden/%s", top ? top : ".", name);
	ok_int(qemu_argv(s, f, &argv, &e), 0);
	for (size_t i = 0; i < argv.n; i++) {
		if (buf_addf(&got, "%s\n", argv.v[i]) < 0)
			bail_out("out of memory");
	}
	if (getenv("UPDATE")) {
		int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

		if (fd < 0 || io_write_all(fd, got.p, got.len) < 0)
			bail_out("cannot write tests/golden");
		close(fd);
	}
	if (io_read_file(path, 65536, &want, &e) < 0)
		want.len = 0;
	if (!ok(got.len == want.len && want.p && !memcmp(got.p, want.p, got.len)))
		printf("# %s\n# got:\n%s", path, got.p);
}

static void golden_argv(void)
{
	struct vm_spec s = spec();
	struct qemu_facts f = ours;

	golden("qemu-true.txt", &s, &f);

	s.root = (char *)"images/a:b,c.sqfs";
	s.ndisks = 2;
	s.disk[0] = (struct vm_disk){ (char *)"/d/data.img", (char *)"/dev/vdb", NULL, false };
	s.disk[1] = (struct vm_disk){ (char *)"/d/more.img", (char *)"/dev/vda", NULL, true };
	s.append = (char *)"quiet x=\"a b\"";
	s.memory = ((uint64_t)1 << 30) + 1;
	s.cpus = 2;
	f.payload = NULL;
	golden("qemu-disks.txt", &s, &f);

	s = spec();
	s.root_host = true;
	s.nshares = 2;
	s.share[0] = (struct vm_share){ (char *)"/home/a,b", (char *)"/src", true, 0 };
	s.share[1] = (struct vm_share){ (char *)"/out", (char *)"/src/out", false, 0 };
	golden("qemu-9p.txt", &s, &f);
	f.virtiofsd = "/usr/lib/qemu/virtiofsd";
	f.root_fd = 5;
	f.share_fd[0] = 6;
	f.share_fd[1] = 7;
	golden("qemu-virtiofs.txt", &s, &f);
	f.kernel.profile = KERNEL_DISTRO;
	f.kernel.pci = true;
	golden("qemu-virtiofs-pci.txt", &s, &f);

	s = spec();
	s.root = (char *)"/r.qcow2";
	s.root_mode = ROOT_RW;
	f = ours;
	f.uart = true;
	f.root_format = "qcow2";
	golden("qemu-boot-log.txt", &s, &f);

	s = spec();
	f = ours;
	f.kvm = true;
	f.tsc_khz = 0;
	golden("qemu-kvm.txt", &s, &f);

	f = ours;
	f.stdin_disk = &stdin_disk;
	golden("qemu-stdin.txt", &s, &f);

	f = ours;
	f.kernel.profile = KERNEL_DISTRO;
	golden("qemu-distribution.txt", &s, &f);
	f.kernel.pci = true;
	golden("qemu-distribution-pci.txt", &s, &f);
}

/* The machine that is frozen, and one that goes on from it with all that a run may have. */
static void golden_warm(void)
{
	struct vm_spec s = spec();
	struct qemu_facts f = ours;

	s.root = (char *)"/r.sqfs";
	f.start = QEMU_FREEZE;
	f.control_fd = 5;
	f.memory_fd = 6;
	f.stdin_disk = &stdin_disk; /* of a run: what is frozen has none */
	golden("qemu-freeze.txt", &s, &f);
	f.start = QEMU_RESTORE;
	f.state_fd = 7;
	f.stdin_disk = NULL;
	golden("qemu-restore.txt", &s, &f);
	s.ndisks = 1;
	s.disk[0] = (struct vm_disk){ .file = (char *)"/d.img", .node = (char *)"/dev/vdq" };
	s.nshares = 1;
	s.share[0] = (struct vm_share){ .source = (char *)"/src", .target = (char *)"/a" };
	s.network = NETWORK_USER;
	golden("qemu-restore-all.txt", &s, &f);
	f.stdin_disk = &stdin_disk;
	golden("qemu-restore-stdin.txt", &s, &f);
	f.stdin_disk = NULL;
	f.large = true;
	golden("qemu-restore-large.txt", &s, &f);
}

static void golden_network(void)
{
	struct vm_spec s = spec();
	struct qemu_facts f = ours;

	s.name = (char *)"web-1";
	s.network = NETWORK_USER;
	s.npublish = 2;
	s.publish[0] = (struct vm_publish){ { htonl(INADDR_LOOPBACK) }, 8080, 80, false };
	s.publish[1] = (struct vm_publish){ { htonl(INADDR_ANY) }, 65535, 1, true };
	golden("qemu-network.txt", &s, &f);
	s.name = NULL;
	s.network = NETWORK_PASST;
	f.net_fd = 5;
	f.kernel.profile = KERNEL_DISTRO;
	golden("qemu-network-passt.txt", &s, &f);
	s.network = NETWORK_USER;
	s.npublish = 0;
	f.kernel.pci = true;
	golden("qemu-network-pci.txt", &s, &f);
}

static int append_left(const struct vm_spec *s, const struct qemu_facts *f)
{
	cleanup_buf struct buf b = { 0 };
	int left = -9999;

	if (qemu_append(s, f, &b, &left) < 0)
		bail_out("out of memory");
	return left;
}

/* The line as the guest sees it, by the sum that the budget stands for. */
static size_t guest_line(const struct vm_spec *s, const struct qemu_facts *f, const char *added)
{
	cleanup_buf struct buf b = { 0 };
	int left;

	if (qemu_append(s, f, &b, &left) < 0)
		bail_out("out of memory");
	return b.len + strlen(added);
}

/* What QEMU 7.2 was seen to add: slots from the last one down, interrupts 12, 11, … */
static void the_budget_counts_what_qemu_adds(void)
{
	static const char one[] = " virtio_mmio.device=512@0xfeb00e00:12";
	static const char eight[] =
		" virtio_mmio.device=512@0xfeb00000:5 virtio_mmio.device=512@0xfeb00200:6"
		" virtio_mmio.device=512@0xfeb00400:7 virtio_mmio.device=512@0xfeb00600:8"
		" virtio_mmio.device=512@0xfeb00800:9 virtio_mmio.device=512@0xfeb00a00:10"
		" virtio_mmio.device=512@0xfeb00c00:11 virtio_mmio.device=512@0xfeb00e00:12";
	struct vm_spec s = spec();
	struct qemu_facts f = ours;

	tap_case("X1: the budget counts what QEMU adds");
	ok_int(append_left(&s, &ours), QEMU_CMDLINE_MAX - guest_line(&s, &f, one));
	s.root = (char *)"/r";
	s.ndisks = VM_DISKS_NOACPI;
	ok_int(append_left(&s, &f), QEMU_CMDLINE_MAX - guest_line(&s, &f, eight));
	/* one more, and the devices are in ACPI tables instead */
	s.ndisks++;
	ok_int(append_left(&s, &f), QEMU_CMDLINE_MAX - guest_line(&s, &f, ""));
	tap_case("N1: a network takes a slot");
	s.ndisks = VM_DISKS_NOACPI - 1;
	s.network = NETWORK_USER;
	ok_int(append_left(&s, &f), QEMU_CMDLINE_MAX - guest_line(&s, &f, eight));
	s.ndisks++;
	ok_int(append_left(&s, &f), QEMU_CMDLINE_MAX - guest_line(&s, &f, ""));
	s.network = NETWORK_NONE;
	f.kernel.profile = KERNEL_DISTRO;
	s.ndisks = 0;
	ok_int(append_left(&s, &f), QEMU_CMDLINE_MAX - guest_line(&s, &f, ""));
}

/* A line of exactly the budget plus over bytes. */
static int argv_at(int over, struct err *e)
{
	cleanup_argv struct argv argv = { 0 };
	char filler[QEMU_CMDLINE_MAX + 2];
	struct vm_spec s = spec();
	int left = append_left(&s, &ours);

	memset(filler, 'x', sizeof(filler));
	/* a blank goes in front of it */
	filler[left - 1 + over] = '\0';
	s.append = filler;
	ok_int(append_left(&s, &ours), -over);
	return qemu_argv(&s, &ours, &argv, e);
}

static void a_line_over_the_budget_is_refused(void)
{
	struct err e = { 0 };

	tap_case("X1: 2046 and 2047 bytes are taken, 2048 are not");
	ok_int(argv_at(-1, &e), 0);
	ok_int(argv_at(0, &e), 0);
	ok_str(e.msg, "");
	ok_int(argv_at(1, &e), -E2BIG);
	ok_str(e.msg, "kernel command line: 1 bytes over the 2047 that a kernel takes");
}

static void as_many_disks_as_there_are_slots(void)
{
	cleanup_argv struct argv argv = { 0 };
	char name[VM_DISKS][16];
	struct vm_spec s = spec();
	struct err e = { 0 };

	tap_case("X6: the most disks of a plan have a slot each");
	for (size_t i = 0; i < VM_DISKS; i++) {
		snprintf(name[i], sizeof(name[i]), "/d%zu", i);
		s.disk[i] = (struct vm_disk){ name[i], name[i], NULL, true };
	}
	s.root = (char *)"/r";
	s.ndisks = VM_DISKS;
	ok_int(qemu_argv(&s, &ours, &argv, &e), 0);
}

static bool has_word(const struct vm_spec *s, const struct qemu_facts *f, const char *word)
{
	cleanup_buf struct buf b = { 0 };
	size_t n = strlen(word);
	int left;

	if (qemu_append(s, f, &b, &left) < 0)
		bail_out("out of memory");
	for (const char *at = strstr(b.p, word); at; at = strstr(at + 1, word)) {
		if ((at == b.p || at[-1] == ' ') && (at[n] == ' ' || !at[n]))
			return true;
	}
	return false;
}

static void an_emulated_clock_is_told_its_frequency(void)
{
	struct vm_spec s = spec();
	struct qemu_facts f = ours;

	tap_case("I34: an emulated guest is told the frequency of its clock");
	ok(has_word(&s, &f, "tsc_early_khz=2595954"));
	ok(has_word(&s, &f, "lpj=10383816"));
	ok(has_word(&s, &f, "tsc=reliable"));
	f.kernel.hz = 1000;
	ok(has_word(&s, &f, "lpj=2595954"));
	f.kernel.hz = 0;
	ok(has_word(&s, &f, "lpj=10383816"));
	f.tsc_khz = 0;
	ok(!has_word(&s, &f, "tsc=reliable"));
	f.kvm = true;
	ok(!has_word(&s, &f, "no_timer_check"));
	tap_case("I34: the PIT is for one CPU without ACPI");
	f = ours;
	ok(has_word(&s, &f, "nolapic_timer"));
	ok(!has_word(&s, &f, "nolapic"));
	s.cpus = 2;
	ok(!has_word(&s, &f, "nolapic_timer"));
	s.cpus = 1;
	s.ndisks = VM_DISKS_NOACPI + 2;
	ok(!has_word(&s, &f, "nolapic_timer"));
	s.ndisks = 0;
	f.kernel.profile = KERNEL_DISTRO;
	ok(!has_word(&s, &f, "nolapic_timer"));
	tap_case("I34: lock prefixes are left alone by a kernel that has them, on one CPU");
	f = ours;
	ok(has_word(&s, &f, "noreplace-smp"));
	f.kernel.smp = false;
	ok(!has_word(&s, &f, "noreplace-smp"));
	f.kernel.smp = true;
	s.cpus = 2;
	ok(!has_word(&s, &f, "noreplace-smp"));
}

static void serials_are_what_init_finds(void)
{
	char serial[21];

	tap_case("X6: serials of disks");
	qemu_disk_serial(0, serial);
	ok_str(serial, "disk0");
	qemu_disk_serial(VM_DISKS - 1, serial);
	ok_str(serial, "disk20");
}

int main(void)
{
	golden_argv();
	golden_warm();
	golden_network();
	the_budget_counts_what_qemu_adds();
	a_line_over_the_budget_is_refused();
	as_many_disks_as_there_are_slots();
	an_emulated_clock_is_told_its_frequency();
	serials_are_what_init_finds();
	return tap_done();
}
