/* SPDX-License-Identifier: MIT */
/*
 * mmap-write FILE BYTES: a new file of that size, filled with 'm' through a shared mapping, and
 * nothing else: no msync, no unmapping. Then another file is opened, removed and used: FILE.gone.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char gone[4096], text[6];
	struct stat st;
	size_t n;
	char *p;
	int fd;

	if (argc != 3)
		return 125;
	n = strtoul(argv[2], NULL, 10);
	fd = open(argv[1], O_RDWR | O_CREAT | O_EXCL, 0644);
	if (fd < 0 || ftruncate(fd, (off_t)n) < 0)
		return 1;
	p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return 2;
	memset(p, 'm', n);
	snprintf(gone, sizeof(gone), "%s.gone", argv[1]);
	fd = open(gone, O_RDWR | O_CREAT | O_EXCL, 0644);
	if (fd < 0 || unlink(gone) < 0 || write(fd, "gone!", 5) != 5)
		return 3;
	/* 9p of QEMU 7.2 has lost its name by now, and with it the file */
	if (fstat(fd, &st) < 0 || st.st_size != 5 || pread(fd, text, 5, 0) != 5)
		return 4;
	return 0;
}
