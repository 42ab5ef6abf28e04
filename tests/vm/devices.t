#!/bin/sh
# SPDX-License-Identifier: MIT
# Disks under the names that were asked for, whatever the kernel calls them. I11 (by serial), X6.
# timeout: 180
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"
# shellcheck source=tests/vm/raw.sh
. "$SRCDIR/tests/vm/raw.sh"

"$EXECVM" run --dry-run -- /bin/true >/dev/null 2>&1

run() {
	"$EXECVM" run "$@" </dev/null
}

disk() { # FILE TEXT: 64 KiB that begin with a line
	printf '%s\n' "$2" >"$1"
	truncate -s 65536 "$1"
}

le32() {
	for shift in 1 256 65536 16777216; do
		printf "\\$(printf %03o $(($1 / shift % 256)))"
	done
}

partition() { # FIRST COUNT
	printf '\0\0\0\0\203\0\0\0'
	le32 "$1"
	le32 "$2"
}

# Two partitions, the old way.
parts() { # FILE
	{
		head -c 446 /dev/zero
		partition 8 8
		partition 16 8
		head -c 32 /dev/zero
		printf '\125\252'
	} >"$1"
	truncate -s 4096 "$1"
	printf 'part 1\n' >>"$1"
	truncate -s 8192 "$1"
	printf 'part 2\n' >>"$1"
	truncate -s 65536 "$1"
}

for n in a b c d; do
	disk $n.img "disk $n"
done
disk 'e,ro f= : g.img' 'disk e'
parts p.img
cp p.img q.img

# "NAME: FIRST LINE" for each.
cat >show <<'EOT'
show() {
	for node; do
		echo "$node: $(head -n 1 "$node" 2>&1 | tr -d '\0')"
	done
}
EOT

# The kernel's order is a, b, c, ...; a to c change places in a ring.
cat >ring <<'EOT'
show /dev/vda /dev/vdb /dev/vdc /dev/data /dev/vdd1 /dev/vdd2 /dev/disk9p1 /dev/disk9p2
for dev in /dev/vd* /dev/data /dev/disk9*; do
	echo "node ${dev#/dev/} $(stat -c '%F %a' $dev)"
done
echo written by the guest | dd of=/dev/vda conv=notrunc 2>/dev/null && echo 'rw: written'
echo written by the guest | dd of=/dev/vdb conv=notrunc 2>/dev/null || echo 'ro: not written'
blockdev --setrw /dev/vdb
echo written by the guest | dd of=/dev/vdb conv=notrunc 2>/dev/null || echo 'ro: not written with force'
echo "ro: $(blockdev --getro /dev/vda) $(blockdev --getro /dev/vdb)"
EOT
cp b.img b.before
status 'a ring of names, partitions, an odd file name' 0 run --disk a.img=/dev/vdc --disk b.img=/dev/vda \
	--disk c.img=/dev/vdb,ro --disk p.img=/dev/vdd --device 'e,ro f= : g.img=/dev/data' \
	--disk q.img=/dev/disk9,ro -- /bin/sh -c "$(cat show ring)"
is 'names that were asked for win' "$(grep -e '^/dev' out)" "/dev/vda: disk b
/dev/vdb: disk c
/dev/vdc: disk a
/dev/data: disk e
/dev/vdd1: part 1
/dev/vdd2: part 2
/dev/disk9p1: part 1
/dev/disk9p2: part 2"
is 'there are these nodes and no other' "$(sed -n 's/^node //p' out | sort)" "data block special file 600
disk9 block special file 600
disk9p1 block special file 600
disk9p2 block special file 600
vda block special file 600
vdb block special file 600
vdc block special file 600
vdd block special file 600
vdd1 block special file 600
vdd2 block special file 600"
is 'a disk can be written, one with ,ro cannot' "$(grep -e '^r[wo]: ' out)" "rw: written
ro: not written
ro: not written with force
ro: 0 1"
is 'I21: what was written is in the file' "$(head -n 1 b.img)" 'written by the guest'
is 'the other one is as it was' "$(head -n 1 c.img | tr -d '\0')" 'disk c'

# A root is there as well, and was vda.
root=$("$SRCDIR/demo/make-root" busybox)
cat >with-root <<'EOT'
show /dev/vda /dev/vdb
want=$(cat /sys/block/vda/dev)
for dev in /dev/vd?; do
	[ "$(($(stat -c '0x%t' $dev))):$(($(stat -c '0x%T' $dev)))" != "$want" ] || echo "root $dev"
done
EOT
status 'I11: the root is where a disk is to be' 0 run --root "$root" --disk a.img=/dev/vda --disk d.img=/dev/vdb,ro -- \
	/bin/sh -c "$(cat show with-root)"
is 'the disks have the names' "$(grep '^/dev' out)" "/dev/vda: disk a
/dev/vdb: disk d"
is 'the root has another' "$(grep '^root' out)" 'root /dev/vdc'

# More than there are slots on the small machine.
set --
for n in i h g f e d c b; do
	disk $n.x "disk $n"
	set -- "$@" --disk "$n.x=/dev/vd$n,ro"
done
status 'nine disks with a root' 0 run --root "$root" "$@" -- \
	/bin/sh -c "$(cat show); show /dev/vdb /dev/vdc /dev/vdd /dev/vde /dev/vdf /dev/vdg /dev/vdh /dev/vdi"
is 'nine disks: each has its name' "$(cat out)" "/dev/vdb: disk b
/dev/vdc: disk c
/dev/vdd: disk d
/dev/vde: disk e
/dev/vdf: disk f
/dev/vdg: disk g
/dev/vdh: disk h
/dev/vdi: disk i"

# What a machine is told by others: a name in a directory, and a disk that is not there.
"$EXECVM" initrd build --no-check --add "$EXECVM_GUEST=/init" --add /bin/busybox=/bin/busybox -o guest.cpio
status 'a name in a directory' 0 raw_boot log 60 "$raw_microvm" guest.cpio \
	"$(payload '{"devices": {"one": "/dev/disk/by-name/p", "two": "/dev/other"},
		"args": ["/bin/busybox", "head", "-n", "1", "/dev/disk/by-name/p1", "/dev/other"]}')" \
	-drive if=none,id=one,file=p.img,format=raw -device virtio-blk-device,drive=one,serial=one \
	-drive if=none,id=two,file=a.img,format=raw -device virtio-blk-device,drive=two,serial=two
like 'a name in a directory: with its partitions' "$(cat log)" '^part 1'
like 'a name in a directory: and another' "$(cat log)" '^disk a'
status 'I10, I11: a disk that does not come' 0 raw_boot log 60 "$raw_microvm" guest.cpio \
	"$(payload '{"devices": {"three": "/dev/vdz"}, "args": ["/bin/busybox", "true"]}')" \
	-drive if=none,id=one,file=p.img,format=raw -device virtio-blk-device,drive=one,serial=one \
	-drive if=none,id=two,file=a.img,format=raw -device virtio-blk-device,drive=two
like 'I10, I11: it is named, with those that are there' "$(cat log)" \
	"execvm: devices: no block device 'three'; there is (vda \\(serial 'one'\\), vdb|vdb, vda \\(serial 'one'\\))"

# Names that cannot be given.
taken() { # NODE PATTERN
	status "X6: $1 cannot be a disk: 125" 125 run --disk p.img=/dev/vdb --disk "a.img=$1" -- /bin/true
	like "X6: $1 cannot be a disk: why" "$(cat err)" "^execvm run: .*'?$1'? $2"
	is "X6: $1 cannot be a disk: in one line" "$(cat out err | wc -l)" 1
}
taken /dev/null 'is asked for, but is no block device'
taken /dev/pts 'is asked for, but is no block device'
taken /dev/vdb1 'is asked for, but is no whole disk'
taken /dev/sub/dir 'is not /dev/NAME'
taken /dev/.hidden 'is not /dev/NAME'
taken /dev/ 'is not /dev/NAME'
taken /etc/vda 'is not /dev/NAME'

# Files that are no disks: nothing is started.
refused() { # NAME PATTERN WORDS...
	name=$1 want=$2
	shift 2
	status "X6: $name: 125" 125 run "$@" -- /bin/true
	like "X6: $name: why" "$(cat err)" "^execvm run: $want"
}
refused 'a file that is not there' '.*no-such[.]img: No such file' --disk no-such.img=/dev/vda
refused 'a directory' '.*[.]/sub.*' --disk ./sub=/dev/vda
refused 'a name twice' '.*/dev/vda already' --disk a.img=/dev/vda --disk b.img=/dev/vda
refused 'a file twice' '.*given twice' --disk a.img=/dev/vda --disk a.img=/dev/vdb
refused 'no name' '.*is not FILE=/dev/NAME' --disk a.img
refused 'another word than ro' '.*is not FILE=/dev/NAME' --disk a.img=/dev/vda,rw
done_testing
