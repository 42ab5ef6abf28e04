/* SPDX-License-Identifier: MIT */
/*
 * The static guest program inside this one. It belongs to the runners (runners/guest-image.S), whose
 * headers are not for this folder.
 */
#pragma once

extern const char guest_image[];
extern const char guest_image_end[];
