/* SPDX-License-Identifier: MIT */
/* proves: X5 I34 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/io.h"
#include "runners/accel.h"
#include "runners/cache.h"
#include "tests/tap.h"

static void flags_are_whole_words(void)
{
	static const char text[] =
		"processor\t: 0\nvendor_id\t: svm\nflags\t\t: fpu tsc nonstop_tsc\n"
		"bugs\t\t: vmx\nprocessor\t: 1\nflags\t\t: svm\n";

	tap_case("X5: flags are whole words of the first flags line");
	ok(accel_cpu_flag(text, "fpu"));
	ok(accel_cpu_flag(text, "tsc"));
	ok(accel_cpu_flag(text, "nonstop_tsc"));
	ok(!accel_cpu_flag(text, "nonstop"));
	ok(!accel_cpu_flag(text, "vmx"));
	ok(!accel_cpu_flag(text, "svm"));
	ok(!accel_cpu_flag("", "fpu"));
	ok(!accel_cpu_flag("\nflags", "fpu"));
	ok(!accel_cpu_flag("\nflags :", "fpu"));
	ok(accel_cpu_flag("\nflags : fpu", "fpu"));
}

static void kvm_is_not_believed_after_a_failure(void)
{
	cleanup_buf struct buf cpu = { 0 };
	struct err e = { 0 };
	char why[240] = "";
	bool plausible;

	tap_case("X5: KVM needs the CPU flag, whatever the device says");
	if (io_read_file("/proc/cpuinfo", 1 << 22, &cpu, &e) < 0)
		bail_out("no /proc/cpuinfo");
	plausible = accel_kvm_plausible(why);
#if defined(__x86_64__)
	if (!accel_cpu_flag(cpu.p, "vmx") && !accel_cpu_flag(cpu.p, "svm"))
		ok(!plausible);
#endif
	ok(plausible || why[0]);
	tap_case("X5: after a failure nobody tries again until the next boot");
	accel_kvm_failed();
	ok(!accel_kvm_plausible(why));
	ok(why[0]);
}

static void a_word_holds_until_the_next_boot(void)
{
	char value[64], path[4096];
	struct stat st;
	struct err e = { 0 };
	int fd;

	tap_case("X5: a word holds until the next boot");
	ok(!cache_recall("word", value, sizeof(value)));
	ok(cache_remember("word", "one"));
	ok(!cache_remember("word", "one"));
	ok(cache_recall("word", value, sizeof(value)));
	ok_str(value, "one");
	ok(cache_remember("word", "2"));
	ok(cache_recall("word", value, sizeof(value)));
	ok_str(value, "2");
	ok(!cache_recall("word", value, 1));
	ok_int(cache_path("word", path, sizeof(path), &e), 0);
	ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
	/* of another boot, cut, or not ours at all */
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	ok(fd >= 0 && io_write_all(fd, "00000000-0000-0000-0000-000000000000 2\n", 39) == 0);
	close(fd);
	ok(!cache_recall("word", value, sizeof(value)));
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	ok(fd >= 0 && io_write_all(fd, "00000000-0000", 13) == 0);
	close(fd);
	ok(!cache_recall("word", value, sizeof(value)));
	ok(cache_remember("word", "3"));
}

static void paths_are_made_below_the_cache(void)
{
	char path[4096], cwd[2000], want[2100], small[8];
	struct stat st;
	struct err e = { 0 };

	tap_case("X6: the cache directory is made, for its owner alone");
	if (!getcwd(cwd, sizeof(cwd)))
		bail_out("getcwd");
	ok_int(cache_path("a/b/c", path, sizeof(path), &e), 0);
	snprintf(want, sizeof(want), "%s/cache/execvm/a/b/c", cwd);
	ok_str(path, want);
	ok(stat("cache/execvm/a/b", &st) == 0 && S_ISDIR(st.st_mode) && (st.st_mode & 077) == 0);
	ok(stat("cache/execvm/a/b/c", &st) < 0);
	ok_int(cache_path("a", small, sizeof(small), &e), -ENAMETOOLONG);
	tap_case("X6: a relative XDG_CACHE_HOME does not count");
	setenv("HOME", cwd, 1);
	setenv("XDG_CACHE_HOME", "cache", 1);
	ok_int(cache_path("x", path, sizeof(path), &e), 0);
	snprintf(want, sizeof(want), "%s/.cache/execvm/x", cwd);
	ok_str(path, want);
	unsetenv("HOME");
	ok(cache_path("x", path, sizeof(path), &e) < 0);
	ok_str(e.msg, "no cache directory: neither XDG_CACHE_HOME nor HOME is set");
	setenv("XDG_CACHE_HOME", "/dev/null", 1);
	ok(cache_path("x", path, sizeof(path), &e) < 0);
	ok_str(e.msg, "make directory /dev/null/execvm: Not a directory");
	/* nothing depends on what cannot be kept */
	ok(!cache_remember("word", "one"));
	ok(accel_warn_once());
	ok(accel_warn_once());
}

static void one_warning_per_boot(void)
{
	tap_case("X5: one warning per boot");
	ok(accel_warn_once());
	ok(!accel_warn_once());
}

static void the_frequency_is_the_same_twice(void)
{
	uint64_t first, second;

	tap_case("I34: the frequency of the TSC is measured to 1e-4 and remembered");
	first = accel_tsc_khz();
	if (!first) {
		tap_skip("this CPU's TSC stops or changes its pace");
		return;
	}
	ok_int(accel_tsc_khz(), first);
	ok(cache_remember("tsc-khz", "999"));
	second = accel_tsc_khz();
	ok(second > first - first / 10000 && second < first + first / 10000);
}

int main(void)
{
	char cwd[2000], cache[2100];

	if (!getcwd(cwd, sizeof(cwd)))
		bail_out("getcwd");
	snprintf(cache, sizeof(cache), "%s/cache", cwd);
	setenv("XDG_CACHE_HOME", cache, 1);
	flags_are_whole_words();
	kvm_is_not_believed_after_a_failure();
	a_word_holds_until_the_next_boot();
	one_warning_per_boot();
	the_frequency_is_the_same_twice();
	paths_are_made_below_the_cache();
	return tap_done();
}
