/* SPDX-License-Identifier: MIT */
/* The template of a plan, without a run. */
#pragma once

#include "lib/err.h"
#include "lib/macro.h"
#include "runners/runner.h"
#include "runners/template-store.h"

/* Finds the template that runs of this plan would go on from, or makes it. -EINVAL when none can. */
int vm_template(const struct vm_spec *s, char id[TEMPLATE_ID], struct err *e) must_check
	nonnull(1, 2, 3);
