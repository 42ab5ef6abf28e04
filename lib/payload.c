/* SPDX-License-Identifier: MIT */
/* The payload: names and memory. payload-decode.c reads it, payload-encode.c writes it. */
#include "lib/payload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/payload-impl.h"

const struct payload_limit payload_limits[PAYLOAD_RLIMITS] = {
	{ "as", RLIMIT_AS },
	{ "core", RLIMIT_CORE },
	{ "cpu", RLIMIT_CPU },
	{ "data", RLIMIT_DATA },
	{ "fsize", RLIMIT_FSIZE },
	{ "locks", RLIMIT_LOCKS },
	{ "memlock", RLIMIT_MEMLOCK },
	{ "msgqueue", RLIMIT_MSGQUEUE },
	{ "nice", RLIMIT_NICE },
	{ "nofile", RLIMIT_NOFILE },
	{ "nproc", RLIMIT_NPROC },
	{ "rss", RLIMIT_RSS },
	{ "rtprio", RLIMIT_RTPRIO },
	{ "rttime", RLIMIT_RTTIME },
	{ "sigpending", RLIMIT_SIGPENDING },
	{ "stack", RLIMIT_STACK },
};

static const char *const root_modes[] = {
	[ROOT_OVERLAY] = "overlay",
	[ROOT_RO] = "ro",
	[ROOT_RW] = "rw",
};

const char *payload_root_mode_name(enum root_mode mode)
{
	return root_modes[mode];
}

int payload_root_mode(const char *text, enum root_mode *mode)
{
	for (size_t i = 0; i < ARRAY_SIZE(root_modes); i++) {
		if (!strcmp(text, root_modes[i])) {
			*mode = (enum root_mode)i;
			return 0;
		}
	}
	return -EINVAL;
}

void payload_free(struct payload *p)
{
	free(p->process.args);
	free(p->process.env);
	free(p->process.pool);
	*p = (struct payload){ 0 };
}
