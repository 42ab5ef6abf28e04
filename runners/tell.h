/* SPDX-License-Identifier: MIT */
/* What a guest is told: a plan -> a payload, both halves. Pure. */
#pragma once

#include <stdbool.h>

#include "lib/macro.h"
#include "lib/payload.h"
#include "runners/qemu.h"
#include "runners/runner.h"

/* Names that the payload points to. */
struct tell_names {
	char disk[VM_DISKS][21], share[VM_SHARES][QEMU_TAG];
};

/* p is zeroed. Its strings stay the plan's; names are the caller's and live as long as p. */
void tell_payload(const struct vm_spec *s, bool virtiofs, struct tell_names *names,
		  struct payload *p) nonnull(1, 3, 4);
