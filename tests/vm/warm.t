#!/bin/sh
# SPDX-License-Identifier: MIT
# F1, F2, F3, F5, F12: runs that go on from a frozen machine are like those that boot.
# timeout: 240
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"
# shellcheck source=tests/vm/warm.sh
. "$SRCDIR/tests/vm/warm.sh"

PATH=$PATH:/sbin:/usr/sbin
bytes=$HELPERS/bytes
cp "$warm_root" root.img
root=$PWD/root.img

# Cold and warm with ./in on stdin: status, stdout and stderr are the same.
alike() { # NAME WANT WORDS...
	name=$1 want=$2
	shift 2
	run "$@" <in >cold.out 2>cold.err
	cold=$?
	run --warm "$@" <in >warm.out 2>warm.err
	is "F1: $name: status" "$?/$cold" "$want/$want"
	same "F1: $name: stdout" warm.out cold.out
	same "F1: $name: stderr" warm.err cold.err
	like "F1: $name: warm" "$(ways)" '^(freeze )?restore$'
}

# What a command is, says and ends with; without a root and with one.
commands() {
	echo 'for stdin' >in
	alike 'three streams' 7 -- /bin/sh -c 'cat; echo err >&2; exit 7'
	alike 'three streams, a root' 255 --root "$root" -- /bin/sh -c 'cat; echo err >&2; exit 255'
	alike 'killed' 139 -- /bin/sh -c 'kill -SEGV $$'
	alike 'not found' 127 --root "$root" -- /no/such
	alike 'not startable' 126 --root "$root" -- /etc/passwd
	# shellcheck disable=SC2016 # for the guest
	alike 'what is around it' 0 --root "$root" -u 1234:55 -w /tmp --hostname own -e A='b c' -- \
		/bin/sh -c 'id; pwd; hostname; env | sort; umask; ls / /run/execvm/bin; cat /proc/mounts; ls -l /proc/self/fd | wc -l
			execvm chain -- cat /etc/passwd -- /bin/execvm --version; ls /dev /sys/class/net; touch /tmp/x; ulimit -a'
	for want in 0 1 42 124 125 128; do
		warm "F1: exit $want" $want -n -- /bin/sh -c "exit $want"
		found "F1: exit $want"
	done
	for s in 1 2 9 15; do
		warm "F1: signal $s" $((128 + s)) -n -- /bin/sh -c "kill -$s \$\$"
	done
	: >starts
	$bytes 3000000 1 | "$EXECVM" run --warm -- /bin/sh -c 'cat; head -c 200000 /dev/zero | tr "\0" e >&2' 2>err |
		$bytes -c 3000000 1
	is 'F1: 3 MB in and out, every byte' $? 0
	is 'F1: and stderr, apart' "$(tr -d e <err | wc -c) $(wc -c <err)" '0 200000'
	is 'F1: warm' "$(ways)" restore
	warm 'F1: --timeout' 124 -n --timeout 1 -- /bin/sleep 100
}

# F12: the machine is gone before it could say goodbye.
endings() {
	seq 1200000 >want
	for how in '' --warm; do
		run $how -n -- seq 1200000 >have 2>err
		is "F12: ${how:-cold}: status" $? 0
		same "F12: ${how:-cold}: 8 MB and the end" have want
		run $how -n -- /bin/sh -c 'head -c 300000 /dev/zero | tr "\0" x >&2; exec kill -9 $$' >have 2>err
		is "F12: ${how:-cold}: killed, and all of stderr" "$? $(wc -c <err)" '137 300000'
		run $how -n -- /bin/sh -c 'for i in 1 2 3 4 5; do (sleep 0.1; seq 20000) & done; wait' >have 2>err
		is "F12: ${how:-cold}: what its children said" "$(wc -l <have)" 100000
		mkdir -p tree
		truncate -s 8M rw.img
		mkfs.ext4 -q -F -d tree rw.img
		run $how -n --root "$root" --disk rw.img=/dev/vdd -- /bin/sh -c \
			'mkdir -p /run/m && mount -t ext4 /dev/vdd /run/m && seq 100000 >/run/m/file; exit 3' >have 2>err
		is "F12: ${how:-cold}: a disk that is mounted and left: status" $? 3
		e2fsck -fn rw.img >fsck 2>&1
		is "F12: ${how:-cold}: it is clean" "$? $(grep -c -i -e recover -e 'not clean' fsck)" '0 0'
		debugfs -R 'cat /file' rw.img 2>/dev/null >have
		seq 100000 | cmp -s - have
		is "F12: ${how:-cold}: and has what was written" $? 0
	done
	unlike 'F12: the last were warm' "$(ways)" boot
}

caller() { # KIND WORDS...
	: >starts
	"$HELPERS/vm-caller" "$@" | tr -d '\r' >out
}

signals() {
	caller pipe ready 'kill 15' -- "$EXECVM" run --warm -n -- /bin/sh -c 'echo ready; while :; do sleep 100; done'
	like 'F1: TERM: 143' "$(cat out)" '^exit 143$'
	caller pipe ready 'kill 15' -- "$EXECVM" run --warm -n -- \
		/bin/sh -c 'trap "echo trapped; exit 9" TERM; echo ready; while :; do sleep 0.1; done'
	like 'F1: TERM, trapped' "$(paste -sd ' ' out)" 'trapped  *exit 9'
	is 'F1: TERM: warm' "$(ways)" restore
	# shellcheck disable=SC2016 # for the guest
	TERM=vt220 caller pty ready 'size 33 101' 'now 33 101' 'type ^C' -- "$EXECVM" run --warm --root "$root" -t -- /bin/sh -c '
		test -t 0 && test -t 1 && test -t 2 && echo three of them
		tty; stty size; echo TERM $TERM; echo controlling >/dev/tty
		sized=
		trap "echo now \$(stty size); sized=1" WINCH
		trap "echo interrupted; exit 5" INT
		echo ready
		until test "$sized"; do sleep 0.1; done
		while :; do sleep 0.1; done'
	for want in 'three of them' '/dev/pts/[0-9]+' '24 80' 'TERM vt220' controlling '(\^C)?interrupted' \
		'exit 5' 'flags kept' 'modes kept'; do
		like "F1: terminal: $want" "$(cat out)" "^$want\$"
	done
	is 'F1: terminal: warm' "$(ways)" restore

	# At any moment of a warm run: what was told to end ends, and what it went on from stays.
	: >pids
	id=$(template_id)
	for s in 0 1 2 3 4 5 6 7 8 9 10 12 14 16 20; do
		"$HELPERS/with-signals" -d 2 -d 3 "$EXECVM" run --warm -n -- /bin/sleep 100 >out 2>err &
		pid=$!
		wait_for has_become $pid "$EXECVM"
		sleep $((s / 100)).$((s % 100 / 10))$((s % 10))
		kill -s $((s % 2 ? 15 : 2)) $pid
		code=0
		wait $pid || code=$?
		[ $code = $((s % 2 ? 143 : 130)) ] || echo "$s: $code: $(cat err)"
	done >wrong
	is 'F1: a signal at any time, 128+N' "$(cat wrong)" ''
	ok 'F1: no machine is left' wait_for none_alive
	ok 'F1: the template is' test -d "$templates/$id"
	"$EXECVM" template rm "$id" >/dev/null
	for s in 2 4 6 8 10; do
		"$HELPERS/with-signals" -d 2 -d 3 "$EXECVM" run --warm -n -- /bin/sleep 100 >out 2>err &
		pid=$!
		sleep 0.$((s / 10))$((s % 10))
		kill -TERM $pid
		code=0
		wait $pid || code=$?
		[ $code = 143 ] || echo "$s: $code: $(cat err)"
	done >wrong
	is 'F1: or while it is made' "$(cat wrong)" ''
	ok 'F1: no machine is left, either' wait_for none_alive
	is 'F1: nor half a template' "$(find "$templates" -name '*.new')" ''
}

# F3. One template, whatever is put in: each of these finds the one before.
directories() {
	for d in one two three; do
		mkdir -p $d/sub
		echo "this is $d" >$d/file
		$bytes 1500000 7 >$d/sub/big
	done
	sum=$(sha256sum <one/sub/big)
	warm 'F3: the template of all of these' 0 --root "$root" -n -- /bin/true
	warm 'F3: -v' 0 --root "$root" -n -v one:/a -v two:/b:ro -- /bin/sh -c \
		'cat /a/file /b/file; sha256sum </a/sub/big; echo new >/a/new; ln -s file /a/link; (echo >/b/new) 2>/dev/null || echo refused'
	found 'F3: -v'
	is 'F3: -v: all of it' "$(cat out)" "this is one
this is two
$sum
refused"
	is 'F3: -v: and back' "$(cat one/new) $(readlink one/link) $(ls two)" 'new file file
sub'
	warm 'F3: -v: others' 0 --root "$root" -n -v three:/a:ro -v one:/b -v two:/tmp/c -- /bin/cat /a/file /b/file /b/new /tmp/c/file
	found 'F3: -v: others'
	is 'F3: -v: they are those' "$(paste -sd , out)" 'this is three,this is one,new,this is two'
	echo 'changed meanwhile' >three/file
	warm 'F3: -v: the file of today' 0 --root "$root" -n -v three:/a -- /bin/cat /a/file
	is 'F3: -v: it is that' "$(cat out)" 'changed meanwhile'
}

disks() {
	for n in 4096 1000448 5242880; do
		$bytes $n $n >disk.$n
		warm "F3: a disk of $n bytes" 0 --root "$root" -n --disk disk.$n=/dev/vdx,ro -- /bin/sh -c \
			'blockdev --getsize64 /dev/vdx; sha256sum </dev/vdx; (echo x >/dev/vdx) 2>/dev/null || echo refused; echo /dev/vd*'
		found "F3: a disk of $n bytes"
		is "F3: a disk of $n bytes: that size, these bytes, no writes" "$(head -n 3 out | paste -sd ' ')" \
			"$n $(sha256sum <disk.$n) refused"
	done
	cp disk.5242880 disk.rw
	warm 'F3: two disks, one to be written' 0 --root "$root" -n --disk disk.rw=/dev/vdr --disk disk.4096=/dev/vds,ro -- /bin/sh -c \
		'sha256sum </dev/vdr; sha256sum </dev/vds; echo written here | dd of=/dev/vdr bs=1 seek=1000000 conv=notrunc 2>/dev/null'
	found 'F3: two disks'
	is 'F3: two disks: each its own' "$(cat out)" "$(sha256sum <disk.5242880)
$(sha256sum <disk.4096)"
	echo written here | dd of=disk.5242880 bs=1 seek=1000000 conv=notrunc 2>/dev/null
	same 'F3: two disks: that was written and nothing else' disk.rw disk.5242880
	set --
	for n in a b c d e f g h i j k; do
		echo "disk $n" | dd of=disk.$n bs=512 count=1 conv=sync 2>/dev/null
		truncate -s $((4096 + $(printf %d "'$n") * 512)) disk.$n
		set -- "$@" --disk "disk.$n=/dev/x$n"
	done
	warm 'F3: eleven disks' 0 --root "$root" -n "$@" -- /bin/sh -c 'head -qn 1 /dev/x?; cat /sys/class/block/vd?/size | sort -n | head -n 4 | xargs echo'
	is 'F3: eleven disks: made for that' "$(ways)" 'freeze restore'
	is 'F3: eleven disks: all are there' "$(grep -a -c '^disk [a-k]$' out)" 11
	warm 'F3: three disks and a root, from the same' 0 --root "$root" -n -v two:/v --disk disk.c=/dev/x --disk disk.4096=/dev/y,ro --disk disk.a=/dev/z -- \
		/bin/sh -c 'head -n 1 /dev/x; sha256sum </dev/y; head -n 1 /dev/z; cat /v/file; blockdev --getsize64 /dev/z'
	found 'F3: three disks and a root'
	is 'F3: three disks and a root: they are those' "$(tr -d '\0' <out | paste -sd ,)" \
		"disk c,$(sha256sum <disk.4096),disk a,this is two,$(wc -c <disk.a)"
	set --
	for n in 1 2 3 4 5 6 7 8 9; do
		mkdir -p d$n
		echo "directory $n" >d$n/f
		set -- "$@" -v "d$n:/d$n"
	done
	warm 'F3: nine directories, from the same' 0 --root "$root" -n "$@" --network user -- /bin/sh -c 'cat /d?/f; ls /sys/class/net'
	found 'F3: nine directories'
	is 'F3: nine directories: all' "$(paste -sd , out)" "$(for n in 1 2 3 4 5 6 7 8 9; do
		printf 'directory %s,' $n
	done)eth0,lo"
}

free_port() {
	next_port=$((20000 + $$ % 20000))
	while grep -q -i "$(printf ':%04X ' $next_port)" /proc/net/tcp /proc/net/tcp6; do
		next_port=$((next_port + 1))
	done
	echo $next_port
}

get() { # URL
	timeout 20 busybox wget -q -O - "$1"
}

network() {
	port=$(free_port)
	mkdir www
	$bytes 300000 >www/bytes
	busybox httpd -f -p "127.0.0.1:$port" -h www &
	server=$!
	wait_for get "http://127.0.0.1:$port/bytes" >www.out
	warm 'F3: --network user' 0 --root "$root" -n --network user -- /bin/sh -c "
		ip addr show eth0 | sed -n 's/^ *\\(inet [^ ]*\\).*/\\1/p'; ip route | sed -n 's/^\\(default via [^ ]*\\).*/\\1/p'
		cat /etc/resolv.conf; wget -q -O - http://10.0.2.2:$port/bytes | sha256sum"
	found 'F3: --network user'
	is 'F3: --network user: it is one' "$(paste -sd , out)" \
		"inet 10.0.2.15/24,default via 10.0.2.2,nameserver 10.0.2.3,$(sha256sum <www/bytes)"
	kill $server
	wait $server
	warm 'F3: without a network again' 0 --root "$root" -n -- /bin/sh -c 'ls /sys/class/net; cat /etc/resolv.conf 2>/dev/null; :'
	is 'F3: without a network again: lo alone' "$(cat out)" lo
	port=$(free_port)
	: >starts
	"$HELPERS/with-signals" -d 2 -d 3 "$EXECVM" run --warm --root "$root" -n -p "$port:80" -- /bin/sh -c \
		'mkdir /www; echo served >/www/file; httpd -p 80 -h /www; echo serving; while :; do sleep 100; done' >serve 2>serve.err &
	server=$!
	wait_for grep -qs serving serve
	is 'F3: -p: from outside' "$(get "http://127.0.0.1:$port/file")" served
	is 'F3: -p: warm' "$(ways)" restore
	kill -TERM $server
	wait $server
}

mounts() {
	mkdir -p t/sub
	echo one >t/a
	$bytes 2000000 >t/sub/big
	warm 'F3: --in, --out' 0 --root "$root" -n --in t=/w/t --out /w/t/sub=back --out /w/said=said -- /bin/sh -c \
		'cat /w/t/a; sha256sum </w/t/sub/big; echo more >/w/t/sub/more; echo said >/w/said'
	is 'F3: --in' "$(cat out)" "one
$(sha256sum <t/sub/big)"
	is 'F3: --out' "$(cat said back/more) $(sha256sum <back/big)" "said
more $(sha256sum <t/sub/big)"
	warm 'F3: --read-only' 0 --root "$root" -n --read-only --tmpfs /tmp:exec,size=1m -v one:/srv/deep/v:ro -- /bin/sh -c \
		'(echo >/file) 2>/dev/null || echo kept; echo x >/tmp/f && cat /tmp/f; cat /srv/deep/v/file; execvm --version; grep -c " /tmp tmpfs .*size=1024k" /proc/mounts
		grep -v overlay /proc/mounts | sed -n "s/^[^ ]* \/ [^ ]* \([^,]*\).*/\1/p" | tail -n 1'
	# The directory above a mount point cannot be made in an image that cannot be written: as cold.
	warm_out=$(cat out)
	run --root "$root" -n --read-only --tmpfs /tmp:exec,size=1m -v one:/srv/deep/v:ro -- /bin/sh -c \
		'(echo >/file) 2>/dev/null || echo kept; echo x >/tmp/f && cat /tmp/f; cat /srv/deep/v/file; execvm --version; grep -c " /tmp tmpfs .*size=1024k" /proc/mounts
		grep -v overlay /proc/mounts | sed -n "s/^[^ ]* \/ [^ ]* \([^,]*\).*/\1/p" | tail -n 1' >cold.out
	is 'F3: --read-only: as cold' "$warm_out" "$(cat cold.out)"
	like 'F3: --read-only: it is' "$warm_out" '^kept$'
	for d in /bin /run; do
		warm "F3: --tmpfs $d" 0 --root "$root" -n --tmpfs $d:exec -- /bin/execvm --version
		is "F3: --tmpfs $d: /bin/execvm is there" "$(cat out)" "$("$EXECVM" --version)"
		warm "F3: --tmpfs $d" 0 --root "$root" -n --tmpfs $d:exec -- /run/execvm/bin/execvm chain -- \
			/run/execvm/bin/execvm --version -- /run/execvm/bin/execvm --version
		is "F3: --tmpfs $d: and the one in /run" "$(sort -u out)" "$("$EXECVM" --version)"
	done
}

# F2. What a run has of its own is in no template, and makes no other one.
shapes() {
	for name in "$templates"/*; do
		case ${name##*/} in
		lock | *.*) ;;
		*) "$EXECVM" template rm "${name##*/}" >/dev/null ;;
		esac
	done
	warm 'F2: secrets' 0 --root "$root" -n -e SECRET=xyzzy-plugh-2718 --hostname host-of-mine-31 -v one:/point-of-mine-41 -- \
		/bin/echo argument-of-mine-59
	is 'F2: secrets: the template is of this run' "$(ways)" 'freeze restore'
	id=$(cd "$templates" && echo [0-9a-f]*)
	is 'F2: secrets: the premise: what is in it is found' "$(cat "$templates/$id/"* | grep -a -c -m 1 'execvm[.]template=1')" 1
	is 'F2: secrets: none is in it' "$(cat "$templates/$id/"* | grep -a -c -e xyzzy-plugh -e of-mine)" 0
	is 'F2: secrets: nobody else may read it' "$(stat -c %a "$templates" "$templates/$id" "$templates/$id/"* | paste -sd ' ')" '700 700 600 600 600'

	mkdir -p other
	while read -r words; do
		# shellcheck disable=SC2086 # words
		is "F2: the same one: $words" "$(template_id --root "$root" $words)" "$id"
	done <<-'END'
		-- /bin/sleep 5
		-e A=b --env-file /dev/null -u 5:6 -w /tmp --hostname h
		-v one:/a -v two:/b:ro -v three:/c
		--disk disk.4096=/dev/x --disk disk.1000448=/dev/y,ro
		--network user --name some
		-p 8080:80
		--tmpfs /x --tmpfs /bin --timeout 5 -t
	END
	is 'F2: and none was made' "$(find "$templates" -mindepth 1 -maxdepth 1 -type d | wc -l)" 1

	vmlinux=$EXECVM_KERNEL
	cp "$vmlinux" vmlinux
	[ ! -e "$vmlinux.config" ] || cp "$vmlinux.config" vmlinux.config
	cp qemu qemu2
	"$EXECVM" initrd build --no-check --add /bin/busybox=/bin/busybox -o own.cpio
	cp "$root" root2.img
	echo "$id" >ids
	other() { # NAME COMMAND...
		name=$1
		shift
		new=$("$@" 2>err)
		like "F2: another one: $name" "$new" '^[0-9a-f]{12}$'
		is "F2: another one: $name: not seen before" "$(grep -c -x -e "$new" ids)" 0
		echo "$new" >>ids
	}
	other 'no root' template_id
	other kernel template_id --root "$root" --kernel vmlinux
	other QEMU env EXECVM_QEMU="$PWD/qemu2" "$EXECVM" template create --root "$root"
	other 'copies, which need a tar in the machine' template_id --root "$root" --in one=/t --out /t=t2
	is 'F2: other copies: the same one' "$(template_id --root "$root" --in two=/t)" "$new"
	other memory template_id --root "$root" -m 300M
	other 'a kernel for several CPUs' template_id --root "$root" --kernel "$smp_kernel"
	other CPUs template_id --root "$root" --kernel "$smp_kernel" --cpus 2
	other initrd template_id --root "$root" --initrd own.cpio
	other append template_id --root "$root" --append panic=5
	other 'the mode of the root' template_id --root "$root" --read-only
	other 'another root' template_id --root root2.img
	warm 'F2: memory' 0 -m 300M -n --root "$root" -- /bin/sh -c 'awk "/MemTotal/ { print (\$2 > 250000) }" /proc/meminfo; nproc'
	is 'F2: memory: it has that' "$(paste -sd ' ' out)" '1 1'
	found 'F2: memory'
	warm 'F2: CPUs' 0 --kernel "$smp_kernel" --cpus 2 -n --root "$root" -- /bin/sh -c 'nproc; (sleep 1 & sleep 1 & wait); grep -c ^processor /proc/cpuinfo'
	found 'F2: CPUs'
	is 'F2: CPUs: it has those' "$(paste -sd ' ' out)" '2 2'
	touch root.img
	other 'a root that was touched' template_id --root "$root"
	cat own.cpio >own2.cpio
	mv own2.cpio own.cpio
	other 'an initrd of the same bytes' template_id --root "$root" --initrd own.cpio

	# The contents of today, also when they were written in place; whatever the times say.
	mkdir -p kind/bin kind/proc kind/sys kind/dev kind/run kind/tmp
	cp /bin/busybox kind/bin/busybox
	ln -s busybox kind/bin/cat
	ln -s busybox kind/bin/cp
	echo one-1 >kind/kind
	truncate -s 8M kind.img
	mkfs.ext4 -q -F -d kind kind.img
	warm 'F2: a root' 0 --root kind.img -n -- /bin/cat /kind
	touch -r kind.img stamp
	sum=$(stat -c %s kind.img)
	offset=$(grep -a -b -o 'one-1' kind.img | tail -n 1 | cut -d : -f 1)
	printf two-2 | dd of=kind.img bs=1 seek="$offset" conv=notrunc 2>/dev/null
	touch -r stamp kind.img
	is 'F2: a root, written in place: the premise: size and time are the same' "$(stat -c '%s %Y' kind.img)" "$sum $(stat -c %Y stamp)"
	warm 'F2: a root, written in place' 0 --root kind.img -n -- /bin/cat /kind
	is 'F2: a root, written in place: what is in it now' "$(cat out) $(ways)" 'two-2 freeze restore'
}

# Other kernels, images by name.
others() {
	export XDG_DATA_HOME="$PWD/data"
	tar -C kind --owner=0 --group=0 -cf kind.tar .
	"$EXECVM" image import kind <kind.tar >out 2>err
	for how in made found; do
		warm "F1: --image, $how" 0 --image kind -n -- /bin/cat /kind
		is "F1: --image, $how: it is that" "$(cat out)" one-1
	done
	found 'F1: --image'
	cloud=$(find /boot -name 'vmlinuz-*-cloud-amd64' 2>/dev/null | sort -V | tail -n 1)
	if [ -n "$cloud" ]; then
		for how in made found; do
			warm "F1: cloud kernel, $how" 6 --kernel "$cloud" --root "$root" -n --disk disk.4096=/dev/x,ro --network user -- \
				/bin/sh -c 'uname -r; sha256sum </dev/x; ls /sys/class/net; exit 6'
			is "F1: cloud kernel, $how: it is that one, with all" "$(paste -sd , out)" \
				"$(basename "$cloud" | cut -d - -f 2-),$(sha256sum <disk.4096),eth0,lo"
		done
		found 'F1: cloud kernel'
	else
		skip 'F1: cloud kernel' 'no /boot/vmlinuz-*-cloud-amd64'
	fi
}

# F5.
boots() { # NAME WANT REASON WORDS...
	name=$1 want=$2 reason=$3
	shift 3
	status "F5: $name" "$want" run --warm -n "$@"
	is "F5: $name: says so" "$(cat err)" "execvm run: warning: --warm: $reason: this run boots"
	booted "F5: $name"
	[ -n "$no_create" ] || status "F5: $name: no template" 125 "$EXECVM" template create "$@"
	[ -n "$no_create" ] || is "F5: $name: no template: why" "$(cat err)" "execvm template: $reason: it cannot be frozen"
}

refused() {
	no_create=''
	cp kind.img rw.img
	boots rw 0 'root-mode rw: the image is changed' --root rw.img --root-mode rw -- /bin/cp /kind /kind2
	is 'F5: rw: what was written is there' "$(debugfs -R 'cat /kind2' rw.img 2>/dev/null)" two-2
	boots 'root host' 4 'the root is a directory of this host' --root host -- /bin/sh -c 'exit 4'
	qemu-img convert -f raw -O qcow2 kind.img kind.qcow2
	boots qcow2 0 'a qcow2 image may stand on others' --root kind.qcow2 -- /bin/cat /kind
	if loop=$(losetup -r -f --show kind.img 2>/dev/null); then
		boots 'a block device' 0 'the root is no regular file' --root "$loop" -- /bin/cat /kind
		losetup -d "$loop"
	else
		skip 'F5: a block device' 'losetup: cannot'
	fi
	set --
	for n in a b c d e f g h i j k; do
		set -- "$@" --disk "disk.$n=/dev/x$n"
	done
	boots '12 disks' 0 'more disks or directories than a template has places for' "$@" --disk disk.4096=/dev/y,ro -- /bin/true
	set --
	for n in 1 2 3 4 5 6 7 8 9; do
		set -- "$@" -v "d$n:/d$n"
	done
	boots '10 directories' 0 'more disks or directories than a template has places for' "$@" -v one:/one -- /bin/true
	no_create=yes
	kernel=$EXECVM_KERNEL
	status 'F5: --boot-log' 0 run --warm -n --boot-log -- /bin/true
	like 'F5: --boot-log: says so' "$(cat err)" 'warning: --warm: --boot-log: there is no boot to be shown: this run boots$'
	like 'F5: --boot-log: and shows it' "$(cat err)" 'Linux version'
	booted 'F5: --boot-log'
	k=$kernel@sha256:$(sha256sum "$kernel" | cut -d ' ' -f 1)
	i=$("$EXECVM" run --strict --kernel "$k" -n -- /bin/true 2>&1 | sed -n 's/.*digest, \(sha256:[0-9a-f]*\)$/\1/p')
	boots --strict 5 '--strict: every input is read' --strict --kernel "$k" --initrd "$i" -- /bin/sh -c 'exit 5'
	if [ -e vmlinux.config ]; then
		grep -v NET_9P_VIRTIO vmlinux.config >no-9p.config
		mv no-9p.config vmlinux.config
		status 'F5: a kernel without 9p, -v' 0 run --warm -n --kernel ./vmlinux -v one:/v -- /bin/cat /v/file
		is 'F5: a kernel without 9p, -v: it ran' "$(cat out) $(ways)" 'this is one boot'
		is 'F5: a kernel without 9p, -v: says so' "$(cat err)" \
			'execvm run: warning: --warm: the kernel has no 9p, and virtiofs cannot be frozen: this run boots'
		warm 'F5: a kernel without 9p, no -v' 0 -n --kernel ./vmlinux -- /bin/true
	else
		skip 'F5: a kernel without 9p' 'this kernel has no configuration beside it'
	fi
	printf '{ "warm": true, "memory": "256M" }' >warm.json
	status 'F5: a description' 0 run -c warm.json -n -- /bin/true
	is 'F5: a description: warm' "$(ways)" restore
}

steps=${WARM_STEPS:-commands endings signals directories disks network mounts shapes others refused}
for step in $steps; do
	begin=$(date +%s)
	$step
	diag "$step: $(($(date +%s) - begin)) s"
done
ok 'no machine is left' wait_for none_alive
done_testing
