#!/bin/sh
# SPDX-License-Identifier: MIT
# R1, R4, R5, R6, R10, R12: what a kernel makes of our archives, alone and behind one another.
# timeout: 300
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

kernel=${EXECVM_KERNEL:-${XDG_CACHE_HOME:-$HOME/.cache}/execvm/kernel/current-up/vmlinux}
busybox=$(command -v busybox)
[ -e "$kernel" ] || skip_all "vm: no kernel $kernel"
command -v qemu-system-x86_64 >/dev/null || skip_all 'vm: no qemu-system-x86_64'
[ -n "$busybox" ] || skip_all 'vm: no busybox'

# Boots the initrd; what its /init says between the marks is in ./said.
boot() { # INITRD [WORDS of the kernel command line]
	qemu-system-x86_64 -M microvm,acpi=off,isa-serial=on,pit=on,pic=on,rtc=on -accel tcg,thread=single \
		-m 256 -nodefaults -no-user-config -no-reboot -display none -serial stdio \
		-kernel "$kernel" -initrd "$1" </dev/null >console 2>&1 \
		-append 'console=ttyS0 reboot=t panic=-1 quiet tsc_early_khz=2000000 lpj=4000000'" ${2-}"
	tr -d '\r' <console | sed -n '/^BEGIN$/,/^END$/{ /^BEGIN$/d; /^END$/d; p }' >said
	[ -n "${2-}" ] || [ -s said ] || diag "$(tail -n 20 console)"
}

# Lists the tree as the kernel made it: type and mode, links, owner, mtime, size or device, name.
cat >init <<'INIT'
#!/bin/busybox sh
export PATH=/
stat() { /bin/busybox stat "$@"; }
echo BEGIN
/bin/busybox find / -xdev -mindepth 1 | /bin/busybox sort | while IFS= read -r f; do
	set -- $(stat -c '%f %h %u %g %Y %s %t:%T' "$f")
	size=$6
	case $1 in 2* | 6*) size=$7 ;; 4*) size=0 && set -- "$1" 1 "$3" "$4" "$5" ;; esac
	case $1 in a*) target=" -> $(/bin/busybox readlink "$f")" ;; *) target= ;; esac
	echo "$1 $2 $3 $4 $5 $size ${f#/}$target"
done
for f in /links/* /sum/*; do
	[ ! -f "$f" ] || echo "sum $f $(/bin/busybox md5sum <"$f")"
done
[ ! -e /links/a ] || echo "inodes $(stat -c %i /links/a /links/b /links/z | /bin/busybox uniq | /bin/busybox wc -l)"
echo END
/bin/busybox reboot -f
INIT
chmod 755 init

# The same list, of what the archive is to be.
wanted() { # WORDS of build
	"$EXECVM" initrd build --list "$@" | perl -ne '
		my %bits = qw(d 040000 - 0100000 l 0120000 c 020000 b 060000 p 010000 s 0140000);
		my ($mode, $ino, $links, $uid, $gid, $mtime, $size, $name) = split / /, $_, 8;
		my $mode8 = oct($bits{substr $mode, 0, 1}) | oct substr $mode, 1;
		$size = sprintf "%x:%x", split /,/, $size if $size =~ /,/;
		$size = $name =~ / -> (.*)/ ? length $1 : $size if $mode =~ /^l/;
		$name =~ s/\\([0-7]{3})/chr oct $1/ge;
		printf "%x %s %s %s %s %s %s", $mode8, $links, $uid, $gid, $mtime, $size, $name'
}

long=$(head -c 255 /dev/zero | tr '\0' n)
mkdir -p tree/links tree/sum "tree/dir/$long" tree/modes
for n in 0 1 2 3 4 4095 4096 4097 9000000; do # the last one: blocks that do not shrink
	head -c $n /dev/urandom >tree/sum/$n
done
echo linked >tree/links/a
ln tree/links/a tree/links/b
ln tree/links/a tree/links/z
: >tree/links/empty
ln tree/links/empty tree/links/empty2
ln -s ../links/a tree/dir/symlink
ln -s "$(head -c 4000 /dev/zero | tr '\0' t)" tree/dir/long-symlink
for m in 0400 0755 4755 2750 1644; do : >tree/modes/$m && chmod $m tree/modes/$m; done
touch -d @1234567890 tree/sum/1

sources="--tree tree --add init=/init --add $busybox=/bin/busybox --make /dev/vda=block:254:16,mode=640,gid=6
	--make /fifo=fifo,mode=600 --make /tmp=dir,mode=1777 --make /owned=dir,uid=4000000000,gid=7"
export SOURCE_DATE_EPOCH=1400000000
# shellcheck disable=SC2086 # words
wanted $sources >want
(cd tree && md5sum links/* sum/* | sed 's,^\([^ ]*\)  \(.*\),sum /\2 \1  -,') >>want
echo 'inodes 1' >>want
# The kernel writes to the console, and has a /root of its own.
tidy() {
	sed 's/^\(2180 1 0 0\) [0-9]* \(.*dev.console\)$/\1 - \2/; /^41c0 .* root$/d' | LC_ALL=C sort
}
tidy <want >want.sorted
for c in none gzip zstd lz4; do
	# shellcheck disable=SC2086
	"$EXECVM" initrd build $sources --compress $c -o all.$c
	boot all.$c
	tidy <said >said.sorted
	same "R1 R4 R5 R6 R12 the kernel makes exactly that tree of it, $c" said.sorted want.sorted
done

# R4: files of a source whose inodes differ by 2^32, with the link counts that they had there.
mkdir far
printf 'first\n' >far/x && printf 'second\n' >far/y
tar -cf far-x.tar --format=pax -C far --transform 's,^,links/,' --pax-option='SCHILY.ino:=7,SCHILY.dev:=5,SCHILY.nlink:=2' x
tar -cf far-y.tar --format=pax -C far --transform 's,^,links/,' --pax-option='SCHILY.ino:=4294967303,SCHILY.dev:=5,SCHILY.nlink:=2' y
"$EXECVM" initrd build --archive far-x.tar --archive far-y.tar --add init=/init --add "$busybox=/bin/busybox" -o far.cpio
boot far.cpio
is 'R4 source inodes that differ by 2^32 are two files' "$(grep '^sum' said | awk '{ print $3 }' | paste -sd' ')" \
	"$(md5sum <far/x | cut -d' ' -f1) $(md5sum <far/y | cut -d' ' -f1)"

# R10: segments. /both is in both; the one behind wins.
echo base >both.base && echo segment >both.segment && echo extra >extra
"$EXECVM" initrd build --add init=/init --add "$busybox=/bin/busybox" --add both.base=/sum/both -o base.cpio
"$EXECVM" initrd build --no-check --add both.segment=/sum/both --add extra=/sum/extra -o segment.cpio
segments() { # NAME FILE...
	name=$1
	shift
	: >joined
	for f; do
		cat "$f" >>joined
		head -c $(((4 - $(wc -c <joined) % 4) % 4)) /dev/zero >>joined
	done
	boot joined
	is "R10 $name: both are there, the one behind wins" "$(grep '^sum' said)" "sum /sum/both $(md5sum <both.segment)
sum /sum/extra $(md5sum <extra)"
	is "R10 R13 $name: measured as a whole" "$("$EXECVM" initrd info joined 2>&1 | sed 's/.*: \([0-9]* entries\).* with .*/\1/')" \
		"$(($(cpio -it <base.cpio 2>/dev/null | wc -l) + $(cpio -it <segment.cpio 2>/dev/null | wc -l))) entries"
}
segments raw+raw base.cpio segment.cpio
gzip -nc base.cpio >base.gz
gzip -nc segment.cpio >segment.gz
segments gzip+raw base.gz segment.cpio
segments gzip+gzip base.gz segment.gz
segments raw+gzip base.cpio segment.gz
"$EXECVM" initrd build --add init=/init --add "$busybox=/bin/busybox" --add both.base=/sum/both --compress gzip -o our.gz
segments 'our gzip+raw' our.gz segment.cpio
for c in zstd lz4; do
	"$EXECVM" initrd build --no-check --add both.segment=/sum/both --add extra=/sum/extra --compress $c -o segment.$c
	segments "raw+$c" base.cpio segment.$c
done

# R17: our own init, told by the kernel command line, with nothing of a runner around it.
"$EXECVM" initrd build --init --add "$busybox=/bin/busybox" --make /bin/echo=symlink:busybox -o init.cpio
boot init.cpio "execvm.payload=$("$EXECVM" init --encode -- /bin/echo said by the command)"
like 'R17 --init: the command of the command line runs' "$(tr -d '\r' <console)" '^said by the command$'
like 'R17 --init: and its status is logged' "$(cat console)" 'execvm: exit 0'
done_testing
