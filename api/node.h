/* SPDX-License-Identifier: MIT */
/* What a node is, inside the library. */
#pragma once

#include <jansson.h>

#include "api/execvm.h"

/* A pipeline is the list of its nodes; "output" is put in when it is written. */
struct execvm {
	json_t *nodes; /* owned: a list of objects without "output" */
};
