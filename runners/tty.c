/* SPDX-License-Identifier: MIT */
/* The caller's terminal. The only user of tcsetattr. */
#include "runners/tty.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/msg.h"

/* Both are one terminal, whatever name each was opened by: /dev/tty is one of them, too. */
static bool is_same(int a, int b)
{
	unsigned one, other;

	return ioctl(a, TIOCGDEV, &one) == 0 && ioctl(b, TIOCGDEV, &other) == 0 && one == other;
}

/* A terminal that is not our controlling one knows no foreground: it is whoever's has it open. */
static bool is_foreground(int fd)
{
	pid_t group = tcgetpgrp(fd);

	return group < 0 || group == getpgrp();
}

static bool is_equal(const struct termios *a, const struct termios *b)
{
	return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag && a->c_cflag == b->c_cflag &&
	       a->c_lflag == b->c_lflag && !memcmp(a->c_cc, b->c_cc, sizeof(a->c_cc));
}

static int set(int fd, const struct termios *modes)
{
	/* Drain, never flush: what was typed or printed stays. */
	while (tcsetattr(fd, TCSADRAIN, modes) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}

/* Output stays cooked where it is not the command's: what others print there must not staircase. */
static void make_raw(const struct tty_end *end, struct termios *modes)
{
	struct termios raw = *modes;

	cfmakeraw(&raw);
	if (end->out)
		modes->c_oflag = raw.c_oflag;
	if (!end->in)
		return;
	modes->c_iflag = raw.c_iflag;
	modes->c_lflag = raw.c_lflag;
	modes->c_cflag = raw.c_cflag;
	memcpy(modes->c_cc, raw.c_cc, sizeof(modes->c_cc));
}

static int hold(struct tty_end *end)
{
	struct termios now;
	int r;

	if (!end->in && !end->out)
		return 0;
	end->held = false;
	if (!is_foreground(end->fd))
		return 0;
	if (tcgetattr(end->fd, &now) < 0)
		return -errno;
	if (!end->known || !is_equal(&now, &end->ours)) {
		end->before = now;
		make_raw(end, &now);
		r = set(end->fd, &now);
		/* Not every mode that is asked for is what a terminal then says it has. */
		if (r == 0 && tcgetattr(end->fd, &end->ours) < 0)
			r = -errno;
		if (r < 0)
			return r;
		end->known = true;
	}
	end->held = true;
	if (end->out && is_same(end->fd, STDERR_FILENO))
		msg_set_raw(true);
	return 0;
}

int tty_take(struct tty *t, bool in, struct err *e)
{
	bool one = in && is_same(STDIN_FILENO, STDOUT_FILENO);
	int r = 0;

	t->end[0] = (struct tty_end){ .fd = STDIN_FILENO, .in = in && isatty(STDIN_FILENO) };
	t->end[0].out = one;
	t->end[1].fd = -1;
	if (!one && isatty(STDOUT_FILENO)) {
		/* A descriptor of our own: when all is written 1 is closed, which is before the end. */
		t->end[1] = (struct tty_end){ .fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3),
					      .out = true };
		if (t->end[1].fd < 0)
			return err_sys(e, "dup the terminal");
	}
	/* The whole job, as the kernel does it for who sets modes in the background. */
	if (t->end[0].in && !is_foreground(STDIN_FILENO))
		kill(0, SIGTTOU);
	for (size_t i = 0; i < ARRAY_SIZE(t->end) && r == 0; i++)
		r = hold(&t->end[i]);
	return r < 0 ? err_code(e, -r, "set the terminal's modes") : 0;
}

/* A terminal that is gone needs no modes; reading says so. */
void tty_again(struct tty *t)
{
	msg_set_raw(false);
	for (size_t i = 0; i < ARRAY_SIZE(t->end); i++) {
		if (hold(&t->end[i]) < 0)
			t->end[i].in = t->end[i].out = false;
	}
}

bool tty_away(const struct tty *t)
{
	bool away = false;

	for (size_t i = 0; i < ARRAY_SIZE(t->end); i++)
		away |= (t->end[i].in || t->end[i].out) && !t->end[i].held;
	return away;
}

static void give_back(struct tty *t)
{
	msg_set_raw(false);
	for (size_t i = 0; i < ARRAY_SIZE(t->end); i++) {
		struct tty_end *end = &t->end[i];

		if (end->held && is_foreground(end->fd) && set(end->fd, &end->before) < 0)
			end->in = end->out = false;
		end->held = false;
	}
}

void tty_stop(struct tty *t)
{
	sigset_t stop;

	give_back(t);
	sigemptyset(&stop);
	sigaddset(&stop, SIGTSTP);
	kill(getpid(), SIGTSTP);
	sigprocmask(SIG_UNBLOCK, &stop, NULL); /* here it stops, unless its group is orphaned */
	sigprocmask(SIG_BLOCK, &stop, NULL);
	tty_again(t);
}

void tty_restore(struct tty *t)
{
	give_back(t);
	if (t->end[1].fd >= 0)
		close(t->end[1].fd);
	*t = (struct tty)TTY_INIT;
}

void tty_size(struct wire_winsize *w)
{
	static const int order[] = { STDOUT_FILENO, STDIN_FILENO, STDERR_FILENO };

	*w = (struct wire_winsize){ .cols = 80, .rows = 24 };
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		struct winsize s;

		if (ioctl(order[i], TIOCGWINSZ, &s) < 0 || !s.ws_col || !s.ws_row)
			continue;
		*w = (struct wire_winsize){ s.ws_col, s.ws_row, s.ws_xpixel, s.ws_ypixel };
		return;
	}
}
