#!/bin/bash
# SPDX-License-Identifier: MIT
# E8: the first process of a container: signals, statuses, a payload of any bytes, orphans.
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

# As PID 1 of a namespace where that is possible, else as any process.
as_pid1=()
if unshare -pf --mount-proc true 2>/dev/null; then
	as_pid1=(unshare -pf --mount-proc)
fi

inside() {
	"${as_pid1[@]}" "$EXECVM_GUEST" init --container "$@" </dev/null
}

encode() { # JSON
	printf '%s' "$1" | base64 -w 0
}

for n in 0 1 7 125 126 127 255; do
	status "E8: exit $n" $n inside -- "$HELPERS/exit-with" $n
	is "E8: exit $n: nothing is said" "$(cat out err)" ''
done
for n in 9 11 15; do
	status "E8: killed by signal $n" $((128 + n)) inside -- "$HELPERS/kill-self" $n
	is "E8: killed by signal $n: nothing is said" "$(cat out err)" ''
done
status 'E8: not found' 127 inside -- no-such-program
is 'E8: not found: why' "$(cat err)" 'execvm init: no-such-program: No such file or directory'
status 'E8: not startable' 126 inside -- /
like 'E8: not startable: why' "$(cat err)" '^execvm init: /: (Permission denied|Is a directory)$'

"$HELPERS/print-argv" '' -- 'a b' "$(printf 'c\nd')" '*' >want
status 'E8: words as they are' 0 inside -- "$HELPERS/print-argv" '' -- 'a b' "$(printf 'c\nd')" '*'
same 'E8: words as they are: each' out want
status 'E8: the environment is what there is' 0 env -i A=1 PATH="$PATH" "${as_pid1[@]}" "$EXECVM_GUEST" \
	init --container -- /usr/bin/env
like 'E8: the environment is what there is: a variable' "$(cat out)" '^A=1$'
printf abc | "${as_pid1[@]}" "$EXECVM_GUEST" init --container -- /bin/cat >out
is 'E8: the streams are the command'\''s' "$(cat out)" abc

# {"base64": ...} is what JSON has for bytes.
odd=$(printf '\377\001x' | base64)
status 'E8: a payload: any bytes' 0 env A=old B=kept "${as_pid1[@]}" "$EXECVM_GUEST" init --container "$(encode \
	"{\"args\": [\"/bin/sh\", \"-c\", \"umask; printf '%s|%s|%s' \\\"\$1\\\" \\\"\$A\\\" \\\"\$B\\\"\", \"sh\", {\"base64\": \"$odd\"}],
	\"env\": {\"A\": {\"base64\": \"$odd\"}}, \"umask\": \"027\"}")"
printf '0027\n\377\001x|\377\001x|kept' >want
same 'E8: a payload: words, variables, umask' out want
status 'E8: a payload: its PATH is searched' 3 inside "$(encode "{\"args\": [\"exit-with\", \"3\"], \"env\": {\"PATH\": \"$HELPERS\"}}")"

refused() { # NAME PATTERN WORDS...
	name=$1 pattern=$2
	shift 2
	status "E8: $name: 125" 125 inside "$@"
	like "E8: $name: why" "$(cat err)" "^execvm init: $pattern"
	is "E8: $name: in one line" "$(cat out err | wc -l)" 1
}
refused 'nothing at all' '--container: a payload, or -- and a command'
refused 'no command' '--container: no command' --
refused 'no base64' '--container: not base64' '!'
refused 'a payload without a command' '--container: no command' "$(encode '{}')"
refused 'a payload with a key of a machine' '.*root' "$(encode '{"root": {"device": "/dev/vda"}, "args": ["x"]}')"
refused 'more than a payload' '--container: a payload, or' "$(encode '{}')" x

has() {
	grep -q "$1" out
}

begin() { # CMD...
	: >out
	"$HELPERS/with-signals" -d 2 -d 3 "$EXECVM_GUEST" init --container -- "$@" </dev/null >out 2>err &
	pid=$!
	wait_for has ready
}

begin "$HELPERS/catch-signals" 6 9 1 2 3 10 12 15
for s in HUP:1 INT:2 QUIT:3 USR1:10 USR2:12 TERM:15; do
	kill -s "${s%:*}" $pid
	ok "E8: ${s%:*} goes on to the command" wait_for has "got ${s#*:}\$"
done
wait $pid
code=$?
is 'E8: and the command ends as it wants' $code 9
begin /bin/sh -c 'echo ready; exec sleep 600'
kill -s TERM $pid
wait $pid
code=$?
is 'E8: TERM, which the command does not handle' $code 143

if [ ${#as_pid1[@]} = 0 ]; then
	skip 'E8: orphans of PID 1' 'cmd: no namespace of processes'
	done_testing
fi
status 'E8: orphans do not change the status' 7 inside -- /bin/sh -c '"$1" 300 55
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		n=$(grep -l "^State:.Z" /proc/[0-9]*/status 2>/dev/null | wc -l)
		[ $n = 0 ] && break; sleep 0.05; done; echo zombies $n; echo ppid $PPID; exit 7' sh "$HELPERS/leave-zombies"
like 'E8: they leave no zombie' "$(cat out)" '^zombies 0$'
like 'E8: it was PID 1' "$(cat out)" '^ppid 1$'
status 'E8: a process that outlives the command does not hold the container' 5 \
	inside -- /bin/sh -c 'sleep 600 & exit 5'
done_testing
