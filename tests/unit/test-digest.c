/* SPDX-License-Identifier: MIT */
/* Digests of images and records. */
#include "archive/digest.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/tap.h"

/* FIPS 180-4's own examples. */
static const struct {
	const char *text, *digest;
} known[] = {
	{ "", "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "abc", "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	  "sha256:248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
};

static void known_digests(void)
{
	char out[DIGEST_TEXT];
	struct digest d;

	digest_init(&d);
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		tap_case("digest of known text");
		for (const char *c = known[i].text; *c; c++)
			digest_add(&d, c, 1);
		digest_end(&d, out);
		ok_str(out, known[i].digest);
	}
}

static void of_files(void)
{
	int fd = memfd_create("digest", MFD_CLOEXEC);
	char out[DIGEST_TEXT];
	struct err e = { 0 };

	tap_case("digest of a descriptor, from its position");
	ok_int(write(fd, "xabc", 4), 4);
	ok_int(lseek(fd, 1, SEEK_SET), 1);
	ok_int(digest_fd(fd, "here", out, &e), 0);
	ok_str(out, known[1].digest);
	close(fd);
	tap_case("digest of what is no file is refused, by its name");
	ok_int(digest_file("/", out, &e), -EINVAL);
	ok_str(e.msg, "/: not a regular file");
	ok_int(digest_file("/no/such", out, &e), -ENOENT);
	ok_str(e.msg, "/no/such: No such file or directory");
}

static void what_is_a_digest(void)
{
	static const char *const bad[] = {
		"",
		"sha256:",
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85",
		"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8555",
		"sha256:E3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"sha512:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"sha256:../../../../../../../../../../../../../../../../../../../etc/pas",
	};

	tap_case("what is a digest");
	ok_int(digest_valid(known[0].digest), 1);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (!ok_int(digest_valid(bad[i]), 0))
			tap_show("text", bad[i]);
	}
}

int main(void)
{
	known_digests();
	of_files();
	what_is_a_digest();
	return tap_done();
}
