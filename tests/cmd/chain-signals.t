#!/bin/sh
# SPDX-License-Identifier: MIT
# C13: signals from the terminal and from elsewhere; C14: stopped, and continued. What a chain left
# running is found by tests/run.
# timeout: 40
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

T=$HELPERS/on-pty
C=$HELPERS/catch-signals
# A shell lets what it starts in the background ignore these.
AS_USUAL="$HELPERS/with-signals -d 2 -d 3"

is_ready() {
	[ -s out ]
}

# Starts a chain whose CMD1 is given, waits until it has said something, sends SIGNALs to the chain
# and gives its status.
send() { # "SIGNAL..." CMD1...
	signals=$1
	shift
	rm -f out err marker
	$AS_USUAL "$X" chain -- "$@" -- touch marker >out 2>err &
	pid=$!
	wait_for is_ready || return 99
	for s in $signals; do
		kill -s "$s" $pid
		sleep 0.05
	done
	wait $pid
}

forwarded() { # NAME WANT "SIGNAL..." CMD1...
	name=$1 want=$2
	shift 2
	send "$@"
	is "$name" $? "$want"
}

# ps would be one more thing to install.
state() {
	sed 's/.*) \(.\).*/\1/' "/proc/$1/stat" 2>/dev/null
}

is_stopped() {
	[ "$(state "$1")" = T ]
}

tests() {
	# The terminal reaches CMD1 and the chain at once.
	$T ready '^C' -- "$X" chain -- "$C" 1 0 10 -- touch marker >out
	like 'C13: Ctrl-C kills CMD1 and gives 130' "$(cat out)" '^exit 130'
	like 'C13: Ctrl-C: the line' "$(cat out)" 'killed by SIGINT'
	$T ready '^\' -- "$X" chain -- "$C" 1 0 10 -- touch marker >out
	like 'C13: Ctrl-\ gives 131' "$(cat out)" '^exit 131'
	$T ready '^C' 'got 2' '' -- "$X" chain -- "$C" 1 0 2 -- touch marker >out
	like 'C13: Ctrl-C that CMD1 survives still ends the chain' "$(cat out)" '^exit 130'
	is 'C13: Ctrl-C comes once' "$(grep -c 'got 2' out)" 1
	$T ready '^C' -- "$X" chain -- "$C" 1 7 2 -- touch marker >out
	like 'C13: Ctrl-C, and a status of its own' "$(cat out)" '^exit 7'
	ok 'C13: CMD2 has never started' test ! -e marker
	$T ready '^C' -- "$X" chain -- true -- "$C" 1 8 2 >out
	like 'C13: Ctrl-C while CMD2 runs is its own affair' "$(cat out)" '^exit 8'
	$T ready '^C' -- "$X" chain -- true -- "$C" 1 8 10 >out
	like 'C13: Ctrl-C kills CMD2' "$(cat out)" '^signal 2'
	$T ready '^C' -- "$HELPERS/with-signals" -i 2 "$X" chain -- sh -c 'echo ready; sleep 0.3' -- echo second >out
	like 'C13: ignored at entry, Ctrl-C does nothing' "$(cat out)" 'second'

	for s in TERM:143 INT:130 HUP:129 QUIT:131; do
		forwarded "C13: ${s%:*} to the chain ends CMD1" "${s#*:}" "${s%:*}" "$C" 9 0 10
		like "C13: ${s%:*} to the chain: the line" "$(cat err)" "killed by SIG${s%:*}\$"
		ok "C13: ${s%:*} to the chain: CMD2 has not started" test ! -e marker
	done
	forwarded 'C13: TERM, CMD1 ends well: 143 all the same' 143 TERM "$C" 1 0 15
	ok 'C13: TERM, CMD1 ends well: CMD2 has not started' test ! -e marker
	is 'C13: TERM reached CMD1 once' "$(grep -c '^got 15' out)" 1
	forwarded 'C13: TERM, CMD1 has a status of its own' 3 TERM "$C" 1 3 15
	forwarded 'C13: USR1, then USR2' 0 'USR1 USR2' "$C" 2 0 10 12
	is 'C13: USR1 and USR2 reach CMD1' "$(grep '^got' out | paste -sd' ')" 'got 10 got 12'
	ok 'C13: USR1 and USR2 stop nothing' test -e marker
	forwarded 'C13: USR1 that CMD1 does not handle' 138 USR1 "$C" 1 0 12
	forwarded 'C13: KILL of the chain cannot be passed on' 137 KILL sh -c 'echo ready; sleep 0.2'

	rm -f out
	"$HELPERS/with-signals" -i 15 "$X" chain -- sh -c 'echo ready; sleep 0.3' -- touch marker >out &
	pid=$!
	wait_for is_ready
	kill -s TERM $pid
	wait $pid
	is 'C13: TERM ignored at entry stays ignored' $? 0
	ok 'C13: TERM ignored at entry: CMD2 has run' test -e marker
	rm -f out marker
	"$HELPERS/with-signals" -b 15 "$X" chain -- sh -c 'echo ready; sleep 0.3' -- "$HELPERS/catch-signals" 1 5 15 >out &
	pid=$!
	wait_for is_ready
	kill -s TERM $pid
	wait $pid
	is 'C13: TERM blocked at entry waits for CMD2' $? 5
	like 'C13: which gets it' "$(cat out)" '^got 15'

	# While CMD1 is stopped the chain waits; what it is sent comes through afterwards.
	rm -f out marker
	$AS_USUAL "$X" chain -- "$C" 1 6 10 -- touch marker >out &
	pid=$!
	wait_for is_ready
	child=$(sed 's/ready //' out)
	kill -s STOP "$child"
	ok 'C14: CMD1 stops' wait_for is_stopped "$child"
	sleep 0.2
	ok 'C14: the chain has not ended' kill -s 0 $pid
	unlike 'C14: nor is it a zombie' "$(state $pid)" Z
	kill -s USR1 $pid
	kill -s CONT "$child"
	wait $pid
	is 'C14: the status comes when CMD1 has ended' $? 6

	"$HELPERS/stops" "$X" chain -- sh -c 'echo ready; sleep 0.2; exit 0' -- echo second >out
	is 'C14: job control: stops, goes on, CMD2 runs' "$(paste -sd, out)" \
		'ready,stopped 20,continued,second,exit 0'
	"$HELPERS/stops" "$X" chain -- sh -c 'echo ready; sleep 0.2; exit 5' -- echo second >out
	is 'C14: job control: status of CMD1' "$(paste -sd, out)" 'ready,stopped 20,continued,exit 5'

	PS1='prompt> ' $T 'prompt> ' "$X chain -- $C 1 0 10 -- echo second-ran
" ready '^Z' Stopped 'kill -USR1 %1; fg
' 'got 10' '' second-ran 'exit 4
' -- bash --norc --noprofile -i >out 2>&1
	like 'C14: in an interactive shell' "$(cat out)" '^exit 4'
}

both tests
done_testing
