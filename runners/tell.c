/* SPDX-License-Identifier: MIT */
/* From a plan to a payload. */
#include "runners/tell.h"

#include <stdlib.h>
#include <string.h>

#include "lib/layout.h"
#include "runners/network.h"

/*
 * A share that can be changed must take what is mapped for writing; one that cannot is read ahead.
 * Either way an open sees what is there at that moment.
 */
static void fill_shares(const struct vm_spec *s, bool virtiofs, struct tell_names *names,
			struct payload_machine *m)
{
	const char *type = virtiofs ? "virtiofs" : "9p";

	for (size_t i = 0; i < s->nshares; i++) {
		bool readonly = s->share[i].readonly;

		qemu_share_tag(i, names->share[i]);
		m->mount[m->nmounts++] = (struct payload_mount){
			.device = names->share[i],
			.target = s->share[i].target,
			.mtype = type,
			.options = virtiofs   ? (readonly ? "ro" : NULL)
				   : readonly ? "ro," GUEST_9P_OPTIONS ",cache=readahead"
					      : GUEST_9P_OPTIONS ",cache=mmap",
		};
	}
}

static int by_target(const void *a, const void *b)
{
	const struct payload_mount *x = a, *y = b;

	return strcmp(x->target, y->target);
}

void tell_payload(const struct vm_spec *s, bool virtiofs, struct tell_names *names,
		  struct payload *p)
{
	struct payload_machine *m = &p->machine;

	if (s->root || s->root_host)
		m->root = QEMU_ROOT_SERIAL;
	/* The initrd has no image that could be changed. */
	if (m->root || s->root_mode == ROOT_RO)
		m->root_mode = s->root_mode;
	if (s->root_host)
		m->fstype = virtiofs ? "virtiofs" : "9p";
	fill_shares(s, virtiofs, names, m);
	for (size_t i = 0; i < s->ndisks; i++) {
		qemu_disk_serial(i, names->disk[i]);
		m->device[m->ndevices++] = (struct payload_device){ .serial = names->disk[i],
								    .node = s->disk[i].node };
	}
	for (size_t i = 0; i < s->ntmpfs; i++)
		m->mount[m->nmounts++] = (struct payload_mount){ "tmpfs", s->tmpfs[i].target,
								 "tmpfs", s->tmpfs[i].options };
	/* What is above is mounted first. */
	qsort(m->mount, m->nmounts, sizeof(m->mount[0]), by_target);
	m->hostname = s->hostname;
	if (vm_has_network(s))
		m->network = (struct payload_network){
			.address = NETWORK_ADDRESS "/" NETWORK_PREFIX,
			.gateway = NETWORK_GATEWAY,
			.address6 = NETWORK_ADDRESS6 "/" NETWORK_PREFIX6,
			.gateway6 = NETWORK_GATEWAY6,
			.nameserver = NETWORK_DNS,
		};
	p->process.args = (const char **)s->args.v;
	p->process.nargs = s->args.n;
	p->process.env = (const char **)s->env.v;
	p->process.nenv = s->env.n;
	p->process.cwd = s->cwd;
	p->process.user = s->user;
	p->process.has_umask = s->has_umask;
	p->process.umask = s->umask;
	p->process.tty = s->tty;
}
