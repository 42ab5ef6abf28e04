#!/bin/sh
# SPDX-License-Identifier: MIT
# R10, R13: several archives in one file, as the kernel takes them; how large they become.
# timeout: 60
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

segment() { # NAME FILE: an initrd that has it
	"$EXECVM" initrd build --no-check --add "$2=/$1" -o "$1.cpio"
}
pad4() {
	head -c $(((4 - $(wc -c <"$1") % 4) % 4)) /dev/zero >>"$1"
}
info() {
	"$EXECVM" initrd info "$1" 2>&1 | sed 's/^[^:]*: //; s/, [0-9]* bytes//'
}
names() {
	"$EXECVM" initrd build --list --archive "$1" 2>&1 | awk '{ print $8 }' | grep -v '^dev' | paste -sd' '
}

head -c 5000 /dev/urandom >five
printf '#!/bin/sh\n' >script
segment init script
segment one five
segment two five
is 'R13 one: whole pages' "$(info one.cpio)" '4 entries, 8192 unpacked, without /init'
is 'R13 init' "$(info init.cpio)" '4 entries, 4096 unpacked, with /init'
like 'R13 -v says the same after a build' \
	"$("$EXECVM" initrd build -v --no-check --add five=/one -o again.cpio 2>&1)" \
	"$("$EXECVM" initrd info one.cpio | sed 's/^one.cpio: \(.*\), without .*/\1/')"
cat one.cpio init.cpio two.cpio >raw
is 'R10 raw+raw+raw: measured' "$(info raw)" '12 entries, 20480 unpacked, with /init'
is 'R10 raw+raw+raw: read as an archive' "$(names raw)" 'init one two'
for z in gzip bzip2 xz 'zstd -q' 'lz4 -lq'; do
	name=${z%% *}
	command -v "$name" >/dev/null || { skip "R10 $name" 'not installed'; continue; }
	# shellcheck disable=SC2086 # options are words
	$z -c <one.cpio >one.z
	cat init.cpio one.z >raw-z
	is "R10 raw+$name: measured" "$(info raw-z)" '8 entries, 12288 unpacked, with /init'
	is "R10 raw+$name: read as an archive" "$(names raw-z)" 'init one'
done
# The name in the header makes its length one that has to be padded.
for name in a ab; do
	cp one.cpio $name
	gzip -c $name >one.gz
	[ $(($(wc -c <one.gz) % 4)) = 0 ] || break
done
cat one.gz init.cpio >unpadded
pad4 one.gz
cat one.gz init.cpio >gz-raw
is 'R10 gzip+raw: measured' "$(info gz-raw)" '8 entries, 12288 unpacked, with /init'
is 'R10 gzip+raw: read as an archive' "$(names gz-raw)" 'init one'
like 'R10 gzip+raw without padding is not what the kernel reads' "$(info unpadded)" 'not on a multiple of 4'
gzip -c <two.cpio >two.gz
cat one.gz init.cpio two.gz >gz-raw-gz
is 'R10 gzip+raw+gzip: measured' "$(info gz-raw-gz)" '12 entries, 20480 unpacked, with /init'
is 'R10 gzip+raw+gzip: read as an archive' "$(names gz-raw-gz)" 'init one two'
cat one.cpio two.cpio | gzip -c >both.gz
is 'R10 two in one gzip: measured' "$(info both.gz)" '8 entries, 16384 unpacked, without /init'
is 'R10 two in one gzip: read as an archive' "$(names both.gz)" 'one two'
bzip2 -c <one.cpio >one.bz2 2>/dev/null && pad4 one.bz2 && cat one.bz2 two.cpio >bz-raw &&
	is 'R10 bzip2+raw: read as an archive' "$(names bz-raw)" 'one two'
{ cat one.cpio && head -c 4096 /dev/zero && cat two.cpio && head -c 9000 /dev/zero; } >zeros
is 'R10 zeros between and behind' "$(info zeros)" '8 entries, 16384 unpacked, without /init'
cat one.cpio init.cpio | "$EXECVM" initrd build --archive - --no-check -o from-stdin.cpio
is 'R10 two in a row on stdin' "$(names from-stdin.cpio)" 'init one'
tar -cf script.tar script
cat one.cpio script.tar >mixed
is 'R5 a cpio and a tar in a row' "$(names mixed)" 'one script'
ls five script | cpio -o -H odc >odc 2>/dev/null
like 'R13 another kind of cpio is none' "$(info odc)" 'odc: not an initrd: no newc header at byte 0$|not an initrd'
for what in script.tar five script; do
	status "R13 X6 $what is no initrd" 125 "$EXECVM" initrd info $what
	like "R13 X6 $what: the reason" "$(cat err)" "$what: not an initrd: "
done
: >empty
status 'R13 X6 an empty file is none' 125 "$EXECVM" initrd info empty
head -c 600 /dev/zero >zero
status 'R13 X6 zeros are none' 125 "$EXECVM" initrd info zero
for n in 5 109 200 600 4000; do
	head -c $n one.cpio >cut
	status "R13 X6 cut at $n" 125 "$EXECVM" initrd info cut
	like "R13 X6 cut at $n: the reason" "$(cat err)" 'not complete'
done
{ cat one.cpio && echo garbage; } >garbage
status 'R13 X6 garbage behind an archive' 125 "$EXECVM" initrd info garbage
like 'R13 X6 garbage: where' "$(cat err)" "no archive at byte $(wc -c <one.cpio)"
{ cat one.cpio && gzip -c script; } >garbage
status 'R13 X6 something compressed that is no archive' 125 "$EXECVM" initrd info garbage
head -c 3000 one.gz >cut.gz
status 'R13 X6 a cut gzip' 125 "$EXECVM" initrd info cut.gz
status 'R13 X6 what is not there' 125 "$EXECVM" initrd info absent
status 'R13 X6 a directory' 125 "$EXECVM" initrd info .
status 'X6 no file' 125 "$EXECVM" initrd info
is 'R13 several files' "$("$EXECVM" initrd info one.cpio init.cpio | cut -d: -f1 | paste -sd' ')" 'one.cpio init.cpio'
for f in /boot/initrd.img-*; do
	[ -r "$f" ] || continue
	command -v lsinitramfs >/dev/null || { skip "R13 ${f##*/}" 'no lsinitramfs'; break; }
	is "R13 ${f##*/} of the distribution: as lsinitramfs counts" \
		"$(info "$f" | cut -d' ' -f1)" "$(lsinitramfs "$f" 2>/dev/null | wc -l)"
	"$EXECVM" initrd build --drop-xattrs --no-check --archive "$f" -o again.cpio
	is "R8 ${f##*/} of the distribution: built anew, the same names" "$(cpio -it <again.cpio 2>/dev/null | grep -v '^dev' | sort)" \
		"$(lsinitramfs "$f" | sed 's,^\./,,' | grep -vx '\.\|dev.*\|kernel/.*\|kernel' | sort -u)"
	break
done
done_testing
