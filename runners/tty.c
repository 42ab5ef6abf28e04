/* SPDX-License-Identifier: MIT */
/* The caller's terminal. The only user of tcsetattr. */
#include "runners/tty.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

int tty_raw(struct tty *t, int fd, struct err *e)
{
	struct termios raw;

	if (!isatty(fd))
		return 0;
	if (tcgetattr(fd, &t->saved) < 0)
		return err_sys(e, "read the terminal's modes");
	raw = t->saved;
	cfmakeraw(&raw);
	if (tcsetattr(fd, TCSADRAIN, &raw) < 0)
		return err_sys(e, "set the terminal's modes");
	t->fd = fd;
	return 0;
}

void tty_restore(struct tty *t)
{
	if (t->fd < 0)
		return;
	/* Drain, never flush: what was typed or printed stays. */
	while (tcsetattr(t->fd, TCSADRAIN, &t->saved) < 0 && errno == EINTR)
		;
	t->fd = -1;
}

void tty_size(struct wire_winsize *w)
{
	static const int order[] = { STDOUT_FILENO, STDIN_FILENO, STDERR_FILENO };

	*w = (struct wire_winsize){ .cols = 80, .rows = 24 };
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		struct winsize s;

		if (ioctl(order[i], TIOCGWINSZ, &s) < 0 || !s.ws_col)
			continue;
		*w = (struct wire_winsize){ s.ws_col, s.ws_row, s.ws_xpixel, s.ws_ypixel };
		return;
	}
}
