#!/bin/sh
# SPDX-License-Identifier: MIT
# X1: the kernel command line has 2047 bytes with what QEMU adds; what does not fit takes the wire, and
# what is private always does (I7, I32).
# timeout: 180
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

"$EXECVM" run --dry-run -- /bin/true >/dev/null 2>&1 # a warning that is said once
cat >qemu <<END
#!/bin/sh
printf '%s\n' "\$@" >'$PWD/argv'
tr '\0' '\n' </proc/\$PPID/cmdline >'$PWD/argv.execvm'
exec qemu-system-x86_64 "\$@"
END
chmod +x qemu
export EXECVM_QEMU="$PWD/qemu"

run() {
	"$EXECVM" run "$@" </dev/null
}

# A parameter that makes the line longer, by any number of bytes from 7.
pad() {
	printf 't.pad=%s' "$(head -c $(($1 - 7)) /dev/zero | tr '\0' x)"
}

line() { # the line's length in the guest, with nothing before
	"$EXECVM" run --show-append "$@" -- /bin/cat /proc/cmdline | tr -d '\n' | wc -c
}

# Three runs around the budget, counted by what the guest has.
around() { # NAME OPTIONS...
	name=$1
	shift
	run "$@" -- /bin/cat /proc/cmdline >out
	base=$(tr -d '\n' <out | wc -c)
	diag "QEMU adds $((base - $(line "$@"))) bytes$name"
	for n in 2046 2047 2048; do
		status "X1: $n bytes$name" 0 run "$@" --append "$(pad $((n - base)))" -- /bin/cat /proc/cmdline
		is "X1: $n bytes$name: nothing is said" "$(cat err)" ''
		if [ $n -le 2047 ]; then
			like "X1: $n bytes$name: the line takes the command" "$(cat out)" ' execvm\.payload='
		else
			unlike "X1: $n bytes$name: the wire takes the command" "$(cat out)" payload
		fi
		[ $n -gt 2047 ] || is "X1: $n bytes$name: it is so long" "$(tr -d '\n' <out | wc -c)" $n
	done
}

lines() {
	around ''
	set --
	for i in 1 2 3 4 5 6; do
		truncate -s 1M disk$i
		set -- "$@" --disk disk$i=/dev/vd$i
	done
	around ', six disks' "$@"
}

long_ones() {
	# shellcheck disable=SC2046 # words are wanted
	status 'X1: a command that is far too long' 0 run -- /bin/sh -c 'echo $#; cat /proc/cmdline' $(seq 3000)
	is 'X1: a command that is far too long: all of it arrives' "$(head -n 1 out)" 2999
	unlike 'X1: a command that is far too long takes the wire' "$(cat out)" payload
	status 'X1, X6: --append that does not fit itself' 125 run --append "$(pad 2100)" -- /bin/true
	like 'X1, X6: --append that does not fit itself: why' "$(cat err)" \
		'^execvm run: kernel command line: [0-9]+ bytes over the 2047'
}

private() {
	printf '# comment\nFROM_FILE=secret-3\n' >variables
	# shellcheck disable=SC2016 # for the guest
	FROM_HERE=secret-2 status 'I7: variables' 0 run -e GIVEN=secret-1 -e FROM_HERE --env-file variables -- \
		/bin/sh -c 'echo $GIVEN $FROM_HERE $FROM_FILE; cat /proc/cmdline'
	is 'I7: variables arrive' "$(head -n 1 out)" 'secret-1 secret-2 secret-3'
	unlike "I7, X1: they are not on the guest's command line" "$(sed 1d out)" 'payload|secret'
	unlike "I7, X1: nor on QEMU's" "$(cat argv)" 'payload|secret'
	unlike 'I7: nor on ours, unless they were written there' "$(cat argv.execvm)" 'secret-[23]'
	# shellcheck disable=SC2016 # for the guest
	status 'I32: nothing of them is in the log' 0 run --boot-log -e GIVEN=secret-1 -- /bin/true
	unlike 'I32: nothing of them is in the log, nor elsewhere' "$(cat out err)" secret
}

lines
long_ones
private
done_testing
