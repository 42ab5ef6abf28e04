# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# For tests of warm runs: a cache of their own, and a QEMU that says how it was started. ./starts has
# a word a machine: freeze, restore or boot; ./pids its pid, which keeps its death signal through the
# exec. $QEMU_DOES (a shell's words, with "$@" those of QEMU) comes in front of a restore.
#
#   warm NAME WANT WORDS...  `run --warm` ends so and went on from a template, made or found
#   found NAME               it did not have to make it
#   booted NAME              the last run booted and nothing else
#   made FILE                how many templates were made, says EXECVM_DEBUG's FILE
#   alive                    machines that run, of all that were started since ./pids was emptied
#   template_id WORDS...     of a run with these words; makes it when it is not there

EXECVM_KERNEL=$("$EXECVM" kernel ls | head -n 1 | cut -f 1)
# shellcheck disable=SC2034 # for the tests
smp_kernel=$("$EXECVM" kernel ls | awk -F '\t' '$4 == "smp" { print $1; exit }')
warm_root=$("$SRCDIR/demo/make-root" busybox)
export EXECVM_KERNEL XDG_CACHE_HOME="$PWD/cache" EXECVM_QEMU="$PWD/qemu"
templates=$XDG_CACHE_HOME/execvm/templates
mkdir cache

cat >qemu <<END
#!/bin/bash
echo \$\$ >>'$PWD/pids'
case " \$* " in
*' -incoming '*)
	echo restore >>'$PWD/starts'
	eval "\$QEMU_DOES"
	;;
*execvm.template=1*) echo freeze >>'$PWD/starts' ;;
*) echo boot >>'$PWD/starts' ;;
esac
exec qemu-system-x86_64 "\$@"
END
chmod +x qemu
: >starts
: >pids
[ -n "$EXECVM_KERNEL" ] || skip_all 'no kernel to boot'
"$EXECVM" run --dry-run -- /bin/true >/dev/null 2>&1 # a warning that is said once

run() {
	: >starts
	timeout -s KILL $((60 * ${EXECVM_TIME_FACTOR:-1})) "$EXECVM" run "$@"
}

ways() {
	paste -sd ' ' starts
}

warm() {
	warm_name=$1 warm_want=$2
	shift 2
	status "$warm_name" "$warm_want" run --warm "$@"
	like "$warm_name: it went on from a template" "$(ways)" '^(freeze )?restore$'
}

found() {
	is "$1: which was there" "$(ways)" restore
}

booted() {
	is "$1: it booted" "$(ways)" boot
}

made() {
	grep -c 'template [0-9a-f]*: made$' "$1"
}

alive() {
	for p in $(cat pids); do
		! kill -s 0 "$p" 2>/dev/null || echo "$p"
	done
}

none_alive() {
	[ -z "$(alive)" ]
}

template_id() {
	"$EXECVM" template create "$@"
}
