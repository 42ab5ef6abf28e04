/* SPDX-License-Identifier: MIT */
/* The tools of this folder. */
#pragma once

#include "lib/cmd.h"

extern const struct cmd cmd_run;
extern const struct cmd cmd_template;
extern const struct cmd cmd_kernel;
extern const struct cmd cmd_doctor;
