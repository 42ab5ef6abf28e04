/* SPDX-License-Identifier: MIT */
/*
 * proves: I2
 * Mount options into memory of every size that matters. What is left for the file system holds no
 * flag any more: reading it again changes nothing.
 */
#include <errno.h>

#include "init/init.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *out, *again;
	unsigned long flags, none;
	struct err e = { 0 };
	size_t n;

	CHECK(text);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	n = strlen(text) + 1;
	out = malloc(n);
	CHECK(out);
	CHECK(mount_options(text, &flags, out, n, &e) == 0); /* never longer than it was */
	n = strlen(out) + 1;
	again = malloc(n);
	CHECK(again);
	CHECK(mount_options(out, &none, again, n, &e) == 0);
	CHECK(none == 0 && !strcmp(out, again));
	CHECK(mount_options(text, &flags, again, n - 1, &e) == -EINVAL);
	CHECK(e.code == EINVAL && *e.msg);
	free(again);
	free(out);
	free(text);
	return 0;
}
