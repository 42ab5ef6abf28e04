/* SPDX-License-Identifier: MIT */
/* KVM or emulation, and the frequency of the host's time stamp counter. */
#include "runners/accel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#include "lib/cleanup.h"
#include "lib/io.h"
#include "lib/num.h"
#include "runners/cache.h"

#define KVM_DEVICE "/dev/kvm"
#define KVM_API 12    /* KVM_API_VERSION of every kernel since 2.6.22 */
#define CPUINFO 16384 /* bytes: the first CPU. All of them take long to print on a large host */
#define WORD_KVM_FAILED "kvm-failed"
#define WORD_WARNED "tcg-warned"
#define WORD_TSC "tsc-khz"

bool accel_cpu_flag(const char *cpuinfo, const char *flag)
{
	const char *line = strstr(cpuinfo, "\nflags");
	size_t n = strlen(flag);

	if (!line)
		return false;
	line++;
	for (const char *end = line + strcspn(line, "\n"); line < end;) {
		size_t word;

		line += strspn(line, " \t:");
		word = strcspn(line, " \t:\n");
		if (word == n && !memcmp(line, flag, n))
			return true;
		if (!word)
			return false;
		line += word;
	}
	return false;
}

static void read_cpuinfo(char text[CPUINFO])
{
	cleanup_close int fd = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : io_read_full(fd, text, CPUINFO - 1);

	text[n > 0 ? n : 0] = '\0';
}

int accel_cpu_model(struct buf *out)
{
	static const char *const names[] = { "vendor_id", "cpu family", "model", "model name",
					     "stepping",  "microcode",	"flags" };
	char text[CPUINFO];
	int r = 0;

	read_cpuinfo(text);
	for (const char *line = text; *line && *line != '\n' && r == 0;) {
		size_t n = strcspn(line, "\n"), name = strcspn(line, "\t:\n");

		for (size_t i = 0; i < ARRAY_SIZE(names) && r == 0; i++) {
			if (strlen(names[i]) == name && !memcmp(names[i], line, name))
				r = buf_addf(out, "%.*s\n", (int)n, line);
		}
		line += n + (line[n] == '\n');
	}
	return r;
}

static int kvm_answers(struct err *e)
{
	cleanup_close int fd = open(KVM_DEVICE, O_RDWR | O_CLOEXEC);
	int version;

	if (fd < 0)
		return err_sys(e, "open " KVM_DEVICE);
	version = ioctl(fd, KVM_GET_API_VERSION, 0);
	if (version != KVM_API)
		return err_set(e, ENODEV, KVM_DEVICE " has API version %d, not %d", version,
			       KVM_API);
	return 0;
}

static bool cpu_virtualizes(void)
{
#if defined(__x86_64__)
	char cpu[CPUINFO];

	read_cpuinfo(cpu);
	return accel_cpu_flag(cpu, "vmx") || accel_cpu_flag(cpu, "svm");
#else
	return true;
#endif
}

bool accel_kvm_plausible(char why[240])
{
	struct err e = { 0 };
	char since[128];

	if (!cpu_virtualizes())
		err_set(&e, ENODEV, "the CPU has neither vmx nor svm");
	else if (kvm_answers(&e) == 0 && cache_recall(WORD_KVM_FAILED, since, sizeof(since)))
		err_set(&e, ENODEV, "a guest under KVM did not start since this host booted");
	snprintf(why, 240, "%s", e.msg);
	return !e.code;
}

void accel_kvm_failed(void)
{
	cache_remember(WORD_KVM_FAILED, "yes");
}

bool accel_warn_once(void)
{
	char value[128];

	if (cache_remember(WORD_WARNED, "yes"))
		return true;
	return !cache_recall(WORD_WARNED, value, sizeof(value));
}

#if defined(__x86_64__)

#define CLOCKSOURCES "/sys/devices/system/clocksource/clocksource0/available_clocksource"
#define TSC_MIN_KHZ 100000u   /* 100 MHz */
#define TSC_MAX_KHZ 20000000u /* 20 GHz */
#define INTERVAL_NS 20000000  /* between the two readings of one measurement */
#define TRIES 5
#define READINGS 32

/* One moment on both clocks. The TSC was read between two others; doubt is how far those are apart. */
struct moment {
	uint64_t tsc, doubt;
	uint64_t ns;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The tightest of some readings: most are not interrupted between the clocks. */
static struct moment read_moment(void)
{
	struct moment best = { .doubt = UINT64_MAX };

	for (int i = 0; i < READINGS; i++) {
		unsigned cpu;
		uint64_t before = __rdtscp(&cpu);
		uint64_t ns = now_ns();
		uint64_t after = __rdtscp(&cpu);

		if (after >= before && after - before < best.doubt)
			best = (struct moment){ before + (after - before) / 2, after - before, ns };
	}
	return best;
}

/* kHz, or 0 when the readings leave more than 1e-5 of doubt. */
static uint64_t measure(void)
{
	struct moment a = read_moment(), b;
	struct timespec pause = { .tv_nsec = INTERVAL_NS };
	uint64_t ticks, ns;

	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, &pause) == EINTR)
		;
	b = read_moment();
	if (b.tsc <= a.tsc || b.ns <= a.ns)
		return 0;
	ticks = b.tsc - a.tsc;
	if (a.doubt + b.doubt > ticks / 50000)
		return 0;
	ns = b.ns - a.ns;
	return (uint64_t)(((__uint128_t)ticks * 1000000u + ns / 2) / ns);
}

/* Constant, never stopped, and not found out by this host's kernel, which takes it off its list. */
static bool steady(void)
{
	char cpu[CPUINFO], sources[256];
	cleanup_close int fd = open(CLOCKSOURCES, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : io_read_full(fd, sources, sizeof(sources) - 1);

	read_cpuinfo(cpu);
	if (!accel_cpu_flag(cpu, "constant_tsc") || !accel_cpu_flag(cpu, "nonstop_tsc"))
		return false;
	sources[n > 0 ? n : 0] = '\0';
	return n <= 0 || !strncmp(sources, "tsc ", 4) || strstr(sources, " tsc ");
}

uint64_t accel_tsc_khz(void)
{
	char text[128];
	uint64_t khz = 0;

	if (cache_recall(WORD_TSC, text, sizeof(text)) &&
	    num_uint(text, TSC_MIN_KHZ, TSC_MAX_KHZ, &khz) == 0)
		return khz;
	if (!steady())
		return 0;
	for (int i = 0; i < TRIES && !khz; i++)
		khz = measure();
	if (khz < TSC_MIN_KHZ || khz > TSC_MAX_KHZ)
		return 0;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)khz);
	cache_remember(WORD_TSC, text);
	return khz;
}

#else

uint64_t accel_tsc_khz(void)
{
	return 0;
}

#endif
