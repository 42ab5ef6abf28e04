/* SPDX-License-Identifier: MIT */
/* proves: D1 D5 N1 N6 N7 */
#include "runners/tell.h"

#include <string.h>

#include "lib/payload.h"
#include "tests/tap.h"

/* What a plan becomes, as the guest reads it. */
static void becomes(const struct vm_spec *s, bool virtiofs, const char *want)
{
	cleanup_buf struct buf b = { 0 };
	struct payload p = { 0 };
	struct tell_names names;
	struct err e = { 0 };

	tell_payload(s, virtiofs, &names, &p);
	ok_int(payload_encode(&p, PAYLOAD_MACHINE, &b, &e), 0);
	ok_str(b.p, want);
}

static struct vm_spec spec(void)
{
	return (struct vm_spec){ .memory = VM_MEMORY_DEFAULT, .cpus = 1 };
}

static void nothing_is_said_of_what_is_at_its_default(void)
{
	struct vm_spec s = spec();

	tap_case("a plan that says nothing");
	becomes(&s, false, "{}");
	tap_case("N6: an initrd can be read-only, and is no image that could be changed");
	s.root_mode = ROOT_RW;
	becomes(&s, false, "{}");
	s.root_mode = ROOT_RO;
	becomes(&s, false, "{\"root-mode\":\"ro\"}");
}

static void roots_and_disks_have_serials(void)
{
	struct vm_spec s = spec();

	tap_case("a root and disks");
	s.root = (char *)"/r.sqfs";
	s.ndisks = 2;
	s.disk[0].node = (char *)"/dev/vdz";
	s.disk[1].node = (char *)"/dev/vda";
	becomes(&s, true,
		"{\"root\":\"root\",\"devices\":{\"disk0\":\"/dev/vdz\",\"disk1\":\"/dev/vda\"}}");
	tap_case("D5: the host's root is a share");
	s = spec();
	s.root_host = true;
	becomes(&s, true, "{\"root\":\"root\",\"fstype\":\"virtiofs\"}");
	becomes(&s, false, "{\"root\":\"root\",\"fstype\":\"9p\"}");
}

static void what_is_above_is_mounted_first(void)
{
	struct vm_spec s = spec();

	tap_case("D1, N7: mounts are in the order of their targets");
	s.nshares = 2;
	s.share[0] = (struct vm_share){ (char *)"/h", (char *)"/a/b", true, 0 };
	s.share[1] = (struct vm_share){ (char *)"/i", (char *)"/c", false, 0 };
	s.ntmpfs = 2;
	s.tmpfs[0] = (struct vm_tmpfs){ (char *)"/c/d", (char *)"size=1m" };
	s.tmpfs[1] = (struct vm_tmpfs){ (char *)"/a", (char *)"rw" };
	becomes(&s, true,
		"{\"mounts\":["
		"{\"device\":\"tmpfs\",\"target\":\"/a\",\"mtype\":\"tmpfs\",\"options\":\"rw\"},"
		"{\"device\":\"share0\",\"target\":\"/a/b\",\"mtype\":\"virtiofs\",\"options\":\"ro\"},"
		"{\"device\":\"share1\",\"target\":\"/c\",\"mtype\":\"virtiofs\"},"
		"{\"device\":\"tmpfs\",\"target\":\"/c/d\",\"mtype\":\"tmpfs\",\"options\":\"size=1m\"}]}");
}

static void a_network_has_its_addresses(void)
{
	struct vm_spec s = spec();

	tap_case("N1: the network is told whole");
	s.network = NETWORK_USER;
	becomes(&s, false,
		"{\"network\":{\"address\":\"10.0.2.15/24\",\"gateway\":\"10.0.2.2\","
		"\"address6\":\"fec0::15/64\",\"gateway6\":\"fec0::2\",\"nameserver\":\"10.0.2.3\"}}");
}

int main(void)
{
	nothing_is_said_of_what_is_at_its_default();
	roots_and_disks_have_serials();
	what_is_above_is_mounted_first();
	a_network_has_its_addresses();
	return tap_done();
}
