/* SPDX-License-Identifier: MIT */
/* exit-with N: exits with N. */
#include <stdlib.h>

int main(int argc, char **argv)
{
	return argc > 1 ? atoi(argv[1]) : 0;
}
