/* SPDX-License-Identifier: MIT */
/* proves: W14 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/output.h"
#include "tests/tap.h"

/* What appeared in this directory since the last time, and under which names. */
static const char *appeared(int watch)
{
	static char said[1024];
	char events[4096];
	ssize_t n = read(watch, events, sizeof(events));
	size_t used = 0;

	said[0] = '\0';
	for (ssize_t at = 0; at < n;) {
		const char *name = events + at + sizeof(struct inotify_event);
		struct inotify_event i;

		memcpy(&i, events + at, sizeof(i));
		used += (size_t)snprintf(said + used, sizeof(said) - used, "%s%s%s",
					 used ? ", " : "", i.mask & IN_CREATE ? "" : "as ",
					 strncmp(name, ".execvm-", 8) ? name : "another");
		at += (ssize_t)(sizeof(i) + i.len);
	}
	return said;
}

/* Names in this directory that nobody gave. */
static int others(void)
{
	DIR *d = opendir(".");
	const struct dirent *de;
	int n = 0;

	while (d && (de = readdir(d)))
		n += strncmp(de->d_name, ".execvm-", 8) == 0;
	if (d)
		closedir(d);
	return d ? n : -1;
}

static int fill(struct output *o, const char *path, const char *text, struct err *e)
{
	int r = output_open(o, path, e);

	return r < 0 ? r : io_write_all(o->fd, text, strlen(text));
}

static bool holds(const char *path, const char *text)
{
	char back[64];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : io_read_full(fd, back, sizeof(back));

	close(fd);
	return n == (ssize_t)strlen(text) && !memcmp(back, text, (size_t)n);
}

/* A KILL at any moment finds no other name than the file's own. */
static void a_new_file_has_one_name(int watch)
{
	struct output o = OUTPUT_INIT;
	struct err e = { 0 };

	tap_case("W14: a new file has no name before its own");
	ok_int(fill(&o, "one", "first", &e), 0);
	ok_str(appeared(watch), "");
	ok_int(output_commit(&o, &e), 0);
	ok_str(appeared(watch), "one");
	output_free(&o);
	ok(holds("one", "first"));
}

static void a_file_is_replaced(int watch)
{
	struct output o = OUTPUT_INIT;
	struct err e = { 0 };

	tap_case("a file is replaced, at once");
	ok_int(fill(&o, "one", "second", &e), 0);
	ok(holds("one", "first"));
	ok_int(output_commit(&o, &e), 0);
	ok_str(appeared(watch), "another, as one");
	output_free(&o);
	ok(holds("one", "second"));
	ok_str(appeared(watch), "");
}

static void what_is_not_committed_is_not_there(int watch)
{
	struct output o = OUTPUT_INIT;
	struct err e = { 0 };

	tap_case("what is not committed is not there");
	ok_int(fill(&o, "two", "half", &e), 0);
	output_free(&o);
	ok_str(appeared(watch), "");
	ok_int(access("two", F_OK), -1);
}

static void a_link_is_followed(int watch)
{
	struct output o = OUTPUT_INIT;
	struct err e = { 0 };
	struct stat st;

	tap_case("a link is followed, also to what is not there yet");
	ok(symlink("one", "to-one") == 0 && symlink("dir0/none", "to-none") == 0);
	ok(mkdir("dir0", 0700) == 0 && symlink("../last", "dir0/none") == 0);
	ok(symlink("loop", "loop") == 0);
	appeared(watch);
	ok_int(fill(&o, "to-one", "third", &e), 0);
	ok_int(output_commit(&o, &e), 0);
	output_free(&o);
	ok(holds("one", "third"));
	ok(lstat("to-one", &st) == 0 && S_ISLNK(st.st_mode));
	ok_int(fill(&o, "to-none", "fourth", &e), 0);
	ok_int(output_commit(&o, &e), 0);
	output_free(&o);
	ok(holds("last", "fourth"));
	ok(lstat("to-none", &st) == 0 && S_ISLNK(st.st_mode));
	ok(output_open(&o, "loop", &e) < 0);
	ok_str(e.msg, "create loop: Too many levels of symbolic links");
	output_free(&o);
	appeared(watch);
}

static void what_cannot_be_replaced_is_left(int watch)
{
	struct output o = OUTPUT_INIT;
	struct err e = { 0 };

	tap_case("what cannot be replaced stays, and nothing beside it");
	ok_int(fill(&o, "three", "x", &e), 0);
	ok(mkdir("three", 0700) == 0);
	ok(output_commit(&o, &e) < 0);
	ok_str(e.msg, "create three: Is a directory");
	ok_str(appeared(watch), "three, another");
	ok_int(others(), 0); /* before output_free(), as in a child that has a copy */
	output_free(&o);
}

static void a_check_changes_nothing(int watch)
{
	struct err e = { 0 };

	tap_case("a check says what would fail, and changes nothing");
	ok(mkfifo("fifo", 0600) == 0 && mkdir("dir", 0700) == 0);
	appeared(watch);
	ok_int(output_check("new", &e), 0);
	ok_int(output_check("one", &e), 0);
	ok_int(output_check("fifo", &e), 0);
	ok_int(output_check("-", &e), 0);
	ok(output_check("dir", &e) < 0);
	ok_str(e.msg, "open dir: Is a directory");
	e = (struct err){ 0 };
	ok(output_check("none/x", &e) < 0);
	ok_str(e.msg, "create none/x: No such file or directory");
	ok_str(appeared(watch), "");
}

static void a_directory_that_went(void)
{
	struct output o = OUTPUT_INIT;
	struct err e = { 0 };

	tap_case("a directory that went away meanwhile is said");
	ok(mkdir("away", 0700) == 0);
	ok_int(fill(&o, "away/x", "x", &e), 0);
	ok(rmdir("away") == 0);
	ok(output_commit(&o, &e) < 0);
	ok_str(e.msg, "create away/x: No such file or directory");
	output_free(&o);
}

int main(void)
{
	int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	int unnamed = open(".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

	if (unnamed < 0) {
		tap_skip("this file system has no files without names");
		return tap_done();
	}
	close(unnamed);
	if (watch < 0 || inotify_add_watch(watch, ".", IN_CREATE | IN_MOVED_TO) < 0)
		bail_out("inotify");
	a_new_file_has_one_name(watch);
	a_file_is_replaced(watch);
	what_is_not_committed_is_not_there(watch);
	a_link_is_followed(watch);
	what_cannot_be_replaced_is_left(watch);
	a_check_changes_nothing(watch);
	a_directory_that_went();
	close(watch);
	return tap_done();
}
