/* SPDX-License-Identifier: MIT */
/* Programs that serve one machine beside QEMU: file servers, a network. They end with it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/err.h"
#include "lib/macro.h"
#include "lib/proc.h"

#define COMPANIONS 32u

struct companion {
	const char *name; /* static, for messages */
	pid_t pid;
	int pidfd; /* owned */
};

struct companions {
	struct companion at[COMPANIONS];
	size_t n;
	int fd; /* epoll: readable when one of them has ended; -1 = there are none */
};
#define COMPANIONS_INIT                                                                            \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/*
 * Starts one more, in a process group of its own and with our death as its death: *s has the rest.
 * What it says goes where s->fd[2] leads.
 */
int companion_start(struct companions *c, const char *name, struct proc_spec *s,
		    struct err *e) must_check nonnull(1, 2, 3, 4);

/* The name of one that has ended, or NULL. */
const char *companion_ended(const struct companions *c) must_check nonnull(1);

/* QEMU is gone: they see it and end, or are ended. None is left. */
void companions_end(struct companions *c) nonnull(1);
