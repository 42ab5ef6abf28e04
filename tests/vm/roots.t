#!/bin/sh
# SPDX-License-Identifier: MIT
# I10, I11, I12, I21, I25: root images of all kinds, what init adds to them, and what is on them
# afterwards.
# timeout: 300
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

# A merged /usr by absolute links, as after a conversion; no mount points at all.
tree() { # DIR
	mkdir -p "$1/usr/bin" "$1/etc" "$1/root"
	cp /bin/busybox "$1/usr/bin/busybox"
	for applet in sh cat ls grep head sleep touch rm dd readlink; do
		ln -s busybox "$1/usr/bin/$applet"
	done
	ln -s /usr/bin "$1/bin"
	ln -s usr/bin "$1/sbin"
	echo "a file of $1" >"$1/etc/kind"
	echo root:x:0:0::/root:/bin/sh >"$1/etc/passwd"
}

ext4() { # FILE DIR
	truncate -s 16M "$1"
	mkfs.ext4 -q -F -d "$2" "$1"
}

for kind in squashfs ext4 erofs iso9660; do
	tree $kind
done
mksquashfs squashfs squashfs.img -quiet -no-progress -all-root >/dev/null
ext4 ext4.img ext4
mkfs.erofs -T 0 erofs.img erofs >/dev/null 2>&1
genisoimage -quiet -R -o iso9660.img iso9660

cat >look <<'EOT'
say() {
	echo "$1: $2"
}
say kind "$(cat /etc/kind)"
while read -r source target type options; do
	case $target in
	/ | /proc | /sys | /dev | /dev/pts | /dev/shm | /run | /sys/fs/cgroup)
		say mount "$target $type ${options%%,*}" ;;
	esac
done </proc/mounts
say old "$(ls -d /init /.execvm 2>/dev/null)"
say chain "$(/bin/execvm --version 2>&1)"
say run-chain "$(/run/execvm/bin/execvm chain -- /bin/cat /etc/kind -- /bin/cat /etc/kind)"
say which "$(execvm --version)"
(echo new >/new) 2>/dev/null && say write root
(echo new >/usr/bin/new) 2>/dev/null && say write usr
(echo changed >/etc/kind) 2>/dev/null && say write kind
(echo new >/run/new) && say write run
(echo new >/dev/shm/new) && say write shm
say content "$(cat /etc/kind)"
EOT
mounts='/proc proc rw
/sys sysfs rw
/dev devtmpfs rw
/dev/pts devpts rw
/dev/shm tmpfs rw
/run tmpfs rw
/sys/fs/cgroup cgroup2 rw'
version=$("$EXECVM" --version)

said() { # NAME: what the script has said about it
	sed -n "s/^$1: //p" out
}

looks() { # NAME WORDS...
	name=$1
	shift
	status "$name" 0 run "$@" -- /bin/sh -c "$(cat look)"
	is "I12: $name: nothing of the initrd is left" "$(said old)" ''
	is "I12: $name: what was mounted still is" "$(said mount | grep -v '^/ ' | sort)" "$(echo "$mounts" | sort)"
	is "I25: $name: the chain is in /run" "$(said run-chain | head -n 1)" "$(said kind)"
	is "I25: $name: and in the PATH" "$(said which)" "$version"
}

# The image is as it was, whatever the command has written.
for kind in squashfs ext4 erofs iso9660; do
	sum=$(sha256sum <$kind.img)
	looks "I11: $kind, overlay" --root $kind.img
	is "I11: $kind, overlay: it is that image" "$(said kind)" "a file of $kind"
	is "I11: $kind, overlay: everything can be written" "$(said write | tr '\n' ' ')" 'root usr kind run shm '
	is "I11: $kind, overlay: and reads as written" "$(said content)" changed
	is "I11: $kind, overlay: the root" "$(said mount | grep '^/ ')" '/ overlay rw'
	is "I25: $kind, overlay: /bin/execvm, through an absolute link" "$(said chain)" "$version"
	is "I11: $kind, overlay: the image is as it was" "$(sha256sum <$kind.img)" "$sum"
done
for kind in squashfs ext4; do
	sum=$(sha256sum <$kind.img)
	looks "I11: $kind, ro" --root $kind.img --root-mode ro
	is "I11: $kind, ro: nothing of the root can be written" "$(said write | tr '\n' ' ')" 'run shm '
	is "I11: $kind, ro: the root" "$(said mount | grep '^/ ' | cut -d ' ' -f 3)" ro
	is "I25: $kind, ro: /bin/execvm" "$(said chain)" "$version"
	is "I11: $kind, ro: the image is as it was" "$(sha256sum <$kind.img)" "$sum"
done

# A file system that is clean, with nothing that is still to be done.
clean() { # NAME IMAGE
	e2fsck -fn "$2" >fsck 2>&1
	is "I21: $1: e2fsck finds nothing" "$? $(grep -c -i -e recover -e 'not clean' fsck)" '0 0'
	unlike "I21: $1: no journal is left" "$(dumpe2fs -h "$2" 2>/dev/null)" needs_recovery
}

on_image() { # IMAGE FILE
	debugfs -R "cat $2" "$1" 2>/dev/null
}

cp ext4.img rw.img
looks 'I11: ext4, rw' --root rw.img --root-mode rw
is 'I11: ext4, rw: everything can be written' "$(said write | tr '\n' ' ')" 'root usr kind run shm '
is 'I11: ext4, rw: the root' "$(said mount | grep '^/ ')" '/ ext4 rw'
like 'I25: ext4, rw: nothing is added' "$(said chain)" 'not found'
clean 'after exit 0' rw.img
is 'I21: after exit 0: what was written is there' "$(on_image rw.img /new) $(on_image rw.img /etc/kind)" 'new changed'

status 'I21: after exit 3' 3 run --root rw.img --root-mode rw -- \
	/bin/sh -c 'echo three >/three; rm /new; dd if=/dev/zero of=/much bs=64k count=64 2>/dev/null; exit 3'
clean 'after exit 3' rw.img
is 'I21: after exit 3: what was written is there' "$(on_image rw.img /three) $(on_image rw.img /new)" 'three '
is 'I21: after exit 3: all of it' "$(on_image rw.img /much | wc -c)" 4194304

status 'I21: after --timeout, KILL' 124 run --root rw.img --root-mode rw --timeout 1 -- \
	/bin/sh -c 'trap "" TERM; echo late >/late; while :; do sleep 100; done'
clean 'after --timeout, KILL' rw.img
is 'I21: after --timeout, KILL: what was written is there' "$(on_image rw.img /late)" late

"$EXECVM" run -n --root rw.img --root-mode rw -- \
	/bin/sh -c '(echo orphan >/orphan; while :; do sleep 100; done) & echo term >/term; echo ready; wait' >ready 2>err &
pid=$!
wait_for grep -q ready ready
kill -TERM $pid
code=0
wait $pid || code=$?
is 'I21: after TERM to the run: its status' $code 143
clean 'after TERM to the run' rw.img
is 'I21: after TERM to the run: what was written is there' "$(on_image rw.img /term) $(on_image rw.img /orphan)" 'term orphan'

# A disk that the command mounts, and one that the root is not.
status 'I21: a disk that the command has mounted, and left' 0 run --root squashfs.img --disk rw.img=/dev/vdd -- \
	/bin/sh -c 'busybox mkdir /mnt && busybox mount -t ext4 /dev/vdd /mnt && echo disk >/mnt/disk'
clean 'a disk of the command' rw.img
is 'I21: a disk of the command: what was written is there' "$(on_image rw.img /disk)" disk

# One image, eight machines.
sum=$(sha256sum <ext4.img)
for n in 1 2 3 4 5 6 7 8; do
	run --root ext4.img -- /bin/sh -c "echo $n >/etc/kind; cat /etc/kind; exit $n" >shared.$n 2>&1 &
	eval "pid$n=$!"
done
for n in 1 2 3 4 5 6 7 8; do
	eval "wait \$pid$n"
	echo "$? $(cat shared.$n)"
done >shared
is 'eight runs share an image' "$(tr '\n' ',' <shared)" '1 1,2 2,3 3,4 4,5 5,6 6,7 7,8 8,'
is 'and it is as it was' "$(sha256sum <ext4.img)" "$sum"

# An image that may not be written, by somebody who is not root.
as_nobody() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid 65534 --regid 65534 --clear-groups env HOME=/nonexistent XDG_CACHE_HOME="$PWD/cache" \
			EXECVM_KERNEL="$PWD/vmlinux" "$@"
	else
		"$@"
	fi
}
mkdir cache
cp "$raw_kernel" vmlinux
[ ! -e "$raw_kernel.config" ] || cp "$raw_kernel.config" vmlinux.config
chmod 444 vmlinux* squashfs.img ext4.img
chmod 777 cache
cp "$EXECVM" execvm
if as_nobody test -x "$PWD/execvm"; then
	sum=$(sha256sum <ext4.img)
	status 'an image that may only be read: overlay' 0 as_nobody ./execvm run --root squashfs.img -- /bin/cat /etc/kind
	is 'it is read' "$(cat out)" 'a file of squashfs'
	status 'an image that may only be read: rw is 125' 125 as_nobody ./execvm run --root ext4.img --root-mode rw -- /bin/true
	like 'it is named, with the reason' "$(cat err)" "^execvm run: .*ext4[.]img'?: Permission denied"
	is 'it is as it was' "$(sha256sum <ext4.img)" "$sum"
else
	skip 'an image that may only be read' 'the build directory is not for everybody'
fi
chmod 644 squashfs.img ext4.img

# Its own /bin/execvm stays; what is in the way of the mounts is named.
mkdir -p own/bin own/proc
cp /bin/busybox own/bin/busybox
printf '#!/bin/busybox sh\necho its own\n' >own/bin/execvm
chmod 755 own/bin/execvm
mksquashfs own own.img -quiet -no-progress -all-root >/dev/null
status 'I25: a root with an execvm of its own' 0 run --root own.img -- /bin/execvm
is 'I25: keeps it' "$(cat out)" 'its own'
rmdir own/proc
echo file >own/proc
mksquashfs own bad.img -quiet -no-progress -all-root >/dev/null
status 'a root with a file /proc: 125' 125 run --root bad.img -- /bin/busybox true
like 'is named' "$(cat err)" '^execvm run: .*/proc of the root is no directory'
rm own/proc
ln -s /bin own/proc
mksquashfs own bad2.img -quiet -no-progress -all-root >/dev/null
status 'a root with a link /proc: 125' 125 run --root bad2.img -- /bin/busybox true
like 'is named, too' "$(cat err)" '^execvm run: .*/proc of the root is no directory'

# No file system, or none that can be written.
head -c 1048576 /dev/urandom >random.img
status 'I11: an image without a file system: 125' 125 run --root random.img -- /bin/true
like 'I11: its device and what the kernel has' "$(cat err)" \
	'^execvm run: .*/dev/vda: no file system that the kernel knows; it has .*ext4.*squashfs'
# These have all mount points, so that nothing else can be in the way.
mkdir -p whole/bin whole/proc whole/sys whole/dev whole/run whole/tmp
cp /bin/busybox whole/bin/busybox
mksquashfs whole whole.squashfs -quiet -no-progress -all-root >/dev/null
mkfs.erofs -T 0 whole.erofs whole >/dev/null 2>&1
genisoimage -quiet -R -o whole.iso9660 whole
for kind in squashfs erofs iso9660; do
	status "I11: $kind takes no writes: rw is 125" 125 run --root whole.$kind --root-mode rw -- /bin/busybox true
	like "I11: $kind takes no writes: why" "$(cat err)" "^execvm run: .*/dev/vda.*$kind: it takes no writes"
done
head -c 40000 squashfs.img >short.img
status 'X6: an image that is cut: 125, or the command cannot be read' 125 run --root short.img -- /bin/cat /etc/kind
like 'X6: an image that is cut: why' "$(cat err)" '^execvm run: .*/dev/vda'

# The memory of the initrd comes back: there is more free than if it had not.
head -c 67108864 /dev/zero >filler
"$EXECVM" initrd build --no-check --add filler=/filler -o large.cpio
rm filler
status 'I12: an initrd of 64 MiB' 0 run --initrd large.cpio --root squashfs.img -- \
	/bin/sh -c 'grep -e MemFree -e MemTotal /proc/meminfo'
ok 'I12: its memory is free again' awk '/MemTotal/ { total = $2 } /MemFree/ { free = $2 }
	END { exit !(free > total - 50000) }' out
diag "$(tr '\n' ' ' <out)"
rm large.cpio

# When the device comes.
"$EXECVM" initrd build --no-check --add "$EXECVM_GUEST=/init" -o init.cpio
status 'I10: a root that never comes' 0 raw_boot log 60 "$raw_microvm" init.cpio \
	"$(payload '{"root": "nosuch", "args": ["/bin/cat"]}')" \
	-drive if=none,id=d,file=random.img,format=raw,readonly=on -device virtio-blk-device,drive=d,serial=other
like 'I10: is named, with what there is' "$(cat log)" \
	"execvm: root: no block device 'nosuch'; there is vda \\(serial 'other'\\)"
seconds=$(sed -n 's/^\[ *\([0-9]*\)[.].*no block device.*/\1/p' log)
ok 'I10: not before its time' test "${seconds:-0}" -ge 10
mkfifo monitor
raw_boot log 60 "$raw_microvm" init.cpio "loglevel=7 $(payload '{"root": "/dev/sda", "fstype": "squashfs",
	"args": ["/bin/sh", "-c", "cat /etc/kind; exit 6"]}')" -device virtio-scsi-device,id=scsi0 \
	-drive if=none,id=d,file=squashfs.img,format=raw,readonly=on -monitor stdio <monitor >monitor.log 2>&1 &
pid=$!
exec 9>monitor
for try in 1 2 3 4 5 6; do
	wait_for grep -q 'Run /init' log && break
done
sleep 0.5 # the device comes later than init has begun to wait for it: that is what is tested
trap '' PIPE # a machine that has not waited is gone
echo 'device_add scsi-hd,drive=d,bus=scsi0.0' >&9
code=0
wait $pid || code=$?
exec 9>&-
is 'I10, I11: a root that comes late, by its node' "$code $(grep -a -c 'execvm: exit 6' log)" '0 1'
like 'I10: it is that one' "$(cat log)" '^a file of squashfs'
done_testing
