/* SPDX-License-Identifier: MIT */
/*
 * make-tar TYPE[:MODE[:SIZE]] NAME TEXT...: a tar archive on stdout of whatever is said, in threes.
 * TYPE is what the header has (0 file, 1 hard link, 2 symlink, 3 and 4 devices, 5 directory, 6
 * fifo, …); TEXT is what a file has in it, else the other name; a pax record (x) gets its newline. SIZE is what the header says. A
 * TYPE of "end" leaves the end out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100],
		magic[8], uname[32], gname[32], major[8], minor[8], prefix[155], pad[12];
};

static void number(char *field, size_t n, unsigned long long value)
{
	char text[24];

	snprintf(text, sizeof(text), "%0*llo", (int)n - 1, value);
	memcpy(field, text, n);
}

static void member(const char *type, const char *name, const char *text)
{
	static const char zeros[512];
	struct header h = { .type = type[0] };
	const char *mode = strchr(type, ':');
	const char *size = mode ? strchr(mode + 1, ':') : NULL;
	size_t n = h.type == '0' || h.type == 'L' || h.type == 'x' ? strlen(text) + (h.type == 'x')
								   : 0;
	unsigned sum = 0;

	strncpy(h.name, name, sizeof(h.name));
	number(h.mode, sizeof(h.mode), mode ? strtoul(mode + 1, NULL, 8) : 0755);
	number(h.uid, sizeof(h.uid), 12345);
	number(h.gid, sizeof(h.gid), 12345);
	number(h.size, sizeof(h.size), size ? strtoull(size + 1, NULL, 0) : n);
	number(h.mtime, sizeof(h.mtime), 1000000000);
	number(h.major, sizeof(h.major), 1);
	number(h.minor, sizeof(h.minor), 3);
	if (!n)
		strncpy(h.link, text, sizeof(h.link));
	memcpy(h.magic, "ustar\00000", 8);
	memset(h.sum, ' ', sizeof(h.sum));
	for (size_t i = 0; i < sizeof(h); i++)
		sum += ((const unsigned char *)&h)[i];
	number(h.sum, 7, sum);
	fwrite(&h, 1, sizeof(h), stdout);
	if (h.type == 'x')
		n = (size_t)printf("%s\n", text);
	else
		fwrite(text, 1, n, stdout);
	fwrite(zeros, 1, (512 - n % 512) % 512, stdout);
}

int main(int argc, char **argv)
{
	static const char end[1024];

	for (int i = 1; i + 2 < argc; i += 3)
		member(argv[i], argv[i + 1], argv[i + 2]);
	if (argc < 2 || strcmp(argv[argc - 1], "end"))
		fwrite(end, 1, sizeof(end), stdout);
	return ferror(stdout) || fflush(stdout) ? 125 : 0;
}
