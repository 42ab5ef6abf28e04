/* SPDX-License-Identifier: MIT */
/*
 * proves: X6
 * The reader of machine descriptions: what it takes is in range and whole, what it refuses has a
 * sentence that begins with file and line, and leaves nothing behind.
 */
#include <errno.h>

#include "runners/config-key.h"
#include "runners/config.h"
#include "tests/fuzz/fuzz.h"

static void check_spec(const struct vm_spec *s)
{
	CHECK(s->runner && *s->runner);
	CHECK(s->memory >= VM_MEMORY_MIN && s->memory <= VM_MEMORY_MAX);
	CHECK(s->cpus >= 1 && s->cpus <= VM_CPUS_MAX);
	CHECK(s->accel == ACCEL_AUTO || s->accel == ACCEL_KVM || s->accel == ACCEL_TCG);
	CHECK(s->ndisks <= VM_DISKS);
	CHECK(!s->env_private);
	CHECK(!s->has_umask || s->umask <= 0777);
	for (size_t i = 0; i < s->ndisks; i++) {
		CHECK(*s->disk[i].file && !strncmp(s->disk[i].node, "/dev/", 5));
		for (size_t k = 0; k < i; k++)
			CHECK(strcmp(s->disk[i].node, s->disk[k].node) != 0);
	}
	for (size_t i = 0; i < s->env.n; i++) {
		size_t n = strcspn(s->env.v[i], "=");

		CHECK(n && s->env.v[i][n] == '=');
		/* sorted, each name once */
		if (i) {
			const char *before = s->env.v[i - 1];
			size_t m = strcspn(before, "=");
			int c = memcmp(before, s->env.v[i], m < n ? m : n);

			CHECK(c < 0 || (c == 0 && m < n));
		}
	}
}

/* "d/m.json:LINE:", with a line that the text has. */
static void check_sentence(const char *msg, const char *text, size_t size)
{
	unsigned long line, lines = 1;
	char *end;

	CHECK(!strncmp(msg, "d/m.json:", 9));
	line = strtoul(msg + 9, &end, 10);
	for (size_t i = 0; i < size; i++)
		lines += text[i] == '\n';
	CHECK(*end == ':' && line >= 1 && line <= lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_copy(data, size);
	struct vm_spec s;
	struct err e = { 0 };
	int r = config_read(text, size, "d/m.json", &s, &e);

	if (r == 0) {
		CHECK(!e.code);
		check_spec(&s);
	} else {
		CHECK(e.code == -r && e.msg[0]);
		CHECK(!s.runner && !s.ndisks && !s.env.n);
		check_sentence(e.msg, text, size);
	}
	vm_spec_free(&s);
	free(text);
	return 0;
}
