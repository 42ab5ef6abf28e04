/* SPDX-License-Identifier: MIT */
/* `execvm kernel`: which kernels there are, and how ours was configured. */
#include <stdio.h>
#include <string.h>

#include "lib/cmd.h"
#include "lib/io.h"
#include "lib/msg.h"
#include "runners/cmd-runners.h"
#include "runners/kernel.h"

#define CONFIG_MAX ((size_t)2 << 20)

static int list(void)
{
	cleanup_buf struct buf out = { 0 };
	struct err e = { 0 };

	if (kernel_list(&out, &e) < 0)
		return fail(&e);
	fwrite(out.p, 1, out.len, stdout);
	return cmd_flush(0);
}

/* Of the kernel for so many CPUs. */
static int print_config(unsigned cpus)
{
	cleanup_buf struct buf text = { 0 };
	struct kernel k;
	struct err e = { 0 };

	if (kernel_own(cpus, &k, &e) < 0)
		return fail(&e);
	if (!k.config[0])
		return failf("%s.config is not there; `make kernel` writes it", k.path);
	if (io_read_file(k.config, CONFIG_MAX, &text, &e) < 0)
		return fail(&e);
	fwrite(text.p, 1, text.len, stdout);
	return cmd_flush(0);
}

static int kernel_main(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";

	if (argc == 3 && !strcmp(argv[1], "config") && !strcmp(argv[2], "smp"))
		return print_config(2);
	if (!strcmp(what, "ls"))
		return list();
	if (!strcmp(what, "config"))
		return print_config(1);
	if (!strcmp(what, "--help") || !strcmp(what, "-h"))
		return cmd_help(&cmd_kernel);
	return failf("give one of: ls, config, config smp");
}

const struct cmd cmd_kernel = {
	.name = "kernel",
	.operands = "ls | config [smp]",
	.words = "ls config",
	.summary = "list the kernels of this host, or print the configuration of ours",
	.help = "  ls          path, profile, origin, and \"up\" (for one CPU) or \"smp\" (for several),\n"
		"              in the order in which a run looks for one\n"
		"  config      the whole configuration of our kernel for one CPU\n"
		"  config smp  that of our kernel for several\n",
	.main = kernel_main,
};
