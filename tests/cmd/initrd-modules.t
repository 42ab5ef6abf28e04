#!/bin/sh
# SPDX-License-Identifier: MIT
# I28, R3: kernel modules with what they need, uncompressed, in load order.
# timeout: 60
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

PATH=$PATH:/usr/sbin:/sbin
command -v depmod >/dev/null || skip_all 'no depmod'

# module NAME EXPORTS NEEDS [INFO...]: a relocatable file that depmod and libkmod take for a module.
module() {
	name=$1 exports=$2 needs=$3
	shift 3
	{
		echo '.section .modinfo,"a"'
		echo ".string \"name=$name\""
		for i; do echo ".string \"$i\""; done
		echo '.section __ksymtab_strings,"a"'
		for i in $exports; do echo ".string \"$i\""; done
		echo '.text'
		for i in $needs; do echo ".quad $i"; done
	} | gcc -c -x assembler -o "$dir/kernel/$name.ko" -
}

kver=1.2.3-test
dir=root/lib/modules/$kver
mkdir -p "$dir/kernel"
module ring 'ring_sym' ''
module bus 'bus_sym' 'ring_sym'
module disk '' 'bus_sym ring_sym' alias=virtio:d2v
module other '' ''
module sum_generic '' '' alias=sum
module sum_fast '' 'other_missing' alias=sum
module only_one '' '' alias=one
module fs '' '' 'softdep=pre: sum one not-there post: other'
printf 'kernel/builtin.ko\n' >"$dir/modules.builtin"
printf 'kernel/ring.ko\nkernel/bus.ko\n' >"$dir/modules.order"
depmod -b root "$kver" 2>/dev/null

build() {
	"$EXECVM" initrd build --no-check "$@"
}
load() { # the load order that the initrd names
	build -o load.cpio --modules "$@" && cpio -i --to-stdout lib/execvm/modules.load <load.cpio 2>/dev/null
}

is 'I28 a module: what it needs comes first' "$(load "$dir:disk" | sed 's,.*/,,' | paste -sd' ')" 'ring.ko bus.ko disk.ko'
is 'I28 the list has guest paths' "$(load "$dir:ring")" "/lib/modules/$kver/kernel/ring.ko"
is 'I28 what is listed is there' "$(cpio -it <load.cpio 2>/dev/null | grep ko)" "lib/modules/$kver/kernel/ring.ko"
cpio -i --to-stdout "lib/modules/$kver/kernel/ring.ko" <load.cpio 2>/dev/null >got.ko
same 'I28 it is the file' got.ko "$dir/kernel/ring.ko"
is 'I28 several, each once, in the order in which they were asked for' \
	"$(load "$dir:bus,other,disk" | sed 's,.*/,,' | paste -sd' ')" 'ring.ko bus.ko other.ko disk.ko'
is 'I28 --modules twice' "$(load "$dir:other" --modules "$dir:disk,other" | sed 's,.*/,,' | paste -sd' ')" 'other.ko ring.ko bus.ko disk.ko'
is 'I28 - and _ are the same' "$(load "$dir:only-one" | sed 's,.*/,,')" only_one.ko
is 'I28 an alias' "$(load "$dir:virtio:d2v" 2>&1 | tail -1 | sed 's,.*/,,')" disk.ko
status 'I28 what is built in is fine' 0 "$EXECVM" initrd build --no-check --modules "$dir:builtin" -o builtin.cpio
is 'I28 nothing to load, no list' "$(cpio -it <builtin.cpio 2>/dev/null | grep -c lib)" 0
status 'I28 a module that is not there' 125 "$EXECVM" initrd build --no-check --modules "$dir:ring,absent" -o never
like 'I28 X6 it is named' "$(cat err)" "module absent: not in .*/$kver"
is 'I28 soft dependencies: those that are there, of an alias the one for every CPU' \
	"$(load "$dir:fs" | sed 's,.*/,,' | paste -sd' ')" 'sum_generic.ko only_one.ko fs.ko'

build --modules "$dir:disk" -o plain.cpio
for z in xz 'zstd -q'; do
	# shellcheck disable=SC2086
	ok "compress with $z" ${z%% *} -q --keep "$dir"/kernel/*.ko
	rm "$dir"/kernel/*.ko
	depmod -b root "$kver" 2>/dev/null
	rm -f packed.cpio
	build --modules "$dir:disk" -o packed.cpio
	same "I28 modules by ${z%% *}: uncompressed, the same bytes" packed.cpio plain.cpio
	case $z in
	xz) unxz "$dir"/kernel/*.ko.xz ;;
	zstd*) unzstd -q --rm "$dir"/kernel/*.ko.zst ;;
	esac
done
depmod -b root "$kver" 2>/dev/null

mkdir -p merged/usr/lib && ln -s usr/lib merged/lib
is 'R9 below a /lib that is a symlink' \
	"$(build --modules "$dir:ring" --tree merged --list | awk '/ring/ { print $8 }')" "usr/lib/modules/$kver/kernel/ring.ko"
cp -r "$dir" "root/lib/modules/other-version"
status 'I28 modules of two kernels' 125 "$EXECVM" initrd build --no-check --modules "$dir:ring" \
	--modules root/lib/modules/other-version:ring -o never
like 'I28 X6 both are named' "$(cat err)" "two kernels, $kver and other-version"
for word in '' : a: :b "$dir:" "$dir:a,,b" '..:a' '/:a' 'not-a-version:ring' ./absent:ring; do
	status "X6 --modules '$word' is refused" 125 "$EXECVM" initrd build --no-check --modules "$word" -o never
	is "X6 --modules '$word': one line" "$(wc -l <err)" 1
done

printf '# CONFIG_RD_ZSTD is not set\nCONFIG_RD_GZIP=y\nCONFIG_BLK_DEV_INITRD=y\n' >"$dir/config"
status 'R12 the kernel cannot unpack it' 125 "$EXECVM" initrd build --add "$EXECVM_GUEST=/init" --modules "$dir:ring" --compress zstd -o never
like 'R12 X6 the symbol and the file are named' "$(cat err)" "kernel $kver cannot unpack it: no CONFIG_RD_ZSTD=y in .*/config"
status 'R12 the kernel can unpack it' 0 "$EXECVM" initrd build --add "$EXECVM_GUEST=/init" --modules "$dir:ring" --compress gzip -o gz.cpio

for d in /lib/modules/*-cloud-amd64; do
	[ -e "$d/modules.dep.bin" ] || { skip 'modules of the distribution' 'no linux-image-cloud-amd64'; break; }
	v=${d##*/}
	load "$v:virtio_blk,virtio_mmio,ext4,overlay,squashfs" >order
	modprobe -S "$v" -a --show-depends virtio_blk virtio_mmio ext4 overlay squashfs 2>/dev/null | awk '/^insmod/ { print $2 }' | sort -u >needed
	is "I28 $v: all that modprobe would load" "$(sort -u order | comm -13 - needed)" ''
	is "I28 $v: each once" "$(sort order | uniq -d)" ''
	is "I28 $v: each behind what modinfo says that it needs" "$(
		while read -r ko; do
			for need in $(modinfo -F depends "$ko" | tr ',-' ' _'); do
				grep -q "/$need.ko" loaded || echo "$ko: $need"
			done
			echo "$ko" | tr - _ >>loaded
		done <order
	)" ''
	if grep -q '/ext4\.ko$' order && [ -e "$d/kernel/crypto/crc32c_generic.ko" ]; then
		like "I28 $v: ext4 finds its checksum" "$(cat order)" '/crc32c_generic\.ko$'
	fi
	break
done
done_testing
