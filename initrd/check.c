/* SPDX-License-Identifier: MIT */
/* The first bytes of /init, and of what has to run it. */
#include "initrd/check.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/io.h"
#include "lib/layout.h"

#define HEAD 256u		     /* of a script: BINPRM_BUF_SIZE */
#define PHNUM_MAX 64u		     /* program headers that are looked at */
#define CONFIG_MAX ((size_t)4 << 20) /* bytes of a kernel configuration */
#define SCRIPT_MAX 4		     /* scripts that are run by scripts */

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#elif defined(__riscv)
#define MACHINE EM_RISCV
#else
#define MACHINE EM_NONE /* any */
#endif

/* What runs another program: its path, "" when nothing has to. */
struct interpreter {
	char path[TREE_PATH_MAX + 1];
};

static int read_elf(const struct content *c, const struct spool *s, const char *path,
		    struct interpreter *in, struct err *e)
{
	Elf64_Ehdr head;
	ssize_t k = content_read(c, s, &head, sizeof(head), 0, e);

	if (k < 0)
		return (int)k;
	if ((size_t)k < sizeof(head) || head.e_ident[EI_CLASS] != ELFCLASS64 ||
	    (MACHINE != EM_NONE && head.e_machine != MACHINE))
		return err_set(e, ENOEXEC, "/%s: a program of another machine", path);
	if (head.e_phentsize != sizeof(Elf64_Phdr) || head.e_phnum > PHNUM_MAX)
		return err_set(e, ENOEXEC, "/%s: its ELF headers are not valid", path);
	for (unsigned i = 0; i < head.e_phnum; i++) {
		Elf64_Phdr ph;

		k = content_read(c, s, &ph, sizeof(ph), head.e_phoff + i * sizeof(ph), e);
		if (k < 0)
			return (int)k;
		if ((size_t)k < sizeof(ph))
			return err_set(e, ENOEXEC, "/%s: cut in its ELF headers", path);
		if (ph.p_type != PT_INTERP)
			continue;
		if (ph.p_filesz < 2 || ph.p_filesz > TREE_PATH_MAX)
			return err_set(e, ENOEXEC, "/%s: its ELF headers are not valid", path);
		k = content_read(c, s, in->path, ph.p_filesz, ph.p_offset, e);
		if (k < 0)
			return (int)k;
		in->path[k] = '\0';
	}
	return 0;
}

/* "#! /bin/sh -e" */
static int read_script(char *head, const char *path, struct interpreter *in, struct err *e)
{
	char *at = head + 2 + strspn(head + 2, " \t");
	size_t n = strcspn(at, " \t\n");

	if (!n || !at[n])
		return err_set(e, ENOEXEC, "/%s: no interpreter in its first line", path);
	memcpy(in->path, at, n);
	in->path[n] = '\0';
	return 0;
}

/* What has to run the program at path. Returns 1 when there is something, 0 when not. */
static int interpreter(const struct tree *t, const struct spool *s, const char *path,
		       struct interpreter *in, struct err *e)
{
	const struct tree_entry *en = tree_find(t, path);
	char head[HEAD + 1] = "";
	ssize_t k;
	int r;

	in->path[0] = '\0';
	if (!en)
		return err_set(e, ENOENT, "/%s is not in the archive", path);
	if (en->node->type != TREE_FILE)
		return err_set(e, ENOEXEC, "/%s is %s, not a program", path,
			       tree_type_name(en->node->type));
	if (!(en->node->mode & 0111))
		return err_set(e, ENOEXEC, "/%s is not executable", path);
	k = content_read(&en->node->content, s, head, HEAD, 0, e);
	if (k < 0)
		return (int)k;
	if (!memcmp(head, "#!", 2))
		r = read_script(head, path, in, e);
	else if (!memcmp(head, ELFMAG, SELFMAG))
		r = read_elf(&en->node->content, s, path, in, e);
	else
		r = err_set(e, ENOEXEC, "/%s is neither a program nor a script", path);
	return r < 0 ? r : in->path[0] != '\0';
}

int check_init(const struct tree *t, const struct spool *s, struct err *e)
{
	struct interpreter in = { GUEST_INIT };
	int r = 1;

	for (int depth = 0; r > 0; depth++) {
		cleanup_buf struct buf path = { 0 };

		if (depth > SCRIPT_MAX)
			return err_set(e, ELOOP, "%s: a script run by a script, and so on",
				       GUEST_INIT);
		r = tree_resolve(t, in.path, true, &path, e);
		if (r == 0)
			r = interpreter(t, s, path.p, &in, e);
		if (r < 0 && depth)
			return err_wrap(e, "%s needs it", GUEST_INIT);
	}
	return r;
}

static bool has_line(const char *text, const char *line)
{
	size_t n = strlen(line);

	for (const char *at = text; (at = strstr(at, line)); at += n) {
		if ((at == text || at[-1] == '\n') && (!at[n] || at[n] == '\n'))
			return true;
	}
	return false;
}

int check_kernel(const char *kver, const char *modules_dir, enum initrd_compress compress,
		 struct err *e)
{
	static const char *const symbol[] = {
		[INITRD_NONE] = "CONFIG_BLK_DEV_INITRD",
		[INITRD_GZIP] = "CONFIG_RD_GZIP",
		[INITRD_ZSTD] = "CONFIG_RD_ZSTD",
		[INITRD_LZ4] = "CONFIG_RD_LZ4",
	};
	cleanup_buf struct buf text = { 0 };
	struct err unread = { 0 };
	char path[4096], line[64];

	snprintf(path, sizeof(path), "/boot/config-%s", kver);
	if (io_read_file(path, CONFIG_MAX, &text, &unread) < 0) {
		snprintf(path, sizeof(path), "%s/config", modules_dir);
		if (io_read_file(path, CONFIG_MAX, &text, &unread) < 0)
			return 0; /* nobody knows */
	}
	snprintf(line, sizeof(line), "%s=y", symbol[compress]);
	if (text.p && !has_line(text.p, line))
		return err_set(e, EOPNOTSUPP, "kernel %s cannot unpack it: no %s in %s", kver, line,
			       path);
	return 0;
}
