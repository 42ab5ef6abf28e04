/* SPDX-License-Identifier: MIT */
/* The static guest program: what becomes /init in every initrd and /bin/execvm in every container. */
#pragma once

extern const char guest_image[];
extern const char guest_image_end[];
