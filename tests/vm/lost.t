#!/bin/sh
# SPDX-License-Identifier: MIT
# W11, X2, I24, I20: a machine that is lost, in whatever way, ends in bounded time with 125 and a
# message of its own; never 0, never a hang, nothing left. X3: unless it has said a status. F12: one that
# can change nothing is ended from outside.
# timeout: 300
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

"$EXECVM" run --dry-run -- /bin/true >/dev/null 2>&1 # a warning that is said once
"$EXECVM" initrd build --no-check --add /bin/busybox=/bin/busybox --make /bin/sh=symlink:busybox \
	--add "$HELPERS/vm-break=/bin/vm-break" -o guest.cpio || skip_all 'no initrd'
guest=$PWD/guest.cpio
fake=$HELPERS/vm-fake
home=$PWD

# The machine's pid is in ./pid; it keeps its death signal through this exec.
cat >qemu <<'END'
#!/bin/sh
echo $$ >>pid
exec qemu-system-x86_64 "$@"
END
chmod +x qemu
export EXECVM_QEMU="$PWD/qemu" VM_FAKE_PIDS=pid

no_machine() {
	for p in $(cat pid); do
		! kill -s 0 "$p" 2>/dev/null || return 1
	done
}

# A run that hangs is killed, and is a failure of one test.
run() {
	timeout -s KILL $((120 * ${EXECVM_TIME_FACTOR:-1})) "$EXECVM" run "$@"
}

judge() { # NAME STATUS PATTERN, of what is in ./out and ./err
	is "$1: 125" "$2" 125
	like "$1: why" "$(cat err)" "^execvm run: $3"
	ok "$1: no machine is left" no_machine
}

lost() { # NAME PATTERN OPTIONS -- CMD...
	name=$1 pattern=$2
	shift 2
	: >pid
	run --initrd "$guest" "$@" </dev/null >out 2>err
	judge "$name" $? "$pattern"
}

played() { # NAME PATTERN SCRIPT
	: >pid
	EXECVM_QEMU=$fake VM_FAKE=$3 run -- true </dev/null >out 2>err
	judge "W11: $1" $? "$2"
}

# Those that take a minute go side by side with the others, each in a directory of its own.
slow_ones='halted off silent mute'
begin_slow() {
	for w in $slow_ones stopped; do
		mkdir "$w"
		: >"$w/pid"
	done
	(cd halted && run --initrd "$guest" -- /bin/sh -c 'echo ready; halt -f' </dev/null >out 2>err; echo $? >code) &
	(cd off && run --initrd "$guest" -- /bin/sh -c 'echo ready; poweroff -f' </dev/null >out 2>err; echo $? >code) &
	(
		cd silent || exit
		EXECVM_QEMU=$fake VM_FAKE='hello; hang' run -- true </dev/null >out 2>err
		echo $? >code
	) &
	(
		cd mute || exit
		EXECVM_QEMU=$fake VM_FAKE='hello; start; out ready; hang' run -- true </dev/null >out 2>err
		echo $? >code
	) &
	(
		cd stopped || exit
		"$EXECVM" run --initrd "$guest" -- /bin/sh -c 'echo ready; sleep 70; exit 4' </dev/null >out 2>err &
		pid=$!
		for _ in 1 2 3 4 5 6; do
			wait_for test -s out && break
		done
		kill -s STOP $pid
		sleep 64
		kill -s CONT $pid
		wait $pid
		echo $? >code
	) &
}

end_slow() {
	wait
	for w in $slow_ones; do
		cd "$w" || exit
		case $w in
		halted) name='X2, W11: a guest that is halted' ;;
		off) name='X2, W11: a guest that is powered off by its command' ;;
		silent) name='X2, W11: silence after the first contact' ;;
		mute) name='X2, W11: silence while the command runs' ;;
		esac
		judge "$name" "$(cat code)" '.*(does not answer|is lost)'
		cd "$home" || exit
	done
	is 'X2: a run that was stopped for a minute is not a lost machine' "$(cat stopped/code)" 4
	is 'X2: a run that was stopped for a minute: nothing is said' "$(cat stopped/err)" ''
}

killed() {
	for when in '' ready; do
		: >pid
		: >out
		run --initrd "$guest" -- /bin/sh -c 'echo ready; exec sleep 600' </dev/null >out 2>err &
		pid=$!
		wait_for test -s pid
		[ -n "$when" ] || sleep 0.2
		for _ in 1 2 3 4 5 6 7 8; do
			[ -z "$when" ] || wait_for grep -q "$when" out && break
		done
		kill -s KILL "$(cat pid)"
		wait $pid
		judge "W11: QEMU is killed${when:+ while the command runs}" $? '.*machine is lost.*killed by SIGKILL'
	done
	is 'W11: QEMU is killed while the command runs: what was said is there' "$(cat out)" ready
}

crashes() {
	lost 'W11, I24: the guest panics' '.*panicked: sysrq triggered crash' \
		-- /bin/sh -c 'echo ready; sleep 0.2; echo c >/proc/sysrq-trigger'
	like "W11, I24: the guest panics: the log's tail" "$(cat err)" '^execvm run: guest log: .*sysrq'
	is 'W11, I24: the guest panics: what was said is there' "$(cat out)" ready
	lost 'W11, I24: init is killed' '.*panicked: Attempted to kill init' -- /bin/vm-break init
	lost 'W11, I24: the guest panics before init' '.*panicked: ' --append 'rdinit=/no/such' -- true
	lost 'W11: the guest resets itself' '.*is lost.*without a status' -- /bin/busybox reboot -f
	lost 'W11: garbage on the wire, by the guest' 'wire: ' -- /bin/sh -c 'vm-break wire; sleep 600'
}

memory() {
	: >pid
	run --initrd "$guest" -m 64M -- /bin/vm-break memory </dev/null >out 2>err
	is 'W11, X3: a command that takes all memory: the kernel kills it' $? 137
	ok 'W11: a command that takes all memory: no machine is left' no_machine
	lost 'W11: out of memory, and that is a panic' '.*panicked: .*[Oo]ut of memory' \
		-m 64M -- /bin/sh -c 'echo 1 >/proc/sys/vm/panic_on_oom; exec vm-break memory'
	: >pid
	run --initrd "$guest" -m 64M -- /bin/vm-break files </dev/null >out 2>err
	code=$?
	diag "out of memory in files: $code: $(tail -n 1 err)"
	case $code in
	137 | 125) ok 'W11: memory that nothing gives back: 137 or 125' true ;;
	*) is 'W11: memory that nothing gives back: 137 or 125' $code 125 ;;
	esac
	ok 'W11: memory that nothing gives back: no machine is left' no_machine
}

hello='hello; start; out ready'
hostile() {
	played 'garbage for a greeting' 'wire: ' 'junk 100; hang'
	played 'a greeting that is cut' 'wire: ' 'raw 65786563766d2d0a; hang'
	played 'a greeting of the future' 'wire: ' 'raw 65786563766d2d7769726520320a; hang'
	played 'garbage after the greeting' 'wire: ' 'hello; junk 100; hang'
	played 'garbage while the command runs' 'wire: ' "$hello; junk 1000; hang"
	is 'W11: garbage while the command runs: what was said is there' "$(cat out)" ready
	played 'a packet of 4 GiB' 'wire: ' "$hello; raw ffffffff5e; hang"
	played 'an empty packet' 'wire: ' "$hello; raw 00000000; hang"
	played 'a message that does not exist' 'wire: ' "$hello; raw 00000001fa; hang"
	mkfifo stuck
	exec 3<>stuck # nobody reads
	: >pid
	EXECVM_QEMU=$fake VM_FAKE="$hello; many 3000000; hang" run -- true </dev/null >stuck 2>err
	judge 'W11: data beyond the window' $? 'wire: '
	exec 3<&-
	played 'data on a channel that is not there' 'wire: ' "$hello; raw 0000000a5e0000003300000001aa; hang"
	played 'the end of a channel that is not there' 'wire: ' "$hello; raw 000000056100000033; hang"
	played 'a window that overflows' 'wire: ' "$hello; raw 000000095d00000000ffffffff; hang"
	played 'an exit record that cannot be' 'wire: ' "$hello; exit 7 7; hang"
	played 'an answer that nobody asked for' 'wire: ' "$hello; raw 000000056300000000; hang"
	played 'DISCONNECT from the guest' '.*' "$hello; raw 0000000d010000000b0000000000000000; hang"
	played 'no status, but a proper end' '.*without a status' "$hello; close"
	is 'W11: nothing of it is on stdout' "$(cat out)" ready
}

gone() {
	played 'the wire is closed, QEMU stays' '.*is lost' 'hello; shut; hang'
	played 'the wire is closed, QEMU ends' '.*is lost' 'hello; shut; quit 0'
	played 'QEMU ends with 0 at once' '.*without a status' 'quit 0'
	played 'QEMU ends with 1 at once, with words' '.*status 1' 'say no such machine; quit 1'
	like "W11: QEMU's words are shown" "$(cat err)" '^execvm run: qemu: no such machine'
	played 'QEMU is killed at once' '.*SIGKILL' 'die 9'
	EXECVM_BOOT_TIMEOUT=2s
	export EXECVM_BOOT_TIMEOUT
	played 'no contact' 'no contact from the guest' 'log half way; hang'
	like "W11: no contact: the log's tail" "$(cat err)" '^execvm run: guest log: half way'
	unset EXECVM_BOOT_TIMEOUT
	played 'control characters in the log' '.*' "log $(printf 'a\033[2Jb\007c'); quit 3"
	is 'W11: control characters in the log do not get through' "$(tr -d '\n\040-\176' <err)" ''
	: >pid
	EXECVM_QEMU=$fake VM_FAKE="$hello; exit 0 3; close; hang" run --network user -- true </dev/null >out 2>err
	is 'X3, I20: a machine that does not power off: its status counts' $? 3
	like 'I20: a machine that does not power off is ended' "$(cat err)" 'warning: .*did not power off'
	ok 'I20: a machine that does not power off: no machine is left' no_machine
	: >pid
	EXECVM_QEMU=$fake VM_FAKE="$hello; exit 0 3; close; hang" run -- true </dev/null >out 2>err
	is 'F12: one that can change nothing is not asked to: its status' $? 3
	is 'F12: nothing is said about it' "$(cat err)" ''
	ok 'F12: no machine is left' no_machine
	: >pid
	for q in /no/such/qemu "$home" /dev/null; do
		EXECVM_QEMU=$q run -- true </dev/null >out 2>err
		judge "W11, X6: EXECVM_QEMU=${q#"$home"}" $? ".*$q"
	done
	status 'W11, X6: QEMU is not in PATH' 125 env -u EXECVM_QEMU PATH=/no/such "$EXECVM" run -- true
	like 'W11, X6: QEMU is not in PATH: what to do' "$(cat err)" 'install qemu-system-x86'
}

# The guest's kernel has the port before it knows that the host is there: no reason to give up.
late() {
	EXECVM_QEMU=$HELPERS/vm-late status 'W11: the host is seen late: the status' 7 \
		run -- /bin/sh -c 'cat; exit 7' <"$SRCDIR/VERSION"
	is 'W11: the host is seen late: the output' "$(cat out)" "$(cat "$SRCDIR/VERSION")"
	is 'W11: the host is seen late: nothing is said' "$(cat err)" ''
	like 'W11: the premise: the guest was first' "$(cat vm-late.log)" 'has opened its port'
	ok 'W11: the host is seen late: nothing is left' wait_for sh -c '! kill -0 "$(cat vm-late.pid)" 2>/dev/null'
}

# QEMU is gone, and somebody else has its descriptors still: nothing more comes from there.
held() {
	printf '#!/bin/sh\nsleep 100 &\necho $! >held\nexec %s "$@"\n' "$fake" >holder
	chmod +x holder
	EXECVM_QEMU=$PWD/holder VM_FAKE="$hello; exit 0 3; close" status 'X2: the wire is held by another process' 3 \
		timeout -s KILL 20 "$EXECVM" run -- true </dev/null
	is 'X2: the wire is held by another process: the output' "$(cat out)" ready
	kill "$(cat held)"
	EXECVM_QEMU=$PWD/holder VM_FAKE="$hello; die 9" status 'X2: the same, and no status' 125 \
		timeout -s KILL 20 "$EXECVM" run -- true </dev/null
	like 'X2: the same, and no status: why' "$(cat err)" 'machine is lost: QEMU was killed by SIGKILL'
	kill "$(cat held)"
}

begin_slow
late
held
hostile
gone
killed
crashes
memory
end_slow
done_testing
