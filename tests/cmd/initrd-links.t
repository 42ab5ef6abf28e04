#!/bin/sh
# SPDX-License-Identifier: MIT
# R4, R5: hard links, from trees and from archives of every kind.
# timeout: 60
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

list() {
	"$EXECVM" initrd build --list "$@" | grep -v ' dev'
}

# Names that share an inode, each group on a line: "2 a b" (link count, names).
groups() {
	awk '$1 !~ /^d/ { n[$2] = $3; v[$2] = v[$2] " " $8 } END { for (i in n) if (n[i] > 1) print n[i] v[i] }' | sort
}

# Unpacked with GNU cpio: which names are one file, and what is in them.
unpacked() { # FILE NAMES...
	rm -rf unpacked && mkdir unpacked
	f=$1
	shift
	(cd unpacked && cpio -idm --no-preserve-owner -f 'dev/*' <"../$f" 2>/dev/null
		for n; do
			printf '%s=%s ' "$(stat -c %h "$n")" "$(cat "$n")"
		done)
}

mkdir -p tree/z
printf one >tree/a
ln tree/a tree/b
ln tree/a tree/z/c
printf two >tree/d
ln tree/d tree/e
printf three >tree/f
ln tree/f outside
: >tree/g
ln tree/g tree/h
ln -s a tree/link
ln -P tree/link tree/other-link
is 'R4 tree: nlink is the number of names in the archive' "$(list --tree tree | groups | paste -sd';')" '2 d e;2 g h;3 a b z/c'
"$EXECVM" initrd build --no-check --tree tree -o tree.cpio
is 'R4 tree: data once' "$(cpio -itv <tree.cpio 2>/dev/null | awk '$9 ~ /^(a|b|z\/c)$/ { print $5 }' | sort -n | paste -sd' ')" '0 0 3'
is 'R4 tree: GNU cpio links them' "$(unpacked tree.cpio a b z/c d e f g)" '3=one 3=one 3=one 2=two 2=two 1=three 2= '
is 'R4 hard-linked symlinks are symlinks, each its own' \
	"$(list --tree tree | awk '/link/ { print $1, $3, $8, $10 }' | paste -sd';')" \
	'l0777 1 link a;l0777 1 other-link a'
rm -rf unpacked && mkdir unpacked
bsdtar -xf tree.cpio -C unpacked --exclude 'dev/*'
is 'R4 tree: bsdtar links them' "$(stat -c %h unpacked/a)$(cat unpacked/z/c)" 3one

# Every format of every writer gives the same archive. What is hard-linked are the sorted names.
find tree -mindepth 1 -printf '%P\n' | LC_ALL=C sort >names
for kind in gnu pax ustar v7; do
	tar -C tree -cf $kind.tar --format=$kind --owner=0 --group=0 --numeric-owner --no-recursion -T names
	"$EXECVM" initrd build --no-check --archive $kind.tar -o $kind.cpio
	same "R4 R5 tar $kind: as the tree" $kind.cpio tree.cpio
	LC_ALL=C sort -r names | tar -C tree -cf $kind.tar --format=$kind --owner=0 --group=0 --numeric-owner --no-recursion -T -
	"$EXECVM" initrd build --no-check --archive $kind.tar -o $kind.cpio
	same "R4 R5 tar $kind, other order: as the tree" $kind.cpio tree.cpio
done
for kind in newc crc odc bin; do
	(cd tree && cpio -o -H $kind -R 0:0 <../names >../$kind.in 2>/dev/null)
	"$EXECVM" initrd build --no-check --archive $kind.in -o $kind.cpio
	same "R4 R5 GNU cpio $kind: as the tree" $kind.cpio tree.cpio
done
for kind in newc odc pax ustar; do
	bsdtar -C tree -cf bsd.in --format=$kind --uid 0 --gid 0 -T names -n
	"$EXECVM" initrd build --no-check --archive bsd.in -o bsd.cpio
	same "R4 R5 bsdtar $kind: as the tree" bsd.cpio tree.cpio
done

# libarchive issue 1469: bsdtar turns hard links of a tar into files without contents.
bsdtar --format=newc -cf issue.cpio @gnu.tar
"$EXECVM" initrd build --no-check --archive gnu.tar -o ours.cpio
same 'R5 issue 1469: tar to newc keeps hard links' ours.cpio tree.cpio
is 'R5 issue 1469: contents are there' "$(unpacked ours.cpio a b z/c)" '3=one 3=one 3=one '
diag "bsdtar itself: $(unpacked issue.cpio a b z/c 2>&1)"

# Inode numbers of the source are not those of the archive: here 2^32 apart, with true link counts.
mkdir far && printf 1 >far/x && printf 2 >far/y
for f in x y; do
	n=$([ $f = x ] && echo 7 || echo 4294967303)
	tar -C far -cf far-$f.tar --format=pax --pax-option="SCHILY.ino:=$n,SCHILY.dev:=5,SCHILY.nlink:=2" $f
done
tar -cf far.tar --format=pax -C far --pax-option='SCHILY.ino:=4294967303,SCHILY.dev:=5,SCHILY.nlink:=2' x y
is 'R4 source inodes that differ by 2^32 do not meet' \
	"$("$EXECVM" initrd build --no-check --archive far-x.tar --archive far-y.tar | cpio -i --to-stdout x y 2>/dev/null)" 12
is 'R4 equal inode numbers of a tar mean nothing' "$(list --archive far.tar | awk '{ print $2, $3 }' | paste -sd';')" '4 1;5 1'
for f in x y; do
	(cd far && echo $f | cpio -o -H newc 2>/dev/null | perl -pe 'BEGIN { undef $/ } substr($_, 6, 8) = "00000007"; substr($_, 38, 8) = "00000002"') >far-$f.cpio
done
is 'R4 the same number in two archives means nothing' \
	"$("$EXECVM" initrd build --no-check --archive far-x.cpio --archive far-y.cpio | cpio -i --to-stdout x y 2>/dev/null)" 12
# Directories of some writers share a number with a link count of 2: they are no links.
mkdir -p dirs/p dirs/q
(cd dirs && printf 'p\nq\n' | cpio -o -H newc 2>/dev/null | perl -0777 -pe 's/070701.{8}(.{24})(.{8})/07070100000007${1}00000002/g') >dirs.cpio
is 'R4 directories are no hard links' "$(list --archive dirs.cpio | awk '{ print $1, $3, $8 }' | paste -sd';')" 'd0755 1 p;d0755 1 q'

# Links before their target, links to links, links across archives.
printf data >target
ln target l1
ln target l2
forward() { # perl: tar members in an order that tar does not write
	perl -e '
		sub member { my ($name, $type, $link, $data) = @_;
			my $h = pack "a100 a8 a8 a8 a12 a12 A8 a1 a100 a6 a2 a32 a32 a8 a8 a155 x12", $name,
				"0000644", "0000000", "0000000", sprintf("%011o", length $data), "00000000000", "",
				$type, $link, "ustar", "00", "", "", "0000000", "0000000", "";
			substr($h, 148, 8) = sprintf "%06o\0 ", unpack "%16C*", $h;
			$data .= "\0" x (-length($data) % 512);
			print $h, $data }
		while (@ARGV) { member(splice @ARGV, 0, 4) }
		print "\0" x 1024' "$@"
}
forward l1 1 target '' l2 1 l1 '' l0 1 l2 '' target 0 '' data >forward.tar
is 'R5 links to what comes later' "$(list --archive forward.tar | groups)" '4 l0 l1 l2 target'
forward l1 1 missing '' >missing.tar
status 'R5 a link to nothing is refused' 125 "$EXECVM" initrd build --no-check --archive missing.tar -o never
like 'R5 X6 a link to nothing: what and where' "$(cat err)" 'missing.tar: /l1: a hard link to /missing, which is not there'
forward d 5 '' '' l 1 d '' >dir.tar
status 'R5 a link to a directory is refused' 125 "$EXECVM" initrd build --no-check --archive dir.tar -o never
forward target 0 '' data s 2 target '' l 1 s '' >symlink.tar
is 'R5 a link to a symlink' "$(list --archive symlink.tar | awk '$8 == "l" || $8 == "s" { print $1, $3, $8, $10 }' | paste -sd';')" \
	'l0777 1 l target;l0777 1 s target'
forward target 0 '' data self 1 self '' >self.tar
status 'R5 a link to itself alone is refused' 125 "$EXECVM" initrd build --no-check --archive self.tar -o never
forward target 0 '' data target 1 target '' >self.tar
is 'R5 a link to itself that is there changes nothing' "$(list --archive self.tar | awk '{ print $3, $7, $8 }')" '1 4 target'
forward a 0 '' data >first.tar
forward b 1 a '' >second.tar
is 'R4 R8 links across archives' "$(list --archive first.tar --archive second.tar | groups)" '2 a b'
forward b 1 a '' a 0 '' new >third.tar
is 'R8 a link to what is there, which is replaced then: as unpacked one behind the other' \
	"$("$EXECVM" initrd build --no-check --archive first.tar --archive third.tar | cpio -i --to-stdout a b 2>/dev/null)" newdata
printf new >new
is 'R4 R8 a replaced name is taken off the count' \
	"$(list --tree tree --add new=/b | groups | paste -sd';')" '2 a z/c;2 d e;2 g h'
done_testing
