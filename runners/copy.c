/* SPDX-License-Identifier: MIT */
/* The two halves of a copy. */
#include "runners/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/argv.h"
#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/io.h"
#include "lib/layout.h"
#include "lib/msg.h"
#include "lib/payload.h"
#include "lib/proc.h"

#define SELF "/proc/self/exe"
#define STOP_MS 5000 /* to take away what was begun */
#define SAID_MAX ((size_t)64 << 10)

/* What is behind the last slash; in front of it, with it, is the directory that it is in. */
static const char *last_name(const char *path)
{
	return strrchr(path, '/') + 1;
}

/* The guest's half. */

static int push_all(struct argv *out, const char *const *words)
{
	int r = 0;

	for (; *words && r == 0; words++)
		r = argv_push(out, *words);
	return r;
}

/*
 * No word of these can be "--": paths begin with a slash, and a user with no dash. What comes in
 * belongs to the run's user; the names are those of the guest.
 */
static int guest_in(const struct vm_spec *s, const char *guest, struct argv *out)
{
	cleanup_free char *dir = strndup(guest, (size_t)(last_name(guest) - guest));
	const char *const make[] = { GUEST_BIN, "chain", "--", GUEST_BUSYBOX, "mkdir",
				     "-p",	dir,	 "--", NULL };
	const char *const own[] = { GUEST_BIN, "chain", "--", NULL };
	const char *const tar[] = { GUEST_BUSYBOX, "tar", "-xf", "-", "-C", dir, NULL };
	const char *const chown[] = { "--", GUEST_BUSYBOX, "chown", "-Rh", s->user, guest, NULL };
	int r;

	if (!dir)
		return -ENOMEM;
	r = push_all(out, make);
	if (r == 0 && s->user)
		r = push_all(out, own);
	if (r == 0)
		r = push_all(out, tar);
	return r == 0 && s->user ? push_all(out, chown) : r;
}

static int guest_out(const char *guest, struct argv *out)
{
	const char *name = last_name(guest);
	cleanup_free char *dir = strndup(guest, (size_t)(name - guest));
	const char *const tar[] = { GUEST_BUSYBOX, "tar", "-cf", "-", "-C", dir, NULL };
	int r = dir ? push_all(out, tar) : -ENOMEM;

	return r < 0 ? r : argv_pushf(out, "./%s", name);
}

/* Owners stay as they are. */
static int guest_times(const char *guest, struct argv *out)
{
	cleanup_free char *dir = strndup(guest, (size_t)(last_name(guest) - guest));
	const char *const tar[] = { GUEST_BUSYBOX, "tar", "-xof", "-", "-C", dir, NULL };

	return dir ? push_all(out, tar) : -ENOMEM;
}

static int guest_half(struct copy *c, const struct vm_spec *s, struct err *e)
{
	cleanup_argv struct argv argv = { 0 };
	struct payload p = { 0 };
	const char *guest = c->what->guest;
	int r = c->kind == COPY_IN    ? guest_in(s, guest, &argv)
		: c->kind == COPY_OUT ? guest_out(guest, &argv)
				      : guest_times(guest, &argv);

	if (r < 0)
		return err_code(e, -r, "words of a copy");
	p.process.args = (const char **)argv.v;
	p.process.nargs = argv.n;
	return payload_encode(&p, PAYLOAD_PROCESS, &c->process, e);
}

/* The host's half. */

static int host_argv(const struct copy *c, const struct vm_spec *s, struct argv *out)
{
	bool in = c->kind != COPY_OUT, whole = c->kind != COPY_TIMES;
	int r = argv_push(out, SELF);

	if (r == 0)
		r = argv_push(out, in ? "pack" : "unpack");
	if (r == 0 && whole)
		r = argv_push(out, "--digest-fd");
	if (r == 0 && whole)
		r = argv_pushf(out, "%d", c->digested);
	if (r == 0 && in)
		r = argv_push(out, "--name");
	if (r == 0 && in)
		r = argv_push(out, last_name(c->what->guest));
	if (r == 0 && in)
		r = argv_push(out, "--dirs-last");
	if (r == 0 && !whole)
		r = argv_push(out, "--dirs-only");
	if (r == 0 && in && s->strict)
		r = argv_push(out, "--reproducible");
	if (r == 0 && in && whole && c->what->digest)
		r = argv_push(out, "--pin");
	if (r == 0 && in && whole && c->what->digest)
		r = argv_push(out, c->what->digest);
	if (r == 0)
		r = argv_push(out, "--");
	return r < 0 ? r : argv_push(out, c->what->host);
}

static int host_half(struct copy *c, const struct vm_spec *s, struct err *e)
{
	cleanup_argv struct argv argv = { 0 };
	cleanup_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	cleanup_close int read_end = -1, write_end = -1;
	struct proc_spec p = PROC_SPEC_INIT;
	char *nothing[] = { NULL }; /* $SOURCE_DATE_EPOCH is this host's, too */
	struct proc_failure f;

	c->said = memfd_create("said", MFD_CLOEXEC);
	c->digested = memfd_create("digest", MFD_CLOEXEC);
	if (null < 0 || c->said < 0 || c->digested < 0 || fd_pipe(&read_end, &write_end, 0) < 0)
		return err_sys(e, "descriptors of a copy");
	if (host_argv(c, s, &argv) < 0)
		return err_memory(e);
	p.argv = argv.v;
	p.fd[0] = c->kind == COPY_OUT ? read_end : null;
	p.fd[1] = c->kind == COPY_OUT ? null : write_end;
	p.fd[2] = c->said;
	p.close_rest = true;
	p.keep = &c->digested;
	p.nkeep = 1;
	p.new_group = true;
	if (s->strict)
		p.envp = nothing;
	p.death_signal = SIGTERM; /* it takes away what it has begun */
	if (proc_spawn(&p, &c->pid, &f) < 0)
		return err_code(e, f.code, "%s %s", f.stage, argv.v[1]);
	c->fd = take_fd(c->kind == COPY_OUT ? &write_end : &read_end);
	c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
	return c->pidfd < 0 ? err_sys(e, "pidfd_open") : 0;
}

static void release(struct copy *c)
{
	int *all[] = { &c->pidfd, &c->fd, &c->said, &c->digested };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (*all[i] >= 0)
			close(take_fd(all[i]));
	}
	buf_free(&c->process);
	buf_free(&c->words);
	c->what = NULL;
}

int copy_begin(struct copy *c, const struct vm_spec *s, const struct vm_copy *what,
	       enum copy_kind kind, struct err *e)
{
	int r;

	*c = (struct copy)COPY_INIT;
	c->what = what;
	c->kind = kind;
	r = guest_half(c, s, e);
	if (r == 0)
		r = host_half(c, s, e);
	if (r < 0)
		copy_stop(c);
	return r;
}

bool copy_has_times(const struct vm_copy *what)
{
	size_t n = strlen(what->host);
	struct stat st;

	return (what->host[n - 1] == '/' ? stat(what->host, &st) : lstat(what->host, &st)) == 0 &&
	       S_ISDIR(st.st_mode);
}

/* Without "execvm pack: " in front. */
static const char *without_tool(const char *line)
{
	const char *colon = strncmp(line, "execvm ", 7) ? NULL : strstr(line, ": ");

	return colon ? colon + 2 : line;
}

/* What it has said: warnings go on, the last line is why it failed. */
static int listen_to(struct copy *c, bool failed, struct err *e)
{
	cleanup_buf struct buf b = { 0 };
	char *line, *next;

	if (lseek(c->said, 0, SEEK_SET) < 0 || io_read_fd(c->said, SAID_MAX, &b) < 0 || !b.len)
		return failed ? err_set(e, ECANCELED, "%s failed",
					c->kind == COPY_OUT ? "unpack" : "pack")
			      : 0;
	for (line = b.p; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (next && !*next)
			next = NULL;
		line = (char *)without_tool(line);
		if (failed && !next)
			return err_set(e, ECANCELED, "%s", line);
		msg_warn("%s", !strncmp(line, "warning: ", 9) ? line + 9 : line);
	}
	return 0;
}

void copy_close(struct copy *c)
{
	if (c->fd >= 0)
		close(take_fd(&c->fd));
}

bool copy_has_ended(const struct copy *c)
{
	struct pollfd p = { .fd = c->pidfd, .events = POLLIN };

	return c->fd < 0 && poll(&p, 1, 0) > 0;
}

int copy_end(struct copy *c, struct err *e)
{
	struct proc_status st;
	ssize_t n;
	int r = proc_wait(c->pid, &st);

	c->pid = 0;
	if (r < 0)
		return err_code(e, -r, "wait for a copy");
	r = listen_to(c, proc_exit_code(&st) != 0, e);
	n = pread(c->digested, c->digest, sizeof(c->digest) - 1, 0);
	c->digest[n > 0 ? n : 0] = '\0';
	if (r == 0 && c->kind != COPY_TIMES && !digest_valid(c->digest))
		r = err_set(e, ECANCELED, "the copy has no digest");
	return r;
}

void copy_stop(struct copy *c)
{
	struct pollfd p = { .fd = c->pidfd, .events = POLLIN };
	struct proc_status ignored;

	if (c->pid > 0) {
		/* First the signal, then the end of the pipe: what came may look complete. */
		kill(c->pid, SIGTERM);
		copy_close(c);
		if (c->pidfd < 0 || poll(&p, 1, STOP_MS) <= 0)
			kill(c->pid, SIGKILL);
		if (proc_wait(c->pid, &ignored) == 0)
			c->pid = 0;
	}
	release(c);
}
