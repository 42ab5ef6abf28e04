/* SPDX-License-Identifier: MIT */
/* `execvm pack` and `execvm unpack`. */
#pragma once

#include "lib/cmd.h"

extern const struct cmd cmd_pack;
extern const struct cmd cmd_unpack;
