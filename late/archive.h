/* SPDX-License-Identifier: MIT */
/* In the place of <archive.h> and <archive_entry.h>: nothing of it before late_archive(). */
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include "late-archive.h"
#include "late/late.h"
