/* SPDX-License-Identifier: MIT */
/* PID 1 of the bare machine: resets it at once, which ends QEMU with -no-reboot; with "idle" does nothing. */
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	while (argc > 1 && strcmp(argv[1], "idle") == 0)
		pause();
	return reboot(RB_AUTOBOOT);
}
