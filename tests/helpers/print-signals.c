/* SPDX-License-Identifier: MIT */
/*
 * print-signals [FILE]: two lines, "blocked: N..." and "ignored: N...", as the kernel has them: the
 * libraries keep a few numbers to themselves.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What the kernel takes; the handler is its first word on every architecture. */
struct kernel_sigaction {
	uintptr_t handler;
	unsigned long rest[8];
};

int main(int argc, char **argv)
{
	FILE *f = argc > 1 ? fopen(argv[1], "w") : stdout;
	uint64_t mask = 0;

	if (!f)
		return 1;
	syscall(SYS_rt_sigprocmask, 0, NULL, &mask, sizeof(mask));
	fprintf(f, "blocked:");
	for (int sig = 1; sig <= 64; sig++) {
		if (mask & (uint64_t)1 << (sig - 1))
			fprintf(f, " %d", sig);
	}
	fprintf(f, "\nignored:");
	for (int sig = 1; sig <= 64; sig++) {
		struct kernel_sigaction sa = { 0 };

		if (syscall(SYS_rt_sigaction, sig, NULL, &sa, sizeof(mask)) == 0 &&
		    sa.handler == (uintptr_t)SIG_IGN)
			fprintf(f, " %d", sig);
	}
	fprintf(f, "\n");
	return fclose(f) ? 1 : 0;
}
