/* SPDX-License-Identifier: MIT */
/* The tools of this binary. The guest profile has those that need no library. */
#include "chain/cmd-chain.h"
#include "init/cmd-init.h"
#if !EXECVM_GUEST
#include "archive/cmd-archive.h"
#include "completion/cmd-completion.h"
#include "image/cmd-image.h"
#include "initrd/cmd-initrd.h"
#include "pipeline/cmd-pipeline.h"
#include "runners/cmd-runners.h"
#endif

static const struct cmd *const tools[] = {
	&cmd_chain, &cmd_init,
#if !EXECVM_GUEST
	&cmd_run,   &cmd_pipeline, &cmd_tar,	  &cmd_file,   &cmd_image,  &cmd_initrd,
	&cmd_pack,  &cmd_unpack,   &cmd_template, &cmd_kernel, &cmd_doctor, &cmd_completion,
#endif
	NULL,
};

int main(int argc, char **argv)
{
	return cmd_dispatch(tools, argc, argv);
}
