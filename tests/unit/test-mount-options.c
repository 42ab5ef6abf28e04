/* SPDX-License-Identifier: MIT */
/* proves: I4 */
#include <errno.h>
#include <sys/mount.h>

#include "init/init.h"
#include "tests/tap.h"

static void words_become_flags(void)
{
	static const struct {
		const char *options;
		unsigned long flags;
		const char *data;
	} t[] = {
		{ "", 0, "" },
		{ "defaults", 0, "" },
		{ "ro", MS_RDONLY, "" },
		{ "ro,rw", 0, "" },
		{ "rw,ro", MS_RDONLY, "" },
		{ "ro,nosuid", MS_RDONLY | MS_NOSUID, "" },
		{ "nosuid,nodev,noexec", MS_NOSUID | MS_NODEV | MS_NOEXEC, "" },
		{ "nosuid,nodev,noexec,suid,dev,exec", 0, "" },
		{ "sync,dirsync", MS_SYNCHRONOUS | MS_DIRSYNC, "" },
		{ "sync,async", 0, "" },
		{ "noatime,nodiratime", MS_NOATIME | MS_NODIRATIME, "" },
		{ "noatime,relatime", MS_RELATIME, "" },
		{ "relatime,strictatime", MS_STRICTATIME, "" },
		{ "strictatime,noatime", MS_NOATIME, "" },
		{ "noatime,atime", 0, "" },
		{ "lazytime,silent,mand", MS_LAZYTIME | MS_SILENT | MS_MANDLOCK, "" },
		{ "bind", MS_BIND, "" },
		{ "rbind,ro", MS_BIND | MS_REC | MS_RDONLY, "" },
		{ "remount,ro", MS_REMOUNT | MS_RDONLY, "" },
		{ "mode=755", 0, "mode=755" },
		{ "ro,nosuid,mode=755", MS_RDONLY | MS_NOSUID, "mode=755" },
		{ "size=1m,ro,mode=755", MS_RDONLY, "size=1m,mode=755" },
		{ ",,ro,,x,,y,,", MS_RDONLY, "x,y" },
		{ "RO,ro=1,r,roo, ro", 0, "RO,ro=1,r,roo, ro" },
		{ "lowerdir=/a:/b", 0, "lowerdir=/a:/b" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct err e = { 0 };
		unsigned long flags = 77;
		char data[64] = "?";

		tap_case("I4: the words of mount(8) are flags, the rest is for the file system");
		ok_int(mount_options(t[i].options, &flags, data, sizeof(data), &e), 0);
		if (!ok_int(flags, t[i].flags) || !ok_str(data, t[i].data))
			tap_show("options", t[i].options);
	}
}

static void data_at_its_limit(void)
{
	static const struct {
		const char *options;
		size_t size;
		int r;
	} t[] = {
		{ "", 1, 0 },	       { "ro", 1, 0 },	       { "", 0, -EINVAL },
		{ "abc", 3, -EINVAL }, { "abc", 4, 0 },	       { "abc,def", 7, -EINVAL },
		{ "abc,def", 8, 0 },   { "abc,ro,def", 8, 0 }, { "abc,def", 4, -EINVAL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct err e = { 0 };
		unsigned long flags;
		char *data = malloc(t[i].size ? t[i].size : 1);

		if (!data)
			bail_out("out of memory");
		tap_case("I4: options that are too long are refused");
		if (!ok_int(mount_options(t[i].options, &flags, data, t[i].size, &e), t[i].r))
			tap_show("options", t[i].options);
		ok_str(e.msg, t[i].r ? "mount options: too long" : "");
		free(data);
	}
}

int main(void)
{
	words_become_flags();
	data_at_its_limit();
	return tap_done();
}
