#!/bin/sh
# SPDX-License-Identifier: MIT
# R1, R2, R6: what comes out, read with other programs and byte by byte.
# timeout: 60
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

# Field N (0 = inode … 12) of the newc header of a name, as a number.
field() { # FILE NAME N
	perl -e '
		my ($file, $want, $n) = @ARGV;
		local $/;
		open my $f, "<", $file or die;
		my $d = <$f>;
		my $at = 0;
		while (1) {
			die "magic" unless substr($d, $at, 6) eq "070701";
			my @v = map { hex substr($d, $at + 6 + 8 * $_, 8) } 0 .. 12;
			my $name = substr($d, $at + 110, $v[11] - 1);
			if ($name eq $want) { print $v[$n], "\n"; exit 0 }
			last if $name eq "TRAILER!!!";
			$at += (110 + $v[11] + 3) & ~3;
			$at += ($v[6] + 3) & ~3;
		}
		exit 1' "$@"
}

mkdir -p tree/bin tree/empty 'tree/a b' tree/a-b
printf '#!/bin/sh\nexit\n' >tree/init
printf 12345 >'tree/a b/odd'
printf 1234 >tree/a-b/even
: >tree/empty/zero
cp "$EXECVM_GUEST" tree/bin/sh
chmod 755 tree/init tree/bin/sh
ln -s ../init tree/bin/link
mkfifo tree/fifo
umask 077

status 'R1 build' 0 "$EXECVM" initrd build --tree tree -o out.cpio
ok 'R1 nothing is said' test ! -s err
is 'R1 padded to 512' $(($(wc -c <out.cpio) % 512)) 0
is 'R1 magic' "$(head -c 6 out.cpio)" 070701
ok 'R1 TRAILER' grep -qaF 'TRAILER!!!' out.cpio
is 'R1 TRAILER: nlink' "$(field out.cpio 'TRAILER!!!' 4)" 1
is 'R1 TRAILER: size' "$(field out.cpio 'TRAILER!!!' 6)" 0
is 'R1 mode' "$(printf %o "$(field out.cpio init 1)")" 100755
is 'R1 size' "$(field out.cpio 'a b/odd' 6)" 5
is 'R1 name size has the NUL' "$(field out.cpio init 11)" 5
is 'R1 nlink of a directory' "$(field out.cpio bin 4)" 1
is 'R1 R3 device 0:0' "$(field out.cpio init 7):$(field out.cpio init 8)" 0:0
is 'R1 checksum field is 0' "$(field out.cpio init 12)" 0
is 'R6 console' "$(field out.cpio dev/console 9):$(field out.cpio dev/console 10)" 5:1
is 'R6 null' "$(field out.cpio dev/null 9):$(field out.cpio dev/null 10)" 1:3
is 'R6 console: mode' "$(printf %o "$(field out.cpio dev/console 1)")" 20600

cpio -it <out.cpio >names 2>/dev/null
is 'R1 GNU cpio reads it: names, sorted' "$(paste -sd: names)" \
	"$(printf 'a b\na b/odd\na-b\na-b/even\nbin\nbin/link\nbin/sh\ndev\ndev/console\ndev/null\nempty\nempty/zero\nfifo\ninit' | LC_ALL=C sort | paste -sd:)"
bsdtar -tf out.cpio >names.bsdtar
same 'R1 bsdtar reads the same' names.bsdtar names
mkdir unpacked
(cd unpacked && cpio -idm --no-preserve-owner <../out.cpio 2>/dev/null)
rm -f unpacked/dev/console unpacked/dev/null
rmdir unpacked/dev
ok 'R1 GNU cpio unpacks what went in' diff -r --no-dereference -x fifo tree unpacked
ok 'R1 GNU cpio: fifo' test -p unpacked/fifo

# The same entries by GNU cpio: the bytes of every file are the same, the layout may differ.
is 'R1 as many blocks as GNU cpio makes' \
	"$(cd unpacked && find . -mindepth 1 -printf '%P\n' | LC_ALL=C sort | cpio -o -H newc 2>/dev/null | cpio -it 2>/dev/null | wc -l)" \
	"$(($(wc -l <names) - 3))"

# R2
status 'R2 build of one deep file' 0 "$EXECVM" initrd build --no-check --add tree/init=/x/y/z/file -o deep.cpio
is 'R2 parents are made, before what is in them' "$(cpio -it <deep.cpio 2>/dev/null | paste -sd:)" \
	dev:dev/console:dev/null:x:x/y:x/y/z:x/y/z/file
is 'R2 parents are 0755, of root, whatever the umask' \
	"$(printf %o "$(field deep.cpio x/y 1)") $(field deep.cpio x/y 2):$(field deep.cpio x/y 3)" '40755 0:0'
printf a >member
tar -cf deep.tar --transform 's,member,p/q/member,' member
status 'R2 build of an archive without directories' 0 "$EXECVM" initrd build --no-check --archive deep.tar -o deep.cpio
like 'R2 parents of an archive are made' "$(cpio -it <deep.cpio 2>/dev/null | paste -sd:)" ':p:p/q:p/q/member$'

# R6
status 'R6 entries from a description' 0 "$EXECVM" initrd build --no-check -o made.cpio \
	--make /dev/ttyS0=char:4:64 --make /dev/vda=block:254:0,mode=640,gid=6 --make /run/pipe=fifo \
	--make /tmp=dir,mode=1777 --make /lnk=symlink:/a,b:c,uid=5
cpio -itvn <made.cpio 2>/dev/null | awk '{ $6 = $7 = $8 = ""; print }' | tr -s ' ' >list
like 'R6 character device' "$(cat list)" '^crw------- 1 0 0 4, +.*64 .*dev/ttyS0|^crw------- .* dev/ttyS0'
is 'R6 its numbers' "$(field made.cpio dev/ttyS0 9):$(field made.cpio dev/ttyS0 10)" 4:64
is 'R6 block device' "$(printf %o "$(field made.cpio dev/vda 1)") $(field made.cpio dev/vda 3) $(field made.cpio dev/vda 9):$(field made.cpio dev/vda 10)" '60640 6 254:0'
is 'R6 fifo' "$(printf %o "$(field made.cpio run/pipe 1)")" 10644
is 'R6 directory' "$(printf %o "$(field made.cpio tmp 1)")" 41777
like 'R6 symlink' "$(bsdtar -tvf made.cpio)" '^l.* 5 .*lnk -> /a,b:c$'
status 'R6 an archive may bring its own console' 0 "$EXECVM" initrd build --no-check -o own.cpio \
	--make /dev/console=char:4:0
is 'R6 its own console stays' "$(field own.cpio dev/console 9):$(field own.cpio dev/console 10)" 4:0

for word in 'dir' '=dir' 'x=dir' '/x=nonsense' '/x=char:1' '/x=char:4096:1' '/x=char:1:1048576' \
	'/x=char:1:1:1' '/x=dirs' '/x=dir,mode=8' '/x=dir,mode=10000' '/x=dir,colour=red' '/=dir' \
	'/x/../y=dir' '/x=symlink:' '/x=symlink:y,mode=777' '/x=dir,uid=4294967295' '/x=dir,uid=-1'; do
	status "R6 X6 --make $word is refused" 125 "$EXECVM" initrd build --no-check --make "$word" -o refused
	like "R6 X6 --make $word: the word is named" "$(cat err)" "$(printf '%s' "${word%%[,=]*}" | sed 's/[^a-z0-9:,-]/./g')"
	ok "R16 --make $word: no output" test ! -e refused
done
is 'R6 the largest device numbers' "$("$EXECVM" initrd build --list --make /d=char:4095:1048575 | awk '$8 == "d" { print $7 }')" 4095,1048575
done_testing
