/* SPDX-License-Identifier: MIT */
/*
 * libarchive writes a tar into the pipe: pax, because of extended attributes and long names, in one
 * form of header each, with names as bytes.
 *
 * mksquashfs writes to a descriptor of ours (by /proc/self/fd), so that the file needs no name. What
 * it says goes into a file in memory: it can say as much as it likes without waiting for us.
 */
#include "image/squash.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

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
#define MAJOR_MAX 0xfffu /* as squashfs has them */
#define MINOR_MAX 0xfffffu

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

static int write_err(struct squash *s, struct err *e)
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
		return err_set(e, ENOMEM, "out of memory");
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
	s->tar = archive_write_new();
	if (!s->tar)
		return err_set(e, ENOMEM, "out of memory");
	if (archive_write_set_format_pax_restricted(s->tar) != ARCHIVE_OK ||
	    archive_write_set_format_option(s->tar, "pax", "xattrheader", "SCHILY") != ARCHIVE_OK ||
	    archive_write_set_format_option(s->tar, "pax", "hdrcharset", "BINARY") != ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(s->tar, PIECE) != ARCHIVE_OK ||
	    archive_write_open(s->tar, s, NULL, write_pipe, NULL) != ARCHIVE_OK)
		return write_err(s, e);
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

/* What squashfs can hold of an entry. */

static int check_owner(struct archive_entry *en, const char *path, struct err *e)
{
	if (archive_entry_uid(en) < 0 || archive_entry_gid(en) < 0 ||
	    archive_entry_uid(en) >= UINT32_MAX || archive_entry_gid(en) >= UINT32_MAX)
		return err_set(e, ERANGE, "'%.150s': owner %jd:%jd", path,
			       (intmax_t)archive_entry_uid(en), (intmax_t)archive_entry_gid(en));
	return 0;
}

static uint32_t mtime_of(struct archive_entry *en)
{
	int64_t t = archive_entry_mtime(en);

	return t < 0 ? 0 : t > (int64_t)UINT32_MAX ? UINT32_MAX : (uint32_t)t;
}

int squash_root_from(struct squash_root *r, struct archive_entry *en, struct err *e)
{
	if (check_owner(en, "/", e) < 0)
		return -e->code;
	*r = (struct squash_root){
		.mode = archive_entry_perm(en) & 07777,
		.uid = (uint32_t)archive_entry_uid(en),
		.gid = (uint32_t)archive_entry_gid(en),
		.mtime = mtime_of(en),
	};
	return 0;
}

static bool xattr_kept(const char *name)
{
	static const char *const kinds[] = { "user.", "trusted.", "security." };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!strncmp(name, kinds[i], strlen(kinds[i])))
			return true;
	}
	return false;
}

/* Takes the others out. Returns whether there were any. */
static int keep_xattrs(struct archive_entry *en, struct archive_entry *kept)
{
	int left = archive_entry_xattr_reset(en), lost = 0;
	const char *name;
	const void *value;
	size_t n;

	while (left-- > 0 && archive_entry_xattr_next(en, &name, &value, &n) == ARCHIVE_OK) {
		if (xattr_kept(name))
			archive_entry_xattr_add_entry(kept, name, value, n);
		else
			lost = 1;
	}
	return lost;
}

static void note_dropped(struct squash *s, const char *path)
{
	if (!s->dropped++)
		snprintf(s->dropped_first, sizeof(s->dropped_first), "%s", path);
}

/* en as it goes into the pipe, in an entry that has nothing else. */
static struct archive_entry *cleaned(struct squash *s, struct archive_entry *en, const char *path)
{
	struct archive_entry *out = archive_entry_new();
	bool lost;

	if (!out)
		return NULL;
	archive_entry_copy_pathname(out, path);
	archive_entry_set_mode(out, archive_entry_filetype(en) | archive_entry_perm(en));
	archive_entry_set_uid(out, archive_entry_uid(en));
	archive_entry_set_gid(out, archive_entry_gid(en));
	archive_entry_set_mtime(out, mtime_of(en), 0);
	archive_entry_set_size(out,
			       archive_entry_filetype(en) == AE_IFREG ? archive_entry_size(en) : 0);
	if (archive_entry_filetype(en) == AE_IFLNK)
		archive_entry_copy_symlink(out, archive_entry_symlink(en));
	if (archive_entry_filetype(en) == AE_IFCHR || archive_entry_filetype(en) == AE_IFBLK) {
		archive_entry_set_rdevmajor(out, archive_entry_rdevmajor(en));
		archive_entry_set_rdevminor(out, archive_entry_rdevminor(en));
	}
	lost = keep_xattrs(en, out);
	lost |= archive_entry_acl_types(en) != 0;
	lost |= archive_entry_fflags_text(en) != NULL;
	if (lost)
		note_dropped(s, path);
	return out;
}

static int put_header(struct squash *s, struct archive_entry *en, struct err *e)
{
	int r = archive_write_header(s->tar, en);

	return r == ARCHIVE_OK ? 0 : write_err(s, e);
}

int squash_entry(struct squash *s, struct archive_entry *en, const char *path, struct err *e)
{
	uint64_t size =
		archive_entry_filetype(en) == AE_IFREG ? (uint64_t)archive_entry_size(en) : 0;
	bool device =
		archive_entry_filetype(en) == AE_IFCHR || archive_entry_filetype(en) == AE_IFBLK;
	struct archive_entry *out;
	int r = check_owner(en, path, e);

	if (r == 0 && device &&
	    (archive_entry_rdevmajor(en) > MAJOR_MAX || archive_entry_rdevminor(en) > MINOR_MAX))
		r = err_set(e, ERANGE, "'%.150s': device %ju:%ju", path,
			    (uintmax_t)archive_entry_rdevmajor(en),
			    (uintmax_t)archive_entry_rdevminor(en));
	if (r == 0 && (size > SQUASH_DATA_MAX || s->data > SQUASH_DATA_MAX - size))
		r = err_set(e, EFBIG, "more than %llu GiB of contents",
			    (unsigned long long)SQUASH_DATA_MAX >> 30);
	if (r < 0)
		return r;
	s->data += size;
	out = cleaned(s, en, path);
	if (!out)
		return err_set(e, ENOMEM, "out of memory");
	r = put_header(s, out, e);
	archive_entry_free(out);
	return r;
}

int squash_link(struct squash *s, struct archive_entry *en, const char *path, const char *to,
		struct err *e)
{
	archive_entry_clear(en);
	archive_entry_copy_pathname(en, path);
	archive_entry_set_mode(en, AE_IFREG | 0644);
	archive_entry_copy_hardlink(en, to);
	return put_header(s, en, e);
}

int squash_made_dir(struct squash *s, const char *path, struct err *e)
{
	struct archive_entry *en = archive_entry_new();
	int r;

	if (!en)
		return err_set(e, ENOMEM, "out of memory");
	archive_entry_copy_pathname(en, path);
	archive_entry_set_mode(en, AE_IFDIR | 0755);
	archive_entry_set_mtime(en, 0, 0);
	r = put_header(s, en, e);
	archive_entry_free(en);
	return r;
}

int squash_data(struct squash *s, const void *p, uint64_t n, struct err *e)
{
	static const char zeros[PIECE];

	while (n) {
		size_t k = !p && n > PIECE ? PIECE : (size_t)n;

		if (archive_write_data(s->tar, p ? p : zeros, k) != (la_ssize_t)k)
			return write_err(s, e);
		n -= k;
	}
	return 0;
}

int squash_end(struct squash *s, struct err *e)
{
	int r;

	if (archive_write_close(s->tar) != ARCHIVE_OK)
		return write_err(s, e);
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
