/* SPDX-License-Identifier: MIT */
/* The end of a plan. */
#include <stdlib.h>

#include "runners/runner.h"

void vm_spec_free(struct vm_spec *s)
{
	free(s->runner);
	free(s->kernel);
	free(s->initrd);
	free(s->append);
	free(s->root);
	free(s->image);
	free(s->hostname);
	free(s->cwd);
	free(s->user);
	for (size_t i = 0; i < s->ndisks; i++) {
		free(s->disk[i].file);
		free(s->disk[i].node);
	}
	argv_free(&s->args);
	argv_free(&s->env);
	*s = (struct vm_spec){ 0 };
}
