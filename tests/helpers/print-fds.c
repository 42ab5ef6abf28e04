/* SPDX-License-Identifier: MIT */
/*
 * print-fds [FILE]: the open descriptors, one a line, as "NUMBER TARGET"; into FILE, made for it, so
 * that it works with 0, 1 and 2 closed. Needs /proc for TARGET only.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HIGHEST 1024

int main(int argc, char **argv)
{
	char text[16384] = "";
	size_t len = 0;
	int out;

	for (int fd = 0; fd < HIGHEST; fd++) {
		char path[64], target[256];
		ssize_t n;

		if (fcntl(fd, F_GETFD) < 0)
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		if (len + sizeof(target) + 16 < sizeof(text))
			len += (size_t)sprintf(text + len, "%d %s\n", fd, target);
	}
	out = argc > 1 ? open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0666) : 1;
	return write(out, text, len) == (ssize_t)len ? 0 : 1;
}
