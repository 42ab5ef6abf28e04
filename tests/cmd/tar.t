#!/bin/sh
# SPDX-License-Identifier: MIT
# P9: what execvm tar writes, beside GNU's tar, and by whom it can be read.
# timeout: 60
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

umask 022
long() { # N LETTER
	head -c "$1" /dev/zero | tr '\0' "$2"
}

mkdir -p src/dir/empty "src/$(long 120 d)" src/dir/sub
printf 'hello\n' >src/file
: >src/nothing
head -c 300000 /dev/urandom >src/random
ln src/file src/hard
ln src/file outside
ln -s file src/link
ln -s dir src/to-dir
ln -s /nowhere src/dangling
printf x >"src/$(printf 'a\377b\001c')"
for n in 99 100 101 255; do
	printf '%s' "$n" >"src/$(long "$n" n)"
	printf '%s' "$n" >"src/$(long 120 d)/$(long "$n" m)"
	ln -s "$(long "$n" t)" "src/target-$n"
done
ln "src/$(long 120 d)/$(long 255 m)" src/hard-to-long
mkfifo src/fifo
chmod 4751 src/random
chmod 750 src/dir/empty
touch -d @1000000000 src/file src/random src/dir/empty
echo deep >src/dir/sub/x
if [ "$(id -u)" = 0 ]; then
	chown 1234:567 src/random
	chown -h 77:88 src/link
fi

look() {
	(cd "$1" && find . -printf '%P %y %m %s %n %U %G %l %T@\n' | sed 's/^\([^ ]* [dl] .*\) [0-9.]*$/\1/; s/\.[0-9]*$//' | sort &&
		find . -type f -exec sha256sum {} + | sort)
}

# A name that lacks its beginning may have "./" in front or not.
listing() {
	tar --numeric-owner -tvf "$1" | sed 's,\./,,g; s/  */ /g'
}

# like_gnu NAME FILE...: the same listing, and the same tree on disk.
like_gnu() {
	name=$1
	shift
	tar --sort=name --format=gnu --numeric-owner -cf gnu.tar "$@" 2>gnu.err
	status "P9: $name" 0 "$EXECVM" tar "$@"
	mv out our.tar
	listing gnu.tar >want
	listing our.tar >got
	same "P9: $name: the listing is GNU's" got want
	is "P9: $name: a warning where GNU's has one" "$(grep -q . err; echo $?)" "$(grep -q Removing gnu.err; echo $?)"
	rm -rf from-gnu from-us
	mkdir from-gnu from-us
	tar -xpf gnu.tar -C from-gnu
	tar -xpf our.tar -C from-us
	is "P9: $name: what is unpacked" "$(look from-us | sha256sum)" "$(look from-gnu | sha256sum)"
	# What an earlier GNU tar left is not to be in the next archive.
	rm -f gnu.tar
}

mkdir work && mv src outside work && cd work || exit 1
like_gnu 'a directory' src
like_gnu 'a directory, with a slash' src/
like_gnu 'several' src/file src/dir src/link outside
like_gnu 'a file of several names, in several arguments' outside src/hard src/file src
like_gnu 'the same twice' outside outside src/dir/empty src/dir/empty
like_gnu 'with ./' ./src/file ./src/dir
like_gnu 'with //' src//file src//dir
like_gnu 'with /.' src/dir/.
like_gnu 'with ..' src/../outside src/dir/../file
like_gnu 'that is ..' src/dir/..
like_gnu 'from above' ../work/src/dir ../work/outside
like_gnu 'absolute' "$PWD/src/dir" "$PWD/outside"
like_gnu 'a symlink is one' src/to-dir src/dangling
like_gnu 'a name with an odd byte' "src/$(printf 'a\377b\001c')"
like_gnu 'a name that begins with -' -- src/file
cd .. || exit 1
is 'P9: from -C' "$("$EXECVM" tar -C work/src file dir | tar -tf - | tr '\n' ' ')" 'file dir/ dir/empty/ dir/sub/ dir/sub/x '
is 'P9: a symlink with a slash is a directory' "$("$EXECVM" tar -C work src/to-dir/ | tar -tf - | head -n 1)" src/to-dir/
is 'P9: from -C, .' "$("$EXECVM" tar -C work/src/dir . | tar -tf - | tr '\n' ' ')" './ ./empty/ ./sub/ ./sub/x '
is 'P9: from -C, an absolute one is not' "$("$EXECVM" tar -C work/src "$PWD/work/outside" 2>err | tar -xOf - | cat)" hello
for t in 'busybox tar' tar bsdtar; do
	rm -rf got && mkdir got
	"$EXECVM" tar -C work src | $t -xpf - -C got 2>tar.err
	is "P9: $t reads it" "$(look got/src | grep -v fifo | grep -c .)" "$(look work/src | grep -v fifo | grep -c .)"
done

kinds() {
	"$EXECVM" tar -C work src >plain
	for k in '-z gzip' '-j bzip2' '-J xz' '--zstd zstd' '--gzip gzip' '--bzip2 bzip2' '--xz xz'; do
		status "P9: ${k% *}" 0 "$EXECVM" tar "${k% *}" -C work src
		ok "P9: ${k% *}: ${k#* } has no complaint" sh -c "${k#* } -t <out 2>kind.err"
		"${k#* }" -dc <out >unpacked
		same "P9: ${k% *}: the same archive" unpacked plain
		ok "P9: ${k% *}: tar reads it" tar "${k% *}" -tf out
	done
	status 'P9: two at once' 125 "$EXECVM" tar -z -j work
}

# The same tree at another time, of somebody else, made in another order, by another umask.
deterministic() {
	mkdir one
	(
		cd one || exit 1
		mkdir -p t/b t/a
		echo 1 >t/a/file
		echo 2 >t/a/script && chmod 700 t/a/script
		ln -s file t/a/link
		ln t/a/file t/b/hard
	)
	mkdir two
	(
		umask 077
		cd two || exit 1
		mkdir -p t/a t/b
		ln -s file t/a/link
		echo 2 >t/a/script && chmod 755 t/a/script
		echo 1 >t/b/hard
		ln t/b/hard t/a/file
		touch -d @7 t/a/file t
		[ "$(id -u)" != 0 ] || chown -R 77:88 t
	)
	for k in '' -z -j -J --zstd; do
		# shellcheck disable=SC2086 # none or one word
		"$EXECVM" tar --deterministic $k -C one t >one.tar
		# shellcheck disable=SC2086 # none or one word
		(umask 077 && TZ=Asia/Tokyo LC_ALL=C "$EXECVM" tar --deterministic $k -C two t >two.tar)
		same "P9: --deterministic $k: the same bytes" two.tar one.tar
	done
	"$EXECVM" tar --deterministic -C one t >one.tar
	is 'P9: --deterministic: owners and times' "$(tar --utc --numeric-owner -tvf one.tar | awk '{ print $2, $4 }' | sort -u)" '0/0 1970-01-01'
	is 'P9: --deterministic: modes' "$(tar -tvf one.tar | cut -c 1-10 | sort -u | tr '\n' ' ')" \
		"$(printf '%s\n' drwxr-xr-x -rw-r--r-- -rwxr-xr-x lrwxrwxrwx hrw-r--r-- | sort -u | tr '\n' ' ')"
	SOURCE_DATE_EPOCH=86400 "$EXECVM" tar --deterministic -C one t >early.tar
	is 'P9: --deterministic: SOURCE_DATE_EPOCH' "$(tar --utc -tvf early.tar | awk '{ print $4 }' | sort -u)" 1970-01-02
	status 'P9: SOURCE_DATE_EPOCH of nonsense' 125 env SOURCE_DATE_EPOCH=x "$EXECVM" tar --deterministic one
	printf '{"files": ["t"], "deterministic": true}' >p.json
	(cd one && "$EXECVM" pipeline ../p.json >../pipeline.tar)
	same 'P9: a Tar of a pipeline is the same' pipeline.tar one.tar
	printf '{"files": ["t"], "deterministic": true, "compression": "zstd"}' >p.json
	(cd two && "$EXECVM" pipeline ../p.json | zstd -dc >../pipeline.tar)
	same 'P9: a Tar of a pipeline is the same, packed' pipeline.tar one.tar
}

# Nobody else makes it: there is nobody to be found.
ourselves() {
	for k in '' -z -j -J --zstd; do
		# shellcheck disable=SC2086 # none or one word
		status "P9: with an empty PATH: $k" 0 env PATH=/no/such "$EXECVM" tar $k -C one t
	done
	printf '{"files": ["one"], "compression": "xz"}' >p.json
	status 'P9: with an empty PATH: a Tar of a pipeline' 0 env PATH=/no/such "$EXECVM" pipeline p.json
	ok 'P9: with an empty PATH: whole' sh -c 'tar -tJ <out >names'
}

# refused NAME PATTERN CMD...: no reader takes what was written for an archive.
refused() {
	name=$1 pattern=$2
	shift 2
	status "P9: $name" 125 "$EXECVM" tar "$@"
	like "P9: $name: said" "$(tail -n 1 err)" "^execvm tar: $pattern"
	for t in 'tar -tf -' 'busybox tar -tf -'; do
		ok "P9: $name: not whole for ${t%% -*}" sh -c "! $t <out >names 2>&1"
	done
	for k in '-z gzip' '-J xz' '--zstd zstd' '-j bzip2'; do
		"$EXECVM" tar "${k% *}" "$@" >packed 2>err
		ok "P9: $name: not whole for ${k#* }" sh -c "! ${k#* } -t <packed >names 2>&1"
	done
}

refusals() {
	mkdir odd
	"$HELPERS/make-socket" odd/socket
	echo x >odd/x
	status 'P9: a socket is left out' 0 "$EXECVM" tar odd
	is 'P9: a socket is left out: a warning' "$(cat err)" 'execvm tar: warning: odd/socket: a socket, left out'
	is 'P9: a socket is left out: the rest' "$(tar -tf out | tr '\n' ' ')" 'odd/ odd/x '
	refused 'a device' '/dev/null: a device' odd/x /dev/null
	refused 'what is not there' 'no-such: No such file' one no-such
	refused 'an empty path' "'': no such file" one ''
	refused 'a file with a slash' 'odd/x/: Not a directory' one odd/x/
	refused 'what says 0 bytes and has some' '/proc/self/status: changed while it was read' one /proc/self/status
	status 'P9: no files' 125 "$EXECVM" tar
	status 'P9: a -C that is not there' 125 "$EXECVM" tar -C no-such x
	is 'P9: a -C that is not there: said' "$(cat err)" 'execvm tar: --directory: no-such: No such file or directory'
	status 'P9: closed stdout' 125 sh -c '"$EXECVM" tar one >&-'
	status 'P9: a full disk' 125 sh -c '"$EXECVM" tar one >/dev/full'
	is 'P9: a full disk: said' "$(cat err)" 'execvm tar: write archive: No space left on device'
	head -c 100000 /dev/zero >large
	status 'P9: a limit' 125 sh -c 'ulimit -f 1; "$EXECVM" tar large >limited'
	is 'P9: a limit: said' "$(cat err)" 'execvm tar: write archive: File too large'
	"$HELPERS/on-pty" -- "$EXECVM" tar one >out
	like 'P9: not to a terminal' "$(cat out)" 'execvm tar: the archive would go to a terminal'
	rm -f odd/socket
}

# The pipe takes less than the first file: what comes behind is not read yet.
meanwhile() { # NAME CMD PATTERN
	rm -rf moving gate code && mkdir moving && mkfifo gate
	head -c 1000000 /dev/urandom >moving/a
	echo b >moving/b
	{
		"$EXECVM" tar moving >gate 2>err
		echo $? >code
	} &
	exec 3<gate
	dd bs=512 count=1 <&3 >begin 2>/dev/null
	eval "$2"
	cat <&3 >rest
	exec 3<&-
	wait $!
	is "P9: $1 meanwhile: status" "$(cat code)" 125
	like "P9: $1 meanwhile: named" "$(cat err)" "$3"
	cat begin rest >all
	ok "P9: $1 meanwhile: not whole" sh -c '! tar -tf all >names 2>&1'
}

kinds
deterministic
ourselves
refusals
meanwhile 'shorter' 'truncate -s 10 moving/a' '^execvm tar: moving/a: changed'
meanwhile 'longer' 'echo more >>moving/a' '^execvm tar: moving/a: changed'
meanwhile 'gone' 'rm moving/b' '^execvm tar: moving/b: No such file'
done_testing
