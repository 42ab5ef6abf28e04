#!/bin/sh
# SPDX-License-Identifier: MIT
# I14: a terminal of the command's own; W9: the on_tty's is as it was, on every way out.
# timeout: 240
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

"$EXECVM" run --dry-run -- /bin/true >/dev/null 2>&1 # a warning that is said once
"$EXECVM" initrd build --no-check --add /bin/busybox=/bin/busybox --make /bin/sh=symlink:busybox \
	--add "$HELPERS/catch-signals=/bin/catch-signals" -o guest.cpio || skip_all 'no initrd'
fake=$HELPERS/vm-fake

# What came is in ./out, without \r.
on_tty() { # [EXPECT ACTION]... -- CMD...
	"$HELPERS/vm-caller" pty "$@" >out.raw
	tr -d '\r' <out.raw >out
}

in_vm="$EXECVM run --initrd $PWD/guest.cpio -t"

ends() { # NAME WANT: the last one
	like "I14: $1: ends so" "$(cat out)" "^$2\$"
	like "W9: $1: flags kept" "$(cat out)" '^flags kept$'
	like "W9: $1: modes kept" "$(cat out)" '^modes kept$'
}

terminal() {
	# shellcheck disable=SC2016,SC2086 # for the guest; words
	TERM=vt220 on_tty ready 'size 33 101' 'now 33 101' 'type abc
' 'read abc' 'type ^C' -- $in_vm -- /bin/sh -c '
		test -t 0 && test -t 1 && test -t 2 && echo three of them
		tty; stty size; echo TERM $TERM; echo x >/dev/tty
		sized=
		trap "echo now \$(stty size); sized=1" WINCH
		trap "echo interrupted; exit 5" INT
		echo ready
		# Not in read: a signal between its look at traps and its wait is seen a line later.
		until test "$sized"; do sleep 0.1; done
		until read -r line; do :; done
		echo read $line
		while :; do sleep 0.1; done'
	ends 'a terminal' 'exit 5'
	said=$(cat out)
	like 'I14: stdin, stdout and stderr are a terminal' "$said" '^three of them$'
	like 'I14: which has a name' "$said" '^/dev/pts/[0-9]+$'
	like 'I14: the size of the one here' "$said" '^24 80$'
	like 'I14: it is the controlling terminal' "$said" '^x$'
	like 'I14: it changes with the one here' "$said" '^now 33 101$'
	like 'I14: TERM of the one here' "$said" '^TERM vt220$'
	is 'I14: what is typed is echoed once' "$(grep -c '^abc' out)" 1
	like 'I14: Ctrl-C' "$said" '^(\^C)?interrupted$'
	is 'I14: lines end in CR LF, not more' "$(grep ^ready out.raw | od -An -tx1 | tr -d ' ')" 72656164790d0a
}

job_control() {
	# shellcheck disable=SC2086 # words
	PS1='prompt> ' on_tty 'prompt> ' 'type echo start""ed; sleep 600
' started 'nap 1000' '' 'type ^Z' Stopped 'type jobs
' Stopped 'type fg
' 'sleep 600' 'nap 500' '' 'type ^C' 'prompt> ' 'type exit 9
' -- $in_vm -e PS1 -- /bin/sh -i
	ends 'Ctrl-Z, fg, Ctrl-C in a shell' 'exit 9'
	unlike 'I14: a shell has job control' "$(cat out)" 'job control turned off'
}

endings() {
	# shellcheck disable=SC2086 # words
	on_tty ready 'type ^C' -- $in_vm -- /bin/sh -c 'echo ready; exec sleep 600'
	ends 'Ctrl-C' 'exit 130'
	# shellcheck disable=SC2086
	on_tty ready 'type abc
^D' -- $in_vm -- /bin/sh -c 'echo ready; exec cat'
	ends 'Ctrl-D is the end of stdin' 'exit 0'
	is 'I14: what was typed, and what came back' "$(grep -c '^abc' out)" 2
	# shellcheck disable=SC2086
	on_tty -- $in_vm -- /bin/sh -c 'seq 30000; exit 4'
	ends 'much output at the end' 'exit 4'
	is 'I14: is there to the last line' "$(grep -c '^[0-9][0-9]*$' out)$(grep -x 30000 out)" 3000030000
	# shellcheck disable=SC2086
	on_tty -- $in_vm -- /no/such/program
	ends 'not found' 'exit 127'
	# shellcheck disable=SC2086
	on_tty ready 'kill 15' -- $in_vm -- /bin/sh -c 'echo ready; exec sleep 600'
	ends TERM 'exit 143'
	# shellcheck disable=SC2086
	on_tty ready close -- $in_vm -- /bin/sh -c 'echo ready; exec sleep 600'
	like 'I14: a terminal that goes away hangs up' "$(cat out)" '^exit 129$'
	# shellcheck disable=SC2086
	echo word | $in_vm -- /bin/sh -c 'read -r w; tty; echo "read $w"; read -r w || echo end' >out 2>&1
	like 'I14: without a terminal here: there it has one' "$(tr -d '\r' <out)" '^/dev/pts/'
	like 'I14: without a terminal here: stdin' "$(tr -d '\r' <out)" '^read word$'
	like 'I14: without a terminal here: its end' "$(tr -d '\r' <out)" '^end$'
	# shellcheck disable=SC2086
	printf word | timeout -s KILL $((20 * ${EXECVM_TIME_FACTOR:-1})) $in_vm -- /bin/busybox cat >out 2>&1
	is 'I14: without a terminal here: its end in the middle of a line' $? 0
	# shellcheck disable=SC2016,SC2086 # for the guest; words
	on_tty -- $in_vm -u 1000:1000 -- /bin/sh -c 'echo one >/dev/tty; echo two >$(tty); echo three >/dev/stdout'
	is 'I14: the terminal belongs to the user of the command' "$(grep -E '^(one|two|three)$' out | paste -sd' ' -)" 'one two three'
}

# Played machines: every other way out, and moments that are hard to meet.
played() {
	export EXECVM_QEMU="$fake"
	for s in 1 2 3 10 12 15; do
		VM_FAKE='log booting; hang' on_tty booting "kill $s" -- "$EXECVM" run --boot-log -t -- true
		ends "signal $s while it boots" "exit $((128 + s))"
		VM_FAKE='hello; start; out ready; get-signal; exit 0 7; close' on_tty ready "kill $s" -- \
			"$EXECVM" run -t -- true
		ends "signal $s" 'exit 7'
	done
	VM_FAKE='hello; start; out ready; hang' on_tty ready 'kill 15' '' 'nap 300' '' 'kill 15' -- "$EXECVM" run -t -- true
	ends 'a second TERM' 'exit 137'
	VM_FAKE='hello; start; out ready; junk 1000; hang' on_tty -- "$EXECVM" run -t -- true
	ends 'garbage on the wire' 'exit 125'
	like 'W11: garbage: the message is a line of its own' "$(cat out)" '^execvm run: wire'
	VM_FAKE='hello; start; out ready; die 9' on_tty -- "$EXECVM" run -t -- true
	ends 'a lost machine' 'exit 125'
	VM_FAKE='hello; failed root 2 x; serve' on_tty -- "$EXECVM" run -t -- true
	ends 'a boot that fails' 'exit 125'
	EXECVM_QEMU=/no/such on_tty -- "$EXECVM" run -t -- true
	ends 'QEMU is not there' 'exit 125'
	on_tty -- "$EXECVM" run -t --root /no/such -- true
	ends 'bad usage' 'exit 125'
	# The window changes when the size has been sent and nothing has started.
	VM_FAKE='hello; get-exec; out waiting; nap 500; start; get-size; exit 0 0; close' \
		on_tty waiting 'size 11 22' '11 22' nothing -- timeout 20 "$EXECVM" run -t -- true
	like 'I14: a window that changes just before the start' "$(cat out)" '^11 22$'
	unset EXECVM_QEMU
}

played
terminal
job_control
endings
done_testing
