#!/bin/sh
# SPDX-License-Identifier: MIT
# R3, R12: same inputs, same bytes, on any machine, for any user, in any order, packed or not.
# timeout: 60
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

build() {
	"$EXECVM" initrd build --no-check "$@"
}

name=$(printf 'n\303\244me')
fill() { # DIR NAMES...
	dir=$1
	shift
	mkdir -p "$dir/sub" "$dir/$name" && chmod 755 "$dir/sub" "$dir/$name"
	for f; do
		printf %s "$f" >"$dir/sub/$f"
		chmod 644 "$dir/sub/$f"
	done
	printf x >"$dir/$name/x"
	chmod 644 "$dir/$name/x"
	ln "$dir/$name/x" "$dir/$name/y"
	ln -s sub "$dir/link"
}
fill one a b c d e f g h i j k l m n
umask 077
fill two n m l k j i h g f e d c b a
umask 022
touch -d '2001-01-01' two/sub/a
build --tree one -o 1
build --tree two -o 2
same 'R3 order of the directory, times, umask do not count' 1 2
(cd one && LC_ALL=C.UTF-8 TZ=Asia/Tokyo build --tree . -o ../3)
same 'R3 locale, time zone, directory do not count' 1 3
if command -v setpriv >/dev/null && [ "$(id -u)" = 0 ]; then
	cp "$EXECVM" ./execvm-copy && chmod 755 . execvm-copy
	chown -R 1234:1234 two
	setpriv --reuid 1234 --regid 1234 --clear-groups ./execvm-copy initrd build --no-check --tree two -o - >by-user
	same 'R3 the user does not count' 1 by-user
else
	skip 'R3 the user does not count' 'not root, or no setpriv'
fi
shm=$(mktemp -d /dev/shm/execvm-test.XXXXXX)
cp -a one/. "$shm"
build --tree "$shm" -o 5
rm -rf "$shm"
same 'R3 the file system does not count' 1 5
like 'R3 mtime is 0, uid and gid too' "$(build --tree one --list | awk '{ print $4, $5, $6 }' | sort -u)" '^0 0 0$'
is 'R3 one owner, one time' "$(build --tree one --list | awk '{ print $4, $5, $6 }' | sort -u | wc -l)" 1
is 'R3 inodes are numbered' "$(build --tree one --list | awk '{ print $2 }' | sort -nu | paste -sd' ')" \
	"$(seq "$(build --tree one --list | awk '{ print $2 }' | sort -nu | wc -l)" | paste -sd' ')"
tar -C one -cf utf8.tar --format=pax .
LC_ALL=C build --archive utf8.tar -o 6
same 'R3 names of pax archives in the C locale' 1 6
tar -C two -cf gnu.tar --format=gnu --owner=0 --group=0 .
build --archive gnu.tar -o 7
same 'R3 an archive of the tree gives what the tree gives' 1 7

export SOURCE_DATE_EPOCH=1000000000
touch -d @999999999 one/sub/a
touch -d @1000000001 one/sub/b
build --tree one --list >list
is 'R3 SOURCE_DATE_EPOCH: older ones stay' "$(awk '$8 == "sub/a" { print $6 }' list)" 999999999
is 'R3 SOURCE_DATE_EPOCH: newer ones become it' "$(awk '$8 == "sub/b" { print $6 }' list)" 1000000000
is 'R3 SOURCE_DATE_EPOCH: ours have it' "$(awk '$8 == "dev" { print $6 }' list)" 1000000000
tar -C one -cf epoch.tar --format=pax ./sub
is 'R3 SOURCE_DATE_EPOCH: archives too' \
	"$(build --archive epoch.tar --list | awk '$8 ~ /sub\/[ab]$/ { print $6 }' | paste -sd' ')" '999999999 1000000000'
for bad in x -1 4294967296 1e3; do
	export SOURCE_DATE_EPOCH=$bad
	status "R3 X6 SOURCE_DATE_EPOCH=$bad is refused" 125 "$EXECVM" initrd build --no-check -o never
	like "R3 X6 SOURCE_DATE_EPOCH=$bad is named" "$(cat err)" "SOURCE_DATE_EPOCH '$bad'"
done
SOURCE_DATE_EPOCH=4294967295
status 'R7 the last second that fits' 0 "$EXECVM" initrd build --no-check -o never
unset SOURCE_DATE_EPOCH

# R12
dd if=/dev/urandom of=one/random bs=1M count=5 2>/dev/null
yes 'text that can be compressed' | head -c 6000000 >one/text
build --tree one -o plain
build --tree one --compress none -o none
same 'R12 none is the default' plain none
for c in gzip zstd lz4; do
	ok "R12 $c" build --tree one --compress $c -o a.$c
	sleep 0.01
	build --tree one --compress $c -o b.$c
	same "R12 $c: same bytes" a.$c b.$c
	$c -dc <a.$c >back
	same "R12 $c: $c unpacks it" back plain
	like "R13 $c: measured" "$("$EXECVM" initrd info a.$c)" "$("$EXECVM" initrd info plain | cut -d, -f1,3,4 | sed 's/^plain: \([^,]*\),/\1, [0-9]* bytes,/')"
done
is 'R12 gzip as -n makes it: no name, no time' "$(od -An -tx1 -N 8 a.gzip | tr -d ' ')" 1f8b080000000000
is 'R12 lz4 is the legacy format' "$(od -An -tx1 -N 4 a.lz4 | tr -d ' ')" 02214c18
status 'R12 X6 others are refused' 125 "$EXECVM" initrd build --no-check --compress xz -o never
like 'R12 X6 and named' "$(cat err)" "'xz'"
done_testing
