/* SPDX-License-Identifier: MIT */
/*
 * usage: udp-echo PORT            sends back what comes, for ever
 *        udp-echo ADDR PORT TEXT  sends TEXT until the same comes back, at most 50 times; 1 = never
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

static int serve(int fd, struct sockaddr_in *at)
{
	char text[2048];
	socklen_t len = sizeof(*at);
	ssize_t n;

	at->sin_addr.s_addr = INADDR_ANY;
	if (bind(fd, (struct sockaddr *)at, sizeof(*at)) < 0) {
		perror("bind");
		return 125;
	}
	puts("serving");
	fflush(stdout);
	while ((n = recvfrom(fd, text, sizeof(text), 0, (struct sockaddr *)at, &len)) >= 0) {
		if (sendto(fd, text, (size_t)n, 0, (struct sockaddr *)at, len) < 0)
			perror("send");
		len = sizeof(*at);
	}
	perror("receive");
	return 125;
}

static int ask(int fd, const struct sockaddr_in *to, const char *text)
{
	const struct timeval wait = { .tv_usec = 200000 };
	char answer[2048];

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0 ||
	    connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0) {
		perror("connect");
		return 125;
	}
	for (int i = 0; i < 50; i++) {
		ssize_t n;

		if (send(fd, text, strlen(text), 0) < 0)
			continue;
		n = recv(fd, answer, sizeof(answer), 0);
		if (n >= 0 && (size_t)n == strlen(text) && !memcmp(text, answer, (size_t)n))
			return 0;
	}
	return 1;
}

int main(int argc, char **argv)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in at = { .sin_family = AF_INET };

	if (fd < 0 || (argc != 2 && argc != 4))
		return 125;
	at.sin_port = htons((unsigned short)strtoul(argv[argc == 2 ? 1 : 2], NULL, 10));
	if (argc == 2)
		return serve(fd, &at);
	if (inet_pton(AF_INET, argv[1], &at.sin_addr) != 1)
		return 125;
	return ask(fd, &at, argv[3]);
}
