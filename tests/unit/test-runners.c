/* SPDX-License-Identifier: MIT */
/* proves: E9 */
#include <errno.h>

#include "runners/runner.h"
#include "tests/tap.h"

struct ask {
	unsigned can;
	const char *option;
	struct vm_spec s;
};

/* A plan that says one thing, for each of enum runner_can and each option of it. */
static char word[] = "x";
static char *words[] = { word, NULL };
static const struct ask asks[] = {
	{ CAN_IMAGE, "--image", { .image = word } },
	{ CAN_ROOT, "--root", { .root = word } },
	{ CAN_ROOT, "--root", { .root_host = true } },
	{ CAN_ROOT, "--disk", { .ndisks = 1 } },
	{ CAN_SHARES, "--volume", { .nshares = 1 } },
	{ CAN_COPIES, "--in", { .nin = 1 } },
	{ CAN_COPIES, "--out", { .nout = 1 } },
	{ CAN_NETWORK, "--publish", { .npublish = 1 } },
	{ CAN_NETWORK, "--network user", { .network = NETWORK_USER } },
	{ CAN_PASST, "--network passt", { .network = NETWORK_PASST } },
	{ CAN_TMPFS, "--tmpfs", { .ntmpfs = 1 } },
	{ CAN_READ_ONLY, "--read-only", { .root_mode = ROOT_RO } },
	{ CAN_ROOT_RW, "--root-mode rw", { .root_mode = ROOT_RW } },
	{ CAN_LIMITS, "--memory", { .memory_said = true } },
	{ CAN_LIMITS, "--cpus", { .cpus_said = true } },
	{ CAN_FRACTIONS, "fractions of --cpus", { .cpus_milli = 1500 } },
	{ CAN_USER, "--user", { .user = word } },
	{ CAN_TTY, "--tty", { .tty = true } },
	{ CAN_HOSTNAME, "--hostname", { .hostname = word } },
	{ CAN_NAME, "--name", { .name = word } },
	{ CAN_RECORD, "--strict", { .strict = true } },
	{ CAN_RECORD, "--record", { .record = word } },
	{ CAN_HOST, "--host", { .host = word } },
	{ CAN_WRAP, "--wrap", { .wrap = { .v = words, .n = 1 } } },
	{ CAN_OPTIONS, "--option", { .options = { .v = words, .n = 1 } } },
	{ CAN_APPEND, "--show-append", { .show_append = true } },
};

static void every_bit_is_asked_about(void)
{
	unsigned all = 0;

	tap_case("E9: every bit of enum runner_can is asked about");
	for (size_t i = 0; i < ARRAY_SIZE(asks); i++)
		all |= asks[i].can;
	ok_int(all, CAN_ALL);
}

static void what_a_runner_has_not_is_refused(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(asks); i++) {
		const struct runner without = { .name = "r", .can = CAN_ALL & ~asks[i].can };
		const struct runner with = { .name = "r", .can = asks[i].can };
		char want[80];
		struct err e = { 0 };

		tap_case("E9: what a runner has not is refused by its name");
		snprintf(want, sizeof(want), "runner r: it has no %s", asks[i].option);
		ok_int(runner_check(&without, &asks[i].s, &e), -EINVAL);
		ok_str(e.msg, want);
		tap_case("E9: what it has is not, whatever else it has not");
		e = (struct err){ 0 };
		ok_int(runner_check(&with, &asks[i].s, &e), 0);
		ok_str(e.msg, "");
	}
}

static void what_a_runner_needs_must_be_there(void)
{
	const struct runner r = { .name = "r", .can = CAN_HOST, .needs = CAN_HOST };
	const struct vm_spec none = { 0 }, host = { .host = word };
	struct err e = { 0 };

	tap_case("E9: what a runner needs must be there");
	ok_int(runner_check(&r, &none, &e), -EINVAL);
	ok_str(e.msg, "runner r: --host is missing");
	e = (struct err){ 0 };
	ok_int(runner_check(&r, &host, &e), 0);
}

static void a_plan_that_asks_nothing_is_for_all(void)
{
	const struct vm_spec none = { .network = NETWORK_NONE,
				      .memory = VM_MEMORY_DEFAULT,
				      .cpus = 1 };

	tap_case("E9: a plan that asks for nothing is for all that need nothing");
	for (size_t i = 0; runners[i]; i++) {
		struct err e = { 0 };

		ok_int(runner_check(runners[i], &none, &e), runners[i]->needs ? -EINVAL : 0);
		ok((runners[i]->needs & runners[i]->can) == runners[i]->needs);
		ok(runner_find(runners[i]->name) == runners[i]);
	}
	ok(!runner_find("nothing"));
	ok_str(runner_names(), "vm, docker, local, ssh, slurm, wrap, void");
}

int main(void)
{
	every_bit_is_asked_about();
	what_a_runner_has_not_is_refused();
	what_a_runner_needs_must_be_there();
	a_plan_that_asks_nothing_is_for_all();
	return tap_done();
}
