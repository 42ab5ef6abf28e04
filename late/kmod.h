/* SPDX-License-Identifier: MIT */
/* In the place of <libkmod.h>: nothing of it before late_kmod(). */
#pragma once

#include <libkmod.h>

#include "late-kmod.h"
#include "late/late.h"
