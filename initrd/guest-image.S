/* SPDX-License-Identifier: MIT */
/* The static guest program, as bytes in the host program: initrd/guest-image.h. */
	.section .rodata
	.global guest_image
	.global guest_image_end
	.balign 16
guest_image:
	.incbin GUEST_IMAGE
guest_image_end:
	.section .note.GNU-stack,"",%progbits
