/* SPDX-License-Identifier: MIT */
/*
 * vm-clock COUNT MS: prints the wall clock COUNT times, sleeping for MS between, as seconds with
 * nine decimals, each at once. vm-clock -s: copies stdin, in front of each line the time at which it
 * came, on the same clock.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void now(char text[32])
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	snprintf(text, 32, "%lld.%09ld", (long long)t.tv_sec, t.tv_nsec);
}

int main(int argc, char **argv)
{
	long count = argc > 2 ? strtol(argv[1], NULL, 10) : 0;
	long ms = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
	char line[4096], text[32];

	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	if (argc == 2 && !strcmp(argv[1], "-s")) {
		while (fgets(line, sizeof(line), stdin)) {
			now(text);
			printf("%s %s", text, line);
		}
		return 0;
	}
	if (count < 1 || ms < 0)
		return 125;
	for (long i = 0; i < count; i++) {
		struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

		if (i)
			nanosleep(&t, NULL);
		now(text);
		printf("%s\n", text);
	}
	return 0;
}
