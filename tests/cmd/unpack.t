#!/bin/sh
# SPDX-License-Identifier: MIT
# timeout: 60
# D15-D17, D19-D22: what unpack makes of an archive, and what is left when it cannot.
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

umask 077
left() { # names in a directory, of all kinds
	ls -A "$1" | tr '\n' ' '
}

fresh() { # an empty to
	chmod -R u+rwx to 2>/dev/null
	rm -rf to && mkdir to
}

# D15
mkdir src
fresh
printf 'new contents\n' >src/file
chmod 4751 src/file
touch -d @1000000000.5 src/file
"$EXECVM" pack src/file >file.tar
status 'D15: a file' 0 "$EXECVM" unpack to/f <file.tar
same 'D15: has the contents' to/f src/file
is 'D21: mode without setuid, time' "$(stat -c '%a %Y' to/f)" '751 1000000000'
is 'D15: nothing else is there' "$(left to)" 'f '
ln to/f to/twin
printf 'old\n' >to/f
status 'D15: over one that is there' 0 "$EXECVM" unpack to/f <file.tar
is 'D15: is another file' "$(cat to/twin) $(cat to/f)" 'old new contents'
status 'D15: its own name' 0 "$EXECVM" unpack to/ <file.tar
same 'D15: has the contents, too' to/file src/file
ln -s here to/l
"$EXECVM" pack to/l >link.tar
status 'D15: a symlink' 0 "$EXECVM" unpack to/m <link.tar
is 'D15: is one' "$(readlink to/m)" here
mkfifo src/fifo
"$EXECVM" pack src/fifo | "$EXECVM" unpack to/fifo
ok 'D15: a fifo' test -p to/fifo
rm src/fifo
head -c 300000 /dev/urandom >src/large
"$EXECVM" pack src/large >large.tar
for n in 1 511 512 513 1000 150000 300512 300544 301055; do
	echo old >to/f
	head -c $n large.tar >cut.tar
	status "D17: a file, cut at $n" 125 "$EXECVM" unpack to/f <cut.tar
	is "D17: the old one is untouched, cut at $n" "$(cat to/f) $(left to)" 'old f fifo file l m twin '
done
mkdir to/d
status 'D15: a file for a directory' 125 "$EXECVM" unpack to/d <file.tar
like 'D15: said' "$(cat err)" '^execvm unpack: to/d: a directory'
is 'D15: it is empty' "$(left to/d)" ''

# D16
rm -rf src && mkdir -p src/a/b src/empty
fresh
echo one >src/a/one
echo two >src/a/b/two
ln src/a/one src/a/b/hard
ln -s ../nowhere src/a/link
chmod 500 src/a/b
chmod 1770 src/empty
chmod 640 src/a/one
touch -hd @1000000001 src/a/link
touch -d @1000000005 src/a/b/two
touch -d @1000000002 src/a/one src/empty src/a/b
touch -d @1000000003 src/a
touch -d @1000000004 src
look() {
	(cd "$1" && find . -printf '%P %y %m %s %n %l %T@\n' | sort)
}
look src >want
for pack in "$EXECVM pack src" 'busybox tar -cf - src' 'tar -cf - src' 'tar --format=pax -cf - src' \
	'tar --format=ustar -cf - src' 'tar --format=oldgnu -cf - src' 'bsdtar -cf - src' \
	'tar -C src -cf - .' 'bsdtar -C src -cf - .' 'busybox tar -C src -cf - .' 'tar -cf - ./src' \
	"$EXECVM pack src/." 'busybox tar -cf - src/'; do
	name=${pack##*/}
	fresh
	$pack >in.tar
	status "D16: $name" 0 "$EXECVM" unpack to/new <in.tar
	look to/new >got
	same "D21: modes, times, links of $name" got want
	is "D16: nothing else is there: $name" "$(left to)" 'new '
	# Once more: what was there has been replaced by the same.
	chmod 700 to/new/a/b
	status "D16: merged: $name" 0 "$EXECVM" unpack to/new <in.tar
	is "D16: no name is left over: $name" "$(cd to/new && find . | sort)" "$(cd src && find . | sort)"
done
"$EXECVM" pack src >src.tar
status 'D16: its own name' 0 "$EXECVM" unpack to/ <src.tar
look to/src >got
same 'D16: is the same' got want
"$EXECVM" pack src/. | (cd to/new && "$EXECVM" unpack .)
is 'D16: into .' "$(cat to/new/a/one)" one
mkdir to/merge to/merge/a
echo stays >to/merge/a/stays
echo old >to/merge/a/one
chmod 711 to/merge
touch -d @5 to/merge
"$EXECVM" unpack to/merge <src.tar
is 'D16: merged' "$(cat to/merge/a/stays to/merge/a/one to/merge/a/b/two | tr '\n' ' ')" 'stays one two '
is 'D16: a directory that was there keeps its mode' "$(stat -c %a to/merge)" 711
echo file >to/file
status 'D16: a directory for a file' 125 "$EXECVM" unpack to/file <src.tar
is 'D16: it is as it was' "$(cat to/file)" file
status 'D16: no such place' 125 "$EXECVM" unpack nowhere/x <src.tar
status 'D16: no such place, with a slash' 125 "$EXECVM" unpack nowhere/ <src.tar
status 'D16: no place' 125 "$EXECVM" unpack '' <src.tar
rm -rf to/c && mkdir to/c
mkdir to/c/a to/c/a/one
status 'D16: a file for a directory below' 125 "$EXECVM" unpack to/c <src.tar
is 'D16: nothing half' "$(find to/c -name '.*')" ''
"$HELPERS/make-tar" 0 t/x/y/z deep >in.tar
status 'D16: members for directories may be missing' 0 "$EXECVM" unpack to/deep <in.tar
is 'D16: then they are made' "$(stat -c %a to/deep to/deep/x to/deep/x/y | tr '\n' ' ')" '755 755 755 '
truncate -s 100M src/sparse
echo x >>src/sparse
tar -cSf in.tar src/sparse --transform 's,.*/,,'
"$EXECVM" unpack to/sparse <in.tar
same 'D16: a sparse file' to/sparse src/sparse
ok 'D16: is sparse' test "$(stat -c %b to/sparse)" -lt 1000
rm -f src/sparse in.tar to/sparse

# D17
fresh
empty='' half="$(printf 'not a tar')"
for what in empty half; do
	eval "printf '%s' \"\$$what\"" >in.tar
	status "D17: $what" 125 "$EXECVM" unpack to/x <in.tar
	is "D17: $what: one line" "$(wc -l <err)" 1
done
head -c 10240 /dev/zero >in.tar
status 'D17: nothing in it' 125 "$EXECVM" unpack to/x <in.tar
gzip -c src.tar >in.tar
status 'D17: compressed' 125 "$EXECVM" unpack to/x <in.tar
head -c 2000 /dev/urandom >in.tar
status 'D17: nonsense' 125 "$EXECVM" unpack to/x <in.tar
size=$(stat -c %s src.tar)
at=0
bad=
while [ $at -lt $((size - 1024)) ]; do
	head -c $at src.tar | "$EXECVM" unpack to/x 2>/dev/null && bad="$bad $at"
	at=$((at + 256))
done
is 'D17: cut anywhere, at the ends of members, too' "$bad" ''
{ head -c 1024 src.tar; tail -c +1025 src.tar | tr 'o' 'p'; } >in.tar
status 'D17: a header that is damaged' 125 "$EXECVM" unpack to/x <in.tar
cat src.tar src.tar >in.tar
status 'D17: two archives' 125 "$EXECVM" unpack to/x <in.tar
is 'D17: nothing is left of all that' "$(left to)" ''
mkdir to/m
"$HELPERS/make-tar" 5 t '' 0 t/whole x 0:644:9999 t/half x end >in.tar
status 'D17: merged and cut' 125 "$EXECVM" unpack to/m <in.tar
is 'D17: keeps what was complete' "$(left to/m)" 'whole '
rm -rf to/m
# What fills up a record is read to its end.
{ cat src.tar; head -c 2000000 /dev/zero; } | "$EXECVM" unpack to/x
is 'D17: zeros may follow' "$? $(ls to)" '0 x'
status 'D17: closed stdin' 125 sh -c '"$EXECVM" unpack to/y <&-'
status 'D17: no TARGET' 125 "$EXECVM" unpack </dev/null
is 'D12: a digest, told' "$("$EXECVM" unpack --digest-fd 1 to/y <src.tar)" "$("$EXECVM" pack --digest src)"
is 'D12: of a file' "$("$EXECVM" unpack --digest-fd 1 to/f <file.tar)" "sha256:$(sha256sum <to/f | cut -c 1-64)"
if [ "$(id -u)" = 0 ] && setpriv --reuid 1234 --regid 1234 --clear-groups true 2>/dev/null; then
	mkdir -p shut/d
	echo x >shut/f
	echo y >shut/d/g
	chmod 0 shut/f
	chmod 300 shut/d
	"$EXECVM" pack shut >shut.tar
	mkdir for-user
	chown 1234 for-user
	cp "$EXECVM" ./execvm-copy && chmod 755 . execvm-copy
	status 'D12: of what its owner may not read, by him' 0 \
		setpriv --reuid 1234 --regid 1234 --clear-groups ./execvm-copy unpack --digest-fd 1 for-user/shut <shut.tar
	is 'D12: of what its owner may not read, by him: it is that' "$(cat out)" "$("$EXECVM" pack --digest shut)"
	is 'D12: of what its owner may not read, by him: the modes' \
		"$(stat -c %a for-user/shut/f for-user/shut/d | paste -sd ' ')" '0 300'
	chmod -R u+rwx shut for-user
else
	skip 'D12: of what its owner may not read' 'setpriv: cannot'
fi
is 'D12: of a symlink' "$("$EXECVM" unpack --digest-fd 1 to/l <link.tar)" "$("$EXECVM" pack --digest to/l)"
status 'D12: --digest-fd 9, closed' 125 "$EXECVM" unpack --digest-fd 9 to/z <src.tar
fresh

# D19
n=$(tar -tf src.tar | wc -l)
status 'D19: as many members as there may be' 0 "$EXECVM" unpack --max-entries "$n" to/x <src.tar
status 'D19: one more' 125 "$EXECVM" unpack --max-entries $((n - 1)) to/y <src.tar
is 'D19: said' "$(cat err)" "execvm unpack: more than $((n - 1)) members"
status 'D19: as many bytes as there may be' 0 "$EXECVM" unpack --max-size 8 to/z <src.tar
status 'D19: one more' 125 "$EXECVM" unpack --max-size 7 to/y <src.tar
like 'D19: said' "$(cat err)" "^execvm unpack: 'src/a/b/two': more than 7 bytes in all"
truncate -s 4M holes
tar -cSf in.tar holes
status 'D19: holes count' 125 "$EXECVM" unpack --max-size 1M to/y <in.tar
status 'D19: --max-size of nonsense' 125 "$EXECVM" unpack --max-size x to/y <src.tar
status 'D19: --max-entries of nonsense' 125 "$EXECVM" unpack --max-entries -1 to/y <src.tar
is 'D19: nothing is left' "$(left to)" 'x z '
mkdir big && head -c 3000000 /dev/urandom >big/file && "$EXECVM" pack big >big.tar
# shellcheck disable=SC3045 # dash has it
(ulimit -f 1000 && "$EXECVM" unpack to/y <big.tar) 2>err
is 'D19: a file that may not be so large' "$? $(cat err)" '125 execvm unpack: write to/y/file: File too large'
is 'D19: nothing is left' "$(left to)" 'x z '
mkdir disk
if mount -t tmpfs -o size=1m none disk 2>/dev/null; then
	status 'D19: a full disk' 125 "$EXECVM" unpack disk/y <big.tar
	is 'D19: said' "$(cat err)" 'execvm unpack: write disk/y/file: No space left on device'
	is 'D19: nothing is left' "$(left disk)" ''
	mkdir disk/m
	status 'D19: a full disk, merged' 125 "$EXECVM" unpack disk/m <big.tar
	is 'D19: nothing half' "$(left disk/m)" ''
	umount disk
else
	skip 'D19: a full disk' 'mount: not allowed'
fi

# D20. The archive stops in the middle of the second file.
"$EXECVM" pack big >in.tar
head -c 1000000 in.tar >part.tar
interrupted() { # SIGNAL STATUS TARGET
	rm -f pipe && mkfifo pipe
	"$HELPERS/with-signals" -d 2 -d 3 -d 15 -d 1 "$EXECVM" unpack "$3" <pipe 2>err &
	pid=$!
	exec 3>pipe
	cat part.tar >&3
	wait_for sh -c 'find to -name ".*.execvm" | grep -q .'
	kill -"$1" $pid
	wait $pid
	is "D20: $1, $3" "$?" "$2"
	exec 3>&-
	is "D20: nothing is left: $1, $3" "$(find to -name '.*.execvm'; left to)" 'm x z '
}
mkdir to/m
for where in to/new to/m; do
	interrupted TERM 143 $where
	interrupted INT 130 $where
	interrupted HUP 129 $where
	interrupted QUIT 131 $where
	interrupted USR1 138 $where
done
is 'D20: what was merged is empty' "$(left to/m)" ''
rm -f pipe && mkfifo pipe
(trap '' HUP && exec "$EXECVM" unpack to/hup <pipe 2>err) &
pid=$!
exec 3>pipe
cat part.tar >&3
wait_for sh -c 'find to -name ".*.execvm" | grep -q .'
kill -HUP $pid
tail -c +1000001 in.tar >&3
exec 3>&-
wait $pid
is 'D20: as nohup has it' "$? $(left to)" '0 hup m x z '
rm -f pipe && mkfifo pipe
"$EXECVM" unpack to/killed <pipe 2>err &
pid=$!
exec 3>pipe
cat part.tar >&3
wait_for sh -c 'find to -name ".*.execvm" | grep -q .'
kill -KILL $pid
wait $pid
exec 3>&-
like 'D20: after KILL the name says whose it is' "$(left to)" '^\.killed\.[a-z2-7]{6}\.execvm hup'

# Deep, and without rights: all of it goes away again.
set --
name=t
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
	name=$name/d
	set -- "$@" 5:0 $name ''
done
fresh
"$HELPERS/make-tar" "$@" 0 $name/f x 3 $name/device '' >in.tar
status 'D17: deep and refused' 125 "$EXECVM" unpack to/x <in.tar
is 'D17: nothing is left' "$(left to)" ''
"$HELPERS/make-tar" "$@" 0:0 $name/f x >in.tar
status 'D21: directories that nobody may enter' 0 "$EXECVM" unpack to/x <in.tar
is 'D21: are so' "$(stat -c %a to/x/d)" 0
chmod -R u+rwx to src
rm -rf src to big
done_testing
