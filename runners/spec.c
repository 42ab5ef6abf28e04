/* SPDX-License-Identifier: MIT */
/* What a plan amounts to, and its end. */
#include <stdlib.h>
#include <string.h>

#include "runners/runner.h"

static void free_copies(struct vm_copy *c, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(c[i].host);
		free(c[i].guest);
		free(c[i].digest);
	}
}

bool vm_is_qcow2(const char *path)
{
	size_t n = path ? strlen(path) : 0;

	return n > 6 && !strcmp(path + n - 6, ".qcow2");
}

const char *vm_accel_name(enum vm_accel a)
{
	static const char *const names[] = {
		[ACCEL_AUTO] = "auto",
		[ACCEL_KVM] = "kvm",
		[ACCEL_TCG] = "tcg",
	};

	return names[a];
}

bool vm_has_network(const struct vm_spec *s)
{
	return s->network == NETWORK_USER || s->network == NETWORK_PASST;
}

size_t vm_slots(const struct vm_spec *s)
{
	return 1 + (s->root || s->root_host ? 1 : 0) + s->ndisks + s->nshares +
	       (vm_has_network(s) ? 1 : 0);
}

void vm_spec_free(struct vm_spec *s)
{
	free(s->runner);
	free(s->kernel);
	free(s->initrd);
	free(s->kernel_digest);
	free(s->initrd_digest);
	free(s->root_digest);
	free(s->record);
	free(s->append);
	free(s->root);
	free(s->name);
	free(s->image);
	free(s->image_digest);
	free(s->hostname);
	free(s->cwd);
	free(s->user);
	for (size_t i = 0; i < s->ndisks; i++) {
		free(s->disk[i].file);
		free(s->disk[i].node);
		free(s->disk[i].digest);
	}
	for (size_t i = 0; i < s->nshares; i++) {
		free(s->share[i].source);
		free(s->share[i].target);
	}
	free_copies(s->in, s->nin);
	free_copies(s->out, s->nout);
	for (size_t i = 0; i < s->ntmpfs; i++) {
		free(s->tmpfs[i].target);
		free(s->tmpfs[i].options);
	}
	free(s->host);
	argv_free(&s->wrap);
	argv_free(&s->options);
	argv_free(&s->args);
	argv_free(&s->env);
	*s = (struct vm_spec){ 0 };
}
