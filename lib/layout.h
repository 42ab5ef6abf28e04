/* SPDX-License-Identifier: MIT */
/* Paths inside the guest on which both ends agree. */
#pragma once

#define GUEST_INIT "/init"
#define GUEST_RUN_DIR "/run/execvm"
#define GUEST_RESOLV GUEST_RUN_DIR "/resolv.conf" /* mounted over that of an image */
#define GUEST_BIN_DIR "/run/execvm/bin"		  /* last on every default PATH */
#define GUEST_BIN "/run/execvm/bin/execvm"	  /* init's own binary, in every root */
#define GUEST_CHAIN "/bin/execvm"		  /* the same, where the root can be added to */
#define GUEST_BUSYBOX "/run/execvm/bin/busybox"	  /* in machines that copy: its tar */
#define GUEST_BUSYBOX_FROM "/lib/execvm/busybox"  /* where an initrd has it for that */
#define GUEST_MODULES                                                                              \
	"/lib/execvm/modules.load" /* paths of kernel modules, one a line, load order */

/* Directories of the host by 9p; the size is the most that virtio takes. */
#define GUEST_9P_OPTIONS "trans=virtio,version=9p2000.L,msize=512000"

#define GUEST_DEFAULT_HOSTNAME "execvm"
