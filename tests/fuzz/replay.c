/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzzer over inputs that are known, without libFuzzer: each file, each file of each
 * directory, and an empty input. One test in TAP per operand; a crash ends it, its name is printed
 * before.
 */
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"

static int replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct stat st;
	uint8_t *data;
	size_t size;
	int r = -1;

	if (!f || fstat(fileno(f), &st)) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		if (f)
			fclose(f);
		return -1;
	}
	size = (size_t)st.st_size;
	data = malloc(size ? size : 1);
	if (data && fread(data, 1, size, f) == size) {
		printf("# %s\n", path);
		fflush(stdout);
		LLVMFuzzerTestOneInput(data, size);
		r = 0;
	}
	free(data);
	fclose(f);
	return r;
}

static int replay_dir(const char *path, unsigned *files)
{
	DIR *dir = opendir(path);
	struct dirent *d;
	int r = 0;

	if (!dir)
		return -1;
	while (r == 0 && (d = readdir(dir))) {
		char name[4096];

		if (d->d_name[0] == '.')
			continue;
		if (snprintf(name, sizeof(name), "%s/%s", path, d->d_name) >= (int)sizeof(name))
			r = -1;
		else
			r = replay_file(name);
		++*files;
	}
	closedir(dir);
	return r;
}

int main(int argc, char **argv)
{
	uint8_t *empty = calloc(1, 1);
	int failed = 0;

	if (!empty)
		return 1;
	printf("1..%d\n", argc);
	LLVMFuzzerTestOneInput(empty, 0);
	free(empty);
	printf("ok 1 - the empty input\n");
	for (int i = 1; i < argc; i++) {
		unsigned files = 0;
		struct stat st;
		int r;

		if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
			r = replay_dir(argv[i], &files);
		else
			r = replay_file(argv[i]);
		if (S_ISDIR(st.st_mode) && !files) /* an empty corpus is a mistake */
			r = -1;
		printf("%sok %d - %s\n", r ? "not " : "", i + 1, argv[i]);
		failed |= r;
	}
	return failed ? 1 : 0;
}
