/* SPDX-License-Identifier: MIT */
/* Copies, as session.c says them: one at a time, s->copy here and s->copied in the guest. */
#pragma once

#include <stdbool.h>

#include "runners/session.h"

/* Begins one; whose turn it is, is its turn then. After an error nothing of it is left. */
int session_copy_begin(struct session *s, const struct vm_copy *what, enum copy_kind kind,
		       struct err *e) must_check nonnull(1, 2, 4);

/* What was to be copied in cannot be, for a reason that is the run's own: e says of which file. */
int session_copy_refused(struct session *s, const char *host, struct err *e) nonnull(1, 2, 3);

/*
 * Looks how far it is, and ends it when both halves are over. What cannot be copied in is an error
 * of the run; what cannot be copied out is left out.
 */
int session_copy_go(struct session *s, struct err *e) must_check nonnull(1, 2);

/* Why something was not copied out. */
void session_copy_left(struct session *s, const struct err *why) nonnull(1, 2);

/*
 * The guest's half of a copy in has ended, and what is behind the last byte is yet to be seen. Then
 * session_copy_look() looks, when there is something to be read: 1 = it was the end.
 */
bool session_copy_waits(const struct session *s) must_check nonnull(1);
int session_copy_look(struct session *s, struct err *e) must_check nonnull(1, 2);

/* Our ends of its pipe. */
void session_copy_close(struct session *s) nonnull(1);
