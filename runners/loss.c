/* SPDX-License-Identifier: MIT */
/* The kernel log, QEMU's words and its end: the likeliest reason of a loss. */
#include "runners/loss.h"

#include <errno.h>
#include <string.h>

#include "lib/msg.h"

/* The last lines of text that came from the guest or QEMU: control bytes do not reach a terminal. */
void loss_tail(const char *what, const struct buf *b, int lines)
{
	size_t at = b->len;

	if (!b->len)
		return;
	while (at > 0 && (b->p[at - 1] != '\n' || at == b->len || lines-- > 1))
		at--;
	while (at < b->len) {
		size_t n = strcspn(b->p + at, "\r\n");

		if (at + n > b->len)
			n = b->len - at;
		if (n)
			failf("%s: %.*s", what, (int)(n < 400 ? n : 400), b->p + at);
		at += n + 1;
	}
}

/* The reason that the guest's kernel gave, if it did. */
void loss_explain(const struct relay *r, struct err *e)
{
	static const char mark[] = "Kernel panic - not syncing: ";
	const char *at = r->log_tail.p ? strstr(r->log_tail.p, mark) : NULL;

	if (at) {
		at += strlen(mark);
		err_set(e, EIO, "the machine is lost: the guest's kernel panicked: %.*s",
			(int)strcspn(at, "\r\n"), at);
	} else if (r->lost && r->beside_ended) {
		err_set(e, EIO, "the machine is lost: %s ended", r->beside_ended);
	} else if (r->lost && r->qemu_status.kind == PROC_SIGNALED) {
		err_set(e, EIO, "the machine is lost: QEMU was killed by %s",
			proc_signal_name(r->qemu_status.value));
	} else if (r->lost && r->qemu_status.value) {
		err_set(e, EIO, "the machine is lost: QEMU ended with status %d",
			r->qemu_status.value);
	} else if (!r->log_tail.len && !r->qemu_text.len) {
		struct err inner = *e;

		err_set(e, inner.code, "%s (nothing in its log: try --boot-log)", inner.msg);
	}
}
