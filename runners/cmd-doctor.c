/* SPDX-License-Identifier: MIT */
/*
 * `execvm doctor`: line by line what a machine needs on this host, what is missing and how to mend
 * it, and a trial boot. A line begins with "ok", "note" (works without) or "FAIL".
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "initrd/guest-image.h"
#include "lib/cmd.h"
#include "lib/msg.h"
#include "lib/proc.h"
#include "runners/accel.h"
#include "runners/cache.h"
#include "runners/cmd-runners.h"
#include "runners/kernel.h"
#include "runners/share.h"
#include "version.h"

#define OUTPUT_MAX ((size_t)64 << 10)

struct doctor_opts {
	bool help;
};

static const struct opt doctor_opts[] = { OPT_HELP_LINE, OPT_END };

static void line(const char *verdict, const char *what, const char *text, const char *fix)
{
	printf("%-5s %-14s %s%s%s\n", verdict, what, text, fix ? "; " : "", fix ? fix : "");
}

/* The first line that a program prints for its version. */
static bool first_line(char *const *argv, char *out, size_t size)
{
	cleanup_buf struct buf text = { 0 };
	struct err e;

	if (proc_capture(argv, OUTPUT_MAX, &text, &e) < 0 || !text.len)
		return false;
	snprintf(out, size, "%.*s", (int)strcspn(text.p, "\n"), text.p);
	return true;
}

static bool check_qemu(void)
{
	char *argv[] = { (char *)runner_program(&runner_vm), (char *)"--version", NULL };
	char text[200];

	if (!first_line(argv, text, sizeof(text))) {
		line("FAIL", "qemu", argv[0], "does not run: install qemu-system-x86");
		return false;
	}
	line("ok", "qemu", text, NULL);
	return true;
}

static bool check_kernel(void)
{
	char text[sizeof(((struct kernel *)0)->path) + 100];
	struct kernel k;
	struct err e = { 0 };

	if (kernel_find(NULL, 1, &k, &e) < 0) {
		line("FAIL", "kernel", e.msg,
		     "run `make kernel` or install linux-image-cloud-amd64");
		return false;
	}
	snprintf(text, sizeof(text), "%s (%s, %s)", k.path, k.origin,
		 k.profile == KERNEL_OURS ? "our profile" : "distribution profile");
	line("ok", "kernel", text, NULL);
	if (k.profile != KERNEL_OURS)
		line("note", "kernel", "a distribution kernel boots in twice the time",
		     "run `make kernel`");
	else if (kernel_find(NULL, 2, &k, &e) < 0 || k.profile != KERNEL_OURS)
		line("note", "kernel", "there is none of ours for --cpus 2 and more",
		     "run `make kernel`");
	return true;
}

static void check_kvm(void)
{
	char why[240];
	uint64_t khz;

	if (accel_kvm_plausible(why)) {
		line("ok", "kvm", "can be tried; the trial boot tells", NULL);
		return;
	}
	line("note", "kvm", why, "machines are emulated (about ten times slower)");
	khz = accel_tsc_khz();
	snprintf(why, sizeof(why), "%llu kHz", (unsigned long long)khz);
	if (khz)
		line("ok", "clock", why, NULL);
	else
		line("note", "clock", "no stable time stamp counter",
		     "emulated machines calibrate at each boot");
}

static void check_busybox(void)
{
	if (access("/bin/busybox", X_OK) == 0)
		line("ok", "busybox", "/bin/busybox: runs without a root of their own work", NULL);
	else
		line("note", "busybox", "no static busybox: runs need --root or --initrd",
		     "install busybox-static");
}

static bool check_cache(void)
{
	char path[4096];
	struct err e = { 0 };

	if (cache_path("doctor", path, sizeof(path), &e) < 0) {
		line("FAIL", "cache", e.msg, "set XDG_CACHE_HOME to a directory you may write to");
		return false;
	}
	*strrchr(path, '/') = '\0';
	if (access(path, W_OK) < 0) {
		line("FAIL", "cache", path, "not writable: set XDG_CACHE_HOME");
		return false;
	}
	line("ok", "cache", path, NULL);
	return true;
}

static void check_optional(void)
{
	static const struct {
		const char *program, *use;
	} tools[] = {
		{ "mmdebstrap", "makes Debian roots: install mmdebstrap" },
		{ "mksquashfs", "makes images: install squashfs-tools" },
		{ "passt", "a router for --network passt: install passt" },
		{ "mkfs.ext4", "makes writable images: install e2fsprogs" },
		{ "docker", "for -r docker: install docker.io" },
		{ "ssh", "for -r ssh: install openssh-client" },
		{ "srun", "for -r slurm: install slurm-client" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
		char path[PATH_MAX];

		if (proc_find(tools[i].program, getenv("PATH"), path, NULL))
			line("ok", tools[i].program, path, NULL);
		else
			line("note", tools[i].program, "not found", tools[i].use);
	}
}

/* How directories of this host would come into a machine. */
static void check_shares(void)
{
	struct vm_spec s = { .nshares = 1 };
	struct qemu_facts f = { 0 };
	struct err e = { 0 };

	if (kernel_find(NULL, 1, &f.kernel, &e) < 0)
		return;
	if (share_plan(&s, &f, &e) < 0)
		line("note", "directories", e.msg, "-v and --root host do not work");
	else if (f.virtiofsd)
		line("ok", "directories", f.virtiofsd, NULL);
	else
		line("note", "directories", "by 9p",
		     "virtiofs is faster: it needs root and virtiofsd of qemu-system-common");
}

/* The only proof: a machine that ran something and said so. */
static bool trial_boot(void)
{
	char *argv[] = { (char *)"/proc/self/exe", (char *)"run",   (char *)"-n",
			 (char *)"--timeout",	   (char *)"60",    (char *)"--",
			 (char *)"/bin/echo",	   (char *)"hello", NULL };
	cleanup_buf struct buf out = { 0 };
	struct timespec a, b;
	struct err e = { 0 };
	char text[100];
	bool ran;

	fflush(stdout);
	clock_gettime(CLOCK_MONOTONIC, &a);
	ran = proc_capture(argv, OUTPUT_MAX, &out, &e) == 0 && out.p && !strcmp(out.p, "hello\n");
	clock_gettime(CLOCK_MONOTONIC, &b);
	if (!ran) {
		line("FAIL", "trial boot", e.msg[0] ? e.msg : "the output is not what it should be",
		     "try `execvm run --boot-log -- /bin/true`");
		return false;
	}
	snprintf(text, sizeof(text), "a machine ran /bin/echo in %.2f s",
		 (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9);
	line("ok", "trial boot", text, NULL);
	return true;
}

static int doctor_main(int argc, char **argv)
{
	struct doctor_opts o = { false };
	struct err e = { 0 };
	char text[100];
	bool good;
	int at = opt_parse(doctor_opts, argc, argv, &o, &e);

	proc_signals_children();
	if (at == OPT_WANT_HELP)
		return cmd_help(&cmd_doctor);
	if (at < 0)
		return fail(&e);
	if (argv[at])
		return failf("unexpected word '%s'", argv[at]);
	snprintf(text, sizeof(text), EXECVM_VERSION ", guest program of %zu bytes",
		 (size_t)(guest_image_end - guest_image));
	line("ok", "execvm", text, NULL);
	good = check_qemu();
	good &= check_kernel();
	check_kvm();
	check_busybox();
	good &= check_cache();
	check_shares();
	check_optional();
	if (good)
		good = trial_boot();
	else
		line("FAIL", "trial boot", "not tried", "mend the lines above");
	return cmd_flush(good ? 0 : EXIT_EXECVM);
}

const struct cmd cmd_doctor = {
	.name = "doctor",
	.operands = "",
	.summary = "what works on this host, what does not, and the fix",
	.opts = doctor_opts,
	.main = doctor_main,
};
