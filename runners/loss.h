/* SPDX-License-Identifier: MIT */
/* Why a machine was lost, in the words of those who know. */
#pragma once

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/macro.h"
#include "runners/relay.h"

/* Says on stderr, with what in front, the last lines of text that came from the guest or QEMU. */
void loss_tail(const char *what, const struct buf *b, int lines) nonnull(1, 2);

/* Makes *e, which says that it is lost, say the reason, as far as there is one. */
void loss_explain(const struct relay *r, struct err *e) nonnull(1, 2);
