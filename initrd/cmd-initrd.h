/* SPDX-License-Identifier: MIT */
/* `execvm initrd`. */
#pragma once

#include "lib/cmd.h"

extern const struct cmd cmd_initrd;
