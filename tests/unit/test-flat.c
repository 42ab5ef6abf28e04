/* SPDX-License-Identifier: MIT */
/* M3, M4: layers to one tree. */
#include "lib/argv.h"
#include "tests/flat-model.h"
#include "tests/tap.h"

/* "d PATH", "f PATH", "s PATH TARGET", "h PATH TARGET", "-" for the next layer. */
static int add(struct flat *f, const char *line, struct err *e)
{
	static const char kinds[] = {
		[FLAT_DIR] = 'd', [FLAT_SYMLINK] = 's', [FLAT_LINK] = 'h', [FLAT_OTHER] = 'f'
	};
	char copy[200], *target;
	struct flat_entry en = { copy + 2, FLAT_OTHER, NULL };

	if (*line == '-')
		return flat_next_layer(f, e);
	snprintf(copy, sizeof(copy), "%s", line);
	target = strchr(copy + 2, ' ');
	if (target)
		*target++ = '\0';
	en.target = target ? target : "";
	for (size_t i = 0; i < sizeof(kinds); i++) {
		if (kinds[i] == *line)
			en.type = (enum flat_type)i;
	}
	return flat_add(f, &en, e);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted: "path=layer.index" for each name, "path=+" for what was made. */
static void result(const struct flat *f, char *out, size_t size)
{
	struct argv all = { 0 };
	struct buf b = { 0 };

	for (const struct flat_node *n = flat_made(f, NULL); n; n = flat_made(f, n)) {
		if (flat_path(n, &b) < 0 || argv_pushf(&all, "%s=+", b.p) < 0)
			bail_out("memory");
	}
	for (unsigned layer = 0; layer < 5; layer++) {
		for (uint32_t i = 0; i < 20; i++) {
			for (const struct flat_node *n = flat_first(f, layer, i); n;
			     n = flat_next(n)) {
				if (flat_path(n, &b) < 0 ||
				    argv_pushf(&all, "%s=%u.%u", b.p, layer, i) < 0)
					bail_out("memory");
			}
		}
	}
	if (all.n)
		qsort(all.v, all.n, sizeof(*all.v), compare);
	*out = '\0';
	for (size_t i = 0; i < all.n; i++)
		snprintf(out + strlen(out), size - strlen(out), "%s%s", i ? " " : "", all.v[i]);
	argv_free(&all);
	buf_free(&b);
}

static const struct {
	const char *name;
	const char *line[10];
	const char *want;  /* the tree, or */
	const char *error; /* the sentence */
} cases[] = {
	{ "M3: names are cleaned, parents made",
	  { "f /a//b/./c", "d ./a" },
	  "a/b/c=0.0 a/b=+ a=0.1",
	  NULL },
	{ "M3: a later entry wins", { "f a", "-", "f a", "f a" }, "a=1.1", NULL },
	{ "M3: a directory keeps what is in it",
	  { "d a", "f a/b", "-", "d a" },
	  "a/b=0.1 a=1.0",
	  NULL },
	{ "M3: a file in place of a directory", { "d a", "f a/b", "-", "f a" }, "a=1.0", NULL },
	{ "M3: a directory in place of a file", { "f a", "-", "d a" }, "a=1.0", NULL },
	{ "M3: a whiteout hides what is below",
	  { "d a", "f a/b", "f c", "-", "f .wh.a" },
	  "c=0.2",
	  NULL },
	{ "M3: not what its own layer brings, before or after it",
	  { "d a", "f a/b", "-", "f a/new", "f .wh.a", "f a/other" },
	  "a/new=1.0 a/other=1.2 a=+",
	  NULL },
	{ "M3: a whiteout of nothing", { "f a", "-", "f .wh.b", "f x/y/.wh.z" }, "a=0.0", NULL },
	{ "M3: an opaque directory",
	  { "d a", "f a/b", "d a/c", "f a/c/d", "-", "d a", "f a/e", "f a/.wh..wh..opq" },
	  "a/e=1.1 a=1.0",
	  NULL },
	{ "M3: an opaque root", { "f a", "-", "f .wh..wh..opq", "f b" }, "b=1.1", NULL },
	{ "M3: names of aufs mean nothing", { "f .wh..wh.plnk/1.2", "f .wh..wh.aufs" }, "", NULL },
	{ "M3: a hard link keeps what its target was",
	  { "f a", "h b a", "-", "f a", "-", "h c b", "f .wh.b" },
	  "a=1.0 c=0.0",
	  NULL },
	{ "M3: a hard link to itself", { "f a", "h a a" }, "a=0.0", NULL },
	{ "M3: a hard link to a symlink", { "s a x", "h b a" }, "a=0.0 b=0.0", NULL },
	{ "M4: below a symlink: inside the root",
	  { "d usr", "s lib usr/lib", "-", "f lib/x" },
	  "lib=0.1 usr/lib/x=1.0 usr/lib=+ usr=0.0",
	  NULL },
	{ "M4: a symlink does not lead out of the root",
	  { "s a ../../..", "f a/x", "s b /../etc", "f b/y" },
	  "a=0.0 b=0.2 etc/y=0.3 etc=+ x=0.1",
	  NULL },
	{ "M4: the last component is not followed",
	  { "s a b", "f b", "f a" },
	  "a=0.2 b=0.1",
	  NULL },
	{ "M4: below a file of a layer below", { "f a", "-", "f a/b" }, "a/b=1.0 a=+", NULL },
	{ "M4: below a file of the same layer",
	  { "f a", "f a/b" },
	  NULL,
	  "'a/b': 'a' is no directory" },
	{ "M4: symlinks in a circle",
	  { "s a b", "s b a", "f a/x" },
	  NULL,
	  "'a/x': more than 40 symlinks on the way" },
	{ "M4: '..'", { "f a/../b" }, NULL, "'a/../b': leads out of its directory" },
	{ "M4: a hard link to what is not there",
	  { "h a b" },
	  NULL,
	  "'a': a hard link to 'b', which is not there" },
	{ "M4: a hard link to what was hidden",
	  { "f b", "-", "f .wh.b", "h a b" },
	  NULL,
	  "'a': a hard link to 'b', which is not there" },
	{ "M4: a hard link out of the root",
	  { "h a ../b" },
	  NULL,
	  "'../b': leads out of its directory" },
	{ "M4: a hard link to a directory",
	  { "d b", "h a b" },
	  NULL,
	  "'a': a hard link to 'b', which is a directory" },
	{ "M4: a root that is a hard link",
	  { "f a", "h / a" },
	  NULL,
	  "'/': the root as a hard link" },
	{ "M4: a root that is a file", { "f ./" }, NULL, "'./': the root is not a directory" },
	{ "M4: .wh.", { "f .wh." }, NULL, "'.wh.': a whiteout of nothing that has a name" },
	{ "M4: .wh..", { "f .wh.." }, NULL, "'.wh..': a whiteout of nothing that has a name" },
	{ "M4: .wh...",
	  { "f x/.wh..." },
	  NULL,
	  "'x/.wh...': a whiteout of nothing that has a name" },
	{ "M4: .wh.a/b", { "f .wh.a/b" }, NULL, "'.wh.a/b': below a whiteout" },
	{ "M4: a symlink to nothing", { "s a" }, NULL, "'a': a link to nothing" },
};

static void all_cases(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct flat *f = flat_new(true);
		struct err e = { 0 };
		char got[1000];
		int r = 0;

		tap_case(cases[i].name);
		for (size_t k = 0; cases[i].line[k] && r >= 0; k++)
			r = add(f, cases[i].line[k], &e);
		flat_finish(f);
		result(f, got, sizeof(got));
		if (cases[i].error)
			ok_str(r < 0 ? e.msg : got, cases[i].error);
		else
			ok_str(r < 0 ? e.msg : got, cases[i].want);
		flat_free(f);
	}
}

static void without_whiteouts(void)
{
	struct flat *f = flat_new(false);
	struct err e = { 0 };
	char got[200];

	tap_case("M3: without layers such names are names");
	ok_int(add(f, "f a", &e), 0);
	ok_int(add(f, "f .wh.a", &e), 0);
	ok_int(add(f, "f .wh..wh..opq", &e), 0);
	ok_int(add(f, "d .", &e), 1);
	flat_finish(f);
	result(f, got, sizeof(got));
	ok_str(got, ".wh..wh..opq=0.2 .wh.a=0.1 =0.3 a=0.0");
	flat_free(f);
}

static void limits(void)
{
	struct flat *f = flat_new(true);
	struct err e = { 0 };
	char path[FLAT_PATH_MAX + 2];
	struct flat_entry en = { path, FLAT_OTHER, NULL };
	unsigned i;

	tap_case("M5: the limits, and one past");
	memset(path, 'x', sizeof(path));
	for (i = FLAT_NAME_MAX; i < FLAT_PATH_MAX; i += FLAT_NAME_MAX + 1)
		path[i] = '/';
	path[FLAT_PATH_MAX] = '\0';
	ok_int(flat_add(f, &en, &e), 0);
	path[FLAT_PATH_MAX] = 'x';
	path[FLAT_PATH_MAX + 1] = '\0';
	ok_int(flat_add(f, &en, &e), -ENAMETOOLONG);
	memset(path, 'x', FLAT_NAME_MAX + 1);
	path[FLAT_NAME_MAX + 1] = '\0';
	ok_int(flat_add(f, &en, &e), -ENAMETOOLONG);
	ok_int(flat_add(f, &(struct flat_entry){ "s", FLAT_SYMLINK, "/xx" }, &e), 0);
	for (i = 1; i < FLAT_LAYERS_MAX; i++) {
		if (flat_next_layer(f, &e) < 0)
			break;
	}
	ok_int(i, FLAT_LAYERS_MAX);
	ok_int(flat_next_layer(f, &e), -E2BIG);
	ok_str(e.msg, "more than 512 layers");
	flat_free(f);

	/* Whiteouts of nothing are entries, and cost nothing else. */
	f = flat_new(true);
	en.path = ".wh.x";
	for (i = 0; i < FLAT_ENTRIES_MAX; i++) {
		if (flat_add(f, &en, &e) < 0)
			break;
	}
	ok_int(i, FLAT_ENTRIES_MAX);
	ok_int(flat_add(f, &en, &e), -E2BIG);
	ok_str(e.msg, "more than 4000000 entries");
	flat_free(f);
}

/* A path that symlinks have made longer than it looks. */
static void long_by_symlinks(void)
{
	struct flat *f = flat_new(true);
	struct err e = { 0 };
	char deep[2100], path[2200];
	int r = 0;

	tap_case("M5: a path that symlinks make too long");
	for (size_t i = 0; i + 1 < sizeof(deep); i++)
		deep[i] = i % 100 == 99 ? '/' : 'y';
	deep[sizeof(deep) - 2] = 'y';
	deep[sizeof(deep) - 1] = '\0';
	ok_int(flat_add(f, &(struct flat_entry){ "s", FLAT_SYMLINK, deep }, &e), 0);
	snprintf(path, sizeof(path), "s/%s", deep);
	r = flat_add(f, &(struct flat_entry){ path, FLAT_OTHER, NULL }, &e);
	ok_int(r, -ENAMETOOLONG);
	flat_free(f);
}

static unsigned random_state = 1;

static unsigned next_random(unsigned n)
{
	random_state = random_state * 1103515245u + 12345u;
	return random_state / 65536 % n;
}

static void random_name(char *out, size_t size)
{
	static const char *const parts[] = { "a", "b", "c", "d" };
	unsigned depth = next_random(3) + 1;

	*out = '\0';
	for (unsigned i = 0; i < depth; i++)
		snprintf(out + strlen(out), size - strlen(out), "%s%s%s", i ? "/" : "",
			 i + 1 == depth && next_random(8) == 0 ? ".wh." : "",
			 parts[next_random(4)]);
	if (next_random(20) == 0)
		snprintf(out + strlen(out), size - strlen(out), "/.wh..wh..opq");
}

/* Random stacks: what is refused is refused by both, the others give the same tree. */
static void random_stacks(void)
{
	static struct model m;
	unsigned accepted = 0, refused = 0, different = 0;

	tap_case("M3: random layers, and a naive model");
	for (unsigned run = 0; run < 2000; run++) {
		struct flat *f = flat_new(true);
		struct err e = { 0 };
		int r = 0;

		model_init(&m, true);
		for (unsigned i = 0; i < 40; i++) {
			char path[100], target[100];
			struct flat_entry en = { path, (enum flat_type)next_random(4), target };

			if (next_random(10) == 0) {
				different += flat_next_layer(f, &e) < 0;
				model_next_layer(&m);
			}
			random_name(path, sizeof(path));
			random_name(target, sizeof(target));
			r = flat_add(f, &en, &e);
			different += (r < 0) != (model_add(&m, &en) < 0);
			accepted += r >= 0;
			refused += r < 0;
		}
		flat_finish(f);
		different += !model_same(&m, f);
		flat_free(f);
	}
	printf("# %u accepted, %u refused\n", accepted, refused);
	ok(accepted > 10000 && refused > 100);
	ok_int(different, 0);
}

int main(void)
{
	all_cases();
	without_whiteouts();
	limits();
	long_by_symlinks();
	random_stacks();
	return tap_done();
}
