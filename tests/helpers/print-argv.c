/* SPDX-License-Identifier: MIT */
/*
 * print-argv ARG...: all words, argv[0] too, one a line; a byte that is not visible ASCII, and the
 * backslash, as \xNN.
 */
#include <stdio.h>

int main(int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		for (const unsigned char *p = (const unsigned char *)argv[i]; *p; p++) {
			if (*p > ' ' && *p < 0x7f && *p != '\\')
				putchar(*p);
			else
				printf("\\x%02x", *p);
		}
		putchar('\n');
	}
	return fflush(stdout) ? 1 : 0;
}
