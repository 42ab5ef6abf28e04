/* SPDX-License-Identifier: MIT */
/* make-socket PATH: a socket in the file system. */
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

int main(int argc, char **argv)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (argc != 2 || fd < 0)
		return 125;
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", argv[1]);
	if (bind(fd, (const struct sockaddr *)&a, sizeof(a)) < 0) {
		perror(argv[1]);
		return 125;
	}
	return 0;
}
