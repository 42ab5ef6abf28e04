/* SPDX-License-Identifier: MIT */
/* proves: X6 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/io.h"
#include "runners/kernel.h"
#include "tests/tap.h"

#define ALL_BUILT_IN                                                                               \
	"CONFIG_VIRTIO_MMIO=y\nCONFIG_VIRTIO_MMIO_CMDLINE_DEVICES=y\nCONFIG_VIRTIO_BLK=y\n"        \
	"CONFIG_VIRTIO_CONSOLE=y\nCONFIG_BLK_DEV_INITRD=y\nCONFIG_DEVTMPFS=y\nCONFIG_HZ=250\n"

static void write_file(const char *path, const void *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || io_write_all(fd, p, n) < 0)
		bail_out("cannot write");
	close(fd);
}

static void write_text(const char *path, const char *text)
{
	write_file(path, text, strlen(text));
}

/* The head of a vmlinux: one note segment, with a note of this name and type behind another. */
struct fake_elf {
	Elf64_Ehdr h;
	Elf64_Phdr p;
	struct {
		Elf64_Nhdr h;
		char name[8], desc[8];
	} first, second;
};

static struct fake_elf fake_elf(void)
{
	struct fake_elf f = { .h = { .e_machine = EM_X86_64,
				     .e_phoff = offsetof(struct fake_elf, p),
				     .e_phentsize = sizeof(Elf64_Phdr),
				     .e_phnum = 1 },
			      .p = { .p_type = PT_NOTE,
				     .p_offset = offsetof(struct fake_elf, first),
				     .p_filesz = 2 * sizeof(f.first) },
			      .first = { { 6, 7, 1 }, "Linux", "" },
			      .second = { { 4, 8, 18 }, "Xen", "" } };

	memcpy(f.h.e_ident, ELFMAG, SELFMAG);
	f.h.e_ident[EI_CLASS] = ELFCLASS64;
	/* names and values are padded to four bytes: "Xen" is followed by its value at once */
	memmove(f.second.name + 4, f.second.desc, 8);
	f.p.p_filesz -= 4;
	return f;
}

static void write_bzimage(const char *path, const char *release)
{
	char head[1024] = { 0 };

	head[0x1fe] = 0x55;
	head[0x1ff] = (char)0xaa;
	memcpy(head + 0x202, "HdrS", 4);
	head[0x20f] = 1; /* 0x100, from 0x200 on */
	snprintf(head + 0x300, 100, "%s (someone@somewhere) #1 SMP", release);
	write_file(path, head, sizeof(head));
}

static void refused(const char *path, const char *want)
{
	struct kernel k;
	struct err e = { 0 };

	ok(kernel_inspect(path, "--kernel", &k, &e) < 0);
	ok_str(e.msg, want);
}

static void a_file_that_is_no_kernel_is_refused(void)
{
	struct fake_elf f = fake_elf();

	tap_case("X6: a file that is no kernel is refused by name");
	refused("gone", "kernel gone: No such file or directory");
	refused(".", "kernel .: not a regular file");
	refused("/dev/null", "kernel /dev/null: not a regular file");
	write_text("empty", "");
	refused("empty", "empty: no kernel: too short");
	write_text("text", "#!/bin/sh\n");
	refused("text", "text: no kernel: neither a vmlinux nor a bzImage");
	mkfifo("fifo", 0600);
	refused("fifo", "kernel fifo: not a regular file");
	f.second.h.n_type = 17;
	write_file("elf", &f, sizeof(f));
	refused("elf", "elf: an ELF file without a PVH note: no kernel that can be booted");
	f = fake_elf();
	f.h.e_machine = EM_AARCH64;
	write_file("elf", &f, sizeof(f));
	refused("elf", "elf: no kernel for x86-64");
	f = fake_elf();
	for (size_t n = SELFMAG; n < sizeof(f) - 12; n += 4) {
		struct kernel k;
		struct err e = { 0 };

		write_file("elf", &f, n);
		ok(kernel_inspect("elf", "--kernel", &k, &e) < 0 && e.msg[0]);
	}
}

static void notes_that_lie_are_refused(void)
{
	static const Elf64_Nhdr bad[] = { { 4, 0xffffffff, 18 },
					  { 0xffffffff, 8, 18 },
					  { 5, 8, 18 },
					  { 0, 8, 18 },
					  { 4, 0x7fffffff, 18 } };

	tap_case("X6: notes that lie about their length are refused");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct fake_elf f = fake_elf();

		f.second.h = bad[i];
		write_file("elf", &f, sizeof(f));
		refused("elf", "elf: an ELF file without a PVH note: no kernel that can be booted");
		f = fake_elf();
		f.p.p_offset = i ? UINT64_MAX - i : sizeof(f);
		write_file("elf", &f, sizeof(f));
		refused("elf", "elf: an ELF file without a PVH note: no kernel that can be booted");
	}
}

static void the_profile_follows_from_file_and_configuration(void)
{
	struct fake_elf f = fake_elf();
	cleanup_argv struct argv modules = { 0 };
	struct kernel k;
	struct err e = { 0 };

	tap_case("X6: an ELF kernel with everything built in is ours");
	write_file("vmlinux", &f, sizeof(f));
	write_text("vmlinux.config",
		   ALL_BUILT_IN "CONFIG_OVERLAY_FS=y\n# CONFIG_9P_FS is not set\n");
	ok_int(kernel_inspect("vmlinux", "--kernel", &k, &e), 0);
	ok_int(k.profile, KERNEL_OURS);
	ok_str(k.config, "vmlinux.config");
	ok_str(k.release, "");
	ok_str(k.origin, "--kernel");
	ok_int(k.hz, 250);
	ok(k.elf && !k.pci);
	ok(kernel_has(&k, "OVERLAY_FS"));
	ok(!kernel_has(&k, "9P_FS"));
	ok(!kernel_has(&k, "OVERLAY"));
	ok_int(kernel_modules(&k, NULL, KERNEL_OVERLAY, &modules), 0);
	ok_int(modules.n, 0);

	tap_case("X6: so is one without a configuration");
	unlink("vmlinux.config");
	ok_int(kernel_inspect("vmlinux", "--kernel", &k, &e), 0);
	ok_int(k.profile, KERNEL_OURS);
	ok_int(k.hz, 0);
	ok(kernel_has(&k, "OVERLAY_FS"));

	tap_case("X6: a bzImage with everything built in is ours, too");
	write_bzimage("bz", "6.0-own");
	write_text("bz.config", ALL_BUILT_IN);
	ok_int(kernel_inspect("bz", "--kernel", &k, &e), 0);
	ok_int(k.profile, KERNEL_OURS);
	ok_str(k.release, "6.0-own");
	ok(!k.elf);

	tap_case("X6: virtio on PCI alone, built in, needs no modules");
	write_text("bz.config",
		   "CONFIG_VIRTIO_PCI=y\nCONFIG_VIRTIO_BLK=y\nCONFIG_VIRTIO_CONSOLE=y\n"
		   "# CONFIG_VIRTIO_MMIO is not set\nCONFIG_HZ=1000\n");
	ok_int(kernel_inspect("bz", "--kernel", &k, &e), 0);
	ok_int(k.profile, KERNEL_DISTRO);
	ok(k.pci);
	ok_int(k.hz, 1000);
}

static void modules_that_are_not_there_are_missed(void)
{
	tap_case("X6: modules that are needed and not there are missed");
	write_bzimage("bz", "6.0-none");
	unlink("bz.config");
	refused("bz", "kernel bz: neither bz.config nor modules in /lib/modules/6.0-none");
	write_text("bz.config",
		   "CONFIG_VIRTIO_MMIO=m\nCONFIG_VIRTIO_BLK=y\nCONFIG_VIRTIO_CONSOLE=y\n");
	refused("bz", "kernel bz: needs module virtio_mmio, and there are none in "
		      "/lib/modules/6.0-none");
	write_bzimage("bz", "../../etc");
	refused("bz", "kernel bz: needs module virtio_mmio, and there are none in /lib/modules/");
}

static bool has(const struct argv *a, const char *name)
{
	for (size_t i = 0; i < a->n; i++) {
		if (!strcmp(a->v[i], name))
			return true;
	}
	return false;
}

static void modules_are_those_that_the_machine_needs(void)
{
	struct kernel k = { .path = "bz", .config = "bz.config", .profile = KERNEL_DISTRO };
	cleanup_argv struct argv none = { 0 }, squashfs = { 0 }, all = { 0 }, net = { 0 };

	tap_case("X6: modules are those of the machine and the root");
	write_text("bz.config", "CONFIG_VIRTIO_MMIO=m\nCONFIG_VIRTIO_PCI=m\nCONFIG_VIRTIO_BLK=m\n"
				"CONFIG_VIRTIO_CONSOLE=m\nCONFIG_OVERLAY_FS=m\nCONFIG_SQUASHFS=m\n"
				"CONFIG_EXT4_FS=y\nCONFIG_CRYPTO_CRC32C=y\nCONFIG_EROFS_FS=m\n"
				"CONFIG_VIRTIO_NET=m\n");
	ok_int(kernel_modules(&k, "", KERNEL_NETWORK, &net), 0);
	ok_int(net.n, 4);
	ok(has(&net, "virtio_net"));
	ok_int(kernel_modules(&k, "", 0, &none), 0);
	ok_int(none.n, 3);
	ok(has(&none, "virtio_mmio") && has(&none, "virtio_blk") && has(&none, "virtio_console"));
	ok_int(kernel_modules(&k, "squashfs", 0, &squashfs), 0);
	ok_int(squashfs.n, 4);
	ok(has(&squashfs, "squashfs") && !has(&squashfs, "overlay"));
	k.pci = true;
	ok_int(kernel_modules(&k, NULL, KERNEL_OVERLAY, &all), 0);
	ok_int(all.n, 6);
	ok(has(&all, "virtio_pci") && !has(&all, "virtio_mmio") && has(&all, "overlay"));
	ok(has(&all, "erofs") && has(&all, "squashfs") && !has(&all, "ext4"));
	k.config[0] = '\0';
	argv_free(&all);
	ok_int(kernel_modules(&k, NULL, KERNEL_OVERLAY, &all), 0);
	ok(has(&all, "ext4") && has(&all, "isofs") && has(&all, "crc32c_generic"));
}

static void values_of_a_configuration(void)
{
	static const char text[] = "# CONFIG_A is not set\nCONFIG_B=y\nCONFIG_BB=m\nCONFIG_HZ=250\n"
				   "CONFIG_S=\"CONFIG_T=y\"\nCONFIG_E=\nXCONFIG_X=y\nCONFIG_Z=y";

	tap_case("X6: values of a configuration");
	ok_int(kernel_config_value(text, "A"), 'n');
	ok_int(kernel_config_value(text, "B"), 'y');
	ok_int(kernel_config_value(text, "BB"), 'm');
	ok_int(kernel_config_value(text, "HZ"), '2');
	ok_int(kernel_config_value(text, "H"), 'n');
	ok_int(kernel_config_value(text, "S"), '"');
	ok_int(kernel_config_value(text, "T"), 'n');
	ok_int(kernel_config_value(text, "E"), 'n');
	ok_int(kernel_config_value(text, "X"), 'n');
	ok_int(kernel_config_value(text, "Z"), 'y');
	ok_int(kernel_config_value("", "Z"), 'n');
}

static void the_first_that_exists_is_taken(void)
{
	struct fake_elf f = fake_elf();
	cleanup_buf struct buf list = { 0 };
	char cwd[2000], want[4200];
	struct kernel k;
	struct err e = { 0 };

	if (!getcwd(cwd, sizeof(cwd)))
		bail_out("getcwd");
	tap_case("X6: asked for, $EXECVM_KERNEL, make kernel: in this order");
	setenv("XDG_CACHE_HOME", cwd, 1);
	unsetenv("EXECVM_KERNEL");
	if (access(EXECVM_LIBDIR, F_OK) == 0) {
		tap_skip("a kernel is installed");
		return;
	}
	ok_int(kernel_own(1, &k, &e), -ENOENT);
	ok_str(e.msg, "there is no kernel of ours: `make kernel` builds it");
	/* the build renames a link to that name: nothing may be there before */
	ok(access("execvm/kernel/current-up", F_OK) < 0);
	mkdir("execvm/kernel", 0700);
	mkdir("execvm/kernel/current-up", 0700);
	write_file("execvm/kernel/current-up/vmlinux", &f, sizeof(f));
	ok_int(kernel_find(NULL, 1, &k, &e), 0);
	ok_str(k.origin, "make kernel");
	snprintf(want, sizeof(want), "%s/execvm/kernel/current-up/vmlinux", cwd);
	ok_str(k.path, want);
	setenv("EXECVM_KERNEL", "", 1);
	ok_int(kernel_find(NULL, 1, &k, &e), 0);
	ok_str(k.origin, "make kernel");
	setenv("EXECVM_KERNEL", "vmlinux", 1);
	ok_int(kernel_find(NULL, 1, &k, &e), 0);
	ok_str(k.origin, "$EXECVM_KERNEL");
	write_file("mine", &f, sizeof(f));
	ok_int(kernel_find("mine", 1, &k, &e), 0);
	ok_str(k.origin, "--kernel");
	ok_str(k.path, "mine");

	tap_case("one for a single CPU is not taken for two");
	write_text(
		"execvm/kernel/current-up/vmlinux.config",
		"CONFIG_VIRTIO_MMIO=y\nCONFIG_VIRTIO_MMIO_CMDLINE_DEVICES=y\nCONFIG_VIRTIO_BLK=y\n"
		"CONFIG_VIRTIO_CONSOLE=y\nCONFIG_BLK_DEV_INITRD=y\nCONFIG_DEVTMPFS=y\n");
	ok_int(kernel_own(1, &k, &e), 0);
	ok(!k.smp);
	ok_int(k.profile, KERNEL_OURS);
	ok_int(kernel_own(2, &k, &e), -ENOENT);
	ok_str(e.msg, "there is no kernel of ours for several CPUs: `make kernel` builds it");
	ok_int(kernel_find(want, 1, &k, &e), 0);
	ok_int(kernel_find(want, 2, &k, &e), -ENODEV);
	ok(strstr(e.msg, "current-up/vmlinux: for one CPU (no CONFIG_SMP), not 2") != NULL);
	setenv("EXECVM_KERNEL", want, 1);
	ok_int(kernel_find(NULL, 3, &k, &e), -ENODEV);
	ok(!strncmp(e.msg, "$EXECVM_KERNEL: kernel ", 23));
	mkdir("execvm/kernel/current-smp", 0700);
	write_file("execvm/kernel/current-smp/vmlinux", &f, sizeof(f));
	setenv("EXECVM_KERNEL", "", 1);
	e = (struct err){ 0 };
	ok_int(kernel_find(NULL, 2, &k, &e), 0);
	ok_int(e.code, 0);
	ok(k.smp && strstr(k.path, "/current-smp/vmlinux"));
	ok_int(kernel_find(NULL, 1, &k, &e), 0);
	ok(!k.smp && strstr(k.path, "/current-up/vmlinux"));
	unlink("execvm/kernel/current-up/vmlinux.config");
	setenv("EXECVM_KERNEL", "vmlinux", 1);

	tap_case("X6: one that was named and is not there is an error, not the next one");
	ok(kernel_find("gone", 1, &k, &e) < 0);
	ok_str(e.msg, "kernel gone: No such file or directory");
	setenv("EXECVM_KERNEL", "gone", 1);
	ok(kernel_find(NULL, 1, &k, &e) < 0);
	ok_str(e.msg, "$EXECVM_KERNEL: kernel gone: No such file or directory");
	setenv("EXECVM_KERNEL", "vmlinux", 1);
	write_text("execvm/kernel/current-up/vmlinux", "no kernel");
	ok_int(kernel_list(&list, &e), 0);
	ok(!strncmp(list.p, "vmlinux\tours\t$EXECVM_KERNEL\tsmp\n", 32));
	snprintf(want, sizeof(want), "\n%s/execvm/kernel/current-up/vmlinux\t-\tmake kernel\t",
		 cwd);
	ok(strstr(list.p, want) != NULL);
}

int main(void)
{
	a_file_that_is_no_kernel_is_refused();
	notes_that_lie_are_refused();
	the_profile_follows_from_file_and_configuration();
	modules_that_are_not_there_are_missed();
	modules_are_those_that_the_machine_needs();
	values_of_a_configuration();
	the_first_that_exists_is_taken();
	return tap_done();
}
