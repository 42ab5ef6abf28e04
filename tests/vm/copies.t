#!/bin/sh
# SPDX-License-Identifier: MIT
# D7-D9: --in and --out: files and directories that are copied, without a share.
# timeout: 240
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

"$EXECVM" run --dry-run -- /bin/true >/dev/null 2>&1
root=$("$SRCDIR/demo/make-root" busybox)

run() {
	timeout -s KILL $((120 * ${EXECVM_TIME_FACTOR:-1})) "$EXECVM" run "$@"
}

# Everything that a copy keeps. The time of a symlink is none of it: busybox's tar leaves it as it is.
look() { # DIR
	(cd "$1" && find . ! -type l -printf '%p %y %m %Ts\n' | sort && find . -type l -printf '%p %l\n' && find . -type f -links +1 | sort &&
		find . -type f -exec sha256sum '{}' + | sort)
}

tree() { # DIR
	mkdir -p "$1/sub/deep" "$1/empty"
	printf 'one\n' >"$1/a"
	printf 'two' >"$1/sub/b = c"
	head -c 3000000 "$EXECVM" >"$1/sub/deep/big"
	: >"$1/$(head -c 200 /dev/zero | tr '\0' n)"
	ln -s ../../nowhere "$1/link"
	ln "$1/a" "$1/sub/hard"
	chmod 0751 "$1/sub"
	chmod 0600 "$1/a"
	touch -d '2001-02-03 04:05:06' "$1/sub/deep/big" "$1/empty" "$1/sub"
}

round_trips() {
	tree t
	printf 'e\n' >a=b
	status 'D7: in and out: the command' 0 run --in t=/w/t --in a=b="/w/a=b" --in t/a=/w/ --out /w/t=back \
		--out /w/made=made -- sh -c 'cat /w/a "/w/a=b"; ls /w; tar -cf /w/made -C /w t'
	is 'D7: in: files, and names' "$(cat out)" 'one
e
a
a=b
t'
	is 'D7: in and out: nothing is said' "$(cat err)" ''
	is 'D7: in and out: the same' "$(look back)" "$(look t)"
	mkdir inside
	tar -xpf made -C inside
	is 'D7: in: what was there' "$(look inside/t)" "$(look t)"
	is 'D7: out: whose it is' "$(stat -c '%u %g' back back/a)" "$(id -u) $(id -g)
$(id -u) $(id -g)"
	for mode in overlay ro rw; do
		cp "$root" rw.img
		[ $mode != rw ] || {
			truncate -s 8M rw.img
			mkdir -p r/bin r/proc r/sys r/dev r/run r/tmp
			cp /bin/busybox r/bin/busybox
			/sbin/mkfs.ext4 -q -F -d r rw.img
		}
		status "D7: a root without a tar, $mode" 0 run --root rw.img --root-mode $mode --in t/a=/run/x/a \
			--out /run/x=out-$mode -- /bin/busybox cp /run/x/a /run/x/b
		is "D7: a root without a tar, $mode: it is there" "$(cat out-$mode/b)" one
	done
	status 'D7: in: it belongs to the user of the run' 0 run -u 1234:55 --in t=/home/t -- \
		sh -c 'stat -c "%u %g" /home/t /home/t/sub/deep/big /home/t/link; echo x >/home/t/new'
	is 'D7: in: whose it is' "$(cat out)" '1234 55
1234 55
1234 55'
}

# What is there already is added to, and replaced when it is complete.
again() {
	echo old >made
	mkdir -p back/kept
	rm back/a
	printf '{ "in": {"t": "/w/"}, "out": {"/w/t": "back", "/w/t/a": "made"} }\n' >c.json
	status 'D7: a description' 0 run -c ./c.json --out /w/t/a=./back/ -- true
	is 'D7: out: a file is replaced' "$(cat made)" one
	ok 'D7: out: a directory is added to' test -d back/kept -a -f back/a
	status 'D7: of a command that failed, too' 3 run --in t=/w/t --out /w/t=failed -- sh -c 'echo log >/w/t/log; exit 3'
	is 'D7: of a command that failed: it is there' "$(cat failed/log)" log
	status 'D7: streams are the command'"'"'s alone' 0 run --in t=/w/t --out /w/t=streams -- sh -c 'cat; echo e >&2' <t/sub/deep/big
	same 'D7: streams: stdin and stdout' out t/sub/deep/big
	is 'D7: streams: stderr' "$(cat err)" e
}

fails() { # NAME STATUS PATTERN OPTIONS... -- CMD
	name=$1 want=$2 pattern=$3
	shift 3
	status "D8: $name: $want" "$want" run "$@"
	like "D8: $name: why" "$(cat err)" "^execvm run: $pattern"
	is "D8: $name: in one line" "$(wc -l <err)" 1
}

failures() {
	fails 'out of what is not there' 125 '--out /no/such: guest: tar: .*: No such file' --out /no/such=x -- true
	ok 'D8: out of what is not there: nothing was made' test ! -e x
	fails 'the status counts for more' 3 'warning: --out /no/such: guest: ' --out /no/such=x -- sh -c 'exit 3'
	echo keep >kept
	fails 'a file that cannot be replaced' 125 '--out /bin: .*kept' --out /bin=kept -- true
	is 'D8: a file that cannot be replaced is as it was' "$(cat kept)" keep
	status 'D8: one of two' 125 run --out /no/such=x --out /etc/passwd=y -- true
	ok 'D8: one of two: the other is there' test -s y
	head -c 60000000 /dev/zero >large
	fails 'in: no room in the guest' 125 '--in large: guest: tar: .*No space' -m 64M --in large=/large -- echo started
	is 'D8: in: no room: the command has not started' "$(cat out)" ''
	fails 'in: onto a file' 125 '--in t: guest: ' --in t=/etc/passwd/x -- true
	mkdir f
	mknod f/null c 1 3
	fails 'in: a device' 125 '--in f: .*f/null' --in f=/f -- true
	fails 'the time is over' 124 'the command ran longer' --timeout 0.3 --out /etc=late -- sleep 60
	ok 'D8: the time is over: nothing is copied' test ! -e late
	fails 'the command cannot start' 127 '/no/such: No such file' --in t=/t --out /t=never -- /no/such
	ok 'D8: the command cannot start: nothing is copied' test ! -e never
	EXECVM_QEMU=/no/such/qemu
	export EXECVM_QEMU
	fails 'in: not there' 125 '--in: no-such: No such file' --in no-such=/x -- true
	fails 'in: no place' 125 "--in: 't' is not HOST=/GUEST" --in t -- true
	fails 'in: the root' 125 '--in: / of the guest' --in t=/. -- true
	fails 'in: dots' 125 "--in: a path with '..'" --in t=/a/../b -- true
	fails 'in: a device' 125 '--in: /dev/null: neither file nor directory' --in /dev/null=/x -- true
	fails 'out: no place' 125 "--out: 'a' is not /GUEST=HOST" --out a -- true
	fails 'out: no directory' 125 '--out: no/: No such file' --out /a=no/such -- true
	fails 'out: nothing' 125 '--out: the file of the host is missing' --out /a= -- true
	printf '{"in": {"t": 1}}\n' >bad.json
	fails 'a description' 125 "bad.json:1: key 'in': 't': not a string" -c bad.json -- true
	printf '{"in": {"no-such": "/x"}}\n' >bad.json
	fails 'a description: not there' 125 "bad.json:1: key 'in': no-such: No such file" -c bad.json -- true
	fails 'here' 125 'runner local: it has no --in' -r local --in t=/t -- true
	unset EXECVM_QEMU
}

# The guest's tar is what the guest says it is.
hostile() { # NAME
	mkdir -p cage
	(cd cage && status "D9: $1" 125 run --in ../evil.tar=/evil --in ../evil.sh=/evil.sh --out /w=w -- \
		sh -c 'cp /evil.sh /run/execvm/bin/busybox; chmod 755 /run/execvm/bin/busybox' >../tap; cat out err >../said)
	ok "D9: $1: 125" grep -q '^ok' tap
	diag "$(cat said)"
	is "D9: $1: nothing is outside" "$(find . -name 'escaped*' ! -path './e/*')" ''
	is "D9: $1: nothing is left" "$(cd cage && find . -mindepth 1 | grep -v -e '^./out$' -e '^./err$' -e '^./cmp.out$')" ''
	rm -rf cage
}

hostiles() {
	printf '#!/bin/sh\nexec /bin/cat /evil\n' >evil.sh
	# In the initrd every other program is a link to /bin/busybox, which stays what it is.
	mkdir -p e/w
	echo x >e/escaped1
	tar -cf evil.tar -C e --transform 's,^escaped1,../escaped1,' -P w escaped1
	hostile 'names that go up'
	tar -cf evil.tar -C e --transform "s,^escaped1,$PWD/escaped2," -P escaped1
	hostile 'absolute names'
	ln -s .. e/w/up
	tar -cf evil.tar -C e w
	tar -rf evil.tar -C e --transform 's,^escaped1,w/up/escaped3,' escaped1
	hostile 'through a link'
	head -c 100000 "$EXECVM" >evil.tar
	hostile 'no archive'
	tar -cf evil.tar -C e w
	head -c 700 evil.tar >cut
	mv cut evil.tar
	hostile 'half an archive'
	printf '#!/bin/sh\nexec /bin/cat /evil /dev/zero\n' >evil.sh
	tar -cf evil.tar -C e w
	head -c 1000 evil.tar >cut
	mv cut evil.tar
	hostile 'zeros without an end'
}

# Whoever is killed, and when.
kills() {
	head -c 200000000 /dev/zero >huge
	mkdir k
	for sig in TERM KILL; do
		"$EXECVM" run -m 1G --in huge=/huge -- echo started </dev/null >out 2>err &
		pid=$!
		wait_for pgrep -P $pid -f 'pack' >/dev/null
		kids=$(pgrep -P $pid | tr '\n' ' ')
		kill -s $sig $pid
		wait $pid 2>/dev/null
		code=$?
		[ $sig = KILL ] || is "D8: $sig while it is copied in" $code 143
		is "D8: $sig while it is copied in: the command has not started" "$(cat out)" ''
		all_gone() { for p in $kids; do ! kill -s 0 "$p" 2>/dev/null || return 1; done; }
		ok "D8: $sig while it is copied in: nobody is left" wait_for all_gone
	done
	for sig in TERM KILL; do
		"$EXECVM" run -m 1G --out /huge=k/huge -- sh -c 'dd if=/dev/zero of=/huge bs=1M count=400 2>/dev/null; echo written' \
			</dev/null >out 2>err &
		pid=$!
		for _ in 1 2 3 4 5 6; do wait_for pgrep -P $pid -f 'unpack' >/dev/null && break; done
		kids=$(pgrep -P $pid | tr '\n' ' ')
		kill -s $sig $pid
		wait $pid 2>/dev/null
		code=$?
		[ $sig = KILL ] || is "D8: $sig while it is copied out" $code 143
		ok "D8: $sig while it is copied out: nobody is left" wait_for all_gone
		is "D8: $sig while it is copied out: no half of it" "$(ls -A k)" ''
	done
}

round_trips
again
failures
hostiles
kills
done_testing
