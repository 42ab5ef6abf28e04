/* SPDX-License-Identifier: MIT */
/* Paths inside the guest on which both ends agree. */
#pragma once

#define GUEST_INIT "/init"
#define GUEST_RUN_DIR "/run/execvm"
#define GUEST_RESOLV GUEST_RUN_DIR "/resolv.conf" /* mounted over that of an image */
#define GUEST_BIN_DIR "/run/execvm/bin"		  /* last on every default PATH */
#define GUEST_BIN GUEST_BIN_DIR "/execvm"	  /* init's own binary, in every root */
#define GUEST_CHAIN "/bin/execvm"		  /* the same, where the root can be added to */
#define GUEST_MODULES                                                                              \
	"/lib/execvm/modules.load" /* paths of kernel modules, one a line, load order */

#define GUEST_DEFAULT_HOSTNAME "execvm"
