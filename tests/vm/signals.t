#!/bin/sh
# SPDX-License-Identifier: MIT
# W10, I19: signals from here to there; I14: what the command starts with; I17, I18: orphans.
# timeout: 300
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

"$EXECVM" run --dry-run -- /bin/true >/dev/null 2>&1 # a warning that is said once

"$EXECVM" initrd build --no-check --add /bin/busybox=/bin/busybox --make /bin/sh=symlink:busybox \
	--add "$HELPERS/catch-signals=/bin/catch-signals" --add "$HELPERS/kill-self=/bin/kill-self" \
	--add "$HELPERS/leave-zombies=/bin/leave-zombies" -o guest.cpio || skip_all 'no initrd'
guest=$PWD/guest.cpio
fake=$HELPERS/vm-fake
caller=$HELPERS/vm-caller

# The machine's pid is in ./pid; it keeps its death signal through this exec.
cat >qemu <<END
#!/bin/sh
echo \$\$ >>'$PWD/pid'
exec qemu-system-x86_64 "\$@"
END
chmod +x qemu
: >pid
export EXECVM_QEMU="$PWD/qemu" VM_FAKE_PIDS="$PWD/pid"

machines() {
	for p in $(cat pid); do
		! kill -s 0 "$p" 2>/dev/null || echo "$p"
	done
}

no_machine() {
	[ -z "$(machines)" ]
}

wait_long() { # at most 60 s
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
		wait_for "$@" && return 0
	done
	return 1
}

has() { # FILE TEXT TIMES
	[ "$(grep -c "$2" "$1")" -ge "$3" ]
}

# Starts a run in the background, as if in the foreground: a shell lets INT and QUIT be ignored there.
# Returns when it has said "ready"; $pid is its process.
begin() { # [--as WITH-SIGNALS-OPTION]... OPTIONS... -- CMD...
	as='-d 2 -d 3'
	while [ "$1" = --as ]; do
		as="$as $2"
		shift 2
	done
	: >out # not of the one before
	# shellcheck disable=SC2086 # words
	"$HELPERS/with-signals" $as "$EXECVM" run --initrd "$guest" "$@" </dev/null >out 2>err &
	pid=$!
	wait_long has out ready 1 || diag "never ready: $(cat err)"
}

# The status of $pid; a run that does not end becomes 99.
ends() {
	if ! wait_long gone_or_zombie $pid; then
		kill -s KILL $pid
		wait $pid
		return 99
	fi
	wait $pid
}

gone_or_zombie() {
	case $(sed 's/.*) \(.\).*/\1/' "/proc/$1/stat" 2>/dev/null) in
	'' | Z) true ;;
	*) false ;;
	esac
}

group() {
	# The one that leads the group, and one beside it.
	begin -- /bin/sh -c 'catch-signals 6 0 1 2 3 10 12 15 & exec catch-signals 7 9 1 2 3 10 12 15'
	wait_long has out ready 2
	for s in HUP:1 INT:2 QUIT:3 USR1:10 USR2:12 TERM:15; do
		kill -s "${s%:*}" $pid
		wait_long has out "got ${s#*:}\$" 2
		is "W10, I19: ${s%:*} reaches the whole group" "$(grep -c "got ${s#*:}\$" out)" 2
	done
	kill -s USR1 $pid
	ends
	is 'W10, I19: the status of one that handles them all' $? 9
	is 'W10, I19: each came once' "$(grep -c got out)" 13
}

deaths() {
	begin -- /bin/sh -c 'echo ready; exec sleep 600'
	kill -s TERM $pid
	ends
	is 'W10, I19: TERM: 143' $? 143
	is 'W10, I19: TERM: nothing is said about it' "$(cat err)" ''

	begin -- /bin/sh -c 'trap "" TERM; echo ready; sleep 600; echo on'
	kill -s TERM $pid
	sleep 2
	ok 'W10: a command that ignores TERM goes on' kill -s 0 $pid
	kill -s TERM $pid
	ends
	is 'W10, I19: a second TERM: 137' $? 137
	ok 'W10: a second TERM: no machine is left' no_machine

	begin -- /bin/sh -c 'echo ready; exec sleep 600'
	kill -s KILL $pid
	ends
	is 'W10: KILL of the run' $? 137
	ok 'W10: KILL of the run: no machine is left' wait_for no_machine
}

early() {
	for s in TERM:15 INT:2 HUP:1 QUIT:3 USR1:10 USR2:12; do
		: >pid
		# shellcheck disable=SC2086 # words
		"$HELPERS/with-signals" -d 2 -d 3 "$EXECVM" run --initrd "$guest" -- /bin/sh -c 'echo never' \
			</dev/null >out 2>err &
		pid=$!
		wait_for test -s pid
		[ "$s" != TERM:15 ] || sleep 0.2 # in the middle of the boot
		kill -s "${s%:*}" $pid
		ends
		is "W10: ${s%:*} before the command has started" $? $((128 + ${s#*:}))
		is "W10: ${s%:*} before the command has started: it never does" "$(cat out)" ''
		ok "W10: ${s%:*} before the command has started: no machine is left" wait_for no_machine
	done
	: >pid
	"$EXECVM" run --initrd "$guest" -- /bin/true </dev/null >out 2>err &
	pid=$!
	wait_for test -s pid
	kill -s KILL $pid
	ends
	ok 'W10: KILL in the middle of the boot: no machine is left' wait_for no_machine
}

terminal() {
	"$caller" pty ready 'type ^C' -- "$EXECVM" run --initrd "$guest" -- \
		/bin/sh -c 'echo ready; exec sleep 600' >out
	like 'W10: Ctrl-C: 130' "$(cat out)" '^exit 130'
	ok 'W10: Ctrl-C: no machine is left' no_machine
	"$caller" pty ready 'type ^C' 'got 2' 'type ^\' 'got 3' 'kill 10' -- \
		"$EXECVM" run --initrd "$guest" -- /bin/catch-signals 3 5 2 3 10 >out
	like 'W10: Ctrl-C and Ctrl-\ that are handled' "$(cat out)" '^exit 5'
	is 'W10: each comes once' "$(grep -c got out)" 3
}

# Bits of a mask in hexadecimal: signal N is bit N-1.
as_it_starts() {
	begin --as -i1 --as -i13 --as -b10 -- /bin/sh -c \
		'grep Sig /proc/self/status; cat /proc/self/stat; echo ready; read -t 600 x; catch-signals 1 3 2 1'
	like 'I14: no signal is blocked' "$(cat out)" '^SigBlk:.0000000000000000'
	like 'I14: no signal is ignored' "$(cat out)" '^SigIgn:.0000000000000000'
	wait_long has out ready 2
	kill -s HUP $pid
	kill -s USR1 $pid
	sleep 1
	is 'W10: ignored and blocked here, they do not go there' "$(grep -c got out)" 0
	kill -s INT $pid
	ends
	is 'W10: others do' "$?$(grep got out)" '3got 2'
	begin -- /bin/sh -c 'read -r p c s pp g sid rest </proc/self/stat; echo $(($$ - g)) $(($$ - sid)); echo ready'
	ends
	is 'I14: it leads a session and a group of its own' "$(head -n 1 out)" '0 0'
}

orphans() {
	begin -- /bin/sh -c 'leave-zombies 1000 55; for i in 1 2 3 4 5 6 7 8 9 10; do
		n=$(grep -l "^State:.Z" /proc/[0-9]*/status 2>/dev/null | wc -l)
		[ $n = 0 ] && break; sleep 0.2; done; echo zombies $n; echo ready; exit 7'
	ends
	is 'I17: none of a thousand orphans is taken for the command' $? 7
	is 'I17: a thousand were made' "$(head -n 1 out)" 1000
	like 'I17: they leave no zombie' "$(cat out)" '^zombies 0$'

	# shellcheck disable=SC2016 # for the guest
	begin --timings --boot-log -- /bin/sh -c '
		(trap "" TERM; echo deaf; exec sleep 600) &
		(trap "echo \"<1>orphan: told to end\" >/dev/kmsg; exit" TERM; echo polite; exec >/dev/null 2>&1; while :; do sleep 0.1; done) &
		(setsid sleep 600 &)
		sleep 1; echo ready; exit 6'
	ends
	is 'I18: orphans do not change the status' $? 6
	like 'I18: they are told to end' "$(cat err)" 'orphan: told to end'
	unlike 'I18: the machine ends by itself, whatever they do' "$(cat err)" 'did not power off'
	diag "$(grep ' ms ' err)"
	ok 'I18: no machine is left' no_machine
}

# Played machines: where the time of a signal matters.
moments() {
	EXECVM_QEMU=$fake
	export VM_FAKE='hello; start; out ready; get-signal; exit 0 4; close'
	for s in HUP INT QUIT USR1 USR2 TERM; do
		begin -- true
		kill -s $s $pid
		ends
		is "W10, I19: $s by its name" "$?$(paste -sd' ' out)" "4ready $s"
	done
	export VM_FAKE='say x; hello; hang'
	"$EXECVM" run -- true </dev/null >out 2>err &
	pid=$!
	sleep 1
	kill -s TERM $pid
	ends
	is 'W10: TERM between first contact and start' $? 143
	export VM_FAKE='hello; start; out ready; flood'
	begin -- true
	kill -s TERM $pid
	sleep 0.5
	kill -s TERM $pid
	ends
	is 'W10: a machine that never stops talking can be ended' $? 137
	export VM_FAKE='hello; start; out ready; hang'
	begin -- true
	kill -s TERM $pid
	sleep 0.5
	kill -s TERM $pid
	ends
	is 'W10: a machine that does not listen any more can be ended' $? 137

	# The command has ended, its last output is not read by anybody.
	mkfifo stuck
	export VM_FAKE='hello; start; many 300000; exit 0 3; close'
	"$EXECVM" run -- true </dev/null >stuck 2>err &
	pid=$!
	exec 3<stuck
	sleep 2
	kill -s TERM $pid
	sleep 0.5
	kill -s TERM $pid
	wait_for gone_or_zombie $pid
	ok 'W10: TERM while only the reader is waited for ends the run' gone_or_zombie $pid
	cat <&3 >/dev/null
	exec 3<&-
	ends
	EXECVM_QEMU=$PWD/qemu
}

moments
group
deaths
early
terminal
as_it_starts
orphans
done_testing
