/* SPDX-License-Identifier: MIT */
/* proves: E4 */
#include <errno.h>
#include <unistd.h>

#include "lib/proc.h"
#include "runners/remote.h"
#include "tests/tap.h"

#define ROUNDS 60
#define WORDS 6
#define LONGEST 40

/* Each prints $0 and its words, with a NUL behind each: as bytes, so that nothing is lost. */
static const char print[] = "printf '%s\\000' \"$0\" \"$@\" | od -An -v -tx1 | tr -d ' \\n'";

static const char *const shells[] = { "/bin/sh",       "/bin/dash",    "/bin/bash",
				      "/bin/zsh",      "/usr/bin/zsh", "/usr/bin/tcsh",
				      "/usr/bin/fish", "/bin/busybox" };

static unsigned random_below(unsigned n)
{
	static unsigned long long state = 88172645463325252ULL;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 33) % n;
}

/* Bytes 1..255; mostly those that mean something to a shell. */
static void random_word(char *out)
{
	static const char special[] = "'\"\\$`!*?[]{}()<>|&;#~^%=\n\t -@,:/ab0";
	unsigned n = random_below(LONGEST);

	for (unsigned i = 0; i < n; i++)
		*out++ = (char)(random_below(3) ? special[random_below(sizeof(special) - 1)]
						: (char)(1 + random_below(255)));
	*out = 0;
}

/* Does this shell, given the line as a login shell is, run the script with these very words? */
static bool gives_back(const char *shell, const char *script, char *const *words)
{
	cleanup_buf struct buf line = { 0 }, got = { 0 }, want = { 0 };
	char sh[32], c[] = "-c", ash[] = "ash";
	struct err e = { 0 };
	bool busybox = strstr(shell, "busybox") != NULL;
	char *argv[5] = { sh };
	size_t n = 1;

	snprintf(sh, sizeof(sh), "%s", shell);
	if (buf_adds(&want, "6e00") < 0) /* "n" */
		bail_out("out of memory");
	for (size_t i = 0; words[i]; i++) {
		for (const char *p = words[i];; p++) {
			if (buf_addf(&want, "%02x", (unsigned char)*p) < 0)
				bail_out("out of memory");
			if (!*p)
				break;
		}
	}
	if (remote_line(script, "n", words, &line) < 0)
		bail_out("out of memory");
	if (busybox)
		argv[n++] = ash;
	argv[n++] = c;
	argv[n++] = line.p;
	if (proc_capture(argv, 1 << 20, &got, &e) < 0) {
		printf("# %s: %s\n", shell, e.msg);
		return false;
	}
	if (got.p && !strcmp(got.p, want.p))
		return true;
	tap_show(shell, line.p);
	tap_show("got ", got.p);
	tap_show("want", want.p);
	return false;
}

static void random_words_come_back(const char *shell)
{
	char text[WORDS][LONGEST + 1];
	char *words[WORDS + 1];
	bool all = true;

	for (int i = 0; i < ROUNDS && all; i++) {
		unsigned n = random_below(WORDS);

		for (unsigned k = 0; k < n; k++) {
			random_word(text[k]);
			words[k] = text[k];
		}
		words[n] = NULL;
		all = gives_back(shell, print, words);
	}
	ok(all);
}

static void every_byte_comes_back(const char *shell)
{
	char all[256], plain[96], one[2] = "";
	char *words[] = { all, one, one, plain, NULL };
	char *visible[] = { plain, one, NULL };

	for (int i = 1; i < 256; i++)
		all[i - 1] = (char)i;
	all[255] = 0;
	for (int i = ' '; i < 127; i++)
		plain[i - ' '] = (char)i;
	plain[95] = 0;
	ok(gives_back(shell, print, words));
	ok(gives_back(shell, print, visible)); /* another way: nothing in it is odd */
}

static void a_quoted_word_is_that_word(void)
{
	cleanup_buf struct buf b = { 0 };

	tap_case("E4: a word is quoted when it has to be");
	ok_int(remote_quote("/usr/bin/x-1.0_y", &b), 0);
	ok_int(buf_addc(&b, ' '), 0);
	ok_int(remote_quote("", &b), 0);
	ok_int(buf_addc(&b, ' '), 0);
	ok_int(remote_quote("it's $x", &b), 0);
	ok_str(b.p, "/usr/bin/x-1.0_y '' 'it'\\''s $x'");
}

static void a_script(void)
{
	static char name[] = "/bin/x", odd[] = "A=B", cwd[] = "/a b", var[] = "V=1 2", r[] = "ssh";
	char *args[] = { name, NULL }, *env[] = { var, NULL };
	cleanup_buf struct buf with = { 0 }, without = { 0 };
	struct vm_spec s = { .runner = r,
			     .args = { .v = args, .n = 1 },
			     .env = { .v = env, .n = 1 } };
	struct err e = { 0 };

	tap_case("E4: directory, umask and variables of a script");
	s.cwd = cwd;
	s.has_umask = true;
	s.umask = 027;
	ok_int(remote_script(&s, true, &with, &e), 0);
	ok(strstr(with.p, "cd '/a b' || exit 125; ") == with.p);
	ok(strstr(with.p, "umask 0027; "));
	ok(strstr(with.p, " 'V=1 2' \"$@\""));
	tap_case("E4: no variable where the environment goes by itself");
	ok_int(remote_script(&s, false, &without, &e), 0);
	ok(!strstr(without.p, "V=1"));
	tap_case("E4: a command that env would take for a variable is refused");
	args[0] = odd;
	ok_int(remote_script(&s, true, &with, &e), -EINVAL);
	ok_str(e.msg, "runner ssh: a command with '=' in its name");
}

int main(void)
{
	unsigned found = 0;

	a_quoted_word_is_that_word();
	a_script();
	for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
		char claim[80];

		if (access(shells[i], X_OK) != 0)
			continue;
		found++;
		snprintf(claim, sizeof(claim), "E4: %s: random words come back", shells[i]);
		tap_case(claim);
		random_words_come_back(shells[i]);
		snprintf(claim, sizeof(claim), "E4: %s: every byte comes back", shells[i]);
		tap_case(claim);
		every_byte_comes_back(shells[i]);
	}
	tap_case("E4: there is a shell");
	ok(found);
	return tap_done();
}
