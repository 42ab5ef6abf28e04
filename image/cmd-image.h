/* SPDX-License-Identifier: MIT */
#pragma once

#include "lib/cmd.h"

extern const struct cmd cmd_image;
