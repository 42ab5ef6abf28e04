#!/bin/sh
# SPDX-License-Identifier: MIT
# timeout: 60
# D17, D18: archives that want something else than to be unpacked.
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

umask 022
# Everything is in here; what is outside of to/ is not to change.
mkdir room
cd room || exit 1

# Sets up a place with a sentinel around it.
place() {
	rm -rf to outside && mkdir -p to outside/dir
	echo untouched >outside/file
	chmod 640 outside/file
	touch -d @1000000 outside/file outside/dir outside
}
state() {
	find . -path ./to -prune -o -path ./out -o -path ./err -o -path ./in.tar -o ! -path . \
		-printf '%p %y %m %s %l %T@\n' | grep -v '^\. ' | sort
	cat outside/file
}

# refused NAME PATTERN MEMBER...: an error that says PATTERN; nothing is left, nothing has changed.
refused() {
	name=$1 pattern=$2
	shift 2
	place
	before=$(state)
	"$HELPERS/make-tar" "$@" >in.tar
	"$EXECVM" unpack to/x <in.tar >out 2>err
	is "D18: $name: status" "$?" 125
	like "D18: $name: said" "$(cat err)" "$pattern"
	is "D18: $name: one line" "$(wc -l <err)" 1
	is "D18: $name: nothing is left" "$(find to)" to
	is "D18: $name: nothing outside" "$(state)" "$before"
}
# merged NAME STATUS MEMBER...: into a tree that is there; nothing outside has changed.
merged() {
	name=$1 want=$2
	shift 2
	before=$(state)
	"$HELPERS/make-tar" "$@" >in.tar
	"$EXECVM" unpack to/x <in.tar >out 2>err
	is "D18: $name: status" "$? $(cat err)" "$want $(cat err)"
	is "D18: $name: nothing outside" "$(state)" "$before"
	is "D18: $name: nothing half" "$(find to -name '.*.execvm')" ''
}

refused 'absolute' "'/tmp/evil': an absolute name" 0 /tmp/evil evil
refused 'absolute, twice' "absolute" 0 //tmp/evil evil
refused 'absolute, later' "absolute" 5 t '' 0 /t/evil evil
refused 'dotdot' "'\.\./evil': '\.\.' in a name" 0 ../evil evil
refused 'dotdot inside' "'\.\.' in a name" 5 t '' 0 t/../../evil evil
refused 'dotdot at the end' "'\.\.' in a name" 5 t '' 5 t/.. ''
refused 'dotdot that stays inside' "'\.\.' in a name" 5 t '' 5 t/a '' 0 t/a/../b x
refused 'two tops' "'u/f': not below the one top" 5 t '' 0 u/f x
refused 'two files' "'b': not below" 0 a a 0 b b
refused 'one file twice' "'a': the top of the archive is a file already" 0 a a 0 a b
refused 'top becomes a file' "'t': the top" 5 t '' 0 t/f x 0 t x
refused 'top becomes a symlink' "'t': the top" 5 t '' 2 t ../outside 0 t/evil x
refused 'below a file' "a file already" 0 t x 0 t/f x
refused 'dot is a file' "a file without a name" 0 . x
refused 'through a symlink' 'x/l/evil: what is in front is not a directory' \
	5 t '' 2 t/l ../../outside 0 t/l/evil evil
refused 'through an absolute symlink' 'not a directory' 5 t '' 2 t/l "$PWD/outside" 0 t/l/evil evil
refused 'through a symlink chain' 'not a directory' \
	5 t '' 2 t/a . 2 t/b a/../.. 0 t/b/outside/evil evil
refused 'a directory in place of a symlink' 'l: not a directory, the archive has one' \
	5 t '' 2 t/l ../../outside/dir 5:0777 t/l '' 0 t/l/evil evil
refused 'a symlink as the top' 'a file already' 2 t ../outside 0 t/evil evil
refused 'a hard link outside' "'\.\./outside/file': '\.\.'" 5 t '' 1 t/h ../outside/file
refused 'a hard link outside, absolute' "absolute" 5 t '' 1 t/h "$PWD/outside/file"
refused 'a hard link through a symlink' 'hard link: .*not a directory' \
	5 t '' 2 t/l ../../outside 1 t/h t/l/file
refused 'a hard link to another top' 'not below' 5 t '' 1 t/h u/file
refused 'a hard link to nothing' 'hard link: to/x/none: No such file' 5 t '' 1 t/h t/none
refused 'a hard link to the top' 'a hard link to no file' 5 t '' 1 t/h t
refused 'a hard link to a directory' 'hard link: .*not a file' 5 t '' 5 t/d '' 1 t/h t/d
refused 'a hard link as the top' 'a hard link to no file' 1 t t
refused 'a character device' "'t/null': a device" 5 t '' 3 t/null ''
refused 'a block device' "'t': a device" 4 t ''
refused 'a name of 300 bytes' 'File name too long' 5 t '' L ././@LongLink \
	"t/$(head -c 300 /dev/zero | tr '\0' n)" 0 t/x x
refused 'a path of 5000 bytes' 'more than 4095 bytes' 5 t '' L ././@LongLink \
	"t/$(head -c 5000 /dev/zero | tr '\0' / | sed 's,//,/n,g')" 0 t/x x
refused 'an empty name' '.' 5 t '' 0 '' x
refused 'an empty symlink' 'nothing' 5 t '' 2 t/l ''
refused 'a size beyond all' '.' 5 t '' 0:644:0x1ffffffff t/big x
refused 'a pax size that is negative' '.' 5 t '' x pax "11 size=-1" 0 t/f x
refused 'pax: an absolute path' 'absolute' 5 t '' x pax "18 path=/tmp/evil" 0 t/f x
refused 'pax: dotdot' "'\.\.'" 5 t '' x pax "18 path=t/../../a" 0 t/f x
refused 'control bytes in a name' "not below" 5 t '' 0 "$(printf 'u\033[2J\ax')" x
unlike 'D18: and none reaches the terminal' "$(cat err)" "$(printf '\033')"

# What is in the archive as a symlink stays one, and is a name, not a way.
place
merged 'a symlink, then a file of that name' 0 \
	5 t '' 2 t/l ../../outside/file 0 t/l evil
is 'D18: the symlink has been replaced' "$(cat to/x/l) $(stat -c %F to/x/l)" 'evil regular file'
place
merged 'a hard link to a symlink, then a file' 0 \
	5 t '' 2 t/l ../../outside/file 1 t/h t/l 0 t/h evil
place
merged 'a hard link to a symlink is one' 0 5 t '' 2 t/l ../../outside/file 1 t/h t/l
is 'D18: it is not followed' "$(readlink to/x/h)" ../../outside/file
place
merged 'setuid and setgid' 0 5:07777 t '' 0:06755 t/s x 0:01644 t/sticky x 5:02775 t/d ''
is 'D21: are taken away, sticky stays' "$(cd to/x && stat -c %a . s sticky d | tr '\n' ' ')" '1777 755 1644 775 '
is 'D21: the owner is the caller' "$(stat -c %u:%g to/x to/x/s | sort -u)" "$(id -u):$(id -g)"
place
merged 'a hard link to itself' 0 5 t '' 0 t/a x 1 t/a t/a
is 'D18: is the file' "$(cat to/x/a)" x
place
merged 'a name of our own kind' 0 5 t '' 0 t/.a.abcdef.exec x 0 t/a y

# Into a tree with symlinks in it.
lay() {
	place
	mkdir -p to/x/real
	ln -s ../../outside to/x/out
	ln -s real to/x/in
	ln -s ../../outside/file to/x/file
	ln outside/file to/x/twin
	echo old >to/x/keep
}
lay
merged 'below a symlink that is there' 125 5 t '' 5 t/out '' 0 t/out/evil evil
lay
merged 'below one, without a member for it' 125 0 t/out/dir/evil evil
lay
merged 'below one that stays inside' 125 0 t/in/evil evil
lay
merged 'over a symlink that is there' 0 0 t/file new
is 'D18: it was replaced' "$(cat to/x/file)" new
lay
merged 'over a file that has another name outside' 0 0:600 t/twin new
lay
merged 'a hard link to what is behind a symlink' 125 1 t/h t/out/file
lay
merged 'a hard link onto its own other name' 0 1 t/twin2 t/twin 1 t/twin2 t/twin
rm -rf to/x
lay
merged 'modes of directories that are there' 0 5:0 t '' 5:0777 t/real ''
is 'D18: stay' "$(stat -c %a to/x to/x/real | tr '\n' ' ')" '755 755 '
place
ln -s ../outside to/x
before=$(state)
"$HELPERS/make-tar" 5 t '' 0 t/evil x >in.tar
status 'D18: TARGET is a symlink, the top a directory' 125 "$EXECVM" unpack to/x <in.tar
like 'D18: said' "$(cat err)" 'to/x: a symlink'
is 'D18: nothing outside' "$(state)" "$before"
"$HELPERS/make-tar" 5 x '' 0 x/evil x >in.tar
status 'D18: TARGET/NAME is one' 125 "$EXECVM" unpack to/ <in.tar
is 'D18: nothing outside, either' "$(state)" "$before"
"$HELPERS/make-tar" 0 t new >in.tar
status 'D18: TARGET is a symlink, the top a file' 0 "$EXECVM" unpack to/x <in.tar
is 'D18: the symlink is replaced' "$(cat to/x) $(stat -c %F to/x)" 'new regular file'
is 'D18: what it said is untouched' "$(state)" "$before"
status 'D18: TARGET is a device' 125 "$EXECVM" unpack /dev/null <in.tar
ok 'D18: it still is' test -c /dev/null
for t in . .. to/. to/..; do
	status "D18: a file for the directory '$t'" 125 "$EXECVM" unpack "$t" <in.tar
done

# The same by other programs' archives.
place
before=$(state)
(cd outside && tar -cPf ../in.tar "$PWD/file")
status 'D18: tar -P' 125 "$EXECVM" unpack to/x <in.tar
(cd outside && tar -cPf ../in.tar --transform 's,^,../,' file)
status 'D18: tar --transform' 125 "$EXECVM" unpack to/x <in.tar
(cd outside && bsdtar -cPf ../in.tar -s ',^,x/../../,' file)
status 'D18: bsdtar -s' 125 "$EXECVM" unpack to/x <in.tar
is 'D18: nothing outside' "$(state; find to)" "$before
to"
cd .. || exit 1
rm -rf room
done_testing
