#!/bin/sh
# SPDX-License-Identifier: MIT
# I21: what a command has left in memory is written back. To a disk that hangs, the run is lost in
# bounded time and says why; to one that is slow, it takes as long as it takes, and all is there.
# timeout: 150
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

# The root is written to with so many bytes a second, once the bucket is empty.
cat >qemu <<'END'
#!/bin/sh
for word; do
	shift
	case $word in
	if=none,id=root,*) word=$word,throttling.bps-write=$RATE,throttling.bps-write-max=$BUCKET ;;
	esac
	set -- "$@" "$word"
done
exec qemu-system-x86_64 "$@"
END
chmod +x qemu
mkdir -p tree/bin
cp /bin/busybox tree/bin/busybox

# RATE BUCKET: the command ends without having waited for the disk.
leave() {
	truncate -s 64M root.img
	/sbin/mkfs.ext4 -q -F -d tree root.img
	EXECVM_QEMU="$PWD/qemu" RATE=$1 BUCKET=$2 "$EXECVM" run --root root.img --root-mode rw -- /bin/busybox sh -c \
		'busybox dd if=/dev/urandom of=/left bs=1M count=12 2>/dev/null; busybox sha256sum </left'
}

status 'I21: a disk that hangs: 125' 125 leave 1000 1000000
like 'I21: a disk that hangs: the command has ended well' "$(cat out)" '^[0-9a-f]{64}  -$'
is 'I21: a disk that hangs: why' "$(tail -n 1 err)" \
	'execvm run: guest: write back: not everything could be written back'

status 'I21: a slow disk: 0' 0 leave 600000 1000000
is 'I21: a slow disk: nothing is said' "$(cat err)" ''
ok 'I21: a slow disk: clean' /sbin/e2fsck -fn root.img
/sbin/debugfs -R 'cat /left' root.img 2>/dev/null >left
is 'I21: a slow disk: all of it is there' "$(sha256sum <left)" "$(cat out)"
done_testing
