/* SPDX-License-Identifier: MIT */
/* The tools of this folder. */
#pragma once

#include "lib/cmd.h"

extern const struct cmd cmd_pipeline;
extern const struct cmd cmd_tar;
extern const struct cmd cmd_file;
