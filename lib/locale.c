/* SPDX-License-Identifier: MIT */
/* The locale of names. */
#include "lib/locale.h"

void utf8_enter(struct utf8_locale *l)
{
	l->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	l->before = l->utf8 ? uselocale(l->utf8) : (locale_t)0;
}

void utf8_leave(struct utf8_locale *l)
{
	if (!l->utf8)
		return;
	uselocale(l->before);
	freelocale(l->utf8);
	l->utf8 = (locale_t)0;
}
