/* SPDX-License-Identifier: MIT */
/*
 * print-pid: "PID PPID CHILDREN": the count of children, ended or not, that this process has from
 * what it was before its exec ("0" or "some").
 */
#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	siginfo_t si;
	int none = waitid(P_ALL, 0, &si, WEXITED | WSTOPPED | WNOHANG | WNOWAIT) < 0 &&
		   errno == ECHILD;

	printf("%d %d %s\n", getpid(), getppid(), none ? "0" : "some");
	return 0;
}
