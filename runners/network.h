/* SPDX-License-Identifier: MIT */
/*
 * The network of a machine, as the machine sees it: a link to one router, which is QEMU itself or
 * passt. Addresses are the same for both, and those that QEMU's user networking has by itself; the
 * guest is told them in its payload.
 */
#pragma once

#include "lib/err.h"
#include "lib/macro.h"
#include "runners/runner.h"

#define NETWORK_NET "10.0.2.0/24"
#define NETWORK_ADDRESS "10.0.2.15"
#define NETWORK_PREFIX "24"
#define NETWORK_GATEWAY "10.0.2.2" /* for the guest this is also the host's own loopback */
#define NETWORK_DNS "10.0.2.3"
#define NETWORK_NET6 "fec0::/64"
#define NETWORK_ADDRESS6 "fec0::15"
#define NETWORK_PREFIX6 "64"
#define NETWORK_GATEWAY6 "fec0::2"

/*
 * Are the published ports free? Each is bound for a moment in the way that the router will bind
 * it, so that a port that is taken is an error before anything has started.
 */
int network_check_ports(const struct vm_spec *s, struct err *e) must_check nonnull(1, 2);
