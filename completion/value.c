/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "completion/completion.h"

enum completion_value completion_value(const struct opt *o)
{
	static const struct {
		const char *word;
		enum completion_value value;
	} known[] = {
		{ "FILE", VALUE_FILES },
		{ "HOST", VALUE_FILES },
		{ "DIR", VALUE_DIRECTORIES },
	};
	size_t n = o->arg ? strcspn(o->arg, "=[,") : 0;

	if (!o->arg)
		return VALUE_NONE;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (strlen(known[i].word) == n && !memcmp(known[i].word, o->arg, n))
			return o->arg[n] == '=' ? VALUE_PAIR : known[i].value;
	}
	return strchr(o->arg, '|') ? VALUE_WORDS : VALUE_TEXT;
}
