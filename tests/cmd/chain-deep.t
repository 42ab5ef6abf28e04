#!/bin/sh
# SPDX-License-Identifier: MIT
# C16: a thousand commands, nested to the right, are one process after the other in one place.
# timeout: 40
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

# Becomes PREFIX and N chains around CMD.
nested() { # N CMD [PREFIX...]
	n=$1 last=$2
	shift 2
	IFS='
'
	set -f
	# shellcheck disable=SC2046 # words, a line each
	set -- "$@" $(yes "$X${IFS}chain$IFS--$IFS$HELPERS/exit-with${IFS}0$IFS--" | head -n $((6 * n))) "$last"
	exec "$@"
}

tests() {
	deep=1000
	[ "$X" = "$EXECVM_GUEST" ] || deep=100 # the loader takes its time, the code is the same
	nested $deep "$HELPERS/print-pid" >out &
	wait $!
	is 'C16: status' $? 0
	read -r pid ppid children <out
	is 'C16: the process is the same' "$pid" $!
	is 'C16: so is its parent' "$ppid" $$
	is 'C16: it has no child left' "$children" 0

	for n in 1 $deep; do
		(nested "$n" true "$HELPERS/run-status" -m "memory.$n") >out
		is "C16: $n deep" "$(cat out)" 'exit 0'
	done
	one=$(cat memory.1) many=$(cat memory.$deep)
	diag "KiB: $one, $deep deep $many"
	# The words themselves are 200 KB, and are there twice while an exec is under way.
	ok 'C16: memory does not grow with the depth' test "$many" -lt $((one + 1500))
	(nested 100 false)
	is 'C16: a status from the depth' $? 1
}

both tests
done_testing
