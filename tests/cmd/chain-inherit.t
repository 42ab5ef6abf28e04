#!/bin/sh
# SPDX-License-Identifier: MIT
# C10: descriptors; C11: signals; C12: closed descriptors. Each is compared with what a command sees
# that is executed without a chain.
# timeout: 30
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

F=$HELPERS/print-fds
S=$HELPERS/print-signals
W=$HELPERS/with-signals

# Both commands of a chain, started by PREFIX..., write what `PREFIX... PROBE FILE` writes.
like_exec() { # NAME PROBE PREFIX...
	name=$1 probe=$2
	shift 2
	"$@" "$probe" want >out 2>err
	status "$name" 0 "$@" "$X" chain -- "$probe" first -- "$probe" second
	same "$name, CMD1" first want
	same "$name, CMD2" second want
	rm -f want first second
}

with_fds() {
	"$@" 3</dev/null 5>/dev/null 9</etc/passwd
}

with_high_fd() {
	bash -c 'exec 700</dev/zero; exec "$@"' bash "$@"
}

without() { # DIGITS CMD...
	closed=$1
	shift
	case $closed in
	0) "$@" <&- ;;
	1) "$@" >&- ;;
	2) "$@" 2>&- ;;
	01) "$@" <&- >&- ;;
	02) "$@" <&- 2>&- ;;
	12) "$@" >&- 2>&- ;;
	012) "$@" <&- >&- 2>&- ;;
	esac
}

# status() would open what is to be closed.
quietly() { # NAME WANT CMD...
	name=$1 want=$2
	shift 2
	"$@"
	is "$name" $? "$want"
}

tests() {
	like_exec 'C10: 0, 1 and 2 only' "$F" env
	like_exec 'C10: 3, 5, 9' "$F" with_fds
	like_exec 'C10: 700' "$F" with_high_fd
	printf 'abc' >file
	is 'C10: both share one file position' \
		"$("$X" chain -- head -c 1 -- sh -c 'echo " $(cat)"' <file | tr -d '\n')" 'a bc'
	is 'C10: a descriptor is written through' \
		"$("$X" chain -- sh -c 'echo one >&7' -- sh -c 'echo two >&7' 7>&1 >/dev/null | paste -sd' ')" 'one two'
	status 'C10: a reader sees the end when both are done' 0 \
		timeout 5 sh -c '"$0" chain -- echo x -- echo y | cat' "$X"

	like_exec 'C11: nothing ignored or blocked' "$S" env
	like_exec 'C11: PIPE ignored' "$S" "$W" -i 13
	like_exec 'C11: HUP ignored' "$S" "$W" -i 1
	like_exec 'C11: CHLD ignored' "$S" "$W" -i 17
	like_exec 'C11: TERM blocked' "$S" "$W" -b 15
	like_exec 'C11: CHLD blocked' "$S" "$W" -b 17
	like_exec 'C11: INT, QUIT ignored, as by a shell' "$S" "$W" -i 2 -i 3
	like_exec 'C11: many' "$S" "$W" -i 1 -i 13 -i 17 -i 10 -i 35 -i 64 -b 15 -b 2 -b 17 -b 36 -b 13
	like_exec 'C11: through two chains' "$S" "$W" -i 17 -i 13 -b 15 "$X" chain -- true --
	for n in 0 1 3 255; do
		status "C11: ignored CHLD, status $n" "$n" "$W" -i 17 \
			"$X" chain -- "$HELPERS/exit-with" "$n" -- "$HELPERS/exit-with" 0
	done
	status 'C11: ignored CHLD, killed' 137 "$W" -i 17 "$X" chain -- "$HELPERS/kill-self" 9 -- true
	status 'C11: blocked CHLD, status' 4 "$W" -b 17 "$X" chain -- "$HELPERS/exit-with" 4 -- true
	status 'C11: a child from before does not confuse it' 6 \
		sh -c 'sleep 0.1 & exec "$0" chain -- "$1" 6 -- true' "$X" "$HELPERS/exit-with"
	is 'C11: nor does one that ends while CMD1 runs' \
		"$(sh -c 'sleep 0.05 & exec "$0" chain -- sleep 0.2 -- echo done' "$X")" 'done'

	for c in 0 1 2 01 02 12 012; do
		without $c "$F" want
		quietly "C12: without $c" 0 without $c "$X" chain -- "$F" first -- "$F" second
		same "C12: without $c, CMD1" first want
		same "C12: without $c, CMD2" second want
		quietly "C12: without $c, status" 5 without $c "$X" chain -- "$HELPERS/exit-with" 5 -- touch marker
		quietly "C12: without $c, not found" 127 without $c "$X" chain -- no-such-tool -- touch marker
		quietly "C12: without $c, misuse" 125 without $c "$X" chain -- touch marker
		ok "C12: without $c, nothing else has run" test ! -e marker
	done
}

both tests
done_testing
