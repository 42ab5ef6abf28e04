/* SPDX-License-Identifier: MIT */
/*
 * libarchive writes a tar into the pipe: pax, because of extended attributes and long names, in one
 * form of header each, with names as bytes.
 *
 * mksquashfs writes to a descriptor of ours (by /proc/self/fd), so that the file needs no name. What
 * it says goes into a file in memory: it can say as much as it likes without waiting for us.
 */
#include "image/squash.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "late/archive.h"
#include "lib/argv.h"
#include "lib/cleanup.h"
#include "lib/fd.h"
#include "lib/io.h"
#include "lib/proc.h"

#define PROGRAM "mksquashfs"
#define UNSHARE "unshare"
#define LEVEL "6"		  /* of zstd: docs/design/images.md has the figures */
#define PIPE_SIZE (1 << 20)	  /* bytes; the most that a user without privileges gets */
#define PIECE ((size_t)128 << 10) /* bytes written at a time */
#define SAID_MAX ((size_t)64 << 10)

static la_ssize_t write_pipe(struct archive *a, void *ctx, const void *p, size_t n)
{
	struct squash *s = ctx;
	int r = s->broken ? 0 : io_write_all(s->pipe, p, n);

	/* After a failure the rest is thrown away: libarchive wants to finish what it has begun. */
	if (r < 0) {
		s->broken = -r;
		archive_set_error(a, -r, "write to " PROGRAM);
		return -1;
	}
	return (la_ssize_t)n;
}

/* Takes the last line off the text; NULL when there is none. */
static char *take_line(struct buf *b)
{
	static const char prefix[] = "FATAL ERROR: ";
	char *line;

	while (b->len && (b->p[b->len - 1] == '\n' || b->p[b->len - 1] == ' '))
		b->p[--b->len] = '\0';
	if (!b->len)
		return NULL;
	line = strrchr(b->p, '\n');
	line = line ? line + 1 : b->p;
	b->len = (size_t)(line - b->p);
	if (b->len)
		b->p[--b->len] = '\0';
	return strncmp(line, prefix, strlen(prefix)) ? line : line + strlen(prefix);
}

/* The last line that it has said, and the one before, which often has the reason. */
static int said_err(const struct squash *s, struct err *e)
{
	cleanup_buf struct buf b = { 0 };
	int r = lseek(s->said, 0, SEEK_SET) < 0 ? -1 : io_read_fd(s->said, SAID_MAX, &b);
	const char *last = r == 0 || r == -EFBIG ? take_line(&b) : NULL;
	const char *before = last ? take_line(&b) : NULL;

	if (!last)
		return err_set(e, EIO, PROGRAM ": ended without saying why");
	if (!before)
		return err_set(e, EIO, PROGRAM ": %.200s", last);
	return err_set(e, EIO, PROGRAM ": %.100s (%.100s)", last, before);
}

/* Waits for it. What it says is the reason, whatever has failed here because of that. */
static int reap(struct squash *s, struct err *e)
{
	struct proc_status st;
	pid_t pid = s->pid;
	int r;

	if (s->pipe >= 0)
		close(take_fd(&s->pipe));
	s->pid = -1;
	r = proc_wait(pid, &st);
	if (r < 0)
		return err_code(e, -r, "wait for " PROGRAM);
	if (st.kind == PROC_SIGNALED)
		return err_set(e, EIO, PROGRAM ": killed by %s", proc_signal_name(st.value));
	if (st.value)
		return said_err(s, e);
	return s->broken ? err_set(e, EIO, PROGRAM ": ended too early") : 0;
}

int squash_write_err(struct squash *s, struct err *e)
{
	const char *text = archive_error_string(s->tar);

	if (s->broken && s->pid > 0) {
		int code = s->broken;
		int r = reap(s, e);

		return r < 0 ? r : err_code(e, code, "write to " PROGRAM);
	}
	return err_set(e, archive_errno(s->tar) > 0 ? archive_errno(s->tar) : EINVAL, "%s",
		       text ? text : "the archive cannot be written");
}

/*
 * mksquashfs -tar is what sqfstar is, too, but the sqfstar of 4.5.1 takes the value of
 * -Xcompression-level for a file name. -noI: what it does not let us say of the root can be set
 * afterwards, but for its owner being in the list of owners; therefore the caller is root, at least
 * in a user namespace of its own, and the bytes do not depend on who he is.
 */
static bool may_be_root(void)
{
	cleanup_argv struct argv argv = { 0 };
	cleanup_buf struct buf out = { 0 };
	struct err ignored;

	return argv_push(&argv, UNSHARE) == 0 && argv_push(&argv, "--map-root-user") == 0 &&
	       argv_push(&argv, "true") == 0 && proc_capture(argv.v, 1, &out, &ignored) == 0;
}

static int program_argv(bool unshare, int out, const struct squash_root *root, struct argv *argv)
{
	static const char *const fixed[] = {
		"-tar",
		"-noappend",
		"-reproducible",
		"-exit-on-error",
		"-no-progress",
		"-quiet",
		"-comp",
		"zstd",
		"-Xcompression-level",
		LEVEL,
		"-noI",
		"-mkfs-time",
		"0",
	};
	int r = 0;

	if (unshare) {
		r = argv_push(argv, UNSHARE);
		if (r == 0)
			r = argv_push(argv, "--map-root-user");
	}
	if (r == 0)
		r = argv_push(argv, PROGRAM);
	if (r == 0)
		r = argv_push(argv, "-");
	if (r == 0)
		r = argv_pushf(argv, "/proc/self/fd/%d", out);
	for (size_t i = 0; i < ARRAY_SIZE(fixed) && r == 0; i++)
		r = argv_push(argv, fixed[i]);
	if (r == 0)
		r = argv_push(argv, "-root-mode");
	if (r == 0)
		r = argv_pushf(argv, "%o", root->mode);
	return r;
}

static int start(struct squash *s, int out, const struct squash_root *root, int from, struct err *e)
{
	cleanup_argv struct argv argv = { 0 };
	struct proc_signals signals = { 0 };
	struct proc_spec spec = PROC_SPEC_INIT;
	struct proc_failure f;
	/* SOURCE_DATE_EPOCH would change times; messages are in one language. */
	char *const env[] = { NULL };
	bool user = geteuid() != 0, unshare = user && may_be_root();
	int r = program_argv(unshare, out, root, &argv);

	s->as_caller = user && !unshare;

	if (r < 0)
		return err_memory(e);
	sigemptyset(&signals.mask);
	sigemptyset(&signals.ignored);
	sigaddset(&signals.ignored, SIGXFSZ); /* a limit is an error to be told */
	spec.argv = argv.v;
	spec.envp = env;
	spec.path = getenv("PATH");
	spec.fd[0] = from;
	spec.fd[1] = spec.fd[2] = s->said;
	spec.close_rest = true;
	spec.keep = &out;
	spec.nkeep = 1;
	spec.signals = &signals;
	spec.new_group = true; /* what the terminal sends is for us to answer */
	spec.death_signal = SIGKILL;
	if (proc_spawn(&spec, &s->pid, &f) == 0)
		return 0;
	s->pid = -1;
	if (f.code == ENOENT)
		return err_set(e, ENOENT, PROGRAM ": not found: install squashfs-tools");
	return err_code(e, f.code, "%s " PROGRAM, f.stage);
}

static int open_tar(struct squash *s, struct err *e)
{
	int r = late_archive(e);

	if (r < 0)
		return r;
	s->tar = archive_write_new();
	if (!s->tar)
		return err_memory(e);
	if (archive_write_set_format_pax_restricted(s->tar) != ARCHIVE_OK ||
	    archive_write_set_format_option(s->tar, "pax", "xattrheader", "SCHILY") != ARCHIVE_OK ||
	    archive_write_set_format_option(s->tar, "pax", "hdrcharset", "BINARY") != ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(s->tar, PIECE) != ARCHIVE_OK ||
	    archive_write_open(s->tar, s, NULL, write_pipe, NULL) != ARCHIVE_OK)
		return squash_write_err(s, e);
	return 0;
}

int squash_open(struct squash *s, int out, const struct squash_root *root, struct err *e)
{
	cleanup_close int from = -1;
	int r;

	s->said = memfd_create(PROGRAM, MFD_CLOEXEC);
	if (s->said < 0)
		return err_sys(e, "memfd_create");
	r = fd_pipe(&from, &s->pipe, 0);
	if (r < 0)
		return err_code(e, -r, "pipe");
	/* Larger is quicker, no more. */
	if (fcntl(s->pipe, F_SETPIPE_SZ, PIPE_SIZE) < 0)
		errno = 0;
	s->out = out;
	s->root = *root;
	r = start(s, out, root, from, e);
	return r < 0 ? r : open_tar(s, e);
}

int squash_end(struct squash *s, struct err *e)
{
	int r;

	if (archive_write_close(s->tar) != ARCHIVE_OK)
		return squash_write_err(s, e);
	r = reap(s, e);
	if (r == 0)
		r = squash_set_root(s->out, &s->root, e);
	s->lost_owner = r > 0;
	return r < 0 ? r : 0;
}

void squash_warn(const struct squash *s, const struct watch *w)
{
	if (s->dropped && w->warn)
		w->warn("%u entries lose access control lists, file flags or attributes, for which "
			"squashfs has no room; the first is '%s'",
			s->dropped, s->dropped_first);
	if (s->lost_owner && w->warn)
		w->warn("the root directory is 0:0, not %u:%u, who own nothing else", s->root.uid,
			s->root.gid);
	if (s->as_caller && w->warn)
		w->warn("no user namespaces here: the digest depends on who imports");
}

void squash_free(struct squash *s)
{
	struct err ignored;

	if (s->pid > 0) {
		kill(s->pid, SIGKILL);
		s->broken = s->broken ? s->broken : EPIPE;
		if (reap(s, &ignored) < 0)
			s->pid = -1;
	}
	s->broken = EPIPE; /* nothing is written any more */
	if (s->tar)
		archive_write_free(s->tar);
	if (s->pipe >= 0)
		close(take_fd(&s->pipe));
	if (s->said >= 0)
		close(take_fd(&s->said));
	*s = (struct squash)SQUASH_INIT;
}
