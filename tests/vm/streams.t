#!/bin/sh
# SPDX-License-Identifier: MIT
# W1-W9, I15: three streams, apart, whole, with back-pressure; I18: what an orphan holds.
# timeout: 400
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

"$EXECVM" run --dry-run -- /bin/true >/dev/null 2>&1 # a warning that is said once

"$EXECVM" initrd build --no-check --add /bin/busybox=/bin/busybox --make /bin/sh=symlink:busybox \
	--add "$HELPERS/bytes=/bin/bytes" --add "$HELPERS/leave-child=/bin/leave-child" \
	-o guest.cpio || skip_all 'no initrd'
guest=$PWD/guest.cpio
bytes=$HELPERS/bytes
caller=$HELPERS/vm-caller
fake=$HELPERS/vm-fake
MB=1048576

# The machine's pid is in ./pid; it keeps its death signal through this exec.
cat >qemu <<END
#!/bin/sh
echo \$\$ >>'$PWD/pid'
exec qemu-system-x86_64 "\$@"
END
chmod +x qemu
export EXECVM_QEMU="$PWD/qemu"

# A hang is a failure of one test, not of all.
run() {
	timeout -s KILL $((${LIMIT:-60} * ${EXECVM_TIME_FACTOR:-1})) "$EXECVM" run --initrd "$guest" "$@"
}

machines() {
	for p in $(cat pid); do
		! kill -s 0 "$p" 2>/dev/null || echo "$p"
	done
}

no_machine() {
	[ -z "$(machines)" ]
}

every_byte() {
	$bytes $MB 1 >want
	run -- /bin/sh -c 'tee /dev/stderr' <want >out 2>err
	is 'W1, I15: status' $? 0
	ok 'W1, I15: every byte value, in and out' cmp out want
	ok 'W1, I15: every byte value on stderr' cmp err want
	run -- /bin/sh -c 'echo out; echo err >&2; echo out >&1' </dev/null >out 2>err
	is 'W1, I15: stdout has what is its' "$(cat out)" "out
out"
	is 'W1, I15: stderr has what is its' "$(cat err)" err
	run -- /bin/sh -c 'echo 1; sleep 0.2; echo 2 >&2; sleep 0.2; echo 3' </dev/null >out 2>&1
	is 'W1: both in one file' "$(paste -sd' ' out)" '1 2 3'
	echo first >out
	run -- /bin/sh -c 'echo second; echo third >&2' </dev/null >>out 2>>out
	is 'W1: behind what is in a file already' "$(sort out | paste -sd' ')" 'first second third'
}

# Peak memory of a process while it lives, in KiB, into ./peak.
watch_peak() {
	while sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$1/status" >peak.new 2>/dev/null && [ -s peak.new ]; do
		mv peak.new peak
		sleep 0.1
	done
}

both_ways() {
	n=$((100 * MB))
	mkfifo big.in big.out
	$bytes $n 1 >big.in &
	$bytes -c $n 2 <big.out 2>check &
	checker=$!
	"$EXECVM" run --initrd "$guest" -- /bin/sh -c "bytes $n 2 & bytes -c $n 1; s=\$?; wait
		sed -n 's/^VmHWM:[^0-9]*//p' /proc/1/status >&2; exit \$s" <big.in >big.out 2>err &
	pid=$!
	watch_peak $pid
	wait $pid
	is 'W2: 100 MiB both ways at once: arrived in the guest' $? 0
	wait $checker
	is 'W2: 100 MiB both ways at once: arrived here' $? 0
	diag "peak KiB: host $(cat peak), guest $(cat err)"
	ok 'W2: peak memory of the host end is bounded' test "$(cat peak)" -lt 20000
	ok 'W2: peak memory of the guest end is bounded' test "$(sed 's/[^0-9].*//' err)" -lt 8000
}

slow_reader() {
	mkfifo slow
	run -- /bin/sh -c "bytes $((5 * MB)) 3; exit 9" </dev/null >slow &
	pid=$!
	(
		exec <slow
		sleep 8
		$bytes -c $((5 * MB)) 3
	)
	is 'W3: a reader that starts 8 s late gets every byte' $? 0
	wait $pid
	is 'W3: and the status is exact' $? 9
	# The last window is in flight when the command ends: nothing but the reader is waited for.
	run -- /bin/sh -c 'bytes 300000 4; exit 8' </dev/null >slow &
	pid=$!
	(
		exec <slow
		sleep 5
		$bytes -c 300000 4
	)
	is 'W3: what is left when the machine has gone arrives, too' $? 0
	wait $pid
	is 'W3: and the status is exact then' $? 8
}

input_sizes() {
	for n in 0 1 65535 65536 65537 10000000; do
		$bytes $n 5 | run -- /bin/bytes -c $n 5 >out 2>&1
		is "W4: $n bytes of stdin, then EOF" "$?$(cat out)" 0
	done
	$bytes 1000000 6 >file
	run -- /bin/bytes -c 1000000 6 <file >out 2>&1
	is 'W4: a file' "$?$(cat out)" 0
	status 'W4: </dev/null is EOF' 0 run -- /bin/bytes -c 0 </dev/null
	status 'W4: <&- is EOF' 0 run -- /bin/bytes -c 0 <&-
	# Its writer has gone before anybody looks.
	mkfifo fifo
	$bytes 1000 7 >fifo &
	LIMIT=20
	run -- /bin/bytes -c 1000 7 <fifo >out 2>&1
	is 'W4: a FIFO whose writer has gone already' "$?$(cat out)" 0
	LIMIT=60
	wait $!
	# nohup(1) gives such a one to what it starts from a terminal.
	run -- /bin/sh -c 'sleep 0.5; exit 3' 0>/dev/null 2>err
	is 'W4: a stdin that cannot be read is EOF' "$?$(cat err)" 3
	status 'W4, X6: a directory is 125' 125 run -- /bin/busybox cat </
	like 'W4, X6: a directory: why' "$(cat err)" '^execvm run: .*stdin.*Is a directory'
}

input_left_open() {
	mkfifo idle
	# shellcheck disable=SC2094 # it is a FIFO, and nobody writes
	{
		status 'W5: the command ends while a pipe is open and idle' 3 run -- /bin/sh -c 'exit 3'
		status 'W5: it closes stdin and goes on' 4 run -- /bin/sh -c 'exec <&-; sleep 1; exit 4'
	} <>idle
	yes | run -- /bin/sh -c 'read a; echo $a; exit 5' >out
	is 'W5: it ends while stdin has more' "$?$(cat out)" 5y

	printf 'a\nb\nc\n' >lines
	while read -r line; do
		run -n -- /bin/sh -c 'cat; echo $1' sh "$line"
	done <lines >out
	is '-n: a loop keeps its stdin (I15)' "$(paste -sd' ' out)" 'a b c'
}

# A machine that did not come up may be started again, and a caller may do something else.
untouched() {
	for script in 'nap 300; quit 1' 'hello; nap 300; quit 1' 'hello; refuse exec 2 /x; close'; do
		echo word | {
			EXECVM_QEMU=$fake VM_FAKE=$script "$EXECVM" run -- true 2>err
			cat >out
		}
		is "X5: nothing is read from stdin before the command runs: $script" "$(cat out)" word
	done
}

broken_output() {
	{
		run -- /bin/sh -c 'while :; do echo line; done' </dev/null
		echo $? >code
	} | head -c1 >out
	is 'W6: a reader that goes away is 141' "$(cat code)" 141
	ok 'W6: and leaves no machine' no_machine
	{
		run -- /bin/sh -c 'trap "" PIPE; while echo line; do :; done 2>/dev/null; exit 6' </dev/null
		echo $? >code
	} | head -c1 >out
	is 'W6: who ignores SIGPIPE sees EPIPE' "$(cat code)" 6
	run -- /bin/sh -c 'while :; do echo line; done' </dev/null >&- 2>err
	is 'W6: >&- is an error' $? 125
	like 'W6: >&-: why' "$(cat err)" '^execvm run: write stdout: Bad file descriptor'
	run -- /bin/sh -c 'exit 7' </dev/null >&- 2>err
	is 'W6: >&- that nobody writes to is none' "$?$(cat err)" 7
	run -- /bin/sh -c 'while :; do echo line; done' </dev/null >/dev/full 2>err
	is 'W6: /dev/full is 125' $? 125
	like 'W6: /dev/full: why' "$(cat err)" '^execvm run: write stdout: No space left on device'
	run -- /bin/sh -c 'while :; do echo line >&2; done' </dev/null 2>/dev/full >out
	is 'W6: /dev/full for stderr is 125' $? 125
	{
		# exec: a shell that waits would hold the pipe open, too
		exec "$EXECVM" run -- /bin/sh -c 'echo line; exec >&-; sleep 2; echo later >&2; sleep 2' \
			</dev/null 2>err
	} | {
		cat >out
		cp err err.then
	}
	is 'I15: stdout that the command closes' "$(cat out)" line
	is 'I15: is EOF here, while it goes on' "$(cat err.then)" ''
}

left_open() {
	run -- /bin/leave-child 600 7 </dev/null >out 2>err
	is 'W7: a grandchild that keeps stdout does not hold the run' $? 7
	unlike 'W7: what it says later is not there' "$(cat out)" late
	run -- /bin/sh -c 'echo a; (sleep 1; echo b) & wait; echo c' </dev/null >out
	is 'W7: what it says before the end is' "$(paste -sd' ' out)" 'a b c'
}

errors_pass() {
	mkfifo blocked
	run -- /bin/sh -c "bytes $((8 * MB)) 8 & sleep 1; echo trouble >&2; wait" </dev/null >blocked 2>err &
	pid=$!
	exec 3<blocked
	ok 'W8: stderr comes through while stdout is blocked' wait_long grep -q trouble err
	$bytes -c $((8 * MB)) 8 <&3
	is 'W8: stdout is whole afterwards' $? 0
	exec 3<&-
	wait $pid
	is 'W8: status' $? 0
}

wait_long() { # at most 40 s
	for _ in 1 2 3 4 5 6 7; do
		wait_for "$@" && return 0
	done
	return 1
}

kept() { # NAME KIND WANT [EXPECT ACTION]... -- CMD: flags and modes are as they were
	name="W9, X4: $1 ($2)" want=$3 kind=$2
	shift 3
	"$caller" "$kind" "$@" >out
	like "$name: ends so" "$(cat out)" "^$want\$"
	like "$name: flags kept" "$(cat out)" '^flags kept$'
	[ "$kind" != pty ] || like "$name: modes kept" "$(cat out)" '^modes kept$'
}

descriptors() {
	for kind in pipe socket pty; do
		kept 'a real run' $kind 'exit 3' ready 'type x
' -- "$EXECVM" run --initrd "$guest" -- /bin/sh -c 'echo ready; read line; exit 3'
	done
	kept 'a real run, a signal' pipe 'exit 143' ready 'kill 15' -- \
		"$EXECVM" run --initrd "$guest" -- /bin/sh -c 'echo ready; sleep 600'

	EXECVM_QEMU=$fake
	for kind in pipe socket pty; do
		export VM_FAKE='hello; start; out ready; many 100000; get-eof; exit 0 0; close'
		[ $kind = pty ] || kept 'streams to their end' $kind 'exit 0' ready close -- "$EXECVM" run -- true
		export VM_FAKE='hello; start; out ready; junk 100; hang'
		kept 'an error' $kind 'exit 125' ready nothing -- "$EXECVM" run -- true
		kept 'QEMU is not there' $kind 'exit 125' -- env EXECVM_QEMU=/no/such "$EXECVM" run -- true
		export VM_FAKE='hello; start; out ready; get-signal; exit 0 0; close'
		for s in 1 2 3 10 12 15; do
			kept "signal $s" $kind 'exit 0' ready "kill $s" -- "$EXECVM" run -- true
		done
		export VM_FAKE='say booting; log booting; hang'
		for s in 1 2 3 10 12 15; do
			kept "signal $s while it boots" $kind "exit $((128 + s))" booting "kill $s" -- \
				"$EXECVM" run --boot-log -- true
		done
	done
	EXECVM_QEMU=$PWD/qemu
}

# A pipe that cannot be opened once more: it is another user's.
foreign_pipes() {
	what='W9: pipes of another user'
	kernel=$("$EXECVM" kernel ls | head -n 1 | cut -f 1)
	mkdir -m 777 cache
	cp "$kernel" kernel
	cp "$kernel.config" kernel.config 2>/dev/null
	set -- setpriv --reuid=65534 --regid=65534 --clear-groups env XDG_CACHE_HOME="$PWD/cache" \
		EXECVM_KERNEL="$PWD/kernel" EXECVM_QEMU="$fake"
	if ! "$@" test -x "$EXECVM" -a -x "$fake" -a -r kernel 2>/dev/null; then
		skip "$what" 'needs root, and a tree that all may read'
		return
	fi
	mkfifo other
	chmod 600 other
	$bytes 1000000 9 | VM_FAKE='hello; start; many 900000; get-eof; exit 0 7; close' \
		"$@" "$EXECVM" run -- true 2>err >other &
	pid=$!
	(
		exec <other
		sleep 1
		wc -c >count
	)
	wait $pid
	is "$what: the status" $? 7
	is "$what: every byte" "$(cat count)" 900000
}

# QEMU would set flags on them, and hold them open.
private_descriptors() {
	cat >show-fds <<-END
		#!/bin/sh
		ls -l /proc/\$\$/fd >'$PWD/fds'
		exec '$fake' "\$@"
	END
	chmod +x show-fds
	echo >canary-in
	EXECVM_QEMU=$PWD/show-fds VM_FAKE='hello; start; exit 0 0; close' "$EXECVM" run -- true \
		<canary-in >canary-out 2>canary-err 7>canary-7
	is 'X4: descriptors: the run' $? 0
	unlike 'X4: QEMU does not have stdin, stdout, stderr' "$(cat fds)" canary-[ioe]
	unlike 'X4: nor what else is open here' "$(cat fds)" canary-7
}

# Whoever the command runs as, its streams are its own.
by_name() {
	$bytes 1000 1 >want
	# shellcheck disable=SC2016 # for the guest
	run -u 1000:1000 -- /bin/sh -c 'cat /dev/stdin >/dev/stdout; echo err >/dev/stderr; id -u >&2' \
		<want >out 2>err
	is 'I15: streams by their names in /dev, for another user' "$(paste -sd' ' err)" 'err 1000'
	ok 'I15: streams by their names in /dev, for another user: all bytes' cmp out want
}

# Pieces around the size of a page, with a pause behind each: none of them fills what is read at a time.
uneven_pieces() {
	$bytes $MB 4 >want
	{
		for k in 1 12 4083 4084 4095 4096 4097 8191 65536 131059 131072 131073; do
			dd bs=$k count=1 iflag=fullblock 2>/dev/null
			sleep 0.05
		done
		cat
	} <want | run -- /bin/sh -c cat >out 2>err
	ok 'W1: uneven pieces: all bytes' cmp out want
	is 'W1: uneven pieces: nothing on stderr' "$(cat err)" ''
}

# Nothing that makes streams faster is handed on.
scheduling() {
	# shellcheck disable=SC2016 # for the guest
	run -n -- /bin/sh -c 'cut -d " " -f 18,19,40,41 /proc/self/stat' >out 2>err
	is 'I15: priority, nice value and policy are the usual ones' "$(cat out)" '20 0 0 0'
}

# The pipe in the guest and the window, and that of the caller: 64 KiB more is one more turn.
written_ahead() {
	# shellcheck disable=SC2216 # that is the point
	run -n -- /bin/sh -c 'i=0; while head -c 65536 /dev/zero; do i=$((i + 1)); echo $i >&2; done' 2>err | sleep 6
	ahead=$(grep -x '[0-9]*' err | tail -n 1)
	diag "64 KiB blocks that nobody has read: $ahead"
	ok 'W2, W6: what a command has written ahead of its reader is bounded' \
		test "${ahead:-0}" -ge 16 -a "${ahead:-0}" -le 45
}

every_byte
uneven_pieces
scheduling
written_ahead
by_name
private_descriptors
both_ways
slow_reader
input_sizes
input_left_open
untouched
broken_output
left_open
errors_pass
descriptors
foreign_pipes
ok 'W6, W7: no machine is left by any of these' no_machine
done_testing
