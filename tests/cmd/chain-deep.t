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
	another
}

# A chain goes on in the same process only where that is what an exec would have come to.
another() {
	mkdir -p other same
	# shellcheck disable=SC2016 # for the script
	printf '#!/bin/sh\necho other "$@"\n' >other/execvm
	chmod +x other/execvm
	ln -sf "$X" same/execvm
	ln -sf "$X" same/run-in-vm
	is 'C16: another program of the name is executed' \
		"$(PATH=$PWD/other:$PATH "$X" chain -- true -- execvm chain -- echo one -- echo two)" \
		'other chain -- echo one -- echo two'
	is 'C16: and so is this one, by PATH' \
		"$(PATH=$PWD/same:$PATH "$X" chain -- true -- execvm chain -- echo one -- echo two)" "one
two"
	"$X" chain -- true -- execvm-is-not-there chain -- echo one -- echo two >out 2>err
	is 'C16: what is not there is not found' "$?$(cat out)" 127
	"$X" chain -- true -- "$PWD/same/execvm" chain -- >out 2>err
	is 'C16: what is wrong with a chain behind a chain' "$?$(cat out)" 125
	like 'C16: is said' "$(cat err)" '^execvm chain: no second .--. between'
	if [ "$X" != "$EXECVM_GUEST" ]; then # which has no other names
		"$X" chain -- true -- "$PWD/same/run-in-vm" chain -- echo one -- echo two >out 2>err
		is 'C16: another tool of this file is another tool' "$?$(cat out)" 125
	fi
	mkdir -p removed
	cp "$X" removed/execvm
	is 'C16: this very file is gone meanwhile' "$(removed/execvm chain -- rm -f removed/execvm -- \
		removed/execvm chain -- echo one -- echo two 2>&1)" \
		'execvm chain: removed/execvm: No such file or directory'
	mkdir -p denied
	cp "$X" denied/execvm
	is 'C16: this very file may not be executed any more' "$(denied/execvm chain -- chmod -x denied/execvm -- \
		denied/execvm chain -- echo one -- echo two 2>&1)" \
		'execvm chain: denied/execvm: Permission denied'
}

both tests
done_testing
