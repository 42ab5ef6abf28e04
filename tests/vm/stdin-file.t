#!/bin/bash
# SPDX-License-Identifier: MIT
# W15: a stdin that is a regular file is one in the machine, cold and warm; F3: by a place of the
# template; W4: every byte of it; W10, X5: what is left to others when it does not end well.
# timeout: 400
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"
# shellcheck source=tests/vm/warm.sh
. "$SRCDIR/tests/vm/warm.sh"

bytes=$HELPERS/bytes
MB=1048576
root=$warm_root
"$EXECVM" initrd build --no-check --add /bin/busybox=/bin/busybox --make /bin/sh=symlink:busybox \
	--add "$HELPERS/bytes=/bin/bytes" -o guest.cpio || skip_all 'no initrd'

# Up to 4 MiB come over the wire, more as a disk; odd ends of sectors and blocks.
every_byte() {
	for n in 1 4095 65537 $((4 * MB - 1)) $((4 * MB)) $((4 * MB + 1)) $((4 * MB + 511)) \
		$((4 * MB + 512)) $((4 * MB + 3585)) $((4 * MB + 4096)) 30000001; do
		$bytes $n 3 >file
		timeout -s KILL $((12 * ${EXECVM_TIME_FACTOR:-1})) "$EXECVM" run --initrd guest.cpio -- \
			/bin/sh -c "test -f /proc/self/fd/0 && stat -Lc %s /dev/stdin && bytes -c $n 3" <file >out 2>err
		is "W15, W4: $n bytes" "$? $(cat out err)" "0 $n"
	done
}

# What a local process sees, a process in the machine sees.
as_here() { # NAME RUN...
	name=$1
	shift
	for file in small big; do
		# shellcheck disable=SC2016 # for the other shell
		look='stat -Lc "%F %s %Y" /dev/stdin; head -c 3; tail -c 9 | od -c; tail -c 3 | od -c'
		{ read -r _ && /bin/busybox sh -c "$look"; } <$file >want
		{ read -r _ && "$@" -- /bin/busybox sh -c "$look"; } <$file >out 2>err
		is "W15: $name: $file: type, size, time, seeks, offset" "$(cat out err)" "$(cat want)"
		status "W15: $name: $file: it cannot be written to" 0 "$@" -- \
			/bin/busybox sh -c '! echo x 2>/dev/null >&0' <$file
		is "W15: $name: $file: nobody sees how it came" \
			"$("$@" -- /bin/busybox sh -c 'ls -d /dev/vd* /dev/execvm* 2>/dev/null | grep -v vda; grep erofs /proc/mounts' <$file)" ''
	done
}

numbers() {
	seq -w 100000 100 200000 | head -n 300 >small
	seq 1000000 >big
	touch -d '2001-02-03 04:05:06' small
}

# A line for each who reads: nobody gets what was another's, whatever it read ahead.
offset() { # NAME RUN...
	name=$1
	shift
	for file in small big; do
		{
			read -r a
			"$@" -- /bin/sh -c 'read -r a; read -r b; echo $a; echo $b'
			read -r b
			"$@" -- /bin/sh -c :
			read -r c
			"$@" -- /bin/sh -c 'exit 9'
			printf '%s\n' "$a" "$b" "$c"
			read -r a && echo "$a"
			"$@" -- /bin/busybox cat | wc -l
			cat | wc -l
		} <$file >out 2>err
		n=$(wc -l <$file)
		is "W15: $name: $file: what one leaves the next one has" "$(paste -sd ' ' out) $(cat err)" \
			"$(for i in 2 3 1 4 5 6; do sed -n ${i}p $file; done | paste -sd ' ') $((n - 6)) 0 "
	done
	while read -r line; do
		"$@" -- /bin/sh -c 'echo $0' "$line"
	done <three >out
	is "W15: $name: a loop without -n" "$(paste -sd ' ' out)" "$(paste -sd ' ' three)"
}

# It did not come to an end of its own, or to no begin.
other_ends() {
	for file in small big; do
		{
			"$EXECVM" run --initrd guest.cpio --timeout 1 -- /bin/sh -c 'read -r a; sleep 100'
			echo $?
			read -r a
			echo "$a"
			"$EXECVM" run --initrd guest.cpio -- /bin/none
			echo $?
			read -r a
			echo "$a"
			"$EXECVM" run --initrd guest.cpio -- /bin/sh -c 'read -r a; kill -9 $$'
			echo $?
			read -r a
			echo "$a"
		} <$file >out 2>err
		is "W15: $file: a timeout, nothing that starts, a signal" "$(paste -sd ' ' out)" \
			"124 $(sed -n 2p $file) 127 $(sed -n 3p $file) 137 $(sed -n 5p $file)"
	done
	{
		EXECVM_QEMU=$HELPERS/vm-fake VM_FAKE='hello; refuse exec 2 /x; close' "$EXECVM" run -- true
		read -r a
		echo "$a"
	} <small >out 2>err
	is 'X5, W15: a machine that is lost has read nothing' "$(cat out)" "$(head -n 1 small)"
}

# A stream, as ever.
streams() {
	count='test -p /proc/self/fd/0 && busybox wc -l'
	# shellcheck disable=SC2002 # it is to be a pipe
	is 'W15: a pipe' "$(cat small | "$EXECVM" run --initrd guest.cpio -- /bin/sh -c "$count")" 300
	# shellcheck disable=SC2094 # nobody writes
	is 'W15: a file that could be written to' \
		"$("$EXECVM" run --initrd guest.cpio -- /bin/sh -c "$count" <>small)" 300
	is 'W15: a file whose size says nothing' \
		"$("$EXECVM" run --initrd guest.cpio -- /bin/sh -c "$count" </proc/version)" 1
	is 'W15: -n' "$("$EXECVM" run -n --initrd guest.cpio -- /bin/sh -c "$count" <small)" 0
	cp small gone
	exec 5<gone
	rm gone
	is 'W15: a file without a name' "$("$EXECVM" run --initrd guest.cpio -- /bin/busybox wc -l <&5)" 300
	exec 5<&-
}

# With other disks, and as somebody else.
beside() {
	for i in b c a d e f g h i j k l m n o p q r s t z; do
		truncate -s 1M disk$i
	done
	for w in --no-warm --warm; do
		# shellcheck disable=SC2086 # none, or one
		run ${w#--no-warm} --root "$root" --disk diskb=/dev/vdb,ro --disk diskc=/dev/vdc,ro -u 1000 -- \
			/bin/sh -c 'head -c 4 /dev/stdin; wc -l; ls /dev/vd?' <big >out 2>err
		is "W15, F3: ${w#--}: beside disks, as a user" "$? $(paste -sd ' ' out) $(cat err)" \
			"0 1 2 1000000 /dev/vda /dev/vdb /dev/vdc "
	done
	words=()
	for i in a b c d e f g h i j k l m n o p q r s t; do
		words+=(--disk "disk$i=/dev/xd$i,ro")
	done
	run --root "$root" "${words[@]}" -- /bin/sh -c 'test -f /proc/self/fd/0 && wc -l' <big >out 2>err
	is 'W15: the last place' "$? $(cat out err)" '0 1000000'
	run --root "$root" "${words[@]}" --disk diskz=/dev/xdz,ro -- /bin/sh -c 'test -p /proc/self/fd/0 && wc -l' \
		<big >out 2>err
	is 'W15: no place is left: a stream' "$? $(cat out err)" '0 1000000'
	cp big cut
	"$EXECVM" run --initrd guest.cpio -- /bin/sh -c 'echo ready; sleep 1' <cut >out 2>err &
	pid=$!
	wait_for grep -q ready out
	truncate -s 5M cut
	wait $pid
	is 'W15: cut while it runs' "$? $(cat err)" '125 execvm run: stdin was cut while the command ran'
	rm cut
}

every_byte
numbers
head -n 3 small >three
as_here cold "$EXECVM" run --root "$root"
as_here warm "$EXECVM" run --warm --root "$root"
offset local "$EXECVM" run -r local
offset cold "$EXECVM" run --initrd guest.cpio
offset warm "$EXECVM" run --warm --root "$root"
other_ends
streams
beside
is 'I15: init has its own stdin still' "$("$EXECVM" run -n --initrd guest.cpio -- /bin/busybox readlink /proc/1/fd/0)" /dev/console
ok 'W15: no machine is left by any of these' wait_for none_alive
done_testing
