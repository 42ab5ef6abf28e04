#!/bin/sh
# SPDX-License-Identifier: MIT
# M1, M2: a tar, or a directory, becomes an image; the same one always the same.
# timeout: 60
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"
# shellcheck source=tests/image.sh
. "$SRCDIR/tests/image.sh"

mkdir -p tree/etc tree/usr/bin tree/empty
echo hostname >tree/etc/hostname
printf 'binary\0bytes' >tree/usr/bin/tool
chmod 4755 tree/usr/bin/tool
ln tree/usr/bin/tool tree/usr/bin/also
ln -s usr/bin tree/bin
ln -s /absolute/nowhere tree/dangling
mkfifo tree/fifo
printf 'x' >"tree/$(printf 'latin-\351')"
printf 'u' >tree/übung
truncate -s 3000000 tree/hole
chmod 1777 tree
tar -C tree --sort=name --owner=7 --group=8 --mtime=@1234567 -cf all.tar .

status 'M1: a tar becomes an image' 0 "$EXECVM" image import all <all.tar
like 'M1: its digest is said' "$(cat out)" '^sha256:[0-9a-f]{64}$'
is 'M1: nothing else is' "$(cat err)" ''
digest=$(cat out)
is 'M1: ls has it' "$("$EXECVM" image ls | awk 'NR == 2 { print $1, $2 }')" "all:latest $(echo "$digest" | cut -c 8-19)"
is 'M1: what is in it' "$(in_image all | LC_ALL=C tr '\351' '?')" '/ drwxrwxrwt 7/8
/bin lrwxrwxrwx 7/8 -> usr/bin
/dangling lrwxrwxrwx 7/8 -> /absolute/nowhere
/empty drwxr-xr-x 7/8
/etc drwxr-xr-x 7/8
/etc/hostname -rw-r--r-- 7/8 9
/fifo prw-r--r-- 7/8
/hole -rw-r--r-- 7/8 3000000
/latin-? -rw-r--r-- 7/8 1
/usr drwxr-xr-x 7/8
/usr/bin drwxr-xr-x 7/8
/usr/bin/also -rwsr-xr-x 7/8 12
/usr/bin/tool -rwsr-xr-x 7/8 12
/übung -rw-r--r-- 7/8 1'
cat_image all usr/bin/also >got
same 'M1: bytes' got tree/usr/bin/tool
is 'M1: times, that of the root, too' "$(unsquashfs -lln "$(root_of all)" | awk '{ print $4 }' | sort -u)" 1970-01-15
mkdir out.d
unsquashfs -q -n -f -d out.d "$(root_of all)" >/dev/null 2>&1
is 'M1: hard links are links' "$(stat -c %h out.d/usr/bin/tool)" 2

# Determinism.
again() { # NAME CMD...: what it prints is the digest
	name=$1
	shift
	is "M2: the same digest: $name" "$("$@" 2>&1)" "$digest"
}
by_pipe() {
	"$@" <all.tar | "$EXECVM" image import again
}
again 'once more, a second later' sh -c 'sleep 1.1; "$EXECVM" image import again <all.tar' # a clock in it would show
again 'from a pipe' by_pipe cat
for z in 'gzip -n' xz bzip2 'zstd -q' 'lz4 -q'; do
	# shellcheck disable=SC2086 # words
	again "by ${z% *}" by_pipe $z -c
done
again 'gzip in two members' sh -c '(head -c 5000 all.tar | gzip; tail -c +5001 all.tar | gzip) | "$EXECVM" image import again'
again 'with SOURCE_DATE_EPOCH' env SOURCE_DATE_EPOCH=5 sh -c '"$EXECVM" image import again <all.tar'
again 'with TZ, LC_ALL, umask' env TZ=Asia/Tokyo LC_ALL=C sh -c 'umask 077; "$EXECVM" image import again <all.tar'
again 'as another tar of the same' sh -c 'tar -C tree --format=gnu --sort=name --owner=7 --group=8 --mtime=@1234567 -cf - . | "$EXECVM" image import again'
again 'behind something else in the file' sh -c '(echo 1234567; cat all.tar) >behind; (read -r x; "$EXECVM" image import again) <behind'
is 'M2: one root for all' "$(find "$store" -name '*.sqfs' | wc -l)" 1
chown -hR 7:8 tree 2>/dev/null && chmod 4755 tree/usr/bin/tool && find tree -exec touch -h -d @1234567 {} +
"$EXECVM" image import tree1 --tree tree >tree1
"$EXECVM" image import tree2 --tree tree/. >tree2
same 'M2: a directory, twice' tree1 tree2
[ "$(id -u)" != 0 ] || is 'M2: is what the tar of it is' "$(in_image tree1)" "$(in_image all)"

# No file of its own for parents; devices, by no privilege; what is there twice.
cat >dev.mtree <<'EOT'
#mtree
./dev type=dir mode=0755 uid=0 gid=0 time=0
./dev/null type=char device=linux,1,3 mode=0666 uid=0 gid=0 time=0
./dev/sda type=block device=linux,8,0 mode=0660 uid=0 gid=6 time=0
EOT
bsdtar -cf dev.tar @dev.mtree
status 'M1: devices' 0 "$EXECVM" image import dev <dev.tar
like 'M1: their numbers' "$(unsquashfs -lln "$(root_of dev)")" 'crw-rw-rw- 0/0 *1, *3 .*/dev/null'
like 'M1: block devices, too' "$(unsquashfs -lln "$(root_of dev)")" 'brw-rw---- 0/6 *8, *0 .*/dev/sda'
tar -C tree --owner=0 --group=0 -cf twice.tar etc/hostname
echo second >tree/etc/hostname
tar -C tree --owner=0 --group=0 --mode=0600 -rf twice.tar etc/hostname
status 'M1: a name that is there twice' 0 "$EXECVM" image import twice <twice.tar
is 'M1: the last one counts; parents are made' "$(in_image twice)" '/ drwxr-xr-x 0/0
/etc drwxr-xr-x 0/0
/etc/hostname -rw------- 0/0 7'
layer wh.tar .wh.a b
status 'M1: a name like a whiteout' 0 "$EXECVM" image import wh <wh.tar
is 'M1: is a name in a plain tar' "$(in_image wh | tail -n 2)" '/.wh.a -rw-r--r-- 0/0 7
/b -rw-r--r-- 0/0 7'

# Attributes.
tar -cf xattr.tar --format=pax --pax-option='SCHILY.xattr.user.x:=1,SCHILY.xattr.security.y:=2' -C tree etc
status 'M1: extended attributes' 0 "$EXECVM" image import xattr <xattr.tar
is 'M1: without a word' "$(cat err)" ''
unlike 'M1: they are in it' "$(unsquashfs -s "$(root_of xattr)")" 'Xattrs are not stored|Number of xattr ids 0'
cat >acl.mtree <<'EOT'
#mtree
./hostname type=file mode=0644 uid=0 gid=0 time=0 flags=nodump contents=tree/etc/hostname
EOT
bsdtar --format pax -cf acl.tar @acl.mtree
status 'M1: a file flag' 0 "$EXECVM" image import acl <acl.tar
like 'M1: is left out, which is said' "$(cat err)" "^execvm image: warning: 1 entries lose access .*'hostname'"

# Whose the root directory is, and who it is that imports.
tar -C tree --owner=5 --group=6 --mtime=@9 --no-recursion -cf odd.tar .
tar -C tree --owner=0 --group=0 --mtime=@9 -rf odd.tar etc
status 'M1: a root directory of nobody else' 0 "$EXECVM" image import odd <odd.tar
like 'M1: stays root, which is said' "$(cat err)" 'warning: the root directory is 0:0, not 5:6'
if [ "$(id -u)" = 0 ] && setpriv --reuid 65534 --regid 65534 --clear-groups unshare --map-root-user true 2>/dev/null; then
	mkdir -m 777 others
	cp "$EXECVM" others/program
	if setpriv --reuid 65534 --regid 65534 --clear-groups test -x others/program; then
		is 'M2: the same digest: by another user' "$(setpriv --reuid 65534 --regid 65534 --clear-groups env \
			XDG_DATA_HOME="$PWD/others" others/program image import x <all.tar 2>&1)" "$digest"
	else
		skip 'M2: by another user' 'the build directory is not for everybody'
	fi
else
	skip 'M2: by another user' 'not root, or no user namespaces'
fi

# Sparse files, and zeros that cost nothing.
truncate -s 100M big
printf end >>big
tar -cSf sparse.tar big
status 'M1: a sparse file' 0 "$EXECVM" image import sparse <sparse.tar
is 'M1: its size' "$(in_image sparse | awk '/big/ { print $4 }')" 104857603
is 'M1: its end' "$(cat_image sparse big | tail -c 3)" end
ok 'M1: its root is small' test "$(stat -c %s "$(root_of sparse)")" -lt 100000
tar -cf - big | gzip >zeros.tar.gz
mkdir tmp
status 'M1: zeros, packed' 0 sh -c 'TMPDIR=$PWD/tmp "$EXECVM" image import zeros <zeros.tar.gz'
is 'M1: nothing is left where they waited' "$(ls -A tmp)" ''

# A command line that cannot be.
refused() { # NAME PATTERN ARGS...
	name=$1 pattern=$2
	shift 2
	status "M1: $name: 125" 125 "$EXECVM" image "$@" </dev/null
	like "M1: $name: why" "$(cat err)" "^execvm image: $pattern"
	is "M1: $name: in one line" "$(wc -l <err)" 1
}
refused 'no name' 'usage: execvm image import NAME' import
refused 'two names' 'usage: execvm image import NAME' import a b
refused 'an option of another' 'import: takes no --json' import --json a
refused 'nothing to do' 'import, load, ls, inspect, rm or save' --quiet
refused 'another word' "'pull': not import" pull
refused 'no such directory' 'nowhere: No such file' import --tree nowhere a
refused 'a file as a directory' '.*Not a directory' import --tree all.tar a
for bad in a//b /a a/ .a -- a..b 'a b' 'a+b' a: :a a:b:c a@b sha256:abc "$(printf 'a\033b')" "$(printf '%0201d' 1)"; do
	[ "$bad" = -- ] && continue
	status "M8: no name: '$(printf %s "$bad" | tr '\033' '?' | cut -c 1-20)'" 125 "$EXECVM" image import "$bad" <all.tar
	unlike 'M8: no control bytes come out' "$(cat err)" "$(printf '\033')"
done
done_testing
