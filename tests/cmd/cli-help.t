#!/bin/sh
# SPDX-License-Identifier: MIT
# C21: help, version, tools by name; X7: nothing on stdout but what was asked for.
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

says() { # NAME PATTERN WORDS...
	name=$1 pattern=$2
	shift 2
	status "C21: $name" 0 "$X" "$@"
	like "C21: $name: stdout" "$(cat out)" "$pattern"
	is "C21: $name: stderr is empty" "$(cat err)" ''
}

refuses() { # NAME PATTERN WORDS...
	name=$1 pattern=$2
	shift 2
	status "C21: $name" 125 "$X" "$@"
	like "C21: $name: stderr" "$(cat err)" "$pattern"
	ok "X7: $name: stdout is empty" test ! -s out
}

tests() {
	says '--help' '^usage: execvm TOOL' --help
	says '-h' '^usage: execvm TOOL' -h
	says 'help' '^usage: execvm TOOL' help
	says '--version' '^execvm [0-9]+\.[0-9]+' --version
	is 'C21: --version: the file VERSION' "$("$X" --version)" "execvm $(cat "$SRCDIR/VERSION")"
	tools=$("$X" --help | sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p')
	like 'C21: chain is a tool' "$tools" '^chain$'
	like 'C21: init is a tool' "$tools" '^init$'
	if [ "$X" = "$EXECVM_GUEST" ]; then
		is 'C21: the guest has no others' "$(echo "$tools" | sort | paste -sd' ')" 'chain init'
	else
		like 'C21: run is a tool' "$tools" '^run$'
		like 'C21: initrd is a tool' "$tools" '^initrd$'
	fi
	for t in $tools; do
		says "help $t" "^usage: execvm $t" help "$t"
		status "C21: help $t, stdout full" 125 sh -c 'exec "$0" help "$1" >/dev/full' "$X" "$t"
		like "C21: help $t, stdout full: the line" "$(cat err)" 'write stdout: No space left on device'
		[ "$t" = chain ] || says "$t --help" "^usage: execvm $t" "$t" --help
	done
	status 'C21: --version, stdout full' 125 sh -c 'exec "$0" --version >/dev/full' "$X"
	status 'C21: --version, stdout closed' 125 sh -c 'exec "$0" --version >&-' "$X"

	refuses 'no word' '^usage: execvm TOOL'
	refuses 'unknown tool' "no tool 'nonsense'" nonsense
	like 'C21: unknown tool: the tools are listed' "$(cat err)" '^  chain '
	refuses 'help on an unknown tool' "no tool 'nonsense'" help nonsense
	refuses 'an empty word' "no tool ''" ''
	refuses 'an unknown option' "no tool '--nonsense'" --nonsense
	refuses 'chain --help is a chain' 'usage: execvm chain' chain --help

	ln -sf "$X" chain
	status 'C21: as chain' 6 ./chain -- true -- "$HELPERS/exit-with" 6
	is 'C21: chain does not search itself a tool' "$(./chain -- echo a -- echo b | paste -sd' ')" 'a b'
	ln -sf "$X" other-name
	status 'C21: under any other name' 6 ./other-name chain -- true -- "$HELPERS/exit-with" 6
	if [ "$X" = "$EXECVM" ]; then
		ln -sf "$X" run-in-vm
		status 'C21: as run-in-vm' 0 ./run-in-vm --help
		like 'C21: as run-in-vm: help' "$(cat out)" 'usage: .*run'
	fi
}

both tests
done_testing
