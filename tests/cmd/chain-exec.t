#!/bin/sh
# SPDX-License-Identifier: MIT
# C4: the same process; C6: what cannot be started; C7: PATH.
# timeout: 30
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

E=$HELPERS/exit-with

# CMD, as CMD1 and as CMD2, ends as env(1) has it, unless WANT says otherwise, with one line.
not_started() { # NAME WANT REASON CMD...
	name=$1 want=$2 reason=$3
	shift 3
	if [ "$want" = env ]; then
		env "$@" >/dev/null 2>&1
		want=$?
	fi
	status "C6: $name, CMD1" "$want" "$X" chain -- "$@" -- touch marker
	is "C6: $name, CMD1: the line" "$(cat err)" "execvm chain: $1: $reason"
	ok "C6: $name, CMD1: CMD2 has not started" test ! -e marker
	status "C6: $name, CMD2" "$want" "$X" chain -- true -- "$@"
	is "C6: $name, CMD2: the line" "$(cat err)" "execvm chain: $1: $reason"
}

# A reason in the words of the C library that the program is linked to.
reason() { # MUSL GLIBC
	if [ "$X" = "$EXECVM_GUEST" ]; then
		echo "$1"
	else
		echo "$2"
	fi
}

same_process() {
	"$@" >out &
	wait $!
	read -r pid ppid children <out
	is "C4: CMD2 is the process that the chain was" "$pid" $!
	is "C4: its parent is the chain's" "$ppid" $$
	is "C4: it has inherited no child" "$children" 0
}

same_as_env() { # NAME ENV...
	name=$1
	shift
	env "$@" sh -c 'exec env tool x' >want 2>/dev/null
	want=$?
	status "C7: $name" "$want" env "$@" "$X" chain -- /bin/true -- tool x
	same "C7: $name: output" out want
	status "C7: $name, CMD1" "$want" env "$@" "$X" chain -- tool x -- /bin/true
	same "C7: $name, CMD1: output" out want
}

tests() {
	same_process "$X" chain -- true -- "$HELPERS/print-pid"
	same_process "$X" chain -- sh -c 'true & true & true' -- "$X" chain -- true -- "$HELPERS/print-pid"

	printf 'echo no header\n' >script
	: >empty
	chmod +x script empty
	printf '#!/bin/sh\n' >noexec
	printf '#!/no/such/interpreter\n' >nointerp
	printf 'data' >file
	chmod +x nointerp
	mkdir -p dir
	ln -sf loop loop
	printf '\177ELF' >elf
	chmod +x elf
	cp "$E" busy
	enoent=$(reason 'No such file or directory' 'No such file or directory')
	not_started 'a name that is nowhere' env "$enoent" no-such-tool
	not_started 'a path that is not there' env "$enoent" ./no-such-file arg
	not_started 'an absolute path that is not there' env "$enoent" /no/such/file
	not_started 'an interpreter that is not there' env "$enoent" ./nointerp
	not_started 'no permission' env 'Permission denied' ./noexec
	not_started 'a directory' env 'Permission denied' ./dir
	not_started 'a file as a directory' env 'Not a directory' ./file/x
	not_started 'a loop of links' env "$(reason 'Symbolic link loop' 'Too many levels of symbolic links')" ./loop
	# Here env asks a shell; we must not.
	not_started 'no header' 126 'Exec format error' ./script
	not_started 'an empty file' 126 'Exec format error' ./empty
	not_started 'an ELF header, cut' 126 'Exec format error' ./elf
	not_started 'an empty name' 127 "$enoent" ''
	not_started 'a name that is too long' env "$(reason 'Filename too long' 'File name too long')" \
		"./$(printf '%0300d' 0)"

	exec 8>>busy
	not_started 'a file that is being written' env 'Text file busy' ./busy
	exec 8>&-

	# CMD1 takes the room away that CMD2's arguments would need.
	# shellcheck disable=SC2046 # words
	status 'C6: too many arguments' 126 "$X" chain \
		-- sh -c 'exec prlimit --pid $PPID --stack=65536:65536' -- echo $(seq 1 60000)
	is 'C6: too many arguments: the line' "$(cat err)" \
		"execvm chain: echo: $(reason 'Argument list too long' 'Argument list too long')"
	status 'C6: stderr closed' 127 sh -c 'exec "$0" chain -- no-such-tool -- touch marker 2>&-' "$X"
	status 'C6: stderr full' 127 sh -c 'exec "$0" chain -- no-such-tool -- touch marker 2>/dev/full' "$X"
	status 'C6: control bytes in a name are shown as ?' 127 "$X" chain -- "$(printf 'a\033b\nc')" -- true
	is 'C6: control bytes in a name: the line' "$(cat err)" "execvm chain: a?b?c: $enoent"

	mkdir -p a b c
	printf '#!/bin/sh\necho in-a "$@"\n' >a/tool
	printf '#!/bin/sh\necho in-b "$@"\n' >b/tool
	printf 'no header\n' >c/tool
	chmod +x b/tool c/tool
	same_as_env 'a later directory counts when an earlier one forbids' PATH="$PWD/a:$PWD/b:$PATH"
	same_as_env 'a directory that is not there' PATH="/no/such:$PWD/b:$PATH"
	same_as_env 'a file in PATH' PATH="$PWD/a/tool:$PWD/b:$PATH"
	chmod +x a/tool
	same_as_env 'the first one counts' PATH="$PWD/a:$PWD/b:$PATH"
	chmod -x a/tool
	same_as_env 'forbidden everywhere' PATH="$PWD/a:$PATH"
	like 'C7: forbidden everywhere: the line' "$(cat err)" 'execvm chain: tool: Permission denied'
	same_as_env 'found nowhere' PATH="/no/such:$PATH"
	status 'C7: what has no header ends the search' 126 env PATH="$PWD/c:$PWD/b" "$X" chain -- /bin/true -- tool
	(
		cd b || exit 1
		env PATH= "$X" chain -- /bin/true -- tool x
		env PATH=:/no/such "$X" chain -- /bin/true -- tool x
		env PATH=/no/such: "$X" chain -- tool x -- /bin/true
		env PATH=/no/such::/no "$X" chain -- tool x -- /bin/true
	) >out 2>&1
	is 'C7: an empty element is the current directory' "$(sort -u out)" 'in-b x'
	is 'C7: each of the four' "$(wc -l <out)" 4
	status 'C7: PATH is not set: the default has /bin' 0 env -u PATH "$X" chain -- true -- sh -c 'exit 0'
	status 'C7: an absolute path needs no PATH' 3 env -i "$X" chain -- /bin/true -- "$E" 3
	status 'C7: a relative path is not searched' 127 env PATH="$PWD" "$X" chain -- b/no-tool -- /bin/true
	status 'C7: a path with a slash is taken as it is' 0 env PATH=/no/such "$X" chain -- b/tool -- b/tool
	status 'C7: a very long PATH element is skipped' 0 \
		env PATH="/$(printf '%05000d' 0):$PWD/b:/bin:/usr/bin" "$X" chain -- true -- tool
}

both tests
done_testing
