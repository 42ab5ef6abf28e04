/* SPDX-License-Identifier: MIT */
/*
 * R8, R9. The input is words, each ended by NUL; the first letter of a word says what it is. Words
 * of --add and --make, rules of --rename, paths, and operations on a tree: whatever they are, what
 * is accepted has one form and stays below the root, what is refused has a sentence, and the tree
 * is one: sorted, every name once, every parent a directory that counts its children, every link
 * count that of the names.
 */
#include <errno.h>

#include "initrd/spec.h"
#include "initrd/tree.h"
#include "lib/cleanup.h"
#include "tests/fuzz/fuzz.h"

#define MAX_RULES 8

struct state {
	struct tree tree;
	struct spec_rename rules[MAX_RULES];
	size_t nrules;
	unsigned source;
};

static void check_path(const char *path)
{
	CHECK(path[0] != '/' && strlen(path) <= TREE_PATH_MAX && strcmp(path, TREE_TRAILER));
	for (const char *at = path; *at;) {
		size_t n = strcspn(at, "/");

		CHECK(n > 0 && n <= TREE_NAME_MAX);
		CHECK(n != 1 || *at != '.');
		CHECK(n != 2 || memcmp(at, "..", 2));
		CHECK(!at[n] || at[n + 1]);
		at += n;
		at += *at == '/';
	}
}

static void check_refusal(int r, const struct err *e)
{
	CHECK(r == -e->code && e->code > 0 && e->msg[0]);
}

static void path(const char *word)
{
	cleanup_buf struct buf b = { 0 };
	cleanup_buf struct buf again = { 0 };
	struct err e = { 0 };
	int r = spec_path(word, &b, &e);

	if (r < 0) {
		check_refusal(r, &e);
		return;
	}
	check_path(b.p);
	CHECK(spec_path(b.p, &again, &e) == 0 && !strcmp(b.p, again.p));
}

static void put(struct state *s, const char *guest, struct tree_node **node)
{
	struct err e = { 0 };
	int r = tree_put(&s->tree, guest, node, s->source, &e);

	if (r < 0)
		check_refusal(r, &e);
	CHECK(r < 0 ? *node != NULL : *node == NULL);
}

static void spec(struct state *s, const char *word,
		 int (*parse)(const char *word, struct spec *s, struct err *e))
{
	cleanup_spec struct spec out = { 0 };
	cleanup_node struct tree_node *node = NULL;
	struct err e = { 0 };
	int r = parse(word, &out, &e);

	if (r < 0) {
		check_refusal(r, &e);
		CHECK(!out.guest && !out.from);
		return;
	}
	check_path(out.guest);
	CHECK(*out.guest && out.mode <= 07777);
	CHECK(out.major <= TREE_MAJOR_MAX && out.minor <= TREE_MINOR_MAX);
	CHECK((out.from != NULL) == (out.type == TREE_FILE || out.type == TREE_SYMLINK));
	node = tree_node_new(out.type, out.mode);
	CHECK(node);
	if (out.type == TREE_SYMLINK) {
		CHECK(*out.from && strlen(out.from) <= TREE_TARGET_MAX);
		node->target = take_ptr(&out.from);
	}
	put(s, out.guest, &node);
}

static void rename_rule(struct state *s, const char *word)
{
	struct err e = { 0 };
	int r;

	if (s->nrules == MAX_RULES)
		return;
	r = spec_rename(word, &s->rules[s->nrules], &e);
	if (r < 0) {
		check_refusal(r, &e);
		return;
	}
	check_path(s->rules[s->nrules].from);
	check_path(s->rules[s->nrules].to);
	s->nrules++;
}

static void member(struct state *s, const char *word)
{
	cleanup_buf struct buf b = { 0 };
	cleanup_node struct tree_node *node = NULL;
	struct err e = { 0 };
	int r = spec_member(word, s->rules, s->nrules, &b, &e);

	if (r < 0) {
		check_refusal(r, &e);
		return;
	}
	check_path(b.p);
	node = tree_node_new(strlen(word) % 3 ? TREE_FILE : TREE_DIR, 0755);
	CHECK(node);
	if (b.len)
		put(s, b.p, &node);
}

/* "NAME=TARGET" as a hard link. */
static void hard_link(struct state *s, const char *word)
{
	cleanup_buf struct buf name = { 0 };
	cleanup_buf struct buf a = { 0 };
	cleanup_buf struct buf b = { 0 };
	const char *equals = strchr(word, '=');
	struct err e = { 0 };
	int r;

	if (!equals || buf_add(&name, word, (size_t)(equals - word)) < 0)
		return;
	if (spec_path(name.p, &a, &e) < 0 || spec_path(equals + 1, &b, &e) < 0)
		return;
	if (!a.len)
		return;
	r = tree_link(&s->tree, a.p, b.p, s->source, &e);
	if (r < 0)
		check_refusal(r, &e);
}

static void resolve(struct state *s, const char *word, bool last)
{
	cleanup_buf struct buf given = { 0 };
	cleanup_buf struct buf out = { 0 };
	cleanup_node struct tree_node *node = NULL;
	struct err e = { 0 };
	int r;

	if (spec_path(word, &given, &e) < 0)
		return;
	r = tree_resolve(&s->tree, given.p, last, &out, &e);
	if (r < 0) {
		check_refusal(r, &e);
		return;
	}
	CHECK(out.len == strlen(out.p) && out.len <= TREE_PATH_MAX);
	if (!out.len)
		return;
	CHECK(out.p[0] != '/' && out.p[out.len - 1] != '/');
	node = tree_node_new(TREE_FIFO, 0600);
	CHECK(node);
	r = tree_put(&s->tree, out.p, &node, s->source, &e);
	CHECK(r != -ELOOP); /* no symlink is on the way any more */
}

static void check_tree(struct tree *t)
{
	size_t names = 0;
	uint32_t highest = 0;

	tree_sort(t);
	for (size_t i = 0; i < t->n; i++) {
		const struct tree_entry *en = t->v[i];
		const char *slash = strrchr(en->path, '/');
		size_t children = 0, same = 0, last = 0;

		check_path(en->path);
		CHECK(i == 0 || strcmp(t->v[i - 1]->path, en->path) < 0);
		CHECK(tree_find(t, en->path) == en);
		if (slash) {
			char *up = fuzz_copy(en->path, (size_t)(slash - en->path) + 1);
			const struct tree_entry *parent;

			up[slash - en->path] = '\0';
			parent = tree_find(t, up);
			CHECK(parent && parent->node->type == TREE_DIR);
			free(up);
		}
		for (size_t k = 0; k < t->n; k++) {
			const char *other = t->v[k]->path;
			size_t n = strlen(en->path);

			children += !strncmp(other, en->path, n) && other[n] == '/' &&
				    !strchr(other + n + 1, '/');
			same += t->v[k]->node == en->node;
			last += t->v[k]->node == en->node && t->v[k]->last;
			CHECK((t->v[k]->node == en->node) == (t->v[k]->node->ino == en->node->ino));
		}
		CHECK(en->children == children);
		CHECK(en->node->names == same && last == 1);
		CHECK(same == 1 || (en->node->type != TREE_DIR && en->node->type != TREE_SYMLINK));
		CHECK(en->node->ino <= highest + 1 && en->node->ino > 0);
		if (en->node->ino > highest)
			highest = en->node->ino;
		names++;
	}
	CHECK(names == t->n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct state s = { 0 };
	char *text = malloc(size + 1);

	CHECK(text);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	for (char *p = text; p < text + size && s.tree.n < 300; p += strlen(p) + 1) {
		char *word = fuzz_copy(p, strlen(p) + 1); /* of its exact size */

		path(word);
		switch (*word) {
		case 'A':
			spec(&s, word + 1, spec_add);
			break;
		case 'M':
			spec(&s, word + 1, spec_make);
			break;
		case 'R':
			rename_rule(&s, word + 1);
			break;
		case 'L':
			hard_link(&s, word + 1);
			break;
		case 'G':
			resolve(&s, word + 1, false);
			break;
		case 'H':
			resolve(&s, word + 1, true);
			break;
		case 'S':
			s.source = (unsigned char)word[1] % 4;
			break;
		default:
			member(&s, word);
		}
		free(word);
	}
	check_tree(&s.tree);
	tree_free(&s.tree);
	for (size_t i = 0; i < s.nrules; i++)
		spec_rename_free(&s.rules[i]);
	free(text);
	return 0;
}
