/* SPDX-License-Identifier: MIT */
/* Random names. */
#include "runners/token.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/random.h>

int token_make(const char *prefix, char *out, size_t size, struct err *e)
{
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return err_sys(e, "getrandom");
	snprintf(out, size, "%s%016llx", prefix, (unsigned long long)random);
	return 0;
}
