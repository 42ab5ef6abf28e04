/* SPDX-License-Identifier: MIT */
/* What the three files of the mux share. Private to them: mux.h is for everybody else. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/macro.h"
#include "lib/mux.h"

#define LENGTH_SIZE 4u
#define DATA_LEAST 4096u     /* bytes: smaller pieces wait for room, unless more may not be sent */
#define RESOURCE_SHORTAGE 4u /* RFC 4254 section 5.1 */
#define BY_APPLICATION 11u   /* RFC 4253 section 11.1 */

enum state { FREE, OPENING, ASKED, REFUSED, OPEN };

enum flag {
	CONFIRM = 1,	   /* the peer is to be told that it is open */
	EOF_IN = 2,	   /* read */
	CLOSE_IN = 4,	   /* read */
	EOF_WANTED = 8,	   /* said by the owner */
	EOF_OUT = 16,	   /* written */
	CLOSE_WANTED = 32, /* said by the owner */
	CLOSE_OUT = 64,	   /* written */
};

_Static_assert(MUX_CHANNELS <= 64, "one bit each in unsaid");
_Static_assert(MUX_REPLIES <= 16, "one bit each in replies");
_Static_assert(MUX_WINDOW <= UINT32_MAX / 4, "sums of windows do not overflow");
_Static_assert(WIRE_DATA_HEAD + DATA_LEAST < MUX_OUT_DATA, "data fits when the output is empty");

/* mux.c */

/* -EMFILE when all are in use. */
int mux_free_channel(const struct mux *m) must_check nonnull(1);
bool mux_name_valid(const char *name) must_check nonnull(1);

/* mux-out.c */

/* Moves what is to be written to the front when that is cheap and makes room. */
void mux_squeeze(struct mux *m) nonnull(1);

/* A packet of at most n bytes, at the tail. False: no room. Only mux_finish() makes it count. */
bool mux_start(struct mux *m, size_t n, enum wire_msg msg, struct wire_out *o) must_check
	nonnull(1, 4);
void mux_finish(struct mux *m, struct wire_out *o) nonnull(1, 2);

/* Writes what is remembered. False when the output was too full for all of it. */
bool mux_say_all(struct mux *m) nonnull(1);

/* Has enough been consumed that the peer is to be told? */
bool mux_adjust_due(const struct mux_channel *c) must_check nonnull(1);
