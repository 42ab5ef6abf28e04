#!/bin/sh
# SPDX-License-Identifier: MIT
# timeout: 60
# D10-D14, D22: what pack writes, as busybox tar, GNU tar and bsdtar read it.
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

umask 022
long() { # N LETTER
	head -c "$1" /dev/zero | tr '\0' "$2"
}

# What can be compared: without times of what busybox does not restore.
look() {
	(cd "$1" && find . -printf '%P %y %m %s %n %l\n' | sort && find . -type f -exec sha256sum {} + | sort)
}
mtimes() {
	(cd "$1" && find . -type f -printf '%P %Ts\n' | sort)
}

mkdir -p src/dir/empty "src/$(long 120 d)"
printf 'hello\n' >src/file
: >src/nothing
head -c 300000 /dev/urandom >src/random
ln src/file src/hard
ln -s file src/link
ln -s /nowhere/at/all src/dangling
printf x >"src/$(printf 'a\377b\001c\nd e')"
printf 255 >"src/$(long 120 d)/$(long 255 f)"
ln "src/$(long 120 d)/$(long 255 f)" src/hard-to-long
for n in 99 100 101 255; do
	printf '%s' "$n" >"src/$(long "$n" n)"
	printf '%s' "$n" >"src/$(long 120 d)/$(long "$n" m)"
	ln -s "$(long "$n" t)" "src/target-$n"
done
ln -s "$(long 4000 t)" src/target-4000
(
	cd src || exit 1
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do
		mkdir "$(long 250 e)"
		cd "$(long 250 e)" || exit 1
	done
	echo deep >bottom
)
mkfifo src/fifo
chmod 751 src/random
chmod 750 src/dir/empty
chmod 600 src/nothing
touch -d @1000000000 src/file src/random
truncate -s 5M src/sparse

status 'D10: a tree' 0 "$EXECVM" pack src
cp out src.tar
is 'D10: nothing is said' "$(cat err)" ''
look src >want
mtimes src >want-times
for t in 'busybox tar' tar bsdtar; do
	rm -rf got && mkdir got
	$t -xpf src.tar -C got 2>tar.err
	is "D10: $t: status" "$?" 0
	look got/src >got.look
	same "D10: $t: the same tree" got.look want
	mtimes got/src >got.times
	same "D10: $t: times of files" got.times want-times
done
is 'D10: owners are 0:0' "$(tar --numeric-owner -tvf src.tar | awk '{ print $2 }' | sort -u)" 0/0
is 'D10: no owner has a name' "$(head -c 512 src.tar | tail -c 247 | head -c 64 | tr -d '\0')" ''
tar -tf src.tar | grep -v '/.*/.' >names
LC_ALL=C sort -c names 2>sort.err
is 'D10: names are in order' "$?" 0

# The way back: busybox's tar out of a guest.
mkdir back
busybox tar -cf bb.tar src
status 'D22: what busybox packs' 0 "$EXECVM" unpack back/tree <bb.tar
look back/tree >got.look
same 'D22: the same tree' got.look want
is 'D22: and has the same digest' "$("$EXECVM" pack --digest back/tree)" "$("$EXECVM" pack --digest src)"
"$EXECVM" pack src | "$EXECVM" unpack back/both
is 'D22: packed and unpacked' "$?" 0
look back/both >got.look
same 'D22: packed and unpacked: the same tree' got.look want

for digest in --digest '--digest-fd 2' "--pin sha256:$(printf %064d 0)"; do
	# shellcheck disable=SC2086 # words
	status "D10: --dirs-only and $digest" 125 "$EXECVM" pack --dirs-only $digest src
	is "D10: --dirs-only and $digest: why" "$(cat err)" 'execvm pack: --dirs-only: there is no digest of that'
done

# D11: names of the top, symlinks.
top() {
	"$EXECVM" pack "$@" 2>err | tar -tf - 2>>err | head -n 1
}
is 'D11: own name' "$(top src/dir)" dir/
is 'D11: own name, with a slash' "$(top src/dir/)" dir/
is 'D11: another name' "$(top --name other src/dir)" other/
is 'D11: .' "$(cd src/dir && top .)" ./
is 'D11: a file' "$(top src/file)" file
ln -s src/dir to-dir
is 'D11: a symlink is one' "$("$EXECVM" pack to-dir | tar -tvf - | sed 's/.* to-dir/to-dir/')" 'to-dir -> src/dir'
is 'D11: with a slash it is followed' "$(top to-dir/)" to-dir/
for name in '' .. a/b /; do
	status "D11: --name '$name'" 125 "$EXECVM" pack --name "$name" src
done
status 'D11: .. has no name' 125 "$EXECVM" pack src/..
status 'D11: / has no name' 125 "$EXECVM" pack /
is 'D11: nothing of it is written' "$(cat out)" ''
is 'D11: data of a hard link is there once' \
	"$(tar -tvf src.tar | grep -c '^h')" 2
mkdir odd
"$HELPERS/make-socket" odd/socket
echo x >odd/x
status 'D11: a socket is left out' 0 "$EXECVM" pack odd
is 'D11: with a warning' "$(cat err)" 'execvm pack: warning: odd/socket: a socket, left out'
is 'D11: and the rest is there' "$(tar -tf out | tr '\n' ' ')" 'odd/ odd/x '
status 'D11: a device' 125 "$EXECVM" pack /dev/null
is 'D11: it is named' "$(cat err)" 'execvm pack: /dev/null: a device'
chmod 7751 odd/x
is 'D11: all bits of the mode' "$("$EXECVM" pack odd/x | tar -tvf - | cut -c 1-10)" -rwsr-s--t
chmod 644 odd/x
touch -d @-5 odd/x
status 'D11: a time before 1970' 0 "$EXECVM" pack odd
like 'D11: is warned about' "$(cat err)" 'odd/x: time -5'
touch -d @9999999999 odd/x
status 'D11: a time after 2242' 0 "$EXECVM" pack odd/x
is 'D11: the nearest' "$(tar --utc -tvf out | awk '{ print $4 }')" 2242-03-16
rm -rf odd

# D12
printf 'hello\n' | sha256sum | sed 's/ .*//; s/^/sha256:/' >want
status 'D12: of a file' 0 "$EXECVM" pack --digest src/file
same 'D12: that of its contents' out want
"$EXECVM" pack --digest-fd 3 src/file 3>told >out
same 'D12: told at the end' told want
status 'D12: pinned' 0 "$EXECVM" pack --pin "$(cat want)" src/file
ok 'D12: whole' tar -tf out
is 'D12: of a tree it can be had by hand' "sha256:$("$EXECVM" pack --reproducible --name . src | sha256sum | cut -c 1-64)" \
	"$("$EXECVM" pack --digest src)"
mv src renamed
"$EXECVM" pack --digest-fd 3 renamed 3>told | tar -tf - >names
mv renamed src
is 'D12: whatever it is called' "$(cat told)" "$("$EXECVM" pack --digest src)"
is 'D12: whatever SOURCE_DATE_EPOCH is' "$(SOURCE_DATE_EPOCH=7 "$EXECVM" pack --digest src)" "$(cat told)"
none=sha256:$(long 64 0)
# One that is cut at the end of a member: the first write ends there.
mkdir edge
head -c 130048 /dev/urandom >edge/a
echo z >edge/b
for what in src/file src edge edge/a; do
	status "D12: another: $what" 125 "$EXECVM" pack --pin "$none" "$what"
	like "D12: says which: $what" "$(cat err)" "pack: $what: is sha256:[0-9a-f]{64}, not"
	for t in tar 'busybox tar' "$EXECVM unpack cut"; do
		case $t in *tar) t="$t -xC x" ;; esac
		rm -rf x && mkdir x
		$t <out >/dev/null 2>&1
		code=$?
		ok "D12: not whole for ${t##*/}: $what" test "$code" != 0
	done
done
for bad in sha256:12 "$(long 64 0)" "sha256:$(long 64 G)" "$none "; do
	status "D12: --pin '$bad'" 125 "$EXECVM" pack --pin "$bad" src/file
done
status 'D12: --digest and --digest-fd' 125 "$EXECVM" pack --digest --digest-fd 2 src/file
status 'D12: --digest-fd 1' 125 "$EXECVM" pack --digest-fd 1 src/file
status 'D12: --digest-fd 9, closed' 125 "$EXECVM" pack --digest-fd 9 src/file
status 'D12: --digest-fd 0, for reading' 125 "$EXECVM" pack --digest-fd 0 src/file </dev/null
status 'D12: --digest-fd x' 125 "$EXECVM" pack --digest-fd x src/file

# D13
mkdir one two
for d in one two; do
	echo 1 >$d/script
	echo 2 >$d/data
	mkdir $d/sub
done
chmod 700 one/script
chmod 755 two/script
chmod 600 one/data
chmod 2770 one/sub
touch -d @5 one/data
"$EXECVM" pack -r --name x one >one.tar
"$EXECVM" pack -r --name x two >two.tar
same 'D13: the same bytes' one.tar two.tar
is 'D13: modes' "$(tar -tvf one.tar | cut -c 1-10 | tr '\n' ' ')" 'drwxr-xr-x -rw-r--r-- -rwxr-xr-x drwxr-xr-x '
is 'D13: time 0' "$(tar --utc -tvf one.tar | awk '{ print $4 }' | sort -u)" 1970-01-01
SOURCE_DATE_EPOCH=86400 "$EXECVM" pack -r one >one.tar
is 'D13: time of SOURCE_DATE_EPOCH' "$(tar --utc -tvf one.tar | awk '{ print $4 }' | sort -u)" 1970-01-02
SOURCE_DATE_EPOCH=x status 'D13: SOURCE_DATE_EPOCH of nonsense' 125 "$EXECVM" pack -r one

# D14. The pipe takes less than the first file: what comes behind is not read yet.
mkdir moving
meanwhile() { # NAME CMD: while pack waits for its reader
	rm -rf moving pipe code && mkdir moving && mkfifo pipe
	head -c 1000000 /dev/urandom >moving/a
	echo b >moving/b
	{
		"$EXECVM" pack moving >pipe 2>err
		echo $? >code
	} &
	exec 3<pipe
	dd bs=512 count=1 <&3 >begin 2>/dev/null
	eval "$2"
	cat <&3 >rest
	exec 3<&-
	wait $!
	is "D14: $1: status" "$(cat code)" 125
	like "D14: $1: named" "$(cat err)" "$3"
	cat begin rest >all
	mkdir x2 && busybox tar -xC x2 <all >/dev/null 2>&1
	ok "D14: $1: no whole archive" test $? != 0
	rm -rf x2
}
meanwhile 'shorter' 'truncate -s 10 moving/a' '^execvm pack: moving/a: changed'
meanwhile 'longer' 'echo more >>moving/a' '^execvm pack: moving/a: changed'
meanwhile 'gone' 'rm moving/b' '^execvm pack: moving/b: No such file'
meanwhile 'another type' 'rm moving/b; ln -s /etc/passwd moving/b; truncate -s 5 moving/a' 'changed'
status 'D14: what says 0 bytes and has some' 125 "$EXECVM" pack /proc/self/status
status 'D14: no such file' 125 "$EXECVM" pack nowhere
is 'D14: it is named' "$(cat err)" 'execvm pack: nowhere: No such file or directory'
status 'D14: empty path' 125 "$EXECVM" pack ''
status 'D14: no path' 125 "$EXECVM" pack
status 'D14: two paths' 125 "$EXECVM" pack src src
status 'D14: closed stdout' 125 sh -c '"$EXECVM" pack src >&-'
status 'D14: full' 125 sh -c '"$EXECVM" pack src >/dev/full'
like 'D14: full, said' "$(cat err)" 'No space left'
if [ "$(id -u)" = 0 ]; then
	as() {
		setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
	}
else
	as() {
		"$@"
	}
fi
secret=$(mktemp -d /tmp/pack.XXXXXX)
cp "$EXECVM" "$secret/execvm"
mkdir "$secret/d"
echo x >"$secret/d/secret"
chmod 0 "$secret/d/secret"
chmod 755 "$secret"
status 'D14: unreadable' 125 as "$secret/execvm" pack "$secret/d"
like 'D14: unreadable: named' "$(cat err)" "/d/secret: Permission denied"
rm -rf "$secret"
rm -rf src back got
done_testing
