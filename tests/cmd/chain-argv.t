#!/bin/sh
# SPDX-License-Identifier: MIT
# C9: what a command is given arrives byte for byte, as CMD1 and as CMD2.
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

P=$HELPERS/print-argv

passes() { # NAME WORDS...
	name=$1
	shift
	"$P" "$@" >want
	status "C9: $name" 0 "$X" chain '<>' "$P" "$@" '<>' "$P" "$@"
	cat want want >twice
	same "C9: $name: words" out twice
}

tests() {
	nl='
'
	passes 'no arguments'
	passes 'empty ones' '' a '' '' ''
	passes 'blanks, newlines, quotes' ' ' "$nl" "a${nl}b" "'" '"' '\' '$HOME' '`x`' '*' ';' '&' '|' '>' '#' '!'
	passes 'leading dashes' -- - -x --help --version -- chain
	passes 'not UTF-8' "$(printf '\377\376')" "$(printf 'a\200b')" "$(printf '\303')"
	passes 'every byte but NUL' "$(i=1; while [ $i -lt 256 ]; do printf "\\$(printf '%03o' $i)"; i=$((i + 1)); done; echo .)"
	passes 'a word of 100,000 bytes' "$(printf '%0100000d' 0)"
	passes 'the names of tools' chain init run execvm

	# In the exact position of either command, and many.
	# shellcheck disable=SC2046 # words
	set -- $(seq 1 100000)
	"$P" "$@" | cksum >want
	"$X" chain -- true -- "$P" "$@" | cksum >got
	same 'C9: 100,000 arguments to CMD2' got want
	"$X" chain -- "$P" "$@" -- true | cksum >got
	same 'C9: 100,000 arguments to CMD1' got want
	set --

	mkdir -p bin
	cp "$P" bin/tool
	is 'C9: argv[0] is the word, not the file' \
		"$(PATH="$PWD/bin:$PATH" "$X" chain -- true -- tool)" tool
	is 'C9: argv[0] of CMD1 too' "$(PATH="$PWD/bin:$PATH" "$X" chain -- tool -- true)" tool
	is 'C9: a path stays as it is' "$("$X" chain -- ./bin/../bin/tool -- true)" ./bin/../bin/tool

	env -i A=1 B= "$(printf 'C=\377 x')" A=2 "$X" chain -- /usr/bin/env -0 -- /usr/bin/env -0 >out
	env -i A=1 B= "$(printf 'C=\377 x')" A=2 /usr/bin/env -0 >want
	cat want want >twice
	same 'C9: the environment, too' out twice
	mkdir -p 'sub dir'
	is 'C9: the directory, too' "$(cd 'sub dir' && "$X" chain -- pwd -- pwd)" "$PWD/sub dir$nl$PWD/sub dir"
	is 'C9: umask and limits, too' \
		"$(umask 027 && ulimit -f 99 && "$X" chain -- sh -c 'umask; ulimit -f' -- sh -c 'umask; ulimit -f')" \
		"0027${nl}99${nl}0027${nl}99"
}

both tests
done_testing
