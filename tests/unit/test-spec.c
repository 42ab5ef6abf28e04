/* SPDX-License-Identifier: MIT */
/* Words, rules and the merged tree: initrd/spec.c, initrd/tree.c. */
#include <errno.h>

#include "initrd/spec.h"
#include "initrd/tree.h"
#include "tests/tap.h"

static char text[3 * TREE_PATH_MAX];

/* n times the letter, behind a prefix. */
static const char *letters(const char *prefix, size_t n)
{
	size_t k = strlen(prefix);

	memcpy(text, prefix, k);
	memset(text + k, 'n', n);
	text[k + n] = '\0';
	return text;
}

static const char *path_of(const char *s)
{
	static struct buf b;
	struct err e = { 0 };

	b.len = 0;
	if (spec_path(s, &b, &e) < 0)
		return e.msg[0] ? "(refused)" : "(refused without a word)";
	return b.p;
}

static void paths_have_one_form(void)
{
	tap_case("R9: paths have one form");
	ok_str(path_of("/a/b"), "a/b");
	ok_str(path_of("a/b/"), "a/b");
	ok_str(path_of("./a//./b/."), "a/b");
	ok_str(path_of("///a"), "a");
	ok_str(path_of(""), "");
	ok_str(path_of("/"), "");
	ok_str(path_of("./."), "");
	ok_str(path_of("..."), "...");
	ok_str(path_of(".a/a./..a"), ".a/a./..a");
	ok_str(path_of("a\xff\n b"), "a\xff\n b");
	tap_case("R9: '..' is refused wherever it is");
	ok_str(path_of(".."), "(refused)");
	ok_str(path_of("a/.."), "(refused)");
	ok_str(path_of("/../a"), "(refused)");
	ok_str(path_of("a/../b"), "(refused)");
	tap_case("R5: limits, and one past");
	ok_int(strlen(path_of(letters("", 255))), 255);
	ok_str(path_of(letters("", 256)), "(refused)");
	ok_int(strlen(path_of(letters("a/", 255))), 257);
	ok_str(path_of(letters("a/", 256)), "(refused)");
	ok_str(path_of("TRAILER!!!"), "(refused)");
	ok_str(path_of("a/TRAILER!!!"), "a/TRAILER!!!");
	ok_str(path_of("TRAILER!!!/a"), "(refused)");
	ok_str(path_of("TRAILER!!!a"), "TRAILER!!!a");
	memset(text, 'a', TREE_PATH_MAX + 1);
	for (size_t i = 100; i < TREE_PATH_MAX; i += 100)
		text[i] = '/';
	text[TREE_PATH_MAX] = '\0';
	ok_int(strlen(path_of(text)), TREE_PATH_MAX);
	text[TREE_PATH_MAX] = 'a';
	text[TREE_PATH_MAX + 1] = '\0';
	ok_str(path_of(text), "(refused)");
}

static void add_words(void)
{
	struct err e = { 0 };
	struct spec s;

	tap_case("R6: --add");
	ok_int(spec_add("host=/guest/f,gid=7,mode=0644,uid=4294967294", &s, &e), 0);
	ok_str(s.from, "host");
	ok_str(s.guest, "guest/f");
	ok_int(s.type, TREE_FILE);
	ok(s.has_mode);
	ok_int(s.mode, 0644);
	ok_int(s.uid, 4294967294);
	ok_int(s.gid, 7);
	spec_free(&s);
	ok_int(spec_add("a=b=/c=/d,e", &s, &e), 0);
	ok_str(s.from, "a=b");
	ok_str(s.guest, "c=/d,e");
	ok(!s.has_mode);
	spec_free(&s);
	ok_int(spec_add("h=/g,mode=0", &s, &e), 0);
	ok(s.has_mode && s.mode == 0);
	spec_free(&s);
	tap_case("X6: --add, refused");
	static const char *const bad[] = {
		"",
		"h",
		"h=g",
		"=/g",
		"h=/",
		"h=/.",
		"h=/g,mode=",
		"h=/g,mode=8",
		"h=/g,mode=10000",
		"h=/g,mode=00000644",
		"h=/g,mode=-1",
		"h=/g,uid=4294967295",
		"h=/g,uid=",
		"h=/g,uid=1 ",
		"h=/g,nonsense=1",
		"h=/..",
		"h=/TRAILER!!!",
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		e = (struct err){ 0 };
		ok(spec_add(bad[i], &s, &e) == -EINVAL && e.msg[0] && !s.guest && !s.from);
	}
}

static void make_words(void)
{
	struct err e = { 0 };
	struct spec s;

	tap_case("R6: --make");
	ok_int(spec_make("/dev/x=char:4095:1048575", &s, &e), 0);
	ok_str(s.guest, "dev/x");
	ok_int(s.type, TREE_CHAR);
	ok_int(s.major, 4095);
	ok_int(s.minor, 1048575);
	ok_int(s.mode, 0600);
	spec_free(&s);
	ok_int(spec_make("/l=symlink:../a,b=c:d,uid=1", &s, &e), -EINVAL);
	ok_int(spec_make("/l=symlink:../a,b:c=/d,uid=1", &s, &e), 0);
	ok_str(s.from, "../a,b:c=/d");
	ok_int(s.uid, 1);
	ok_int(s.mode, 0777);
	spec_free(&s);
	ok_int(spec_make("/d=dir,mode=1777", &s, &e), 0);
	ok_int(s.type, TREE_DIR);
	ok_int(s.mode, 01777);
	spec_free(&s);
	ok_int(spec_make(letters("/l=symlink:", TREE_TARGET_MAX), &s, &e), 0);
	spec_free(&s);
	ok_int(spec_make(letters("/l=symlink:", TREE_TARGET_MAX + 1), &s, &e), -EINVAL);
	tap_case("X6: --make, refused");
	static const char *const bad[] = {
		"",
		"/d",
		"d=dir",
		"/=dir",
		"/d=",
		"/d=dirx",
		"/d=dir:1",
		"/c=char:",
		"/c=char:1",
		"/c=char:1:",
		"/c=char::1",
		"/c=char:4096:0",
		"/c=char:0:1048576",
		"/c=char:1:2:3",
		"/l=symlink:",
		"/l=symlink:a,mode=777",
		"/s=socket",
		"/d=dir,mode=9",
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		e = (struct err){ 0 };
		ok(spec_make(bad[i], &s, &e) == -EINVAL && e.msg[0] && !s.guest && !s.from);
	}
}

static const char *renamed(const char *path, const char *rule1, const char *rule2)
{
	static struct buf b;
	struct spec_rename rules[2] = { { 0 } };
	struct err e = { 0 };
	size_t n = rule2 ? 2 : 1;
	int r;

	b.len = 0;
	r = spec_rename(rule1, &rules[0], &e);
	if (r == 0 && rule2)
		r = spec_rename(rule2, &rules[1], &e);
	if (r == 0)
		r = spec_member(path, rules, n, &b, &e);
	spec_rename_free(&rules[0]);
	spec_rename_free(&rules[1]);
	return r < 0 ? "(refused)" : b.p;
}

static void rules_rename_whole_components(void)
{
	tap_case("R8: --rename");
	ok_str(renamed("a/b/c", "a=x", NULL), "x/b/c");
	ok_str(renamed("a", "a=x/y", NULL), "x/y");
	ok_str(renamed("ab/c", "a=x", NULL), "ab/c");
	ok_str(renamed("./a//b", "/a/=x", NULL), "x/b");
	ok_str(renamed("a/b", "a=/", NULL), "b");
	ok_str(renamed("a", "a=/", NULL), "");
	ok_str(renamed("a/b", "/=x", NULL), "x/a/b");
	ok_str(renamed("", "/=x", NULL), "x");
	ok_str(renamed("a/b", "a/b=c", NULL), "c");
	ok_str(renamed("a/b", "a=b", "b=c"), "b/b");
	ok_str(renamed("a/b", "a/b=c", "a=d"), "c");
	ok_str(renamed("a/c", "a/b=c", "a=d"), "d/c");
	ok_str(renamed("a/..", "a=x", NULL), "(refused)");
	ok_str(renamed("a", "a=TRAILER!!!", NULL), "(refused)");
	ok_str(renamed("a", "a", NULL), "(refused)");
	ok_str(renamed("a", "=b", NULL), "(refused)");
	ok_str(renamed("a", "a=", NULL), "(refused)");
	tap_case("R5: a name that becomes too long by --rename");
	memset(text, 'a', TREE_PATH_MAX);
	for (size_t i = 100; i < TREE_PATH_MAX; i += 100)
		text[i] = '/';
	text[TREE_PATH_MAX] = '\0';
	ok_int(strlen(renamed(text, "/=/", NULL)), TREE_PATH_MAX);
	ok_str(renamed(text, "/=/b", NULL), "(refused)");
}

static int put(struct tree *t, const char *path, enum tree_type type, unsigned source)
{
	struct tree_node *node = tree_node_new(type, 0755);
	struct err e = { 0 };
	int r;

	if (!node)
		bail_out("no memory");
	if (type == TREE_SYMLINK)
		node->target = strdup("target");
	r = tree_put(t, path, &node, source, &e);
	tree_node_free(node);
	return r < 0 && !e.msg[0] ? -1000 : r;
}

static int put_symlink(struct tree *t, const char *path, const char *target)
{
	struct tree_node *node = tree_node_new(TREE_SYMLINK, 0777);
	struct err e = { 0 };
	int r;

	if (!node)
		bail_out("no memory");
	node->target = strdup(target);
	r = tree_put(t, path, &node, 1, &e);
	tree_node_free(node);
	return r;
}

static int link_to(struct tree *t, const char *path, const char *to)
{
	struct err e = { 0 };

	return tree_link(t, path, to, 1, &e);
}

/* "d a, f a/b" in the tree's order. */
static const char *shown(const struct tree *t)
{
	static char out[1000];
	static const char kind[] = "dflcbps";
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < t->n && n < sizeof(out); i++)
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%c %s", i ? ", " : "",
				      kind[t->v[i]->node->type], t->v[i]->path);
	return out;
}

static void parents_and_order(void)
{
	struct tree t = { .mtime = 5 };

	tap_case("R2: missing parents are made, once, before what is in them");
	ok_int(put(&t, "b/c/d", TREE_FILE, 1), 0);
	ok_int(put(&t, "b/a", TREE_FILE, 1), 0);
	ok_int(put(&t, "b-c", TREE_FILE, 1), 0);
	ok_int(put(&t, "a", TREE_FIFO, 1), 0);
	tree_sort(&t);
	ok_str(shown(&t), "p a, d b, f b-c, f b/a, d b/c, f b/c/d");
	ok_int(tree_find(&t, "b/c")->node->mode, 0755);
	ok_int(tree_find(&t, "b/c")->node->mtime, 5);
	tap_case("R3: inodes are numbered in the order of names");
	for (size_t i = 0; i < t.n; i++)
		ok_int(t.v[i]->node->ino, i + 1);
	tree_free(&t);
}

static void type_changes(void)
{
	struct tree t = { 0 };

	tap_case("R8: who replaces what");
	ok_int(put(&t, "d/f", TREE_FILE, 1), 0);
	ok_int(put(&t, "d", TREE_DIR, 1), 0);
	ok_int(tree_find(&t, "d")->children, 1);
	ok_int(put(&t, "d", TREE_FILE, 2), -EISDIR);
	ok_int(put(&t, "d", TREE_SYMLINK, 2), -EISDIR);
	ok_int(put(&t, "d/f", TREE_SYMLINK, 2), 0);
	ok_int(put(&t, "d/f", TREE_SYMLINK, 2), 0);
	ok_int(put(&t, "d/f", TREE_DIR, 2), -EEXIST);
	ok_int(put(&t, "d/f", TREE_FILE, 2), 0);
	ok_int(put(&t, "d/f", TREE_DIR, 2), 0);
	ok_int(put(&t, "d/f", TREE_FILE, 2), 0);
	ok_int(put(&t, "d/f/g", TREE_FILE, 2), -ENOTDIR);
	ok_int(put(&t, "l", TREE_SYMLINK, 2), 0);
	ok_int(put(&t, "l/g", TREE_FILE, 2), -ELOOP);
	ok_int(put(&t, "l/g/h", TREE_FILE, 2), -ELOOP);
	tap_case("R8: an earlier source gives way, whenever it comes");
	ok_int(put(&t, "d/f", TREE_FIFO, 1), 1);
	ok_int(tree_find(&t, "d/f")->node->type, TREE_FILE);
	ok_int(put(&t, "new/f", TREE_FILE, 0), 0);
	ok_int(put(&t, "new", TREE_DIR, 0), 0);
	ok_int(put(&t, "new", TREE_DIR, 9), 0);
	ok_int(put(&t, "new", TREE_DIR, 1), 1);
	tap_case("R5: names that no archive can hold");
	ok_int(put(&t, "", TREE_FILE, 1), -EINVAL);
	ok_int(put(&t, "TRAILER!!!", TREE_FILE, 1), -EINVAL);
	ok_int(put(&t, letters("d/", 256), TREE_FILE, 1), -ENAMETOOLONG);
	tree_free(&t);
}

static void hard_links(void)
{
	struct tree t = { 0 };

	tap_case("R4: link counts are those of the archive");
	ok_int(put(&t, "b", TREE_FILE, 1), 0);
	ok_int(link_to(&t, "a", "b"), 0);
	ok_int(link_to(&t, "d/c", "a"), 0);
	ok_int(tree_find(&t, "b")->node->names, 3);
	ok_int(link_to(&t, "a", "a"), 0);
	ok_int(link_to(&t, "a", "b"), 0);
	ok_int(tree_find(&t, "b")->node->names, 3);
	ok_int(put(&t, "b", TREE_FILE, 1), 0);
	ok_int(tree_find(&t, "a")->node->names, 2);
	ok_int(tree_find(&t, "b")->node->names, 1);
	ok_int(link_to(&t, "e", "missing"), -ENOENT);
	ok_int(link_to(&t, "e", "d"), -EISDIR);
	ok_int(link_to(&t, "d", "a"), -EISDIR);
	ok_int(tree_find(&t, "a")->node->names, 2);
	ok_int(link_to(&t, "a/x", "b"), -ENOTDIR);
	ok_int(tree_find(&t, "b")->node->names, 1);
	tree_sort(&t);
	ok(tree_find(&t, "a")->node->ino == tree_find(&t, "d/c")->node->ino);
	ok(tree_find(&t, "a")->node->ino != tree_find(&t, "b")->node->ino);
	ok(!tree_find(&t, "a")->last && tree_find(&t, "d/c")->last && tree_find(&t, "b")->last);
	tree_free(&t);
	tap_case("R4: links to symlinks and devices");
	ok_int(put(&t, "s", TREE_SYMLINK, 1), 0);
	ok_int(link_to(&t, "s2", "s"), 0);
	ok_int(tree_find(&t, "s2")->node->names, 1);
	ok_str(tree_find(&t, "s2")->node->target, "target");
	ok_int(put(&t, "c", TREE_CHAR, 1), 0);
	ok_int(link_to(&t, "c2", "c"), 0);
	ok_int(tree_find(&t, "c")->node->names, 2);
	tree_free(&t);
}

static const char *resolved(const struct tree *t, const char *path, bool last)
{
	static struct buf b;
	struct err e = { 0 };

	b.len = 0;
	if (tree_resolve(t, path, last, &b, &e) < 0)
		return e.code == ELOOP ? "(loop)" : "(refused)";
	return b.p;
}

static void symlinks_of_the_tree(void)
{
	struct tree t = { 0 };

	tap_case("R9: paths through the symlinks of the archive");
	ok_int(put_symlink(&t, "bin", "usr/bin"), 0);
	ok_int(put_symlink(&t, "abs", "/usr//bin/"), 0);
	ok_int(put_symlink(&t, "usr/bin/up", "../../etc"), 0);
	ok_int(put_symlink(&t, "out", "../../../x"), 0);
	ok_int(put_symlink(&t, "root", "/"), 0);
	ok_int(put_symlink(&t, "dot", "."), 0);
	ok_int(put_symlink(&t, "loop", "loop"), 0);
	ok_int(put_symlink(&t, "ping", "pong/a"), 0);
	ok_int(put_symlink(&t, "pong", "ping"), 0);
	ok_str(resolved(&t, "bin/x", false), "usr/bin/x");
	ok_str(resolved(&t, "abs/x", false), "usr/bin/x");
	ok_str(resolved(&t, "bin", false), "bin");
	ok_str(resolved(&t, "bin", true), "usr/bin");
	ok_str(resolved(&t, "bin/up/passwd", false), "etc/passwd");
	ok_str(resolved(&t, "abs/up", false), "usr/bin/up");
	ok_str(resolved(&t, "abs/up", true), "etc");
	ok_str(resolved(&t, "out/y", false), "x/y");
	ok_str(resolved(&t, "root/y", false), "y");
	ok_str(resolved(&t, "root", true), "");
	ok_str(resolved(&t, "dot/dot/root/bin/y", false), "usr/bin/y");
	ok_str(resolved(&t, "not/there", false), "not/there");
	ok_str(resolved(&t, "loop/x", false), "(loop)");
	ok_str(resolved(&t, "loop", true), "(loop)");
	ok_str(resolved(&t, "loop", false), "loop");
	ok_str(resolved(&t, "ping/x", false), "(loop)");
	ok_str(resolved(&t, "", true), "");
	tree_free(&t);
	tap_case("R9: 40 symlinks on one way, and 41");
	for (unsigned i = 0; i <= TREE_LINKS_MAX; i++) {
		char from[16], to[16];

		snprintf(from, sizeof(from), "l%u", i);
		snprintf(to, sizeof(to), "l%u", i + 1);
		ok_int(put_symlink(&t, from, to), 0);
	}
	ok_str(resolved(&t, "l1", true), "l41");
	ok_str(resolved(&t, "l0", true), "(loop)");
	tree_free(&t);
}

static void many_entries(void)
{
	struct tree t = { 0 };
	bool good = true;

	tap_case("R8: 20,000 entries, each found again");
	for (int i = 0; i < 20000; i++) {
		char path[40];

		snprintf(path, sizeof(path), "d%d/%d", (i * 7919) % 100, (i * 7919) % 20000);
		good &= put(&t, path, TREE_FILE, 1) == 0;
	}
	ok(good);
	ok_int(t.n, 20100);
	tree_sort(&t);
	for (size_t i = 1; i < t.n; i++)
		good &= strcmp(t.v[i - 1]->path, t.v[i]->path) < 0 &&
			tree_find(&t, t.v[i]->path) == t.v[i];
	ok(good);
	tree_free(&t);
}

int main(void)
{
	paths_have_one_form();
	add_words();
	make_words();
	rules_rename_whole_components();
	parents_and_order();
	type_changes();
	hard_links();
	symlinks_of_the_tree();
	many_entries();
	return tap_done();
}
