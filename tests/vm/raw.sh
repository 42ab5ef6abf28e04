# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# Machines without a wire, for tests: QEMU's words are those of `execvm run`, but for the machine,
# the initrd, the command line and the channels. The console is the serial port.
#
#   raw_boot LOG SECONDS MACHINE INITRD WORDS [QEMU-ARG...]   what the console shows goes to LOG; 124
#                                                             when the machine did not end in time
#   payload JSON                                              the kernel parameter for it

# shellcheck disable=SC2034,SC2120 # raw_* are words for QEMU; the words of the plan become $@
raw_plan() {
	raw_text=$("$EXECVM" run --dry-run --boot-log -- /bin/true 2>/dev/null) || return
	eval "set -- $raw_text"
	raw_qemu=$1
	while [ $# -gt 1 ]; do
		case $1 in
		-accel) raw_accel=$2 ;;
		-cpu) raw_cpu=$2 ;;
		-kernel) raw_kernel=$2 ;;
		-append) raw_append=$2 ;;
		esac
		shift
	done
}

# The parameters that every machine gets. One without ACPI needs a word that others must not have.
raw_words() { # MACHINE
	for raw_word in $raw_append; do
		case $1,$raw_word in
		*,execvm.payload=* | *,earlyprintk=* | *,virtio_mmio.device=*) ;;
		*acpi=off*,nolapic_timer) echo "$raw_word" ;;
		*,nolapic_timer) ;;
		*) echo "$raw_word" ;;
		esac
	done
	echo loglevel=4
}

payload() {
	printf 'execvm.payload=%s' "$(printf '%s' "$1" | "$EXECVM" init --encode -)"
}

raw_boot() {
	raw_log=$1 raw_seconds=$2 raw_machine=$3 raw_initrd=$4 raw_more=$5
	shift 5
	: >"$raw_log"
	# shellcheck disable=SC2046 # words are wanted
	timeout -k 5 $((raw_seconds * ${EXECVM_TIME_FACTOR:-1})) "$raw_qemu" \
		-M "$raw_machine" -accel "$raw_accel" -cpu "$raw_cpu" -m 256M \
		-nodefaults -no-user-config -no-reboot -display none -monitor none \
		-kernel "$raw_kernel" -initrd "$raw_initrd" \
		-append "$(echo $(raw_words "$raw_machine")) $raw_more" \
		-serial "file:$raw_log" "$@"
}

raw_microvm=microvm,acpi=off,x-option-roms=off,isa-serial=on,auto-kernel-cmdline=on
raw_plan || skip_all 'no kernel to boot'
