#!/bin/sh
# SPDX-License-Identifier: MIT
# W14: runs in a row and side by side leave no process, no file, no directory, and a cache that does
# not grow. X5: KVM is used when it works, and not when it only seems to. The full number of runs:
# EXECVM_SOAK=1000 EXECVM_TIME_FACTOR=20 tests/run tests/vm/leaks.t
# timeout: 240
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

runs=${EXECVM_SOAK:-20}
bytes=$HELPERS/bytes
kernel=$("$EXECVM" kernel ls | head -n 1 | cut -f 1)
mkdir cache tmp home
export EXECVM_KERNEL="$kernel" XDG_CACHE_HOME="$PWD/cache" TMPDIR="$PWD/tmp" HOME="$PWD/home"

# The machine's pid is in ./pids; it keeps its death signal through this exec.
cat >qemu <<END
#!/bin/sh
echo \$\$ >>'$PWD/pids'
exec qemu-system-x86_64 "\$@"
END
chmod +x qemu
export EXECVM_QEMU="$PWD/qemu"

files() {
	find cache tmp home -printf '%P %y %s\n' | sort
}

left() { # NAME FILES-BEFORE
	files >now
	is "$1: no file, no directory" "$(diff "$2" now)" ''
	for p in $(cat pids); do
		! kill -s 0 "$p" 2>/dev/null || echo "$p"
	done >alive
	is "$1: no machine" "$(cat alive)" ''
}

# The first of them share the work of filling an empty cache.
side_by_side() { # NAME
	: >pids
	pids=
	for i in 1 2 3 4 5 6 7 8; do
		(
			$bytes 1000000 $i | {
				"$EXECVM" run -- /bin/sh -c "cat; exit $i" 2>err.$i
				echo $? >code.$i
			} | $bytes -c 1000000 $i 2>>err.$i
			echo $? >>code.$i
		) &
		pids="$pids $!"
	done
	for p in $pids; do
		wait "$p"
	done
	for i in 1 2 3 4 5 6 7 8; do
		is "W14: $1: the $i. has its status and its bytes" "$(paste -sd' ' code.$i)" "$i 0"
	done
	is "W14: $1: eight machines" "$(sort -u pids | wc -l)" 8
}

kvm_works() {
	"$EXECVM" run --accel kvm -- /bin/true </dev/null >out 2>err
}

warnings() {
	cat err.? | grep -c 'warning: no KVM'
}

first_warning() {
	if ! kvm_works; then
		is 'X5: eight runs with an empty cache warn once' "$(warnings)" 1
	fi
}

accelerators() {
	if kvm_works; then
		is 'X5: no warning about KVM' "$(warnings)" 0
		return
	fi
	status 'X5: --accel kvm without KVM is 125' 125 "$EXECVM" run --accel kvm -- /bin/true
	like 'X5: --accel kvm without KVM: why' "$(cat err)" '^execvm run: .*(--accel kvm|KVM|kvm)'
	is 'X5: --accel kvm without KVM: in one line' "$(cat out err | wc -l)" 1
	rm -r cache
	mkdir cache
	for i in 1 2 3 4 5; do
		"$EXECVM" run -- /bin/true </dev/null 2>err.$i || echo "run $i: $?"
	done >out
	is 'X5: five runs with whatever /dev/kvm is here' "$(cat out)" ''
	"$EXECVM" run --accel tcg -- /bin/true </dev/null 2>err.6
	rm -f err.7 err.8
	is 'X5: one of them warns' "$(warnings)" 1
	is 'X5: the first' "$(grep -l 'no KVM' err.?)" err.1
	is 'X5: nothing else is said' "$(cat err.? | wc -l)" 1
	# The words in the cache are of this boot.
	grep -rl "$(cat /proc/sys/kernel/random/boot_id)" cache |
		xargs sed -i 's/^[0-9a-f-]* /00000000-0000-0000-0000-000000000000 /'
	for i in 1 2; do
		"$EXECVM" run --dry-run -- /bin/true </dev/null 2>err.$i >out
	done
	is 'X5: after the next boot it is said again, once' "$(grep -c 'no KVM' err.1)$(wc -l <err.2)" 10
}

in_a_row() {
	: >pids
	files >before
	i=0
	while [ $i -lt "$runs" ]; do
		i=$((i + 1))
		out=$(echo $i | "$EXECVM" run -- /bin/sh -c "cat; echo err >&2; exit $((i % 100))" 2>err)
		code=$?
		[ "$code/$out/$(cat err)" = "$((i % 100))/$i/err" ] || echo "run $i: $code/$out/$(cat err)"
	done >wrong
	is "W14: $runs runs in a row" "$(head -n 5 wrong)" ''
	left "W14: $runs runs in a row" before
}

# Ended in the middle of anything, they leave nothing either.
interrupted() {
	: >pids
	mkdir busy
	for ms in 02 04 06 08 10 12 14 16 18 20 24 28 32 36 40 50 60 80; do
		for sig in TERM KILL; do
			rm -rf busy/*
			XDG_CACHE_HOME=$PWD/busy "$EXECVM" run -- /bin/true </dev/null >out 2>&1 &
			pid=$!
			sleep 0.0$ms
			kill -s $sig $pid
			wait $pid
			find busy -path '*/initrd/*' ! -name '*.cpio' -print
		done 2>/dev/null
	done >wrong
	is 'W14: runs that are ended early: no half a file' "$(cat wrong)" ''
	rm -r busy
	sleep 0.2 # the kernel ends a machine whose run was killed before it could
	left 'W14: runs that are ended early' before
}

side_by_side 'with an empty cache'
is 'W14: with an empty cache: one initrd and no half a one' "$(find cache -path '*/initrd/*' -type f | wc -l)" 1
first_warning
files >before
left 'W14: with an empty cache' before
side_by_side 'eight once more'
left 'W14: eight once more' before
accelerators
in_a_row
interrupted
status 'X6: no place for a cache' 125 env -u HOME -u XDG_CACHE_HOME "$EXECVM" run -- /bin/true
like 'X6: no place for a cache: why' "$(cat err)" '^execvm run: .*cache.*XDG_CACHE_HOME'
done_testing
