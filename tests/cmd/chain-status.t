#!/bin/sh
# SPDX-License-Identifier: MIT
# C2: exit status; C3: death by signal; C8: a program's own 126 and 127.
# timeout: 30
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

all_statuses() {
	for n in $(seq 1 255); do
		"$X" chain -- "$HELPERS/exit-with" "$n" -- touch marker >out 2>err
		[ $? = "$n" ] && [ ! -e marker ] && [ ! -s out ] && [ ! -s err ] || return 1
	done
}

all_second_statuses() {
	for n in $(seq 0 255); do
		"$X" chain -- "$HELPERS/exit-with" 0 -- "$HELPERS/exit-with" "$n" >out 2>err
		[ $? = "$n" ] && [ ! -s out ] && [ ! -s err ] || return 1
	done
}

tests() {
	ok 'C2: CMD1 exits with 1 to 255: the same, CMD2 does not start, nothing is said' all_statuses
	ok 'C2: CMD2 exits with 0 to 255' all_second_statuses
	status 'C2: in the middle of three' 7 \
		"$X" chain -- true -- "$X" chain -- "$HELPERS/exit-with" 7 -- touch marker
	status 'C2: in the first place, nested' 9 \
		"$X" chain -- "$X" chain --- true --- "$HELPERS/exit-with" 9 -- touch marker
	ok 'C2: CMD2 has not started' test ! -e marker

	# Those that end a program; names are what the shell calls them.
	for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 24 25 26 27 29 30 31 34 64; do
		name=SIG$(kill -l "$n")
		case $n in
		29) name='SIG(IO|POLL)' ;;
		34 | 64) name="signal $n" ;;
		esac
		status "C3: killed by $n" $((128 + n)) "$X" chain -- "$HELPERS/kill-self" "$n" -- touch marker
		like "C3: killed by $n: the line" "$(cat err)" \
			"^execvm chain: .*/kill-self: killed by $name\$"
		is "C3: killed by $n: one line" "$(wc -l <err)" 1
		ok "C3: killed by $n: CMD2 has not started" test ! -e marker
	done
	for n in 17 18 23 28; do
		status "C3: signal $n does not end a program" 99 \
			"$X" chain -- "$HELPERS/kill-self" "$n" -- touch marker
	done

	# The core flag is what the kernel says, whether or not it can dump here.
	core=$("$HELPERS/run-status" -c "$HELPERS/kill-self" 11)
	"$HELPERS/run-status" -c "$X" chain -- "$HELPERS/kill-self" 11 -- touch marker >out 2>err
	is 'C3: with a core: status' "$(cat out)" 'exit 139'
	case $core in
	*core) like 'C3: with a core: the line' "$(cat err)" 'killed by SIGSEGV, core dumped$' ;;
	*) like 'C3: no core can be dumped here' "$(cat err)" 'killed by SIGSEGV$' ;;
	esac
	rm -f core core.*
	is 'C3: CMD2 dies of the signal itself' \
		"$("$HELPERS/run-status" "$X" chain -- true -- "$HELPERS/kill-self" 15)" 'signal 15'

	for n in 126 127; do
		status "C8: CMD1 exits with $n" "$n" "$X" chain -- "$HELPERS/exit-with" "$n" -- touch marker
		is "C8: CMD1 exits with $n: nothing is said" "$(cat err)" ''
		status "C8: CMD2 exits with $n" "$n" "$X" chain -- true -- "$HELPERS/exit-with" "$n"
		is "C8: CMD2 exits with $n: nothing is said" "$(cat err)" ''
	done
}

both tests
done_testing
