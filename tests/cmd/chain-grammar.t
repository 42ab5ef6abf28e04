#!/bin/sh
# SPDX-License-Identifier: MIT
# C1: the delimiter; C5: syntax is checked before anything runs.
# timeout: 30
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

# Does WORDS... as a chain give what the shell gives for `CMD1 && CMD2`?
splits() { # NAME WANT WORDS...
	name=$1 want=$2
	shift 2
	status "C1: $name" 0 "$X" chain "$@"
	is "C1: $name: output" "$(cat out)" "$want"
}

refuses() { # NAME WORDS...
	name=$1
	shift
	rm -f marker
	status "C5: $name" 125 "$X" chain "$@"
	like "C5: $name: says how it is used" "$(cat err)" '^execvm chain: .*usage: execvm chain DELIM'
	is "C5: $name: one line" "$(wc -l <err)" 1
	ok "C5: $name: nothing has run" test ! -e marker
	ok "C5: $name: nothing on stdout" test ! -s out
}

tests() {
	nl='
'
	splits 'two commands' "a${nl}b" -- echo a -- echo b
	splits 'any word is a delimiter' "a${nl}b" '>>=' echo a '>>=' echo b
	splits 'a delimiter that is an option' "a${nl}b" --help echo a --help echo b
	splits 'a delimiter that is a command' "a${nl}echo" echo printf 'a\n' echo printf 'echo\n'
	splits 'a delimiter of blanks' "a${nl}b" '  ' echo a '  ' echo b
	splits 'a delimiter that is not UTF-8' "a${nl}b" "$(printf '\377')" echo a "$(printf '\377')" echo b
	splits 'exact match only' "--- -${nl}b" -- echo --- - -- echo b
	splits 'a prefix of a word is no delimiter' "--x x--${nl}b" -- echo --x x-- -- echo b
	splits 'the first occurrence splits' "a${nl}b -- c -- d" -- echo a -- echo b -- c -- d
	splits 'CMD2 may end with the delimiter' "a${nl}b --" -- echo a -- echo b --
	splits 'three deep to the right, one delimiter' "a${nl}b${nl}c${nl}d" \
		-- echo a -- "$X" chain -- echo b -- "$X" chain -- echo c -- echo d
	splits 'nested in the first place, another delimiter' "a${nl}b${nl}c" \
		-- "$X" chain --- echo a --- echo b -- echo c
	splits 'nested on both sides' "a${nl}b${nl}c${nl}d" \
		+ "$X" chain -- echo a -- echo b + "$X" chain -- echo c -- echo d
	splits 'empty arguments are arguments' "  x${nl} y" -- echo '' '' x -- echo '' y

	touch='touch marker'
	refuses 'no delimiter'
	refuses 'an empty delimiter' '' $touch '' true
	refuses 'no command' --
	refuses 'an empty CMD1' -- -- $touch
	refuses 'an empty CMD2' -- $touch --
	refuses 'the delimiter does not come again' -- $touch
	refuses 'it comes as part of a word only' -- $touch --x
	refuses '--help is a delimiter' --help
	refuses 'an empty CMD1 and CMD2' -- --
	status 'C5: a nested mistake is found by the nested chain' 125 \
		"$X" chain -- true -- "$X" chain -- -- $touch
	ok 'C5: which runs nothing' test ! -e marker
	status 'C5: stderr closed' 125 sh -c 'exec "$0" chain -- touch marker 2>&-' "$X"
	ok 'C5: stderr closed, nothing has run' test ! -e marker
}

both tests
done_testing
