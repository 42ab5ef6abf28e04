/* SPDX-License-Identifier: MIT */
/*
 * QEMU's machine protocol, as far as freezing needs it: commands are JSON objects, answers and
 * events are one JSON object a line (docs/interop/qmp-spec.txt of QEMU).
 */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/macro.h"

struct qmp {
	int fd;		/* borrowed: our end of the monitor */
	struct buf in;	/* what came and was not looked at */
	uint64_t until; /* clock_ms(): nothing is waited for beyond it */
	int stop; /* when this can be read, waiting ends with -EINTR; -1 = nothing does that */
};

/* Sends text, one or more commands as they stand; with fd >= 0 that descriptor with them. */
int qmp_send(const struct qmp *q, const char *text, int fd, struct err *e) must_check
	nonnull(1, 2, 4);

/*
 * Waits for an event of this name, or with NULL for the answer to a command. What else comes is
 * dropped, but a command that failed is -EREMOTEIO, with QEMU's sentence. *data gets the event's
 * data, which the caller owns (json_decref), unless data is NULL.
 */
int qmp_await(struct qmp *q, const char *event, json_t **data, struct err *e) must_check
	nonnull(1, 4);

void qmp_free(struct qmp *q) nonnull(1);
