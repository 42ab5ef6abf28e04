/* SPDX-License-Identifier: MIT */
/* What the scripts have below their tables, as bytes in the host program: completion/completion.h. */
	.section .rodata
	.global completion_bash_rest
	.global completion_zsh_rest
completion_bash_rest:
	.incbin "completion/execvm.bash"
	.byte 0
completion_zsh_rest:
	.incbin "completion/execvm.zsh"
	.byte 0
	.section .note.GNU-stack,"",%progbits
