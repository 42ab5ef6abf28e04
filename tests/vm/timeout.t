#!/bin/sh
# SPDX-License-Identifier: MIT
# --timeout: 124, TERM, then KILL (I19); counted from the command's start, to its end (X3, W10).
# timeout: 180
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

"$EXECVM" run --dry-run -- /bin/true >/dev/null 2>&1 # a warning that is said once
fake=$HELPERS/vm-fake

run() {
	timeout -s KILL $((60 * ${EXECVM_TIME_FACTOR:-1})) "$EXECVM" run "$@" </dev/null
}

played() { # SCRIPT OPTIONS...
	script=$1
	shift
	EXECVM_QEMU=$fake VM_FAKE=$script run "$@" -- true
}

ran_out() { # NAME, of what is in ./err
	is "$1: one line says so" "$(cat err)" 'execvm run: the command ran longer than its time'
}

real() {
	status 'I19: a command that dies of TERM: 124' 124 run --timeout 1 -- /bin/sh -c 'echo ready; exec sleep 600'
	ran_out 'I19: a command that dies of TERM'
	is 'I19: a command that dies of TERM: what it said is there' "$(cat out)" ready
	status 'I19: a command that ends on TERM as it likes: 124' 124 run --timeout 1500ms -- \
		/bin/sh -c 'trap "echo told; exit 0" TERM; while :; do sleep 0.1; done'
	is 'I19: a command that ends on TERM as it likes: it was told' "$(cat out)" told
	status 'I19: a command that ignores TERM: 124' 124 run --timeout 1 -- \
		/bin/sh -c 'trap "" TERM; echo begin; sleep 1.5; echo still; sleep 600; echo end'
	is 'I19: a command that ignores TERM has its grace' "$(paste -sd' ' out)" 'begin still'
	ran_out 'I19: a command that ignores TERM'
	# shellcheck disable=SC2016 # for the guest
	status 'I19: a command that has stopped itself: 124' 124 run --timeout 1 -- /bin/sh -c 'kill -STOP $$'
	status 'X3: a command that ends in its time has its status' 5 run --timeout 1m -- /bin/sh -c 'exit 5'
	is 'X3: a command that ends in its time: nothing is said' "$(cat err)" ''
}

obeys='hello; start; get-signal; exit 1 15; close'
moments() {
	status 'X3: counted from the start of the command, not of the machine' 3 \
		played 'nap 2500; hello; nap 500; start; exit 0 3; close' --timeout 1
	status 'X3: 0 is no limit' 3 played 'hello; start; nap 1500; exit 0 3; close' --timeout 0
	printf '{ "timeout": 1 }\n' >number.json
	printf '{ "timeout": "500ms" }\n' >text.json
	status 'a description: seconds (I19)' 124 played "$obeys" -c number.json
	status 'a description: with a unit (I19)' 124 played "$obeys" -c text.json
	status 'a description: the option wins (I19)' 3 played 'hello; start; nap 1500; exit 0 3; close' -c number.json --timeout 1m
	status 'W11: a guest that does not listen any more: 124' 124 played 'hello; start; hang' --timeout 1
	ran_out 'W11: a guest that does not listen any more'
	status 'I19: TERM comes first' 124 played 'hello; start; get-signal; get-signal; exit 1 9; close' --timeout 1
	is 'I19: and KILL second' "$(paste -sd' ' out)" 'TERM KILL'

	EXECVM_QEMU=$fake VM_FAKE='hello; start; out ready; get-signal; exit 1 15; close' \
		"$HELPERS/vm-caller" pty -- "$EXECVM" run -t --timeout 1 -- true >out
	like 'W9: with a terminal: 124' "$(cat out)" '^exit 124'
	like 'W9: with a terminal: modes kept' "$(cat out)" '^modes kept$'
}

readers() {
	mkfifo slow
	# The command ends at once; its output is read when the time is up.
	played 'hello; start; many 300000; exit 0 3; close' --timeout 1 2>err >slow &
	pid=$!
	(
		exec <slow
		sleep 4
		wc -c >count
	)
	wait $pid
	is 'X3: a slow reader does not make a command late that has ended' $? 3
	is 'X3: and gets every byte' "$(cat count)" 300000
	is 'X3: nothing is said' "$(cat err)" ''

	exec 3<>slow # nobody reads
	run --timeout 2 -- /bin/sh -c 'exec yes' 3<&- >slow 2>err
	is 'W10: a reader that reads nothing does not hold the run: 124' $? 124
	ran_out 'W10: a reader that reads nothing'
	# What fits into a window has been sent, and the machine is gone, before somebody reads.
	run --timeout 2 -- /bin/sh -c 'head -c 300000 /dev/zero; exec sleep 600' 3<&- >slow 2>err
	is 'W10: nor does it with little to read' $? 124
	ran_out 'W10: nor does it with little to read'
	exec 3<&-
}

moments
readers
real
done_testing
