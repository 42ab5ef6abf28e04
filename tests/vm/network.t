#!/bin/sh
# SPDX-License-Identifier: MIT
# N1, N2, N3, N4, N5, N6, N7, N8: networks of machines. Only the loopback of this host is spoken to.
# timeout: 240
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"
# shellcheck source=tests/vm/raw.sh
. "$SRCDIR/tests/vm/raw.sh"

"$EXECVM" run --dry-run -- /bin/true >/dev/null 2>&1
PATH=$PATH:/sbin:/usr/sbin

run() {
	"$EXECVM" run "$@" </dev/null
}

# Ports that nobody has: from one that differs from test to test upwards.
next_port=$((20000 + $$ % 20000))
host4='' host6='' a='' b='' c=''
free_port() { # VARIABLE
	while hex=$(printf ':%04X ' $next_port) && grep -q -i "$hex" /proc/net/tcp /proc/net/udp /proc/net/tcp6; do
		next_port=$((next_port + 1))
	done
	eval "$1=$next_port"
	next_port=$((next_port + 1))
}

get() { # URL: what is there, once somebody answers
	timeout 20 busybox wget -q -O - "$1"
}

# Machines without a wire, meanwhile: what init says to what it cannot do.
"$EXECVM" initrd build --no-check --add "$EXECVM_GUEST=/init" -o guest.cpio
raw_boot bad.log 60 "$raw_microvm" guest.cpio \
	"$(payload '{"network": {"address": "10.0.2.15"}, "args": ["/no"]}')" \
	-netdev user,id=net -device virtio-net-device,netdev=net &
bad=$!
raw_boot absent.log 60 "$raw_microvm" guest.cpio \
	"$(payload '{"network": {"address": "10.0.2.15/24"}, "args": ["/no"]}')" &
absent=$!

# Servers on the host.
mkdir www
head -c 300000 /dev/urandom >www/bytes
echo from the host >www/file
free_port host4
free_port host6
busybox httpd -f -p "127.0.0.1:$host4" -h www &
server4=$!
busybox httpd -f -p "[::1]:$host6" -h www 2>/dev/null &
server6=$!
wait_for get "http://127.0.0.1:$host4/file" >/dev/null
has6=
! grep -q '^0*1 ' /proc/net/if_inet6 2>/dev/null || has6=yes

cat >look <<EOT
say() {
	sed "s/^/\$1: /"
}
ls /sys/class/net | say interface
ip addr show eth0 | sed -n 's/^ *\(inet6\{0,1\} [^ ]*\).*scope \(global\|site\).*/\1/p' | say address
ip addr show eth0 | grep tentative | say tentative
ip route | sed -n 's/^\(default via [^ ]*\).*/\1/p' | say route
ip -6 route | sed -n 's/^\(default via [^ ]*\).*/\1/p' | say route6
cat /etc/resolv.conf | say resolv
cat /etc/hosts | say hosts
wget -q -O - http://10.0.2.2:$host4/file | say got
wget -q -O - http://10.0.2.2:$host4/bytes | sha256sum | say sum
[ -z "$has6" ] || wget -q -O - "http://[fec0::2]:$host6/file" | say got6
EOT
said() { # NAME
	sed -n "s/^$1: //p" out
}

looks() { # NAME WORDS...
	name=$1
	shift
	status "N2: $name" 0 run "$@" -- /bin/sh -c "$(cat look)"
	is "N2: $name: interfaces" "$(said interface | tr '\n' ' ')" 'eth0 lo '
	is "N2: $name: addresses" "$(said address | tr '\n' ' ')" 'inet 10.0.2.15/24 inet6 fec0::15/64 '
	is "N2: $name: none is being asked about" "$(said tentative)" ''
	is "N2: $name: routes" "$(said route),$(said route6)" 'default via 10.0.2.2,default via fec0::2'
	is "N2: $name: DNS" "$(said resolv)" 'nameserver 10.0.2.3'
	is "N2: $name: TCP out" "$(said got)" 'from the host'
	is "N2: $name: all of it" "$(said sum)" "$(sha256sum <www/bytes)"
	if [ -n "$has6" ]; then
		is "N2: $name: TCP out over IPv6" "$(said got6)" 'from the host'
	else
		skip "N2: $name: TCP out over IPv6" 'this host has no ::1'
	fi
}

# None, unless asked.
for words in '' '--network none'; do
	# shellcheck disable=SC2086 # words
	status "N1: no network${words:+: $words}" 0 run $words -- /bin/ls /sys/class/net
	is "N1: no network${words:+: $words}: lo alone" "$(cat out)" lo
done
unlike 'N1: nor a device' "$("$EXECVM" run --dry-run -- /bin/true)" 'netdev|virtio-net'
looks 'user, initrd' --network user

cloud=$(find /boot -name 'vmlinuz-*-cloud-amd64' 2>/dev/null | sort -V | tail -n 1)
if [ -n "$cloud" ]; then
	status 'N2: cloud: without network first' 0 run --kernel "$cloud" -- /bin/ls /sys/class/net
	is 'N1: cloud: lo alone' "$(cat out)" lo
	looks 'cloud' --net user --kernel "$cloud"
else
	skip 'N2: cloud' 'no /boot/vmlinuz-*-cloud-amd64'
fi

# /etc/resolv.conf of a root: IMAGE is made by a function that fills ./tree.
image() { # NAME FUNCTION
	rm -rf tree
	mkdir -p tree/bin tree/etc tree/proc tree/sys tree/dev tree/run tree/tmp
	cp /bin/busybox tree/bin/busybox
	for applet in sh cat ls ip sed; do
		ln -s busybox tree/bin/$applet
	done
	$2
	truncate -s 8M "$1.img"
	mkfs.ext4 -q -F -d tree "$1.img"
}
nothing() { :; }
file() { echo nameserver 192.0.2.1 >tree/etc/resolv.conf; echo 192.0.2.2 own >tree/etc/hosts; }
absolute() { ln -s /run/systemd/resolve/stub-resolv.conf tree/etc/resolv.conf; }
relative() { ln -s ../run/systemd/resolve/stub-resolv.conf tree/etc/resolv.conf; }
to_file() { echo nameserver 192.0.2.1 >tree/etc/real; ln -s /etc/real tree/etc/resolv.conf; }
to_nothing() { ln -s /etc/no/such tree/etc/resolv.conf; }
for kind in nothing file absolute relative to_file to_nothing; do
	image $kind $kind
done

resolves() { # NAME WORDS...
	name=$1
	shift
	status "N4: $name" 0 run --network user "$@" -- /bin/sh -c 'cat /etc/resolv.conf'
	is "N4: $name: DNS" "$(cat out)" 'nameserver 10.0.2.3'
}
for kind in nothing file absolute; do
	sum=$(sha256sum <$kind.img)
	resolves "overlay, $kind" --root $kind.img
	resolves "ro, $kind" --root $kind.img --read-only
	is "N4: $kind: the image is as it was" "$(sha256sum <$kind.img)" "$sum"
done
status 'N4: hosts: one is made' 0 run --network user --root nothing.img --hostname web -- /bin/cat /etc/hosts
is 'N4: hosts: with the name' "$(cat out)" "127.0.0.1 localhost
::1 localhost
10.0.2.15 web"
status 'N4: hosts: its own stays' 0 run --network user --root file.img -- /bin/cat /etc/hosts
is 'N4: hosts: as it is' "$(cat out)" '192.0.2.2 own'

on_image() { # IMAGE COMMAND
	debugfs -R "$2" "$1" 2>/dev/null
}
etc_of() { # IMAGE: what can be told about it, but for when it was last read (and sums over that)
	on_image "$1" 'stat /etc/resolv.conf' | grep -v -e atime -e checksum
	on_image "$1" 'stat /etc' | grep -v -e atime -e checksum
	on_image "$1" 'ls -p /etc'
}
clean() { # NAME IMAGE
	e2fsck -fn "$2" >fsck 2>&1
	is "N4: $1: it is clean" $? 0
}
for kind in file absolute relative to_file; do
	before=$(etc_of $kind.img)
	resolves "rw, $kind" --root $kind.img --root-mode rw
	is "N4: rw, $kind: /etc of the image is as it was" \
		"$(etc_of $kind.img)" "$before"
	clean "rw, $kind" $kind.img
done
is 'N4: rw: the file holds what it held' "$(on_image file.img 'cat /etc/resolv.conf')" 'nameserver 192.0.2.1'
is 'N4: rw: and so does one behind a link' "$(on_image to_file.img 'cat /etc/real')" 'nameserver 192.0.2.1'
for kind in nothing to_nothing; do
	status "N4: rw, $kind: none is made" 1 run --network user --root $kind.img --root-mode rw --boot-log -- \
		/bin/sh -c 'cat /etc/resolv.conf'
	like "N4: rw, $kind: the log says so" "$(cat err)" 'execvm: warning: there is no /etc/resolv.conf, and none is put on the image'
	is "N4: rw, $kind: nothing is on the image" "$(on_image $kind.img 'ls -p /etc' | grep -c -e hosts -e no/)" 0
	clean "rw, $kind" $kind.img
done

# Ports, of two machines at once.
cat >serve <<'EOT'
mkdir /www
echo "this is $1" >/www/file
httpd -p 80 -h /www
cat /dev/udp-echo >/udp-echo
chmod 755 /udp-echo
/udp-echo 53 &
while :; do
	sleep 100
done
EOT
serve() { # LOG WORDS...
	log=$1
	shift
	rm -f "$log"
	"$HELPERS/with-signals" -d 2 -d 3 "$EXECVM" run -n --disk "$HELPERS/udp-echo=/dev/udp-echo,ro" "$@" -- \
		/bin/sh -c "$(cat serve)" sh "$log" >"$log" 2>"$log.err" &
	served=$!
}
await() { # LOG: boots are slower than wait_for
	for _ in 1 2 3 4 5 6; do
		wait_for grep -qs serving "$1" && return
	done
}
ended() { # NAME PID WANT
	code=0
	wait "$2" || code=$?
	is "$1" $code "$3"
}
free_port a
free_port b
free_port c
serve one --name net-test-$$ -p "$a:80" -p "$c:53/udp"
one=$served
serve two --network user -p "127.0.0.1:$b:80/tcp"
two=$served
await one
await two
is 'N3: one machine is served by its port' "$(get "http://127.0.0.1:$a/file")" 'this is one'
is 'N3: the other by its own' "$(get "http://127.0.0.1:$b/file")" 'this is two'
ok 'N3: UDP, there and back' "$HELPERS/udp-echo" 127.0.0.1 "$c" "over UDP"
unlike 'N3: nobody else than loopback is listened for' "$(cat /proc/net/tcp)" "00000000:$(printf %04X "$a") "

qemu=$(pgrep -P $one)
is 'N8: ps shows the name' "$(cat "/proc/$qemu/comm")" "$(echo net-test-$$ | head -c 15)"
status 'N8: a second run of the name: 125' 125 run --name net-test-$$ -- /bin/true
is 'N8: is told so' "$(cat err)" "execvm run: --name net-test-$$: another run has this name"
status 'N3: a port that is taken: 125' 125 run -p "$a:80" -- /bin/true
is 'N3: is named' "$(cat err)" "execvm run: -p: 127.0.0.1:$a: Address already in use"
status 'N3: UDP, too: 125' 125 run -p "$c:53/udp" -- /bin/true
is 'N3: UDP, too: is named' "$(cat err)" "execvm run: -p: 127.0.0.1:$c/udp: Address already in use"
status 'N3: on all addresses' 125 run -p "0.0.0.0:$a:80" -- /bin/true
is 'N3: on all addresses: is named' "$(cat err)" "execvm run: -p: 0.0.0.0:$a: Address already in use"
status 'N3: the plan can be shown all the same' 0 run --dry-run -p "$a:80" -- /bin/true
kill -TERM $two
ended 'N3: it ends as always' $two 143
kill -KILL $one
ended 'N8: a run that is killed' $one 137
gone() {
	! kill -0 "$1" 2>/dev/null
}
ok 'N8: leaves no machine' wait_for gone "$qemu"
status 'N8: leaves no name and no port' 0 run --name net-test-$$ -p "$a:80" -p "$c:53/udp" -- /bin/true

# passt.
as_passt() {
	looks 'passt' --network passt
	is 'N5: nothing is said' "$(cat err)" ''
	free_port a
	free_port b
	serve passt --network passt -p "$a:80" -p "$b:53/udp"
	await passt
	is 'N5: TCP in' "$(get "http://127.0.0.1:$a/file")" 'this is passt'
	ok 'N5: UDP in' "$HELPERS/udp-echo" 127.0.0.1 "$b" "over UDP"
	children=$(pgrep -P $served)
	is 'N5: two children' "$(echo "$children" | wc -l)" 2
	kill -TERM $served
	ended 'N5: after TERM' $served 143
	is 'N5: after TERM nothing is said' "$(cat passt.err)" ''
	for child in $children; do
		ok 'N5: after TERM nothing is left' gone "$child"
	done
	serve passt --network passt -p "$a:80"
	await passt
	children=$(pgrep -P $served)
	kill -SEGV "$(pgrep -P $served passt)"
	kill -TERM $served
	ended 'N5: passt dies before the run' $served 143
	is 'N5: is said' "$(cat passt.err)" \
		'execvm run: warning: the machine had lost its network: passt ended (killed by SIGSEGV)'
	serve passt --network passt -p "$a:80"
	await passt
	children=$(pgrep -P $served)
	kill -KILL $served
	ended 'N5: after KILL' $served 137
	for child in $children; do
		ok 'N5: after KILL nothing is left' wait_for gone "$child"
	done
}
if ! command -v passt >/dev/null; then
	skip 'N5: passt' 'passt: not installed'
elif ! awk '$2 == "00000000" { found = 1 } END { exit !found }' /proc/net/route; then
	skip 'N5: passt' 'passt: this host has no way out'
else
	as_passt
fi
if command -v passt >/dev/null && unshare -rn true 2>/dev/null; then
	status 'N5: passt on a host without a way out: 125' 125 unshare -rn "$EXECVM" run --network passt -- /bin/true
	like 'N5: why' "$(cat err)" '^execvm run: --network passt: passt: .*[Ee]xternal'
else
	skip 'N5: passt on a host without a way out' 'passt, or unshare: cannot'
fi
mkdir empty
status 'N5: passt is not installed: 125' 125 env PATH="$PWD/empty" "$EXECVM" run --network passt -- /bin/true
is 'N5: is said' "$(cat err)" 'execvm run: --network passt: passt is not installed'

# As many devices as there are slots, and one more.
set --
for n in a b c d e f g h i j k l m n o p q r s t; do
	echo "disk $n" >disk.$n
	truncate -s 4096 disk.$n
	set -- "$@" --disk "disk.$n=/dev/x$n,ro"
done
status 'N1: 20 disks, a root and a network' 0 run --network user --root file.img "$@" -- \
	/bin/sh -c 'busybox head -qn 1 /dev/x?; ls /sys/class/net'
is 'N1: are all there' "$(tr '\n' ' ' <out)" "$(for n in a b c d e f g h i j k l m n o p q r s t; do
	printf 'disk %s ' $n
done)eth0 lo "
cp disk.a disk.u
status 'N1: one more: 125' 125 run --network user --root file.img "$@" --disk disk.u=/dev/xu,ro -- /bin/true
is 'N1: is said' "$(cat err)" \
	'execvm run: 21 disks, 0 directories, a root, a network: 24 devices with the console, and a machine has 23 slots'

# Not the network, but as small.
status 'N6: --read-only, without a root, too' 0 run --read-only --tmpfs /tmp:exec,size=1m -- \
	/bin/sh -c '(echo >/file) 2>/dev/null || echo kept; echo "echo run" >/tmp/f; chmod 755 /tmp/f; /tmp/f; grep " /tmp " /proc/mounts'
like 'N6: the root is kept' "$(cat out)" '^kept$'
like 'N7: --tmpfs: exec' "$(cat out)" '^run$'
like 'N7: --tmpfs: its options' "$(cat out)" '^tmpfs /tmp tmpfs rw,nosuid,nodev,relatime,size=1024k'
status 'N7: --tmpfs, with a read-only root' 0 run --root file.img --read-only --tmpfs /data/new:mode=711,uid=7,gid=8 -- \
	/bin/sh -c 'ls -ldn /data/new; echo x >/data/new/f; busybox chmod 755 /data/new/f; /data/new/f 2>/dev/null || echo noexec'
like 'N7: it has owner and mode' "$(cat out)" '^drwx--x--x +[0-9]+ 7 +8 '
like 'N7: nothing is run from it' "$(cat out)" '^noexec$'

for words in '--network user' '--publish 8080:80' '--tmpfs /x' '--read-only'; do
	# shellcheck disable=SC2086 # words
	status "runner local has no $words: 125" 125 run -r local $words -- /bin/true
	like "runner local has no $words: why" "$(cat err)" "^execvm run: runner local: it has no ${words%% [/8]*}\$"
done

wait $bad
like 'N2: an address without a prefix is named' "$(cat bad.log)" \
	"execvm: network: eth0: '10.0.2.15' is no IPv4 address with a prefix"
wait $absent
like 'N2: no interface: is said' "$(cat absent.log)" \
	'execvm: network: the machine has no network interface that its kernel knows'
kill $server4 $server6 2>/dev/null
wait $server4 $server6
done_testing
