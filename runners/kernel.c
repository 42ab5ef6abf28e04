/* SPDX-License-Identifier: MIT */
/*
 * Which kernel, and what it can do.
 *
 * Facts come from the file (an ELF file with the note that QEMU enters it by, or a bzImage with its
 * release in the header) and from the configuration that lies beside it or in /boot. From those
 * follow the profile and the modules; nothing is derived from where the file lies or what it is
 * called, but the release of an ELF file, which has none in a place that is easy to find.
 */
#include "runners/kernel.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/io.h"
#include "runners/cache.h"

#define BOOT_DIR "/boot"
#define MODULES_DIR "/lib/modules"
#define CONFIG_MAX ((size_t)2 << 20) /* bytes of a kernel configuration */
#define PHDRS_MAX 64u
#define HZ_MAX 10000u
#define NOTES_MAX ((size_t)64 << 10) /* bytes of one note segment */
#define PVH_NOTE 18		     /* XEN_ELFNOTE_PHYS32_ENTRY */
#define BZ_MAGIC_AT 0x202	     /* "HdrS": Documentation/arch/x86/boot.rst */
#define BZ_VERSION_AT 0x20e	     /* 16 bits: where the release is, less 0x200 */
#define BZ_HEAD 0x210u

/* With all of these the devices of -M microvm,acpi=off are there without a module. */
static const char *const ours[] = { "VIRTIO_MMIO",    "VIRTIO_MMIO_CMDLINE_DEVICES",
				    "VIRTIO_BLK",     "VIRTIO_CONSOLE",
				    "BLK_DEV_INITRD", "DEVTMPFS" };

enum need {
	NEED_ALWAYS,
	NEED_MMIO,
	NEED_PCI,
	NEED_NETWORK,
	NEED_OVERLAY,
	NEED_FSTYPE,
	NEED_9P,
	NEED_VIRTIOFS,
};

static const struct module {
	const char *symbol, *name;
	enum need need;
	const char *fstype;
} modules[] = {
	{ "VIRTIO_MMIO", "virtio_mmio", NEED_MMIO, NULL },
	{ "VIRTIO_PCI", "virtio_pci", NEED_PCI, NULL },
	{ "VIRTIO_CONSOLE", "virtio_console", NEED_ALWAYS, NULL },
	{ "VIRTIO_BLK", "virtio_blk", NEED_ALWAYS, NULL },
	{ "VIRTIO_NET", "virtio_net", NEED_NETWORK, NULL },
	{ "OVERLAY_FS", "overlay", NEED_OVERLAY, NULL },
	{ "SQUASHFS", "squashfs", NEED_FSTYPE, "squashfs" },
	{ "EXT4_FS", "ext4", NEED_FSTYPE, "ext4" },
	/* asked for by name when an ext4 is mounted: depmod does not see it */
	{ "CRYPTO_CRC32C", "crc32c_generic", NEED_FSTYPE, "ext4" },
	{ "EROFS_FS", "erofs", NEED_FSTYPE, "erofs" },
	{ "ISO9660_FS", "isofs", NEED_FSTYPE, "iso9660" },
	{ "NET_9P_VIRTIO", "9pnet_virtio", NEED_9P, NULL },
	{ "9P_FS", "9p", NEED_9P, NULL },
	{ "VIRTIO_FS", "virtiofs", NEED_VIRTIOFS, NULL },
};

/* A configuration text. */

/* The text behind "CONFIG_SYMBOL=" at the start of a line, or NULL. */
static const char *value_of(const char *config, const char *symbol)
{
	size_t n = strlen(symbol);

	for (const char *line = config; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, "CONFIG_", 7) && !strncmp(line + 7, symbol, n) &&
		    line[7 + n] == '=')
			return line + 7 + n + 1;
	}
	return NULL;
}

char kernel_config_value(const char *config, const char *symbol)
{
	const char *v = value_of(config, symbol);

	if (!v || !*v || *v == '\n')
		return 'n';
	return *v;
}

static int load_config(const struct kernel *k, struct buf *b, struct err *e)
{
	int r = k->config[0] ? io_read_file(k->config, CONFIG_MAX, b, e) : 0;

	return r < 0 ? r : buf_reserve(b, 0);
}

/* The file: ELF or bzImage. */

static bool is_pvh_note(const unsigned char *p, size_t n, size_t *used)
{
	Elf64_Nhdr h;
	size_t name, desc;

	*used = 0;
	if (n < sizeof(h))
		return false;
	memcpy(&h, p, sizeof(h));
	name = ((size_t)h.n_namesz + 3) & ~(size_t)3;
	desc = ((size_t)h.n_descsz + 3) & ~(size_t)3;
	if (name > n - sizeof(h) || desc > n - sizeof(h) - name)
		return false;
	*used = sizeof(h) + name + desc;
	return h.n_type == PVH_NOTE && h.n_namesz == 4 && !memcmp(p + sizeof(h), "Xen", 4);
}

static bool segment_has_pvh(int fd, const Elf64_Phdr *ph)
{
	cleanup_free unsigned char *notes = NULL;
	size_t used;

	if (ph->p_type != PT_NOTE || ph->p_filesz > NOTES_MAX || ph->p_offset > INT64_MAX)
		return false;
	notes = malloc(ph->p_filesz + 1);
	if (!notes || pread(fd, notes, ph->p_filesz, (off_t)ph->p_offset) != (ssize_t)ph->p_filesz)
		return false;
	for (size_t at = 0; at < ph->p_filesz; at += used) {
		if (is_pvh_note(notes + at, ph->p_filesz - at, &used))
			return true;
		if (!used)
			return false;
	}
	return false;
}

static int inspect_elf(int fd, struct kernel *k, struct err *e)
{
	const char *base = strrchr(k->path, '/');
	Elf64_Ehdr h;
	Elf64_Phdr ph;

	k->elf = true;
	if (pread(fd, &h, sizeof(h), 0) != sizeof(h) || h.e_ident[EI_CLASS] != ELFCLASS64 ||
	    h.e_machine != EM_X86_64 || h.e_phentsize != sizeof(ph) || h.e_phoff > INT32_MAX)
		return err_set(e, ENOEXEC, "%s: no kernel for x86-64", k->path);
	for (unsigned i = 0; i < h.e_phnum && i < PHDRS_MAX; i++) {
		off_t at = (off_t)(h.e_phoff + i * sizeof(ph));

		if (pread(fd, &ph, sizeof(ph), at) != sizeof(ph))
			break;
		if (!segment_has_pvh(fd, &ph))
			continue;
		base = base ? base + 1 : k->path;
		if (!strncmp(base, "vmlinux-", 8))
			snprintf(k->release, sizeof(k->release), "%s", base + 8);
		return 0;
	}
	return err_set(e, ENOEXEC,
		       "%s: an ELF file without a PVH note: no kernel that can be booted", k->path);
}

static int inspect_bzimage(int fd, const unsigned char *head, struct kernel *k)
{
	unsigned at = head[BZ_VERSION_AT] | (unsigned)head[BZ_VERSION_AT + 1] << 8;
	ssize_t n = at ? pread(fd, k->release, sizeof(k->release) - 1, at + 0x200) : 0;

	k->release[n > 0 ? n : 0] = '\0';
	k->release[strcspn(k->release, " ")] = '\0';
	/* it becomes part of paths */
	if (strchr(k->release, '/') || k->release[0] == '.')
		k->release[0] = '\0';
	return 0;
}

static int inspect_file(struct kernel *k, struct err *e)
{
	cleanup_close int fd = open(k->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	unsigned char head[BZ_HEAD] = { 0 };
	struct stat st;

	if (fd < 0)
		return err_sys(e, "kernel %s", k->path);
	if (fstat(fd, &st) < 0)
		return err_sys(e, "kernel %s", k->path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ENOEXEC, "kernel %s: not a regular file", k->path);
	if (pread(fd, head, sizeof(head), 0) < SELFMAG)
		return err_set(e, ENOEXEC, "%s: no kernel: too short", k->path);
	if (!memcmp(head, ELFMAG, SELFMAG))
		return inspect_elf(fd, k, e);
	if (head[0x1fe] == 0x55 && head[0x1ff] == 0xaa && !memcmp(head + BZ_MAGIC_AT, "HdrS", 4))
		return inspect_bzimage(fd, head, k);
	return err_set(e, ENOEXEC, "%s: no kernel: neither a vmlinux nor a bzImage", k->path);
}

/* Beside the file, in /boot, or (as Fedora has it) beside the modules. */
static void find_config(struct kernel *k)
{
	int n = snprintf(k->config, sizeof(k->config), "%s.config", k->path);

	if (n > 0 && (size_t)n < sizeof(k->config) && access(k->config, R_OK) == 0)
		return;
	k->config[0] = '\0';
	if (!k->release[0])
		return;
	snprintf(k->config, sizeof(k->config), BOOT_DIR "/config-%s", k->release);
	if (access(k->config, R_OK) == 0)
		return;
	snprintf(k->config, sizeof(k->config), MODULES_DIR "/%s/config", k->release);
	if (access(k->config, R_OK) < 0)
		k->config[0] = '\0';
}

static bool has_modules(const struct kernel *k)
{
	char path[sizeof(MODULES_DIR) + sizeof(k->release) + 16];

	if (!k->release[0])
		return false;
	snprintf(path, sizeof(path), MODULES_DIR "/%s/modules.dep", k->release);
	return access(path, R_OK) == 0;
}

static bool all_built_in(const char *config)
{
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++) {
		if (kernel_config_value(config, ours[i]) != 'y')
			return false;
	}
	return true;
}

/* What follows from the configuration. Without one, the modules say that it is a distribution's. */
static int set_profile(struct kernel *k, struct err *e)
{
	cleanup_buf struct buf config = { 0 };
	const char *hz;
	int r = load_config(k, &config, e);

	if (r < 0)
		return r;
	k->profile = KERNEL_DISTRO;
	if (config.len ? all_built_in(config.p) : k->elf && !has_modules(k))
		k->profile = KERNEL_OURS;
	k->pci = k->profile == KERNEL_DISTRO && config.len &&
		 kernel_config_value(config.p, "VIRTIO_MMIO") == 'n';
	k->smp = !config.len || kernel_config_value(config.p, "SMP") == 'y';
	hz = config.len ? value_of(config.p, "HZ") : NULL;
	for (; hz && *hz >= '0' && *hz <= '9' && k->hz < HZ_MAX; hz++)
		k->hz = k->hz * 10 + (unsigned)(*hz - '0');
	return 0;
}

static int check_modules(const struct kernel *k, struct err *e)
{
	cleanup_argv struct argv need = { 0 };
	int r = kernel_modules(k, "", 0, &need);

	if (r < 0)
		return err_code(e, -r, "kernel %s", k->path);
	if (!need.n || has_modules(k))
		return 0;
	if (!k->config[0])
		return err_set(e, ENODEV,
			       "kernel %s: neither %s.config nor modules in " MODULES_DIR "/%s",
			       k->path, k->path, k->release);
	return err_set(e, ENODEV,
		       "kernel %s: needs module %s, and there are none in " MODULES_DIR "/%s",
		       k->path, need.v[0], k->release);
}

int kernel_inspect(const char *path, const char *origin, struct kernel *k, struct err *e)
{
	int n, r;

	*k = (struct kernel){ .origin = origin };
	n = snprintf(k->path, sizeof(k->path), "%s", path);
	if (n < 0 || (size_t)n >= sizeof(k->path))
		return err_code(e, ENAMETOOLONG, "kernel %s", path);
	r = inspect_file(k, e);
	if (r < 0)
		return r;
	find_config(k);
	r = set_profile(k, e);
	return r < 0 ? r : check_modules(k, e);
}

/* What the rest of the program asks about a kernel. */

bool kernel_has(const struct kernel *k, const char *symbol)
{
	cleanup_buf struct buf config = { 0 };
	struct err e = { 0 };

	if (load_config(k, &config, &e) < 0 || !config.len)
		return k->profile == KERNEL_OURS;
	return kernel_config_value(config.p, symbol) == 'y';
}

bool kernel_can(const struct kernel *k, const char *symbol)
{
	cleanup_buf struct buf config = { 0 };
	struct err e = { 0 };
	char value;

	if (load_config(k, &config, &e) < 0 || !config.len)
		return true;
	value = kernel_config_value(config.p, symbol);
	return value == 'y' || value == 'm';
}

static bool is_needed(const struct module *m, const struct kernel *k, const char *fstype,
		      unsigned features)
{
	switch (m->need) {
	case NEED_ALWAYS:
		return true;
	case NEED_MMIO:
		return !k->pci;
	case NEED_PCI:
		return k->pci;
	case NEED_NETWORK:
		return features & KERNEL_NETWORK;
	case NEED_OVERLAY:
		return features & KERNEL_OVERLAY;
	case NEED_FSTYPE:
		return !fstype || !strcmp(fstype, m->fstype);
	case NEED_9P:
		return features & KERNEL_9P;
	case NEED_VIRTIOFS:
		return features & KERNEL_VIRTIOFS;
	}
	return false;
}

int kernel_modules(const struct kernel *k, const char *fstype, unsigned features, struct argv *out)
{
	cleanup_buf struct buf config = { 0 };
	struct err e = { 0 };
	int r = load_config(k, &config, &e);

	if (r < 0)
		return r;
	if (!config.len && k->profile == KERNEL_OURS)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(modules) && r == 0; i++) {
		if (config.len && kernel_config_value(config.p, modules[i].symbol) != 'm')
			continue;
		if (is_needed(&modules[i], k, fstype, features))
			r = argv_push(out, modules[i].name);
	}
	return r;
}

/* Where kernels are looked for. */

/* The places of our own kernels, in order: the one for a single CPU is the faster one. */
static const struct place {
	const char *dir; /* below the cache, or EXECVM_LIBDIR */
	const char *origin;
	bool cached;
} places[] = {
	{ "/current-up", "make kernel", true },
	{ "/current-smp", "make kernel", true },
	{ "", "installed", false },
	{ "/smp", "installed", false },
};

/* -ENOENT when there is no kernel in that place. */
static int own_place(const struct place *at, char *path, size_t size)
{
	const char *dir = EXECVM_LIBDIR;
	char cache[4096];
	struct err e = { 0 };
	int n;

	if (at->cached) {
		if (cache_path("kernel", cache, sizeof(cache), &e) < 0)
			return -ENOENT;
		dir = cache;
	}
	n = snprintf(path, size, "%s%s/vmlinux", dir, at->dir);
	return n < 0 || (size_t)n >= size || access(path, F_OK) < 0 ? -ENOENT : 0;
}

static int is_vmlinuz(const struct dirent *d)
{
	return !strncmp(d->d_name, "vmlinuz-", 8) && d->d_name[8];
}

static int newest_first(const struct dirent **a, const struct dirent **b)
{
	return strverscmp((*b)->d_name, (*a)->d_name);
}

/* Adds the paths of the kernels in /boot, newest first. */
static int boot_kernels(struct argv *out)
{
	struct dirent **found = NULL;
	int n = scandir(BOOT_DIR, &found, is_vmlinuz, newest_first);
	int r = 0;

	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = argv_pushf(out, BOOT_DIR "/%s", found[i]->d_name);
		free(found[i]);
	}
	free(found);
	return r;
}

static bool fits(const struct kernel *k, unsigned cpus)
{
	return cpus <= 1 || k->smp;
}

static int check_cpus(const struct kernel *k, unsigned cpus, struct err *e)
{
	return fits(k, cpus) ? 0
			     : err_set(e, ENODEV, "kernel %s: for one CPU (no CONFIG_SMP), not %u",
				       k->path, cpus);
}

int kernel_own(unsigned cpus, struct kernel *k, struct err *e)
{
	char path[4096];
	bool seen = false;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		int r;

		if (own_place(&places[i], path, sizeof(path)) < 0)
			continue;
		r = kernel_inspect(path, places[i].origin, k, e);
		if (r < 0 || fits(k, cpus))
			return r;
		seen = true;
	}
	return err_set(e, ENOENT, "there is no kernel of ours%s: `make kernel` builds it",
		       seen ? " for several CPUs" : "");
}

/* The newest one that can be taken; the sentence is about the newest that cannot. */
static int find_in_boot(unsigned cpus, struct kernel *k, struct err *e)
{
	cleanup_argv struct argv paths = { 0 };
	struct err first = { 0 };

	if (boot_kernels(&paths) < 0)
		return err_memory(e);
	if (!paths.n)
		return err_set(e, ENOENT,
			       "none in " BOOT_DIR " (linux-image-cloud-amd64, --kernel)");
	for (size_t i = 0; i < paths.n; i++) {
		struct err one = { 0 };

		if (kernel_inspect(paths.v[i], "/boot", k, &one) == 0 &&
		    check_cpus(k, cpus, &one) == 0)
			return 0;
		if (i == 0)
			first = one;
	}
	*e = first;
	return -e->code;
}

int kernel_find(const char *asked, unsigned cpus, struct kernel *k, struct err *e)
{
	const char *env = getenv("EXECVM_KERNEL");
	struct err own = { 0 };
	int r;

	if (asked) {
		r = kernel_inspect(asked, "--kernel", k, e);
		return r < 0 ? r : check_cpus(k, cpus, e);
	}
	if (env && *env) {
		r = kernel_inspect(env, "$EXECVM_KERNEL", k, e);
		if (r == 0)
			r = check_cpus(k, cpus, e);
		return r < 0 ? err_wrap(e, "$EXECVM_KERNEL") : 0;
	}
	r = kernel_own(cpus, k, &own);
	if (r == -ENOENT)
		r = find_in_boot(cpus, k, e);
	else
		*e = own;
	return r == -ENOENT ? err_wrap(e, "%s", own.msg) : r;
}

static int list_one(const char *path, const char *origin, struct buf *out)
{
	struct kernel k;
	struct err e = { 0 };
	const char *profile;

	if (kernel_inspect(path, origin, &k, &e) < 0)
		return buf_addf(out, "%s\t-\t%s\t%s\n", path, origin, e.msg);
	profile = k.profile == KERNEL_OURS ? "ours" : "distribution";
	return buf_addf(out, "%s\t%s\t%s\t%s\n", path, profile, origin, k.smp ? "smp" : "up");
}

int kernel_list(struct buf *out, struct err *e)
{
	const char *env = getenv("EXECVM_KERNEL");
	cleanup_argv struct argv boot = { 0 };
	char path[4096];
	int r = buf_reserve(out, 0);

	if (r == 0 && env && *env)
		r = list_one(env, "$EXECVM_KERNEL", out);
	for (size_t i = 0; i < ARRAY_SIZE(places) && r == 0; i++) {
		if (own_place(&places[i], path, sizeof(path)) == 0)
			r = list_one(path, places[i].origin, out);
	}
	if (r == 0)
		r = boot_kernels(&boot);
	for (size_t i = 0; i < boot.n && r == 0; i++)
		r = list_one(boot.v[i], "/boot", out);
	return r < 0 ? err_code(e, -r, "list of kernels") : 0;
}
