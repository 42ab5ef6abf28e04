/* SPDX-License-Identifier: MIT */
/* https://reproducible-builds.org/specs/source-date-epoch/ */
#include "archive/epoch.h"

#include <errno.h>
#include <stdlib.h>

#include "archive/tar.h"
#include "lib/num.h"

int epoch_read(int64_t *mtime, struct err *e)
{
	const char *text = getenv("SOURCE_DATE_EPOCH");
	uint64_t epoch = 0;

	if (text && num_uint(text, 0, TAR_MTIME_MAX, &epoch) < 0)
		return err_set(e, EINVAL, "$SOURCE_DATE_EPOCH '%s': not seconds of 33 bits", text);
	*mtime = (int64_t)epoch;
	return 0;
}
