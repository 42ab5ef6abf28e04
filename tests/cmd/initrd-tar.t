#!/bin/sh
# SPDX-License-Identifier: MIT
# R5, R7: what archives can say and an initrd cannot is refused by name; the limits, and one past.
# timeout: 60
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

refused() { # NAME PATTERN WORDS...
	name=$1 pattern=$2
	shift 2
	status "R5 $name is refused" 125 "$EXECVM" initrd build --no-check -o never "$@"
	like "R5 X6 $name: the reason" "$(cat err)" "$pattern"
	ok "R16 $name: no output" test ! -e never
}

# A string of N letters.
long() {
	head -c "$1" /dev/zero | tr '\0' n
}

printf contents >file
paxed() { # OPTION: an archive with that extended header
	tar -cf pax.tar --format=pax --pax-option="$1" file
}

paxed 'SCHILY.xattr.user.x:=1'
refused 'an extended attribute' 'pax.tar: file: extended attributes, .*--drop-xattrs' --archive pax.tar
status 'R5 --drop-xattrs leaves it out' 0 "$EXECVM" initrd build --no-check --drop-xattrs --archive pax.tar -o dropped.cpio
paxed 'SCHILY.acl.access:=user:7:r--'
refused 'an access control list' 'file: an access control list' --archive pax.tar
paxed 'SCHILY.fflags:=nodump'
refused 'a file flag' 'file: file flags' --archive pax.tar
paxed 'uid:=4294967296'
refused 'a uid of 2^32' 'file: owner 4294967296:' --archive pax.tar
paxed 'gid:=4294967295'
refused 'a gid of 2^32-1' 'file: owner .*:4294967295' --archive pax.tar
paxed 'uid:=4294967294,gid:=4294967293'
is 'R7 the largest uid and gid' "$("$EXECVM" initrd build --archive pax.tar --list | awk '/file/ { print $4, $5 }')" \
	'4294967294 4294967293'
tar -cf mtime.tar --mtime=@-5 --format=pax file
status 'R7 a time before 1970 is 0 without a word, as all times are' 0 \
	"$EXECVM" initrd build --no-check --archive mtime.tar -o out.cpio
ok 'R7 without a word' test ! -s err
status 'R7 a time before 1970, with an epoch' 0 \
	env SOURCE_DATE_EPOCH=100 "$EXECVM" initrd build --no-check --archive mtime.tar -o out.cpio
like 'R7 a time before 1970, with an epoch: warning' "$(cat err)" 'warning: file: .*1970'
is 'R7 a time before 1970 becomes 0' "$(SOURCE_DATE_EPOCH=100 "$EXECVM" initrd build --archive mtime.tar --list 2>/dev/null | awk '/file/ { print $6 }')" 0
paxed 'mtime:=99999999999'
is 'R7 a time beyond 32 bits becomes the epoch' "$(SOURCE_DATE_EPOCH=4294967295 "$EXECVM" initrd build --archive pax.tar --list | awk '/file/ { print $6 }')" 4294967295

renamed() { # NAME: an archive of file under that name
	tar -cf renamed.tar --format=pax --transform "s,.*,$1," file
}
renamed "$(long 255)"
is 'R5 a name of 255 bytes' "$("$EXECVM" initrd build --no-check --archive renamed.tar | cpio -it 2>/dev/null | awk 'length > 250 { print length }')" 255
renamed "$(long 256)"
refused 'a name of 256 bytes' 'longer than 255 bytes' --archive renamed.tar
path=$(for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do printf '%s/' "$(long 199)"; done) # 4000
renamed "$path$(long 95)"
"$EXECVM" initrd build --no-check --archive renamed.tar -o long.cpio
is 'R5 a path of 4095 bytes' "$(cpio -it <long.cpio 2>/dev/null | awk '{ if (length > n) n = length } END { print n }')" 4095
renamed "$path$(long 96)"
refused 'a path of 4096 bytes' 'longer than 4095 bytes' --archive renamed.tar
ln -s target link
tar -cf link.tar --format=pax --pax-option="linkpath:=$(long 4095)" link
"$EXECVM" initrd build --no-check --archive link.tar -o link.cpio
is 'R5 a symlink of 4095 bytes' "$("$EXECVM" initrd build --archive link.tar --list | awk '/link/ { print length($10) }')" 4095
tar -cf link.tar --format=pax --pax-option="linkpath:=$(long 4096)" link
refused 'a symlink of 4096 bytes' 'a symlink of more than 4095 bytes' --archive link.tar
renamed 'TRAILER!!!'
refused 'the name that ends an archive' 'TRAILER!!!: the name ends an archive' --archive renamed.tar

truncate -s 4294967295 big
truncate -s 4294967296 bigger
tar -cSf big.tar big
tar -cSf bigger.tar bigger
refused 'a file of 4 GiB' 'bigger: 4 GiB or more' --archive bigger.tar
refused 'a file of 4 GiB in a tree' 'bigger: 4 GiB or more' --tree .
refused 'a file of 4 GiB, added' 'bigger: 4 GiB or more' --add bigger=/b
is 'R5 a file of 4 GiB less one byte' "$("$EXECVM" initrd build --archive big.tar --list | awk '/big/ { print $7 }')" 4294967295
rm -f big bigger

# Sparse: holes at the start, in the middle, at the end.
perl -e 'open F, ">sparse"; seek F, 300000, 0; print F "a" x 1000; seek F, 900000, 0; print F "b"; truncate F, 2000000'
for kind in gnu pax; do
	tar -cSf sparse.tar --format=$kind sparse
	"$EXECVM" initrd build --no-check --archive sparse.tar | cpio -i --to-stdout sparse 2>/dev/null >got
	same "R5 sparse files of tar $kind" got sparse
done
tar -cSf sparse.tar --format=pax --sparse-version=0.0 sparse
"$EXECVM" initrd build --no-check --archive sparse.tar | cpio -i --to-stdout sparse 2>/dev/null >got
same 'R5 sparse files of tar pax 0.0' got sparse
truncate -s 1000000 hole
tar -cSf sparse.tar hole file
"$EXECVM" initrd build --no-check --archive sparse.tar | cpio -i --to-stdout hole 2>/dev/null >got
same 'R5 a file that is nothing but a hole' got hole

# Device nodes and fifos of tar, made by no privilege.
perl -e '
	sub member { my ($name, $type, $maj, $min) = @_;
		my $h = pack "a100 a8 a8 a8 a12 a12 A8 a1 a100 a6 a2 a32 a32 a8 a8 a155 x12", $name, "0000600",
			"0000000", "0000000", "00000000000", "00000000000", "", $type, "", "ustar", "00", "", "",
			sprintf("%07o", $maj), sprintf("%07o", $min), "";
		substr($h, 148, 8) = sprintf "%06o\0 ", unpack "%16C*", $h;
		print $h }
	member("tty", 3, 4, 65); member("disk", 4, 254, 16); member("pipe", 6, 0, 0);
	print "\0" x 1024' >nodes.tar
is 'R5 R6 device nodes and fifos of a tar' \
	"$("$EXECVM" initrd build --archive nodes.tar --list | awk '$8 !~ /dev/ { print $1, $7, $8 }' | paste -sd';')" \
	'b0600 254,16 disk;p0600 0 pipe;c0600 4,65 tty'
perl -pe 'BEGIN { undef $/ } substr($_, 329, 7) = "0010000"; substr($_, 148, 8) = " " x 8;
	substr($_, 148, 8) = sprintf "%06o\0 ", unpack "%16C*", substr($_, 0, 512)' nodes.tar >major.tar
refused 'a major number of 13 bits' 'tty: device 4096:65' --archive major.tar

# Not an archive, or not a whole one.
refused 'a file that is no archive' 'file: .*[Uu]nrecognized' --archive file
: >empty
refused 'an empty file' 'empty: empty' --archive empty
refused 'a file that is not there' 'open absent: No such file' --archive absent
refused 'a directory as an archive' ': (read|Is a dir|.*directory)' --archive .
tar -cf whole.tar link file sparse
for n in 600 1100 1700 500000; do
	head -c $n whole.tar >cut.tar
	refused "a tar cut at $n" 'cut.tar: ' --archive cut.tar
done
ls file sparse | cpio -o -H newc >whole.cpio 2>/dev/null
for n in 50 112 300 500000 2000200; do
	head -c $n whole.cpio >cut.cpio
	refused "a cpio cut at $n" 'cut.cpio: ' --archive cut.cpio
done
gzip <whole.tar >whole.tar.gz
head -c 900 whole.tar.gz >cut.tar.gz
refused 'a cut gzip' 'cut.tar.gz: ' --archive cut.tar.gz
perl -pe 'BEGIN { undef $/ } substr($_, 700, 1) ^= "\xff"' whole.tar.gz >bad.tar.gz
refused 'a damaged gzip' 'bad.tar.gz: ' --archive bad.tar.gz

for z in gzip bzip2 xz lzma 'zstd -q' 'lz4 -q' 'lz4 -lq'; do
	command -v "${z%% *}" >/dev/null || { skip "R5 ${z%% *}" 'not installed'; continue; }
	# shellcheck disable=SC2086 # options are words
	$z -c <whole.tar >whole.tar.z
	"$EXECVM" initrd build --no-check --archive whole.tar.z -o z.cpio
	"$EXECVM" initrd build --no-check --archive - -o plain.cpio <whole.tar
	same "R5 tar by ${z%% *}, as it is" z.cpio plain.cpio
done
done_testing
