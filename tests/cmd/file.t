#!/bin/sh
# SPDX-License-Identifier: MIT
# P8: execvm file: the whole of stdin, or what was there before.
# timeout: 30
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

# Nothing but this is in d, whatever is hidden.
only() { # NAME FILES
	is "$1: nothing else is there" "$(ls -A d | tr '\n' ' ')" "$2"
}

mkdir d
"$HELPERS/bytes" 3000000 >big
status 'P8: from a file' 0 sh -c '"$EXECVM" file d/f <big'
same 'P8: from a file: whole' d/f big
is 'P8: nothing is said' "$(cat out err)" ''
status 'P8: from a pipe' 0 sh -c '"$HELPERS/bytes" 3000001 | "$EXECVM" file d/f'
ok 'P8: from a pipe: whole, in place of the old one' sh -c '"$HELPERS/bytes" -c 3000001 <d/f'
status 'P8: nothing' 0 "$EXECVM" file d/empty
ok 'P8: nothing: an empty file' test -f d/empty -a ! -s d/empty
status 'P8: a mode' 0 sh -c 'umask 027; echo x | "$EXECVM" file d/mode'
is 'P8: a mode: by the umask' "$(stat -c %a d/mode)" 640
status 'P8: a name that begins with -' 0 sh -c 'cd d && echo x | "$EXECVM" file -- -f'
is 'P8: a name that begins with -: there' "$(cat d/-f)" x
rm d/-f
ln -s f d/link
status 'P8: a symlink' 0 sh -c 'echo through | "$EXECVM" file d/link'
is 'P8: a symlink: it stays one' "$(readlink d/link) $(cat d/f)" 'f through'
mkfifo fifo
cat fifo >read &
status 'P8: a fifo' 0 sh -c 'echo x | "$EXECVM" file fifo'
wait
is 'P8: a fifo: read, and still one' "$(cat read; stat -c %F fifo)" 'x
fifo'
only P8 'empty f link mode '

# Until the end it is what it was, whatever comes in between.
echo old >d/f
mkfifo feed
for way in ends TERM KILL; do
	"$HELPERS/with-signals" -d 15 "$EXECVM" file d/f <feed &
	pid=$!
	exec 8>feed
	"$HELPERS/bytes" 200000 >&8
	is "P8: $way: meanwhile it is the old one" "$(cat d/f)" old
	[ $way = ends ] || kill -s $way $pid
	exec 8>&-
	wait $pid 2>/dev/null
	code=$?
	if [ $way = ends ]; then
		is 'P8: ends: then it is the new one' "$code $(wc -c <d/f)" '0 200000'
		echo old >d/f
	else
		ok "P8: $way: a status that says so" test $code -gt 128
		is "P8: $way: it is the old one" "$(cat d/f)" old
	fi
	only "P8: $way" 'empty f link mode '
done

refused() { # NAME PATTERN CMD
	status "P8: $1" 125 sh -c "$3"
	like "P8: $1: said" "$(cat err)" "^execvm file: $2"
	is "P8: $1: in one line" "$(wc -l <err)" 1
	is "P8: $1: the file is the old one" "$(cat d/f)" old
	only "P8: $1" 'empty f link mode '
}
refused 'a limit' 'write d/f: File too large' 'ulimit -f 1; "$EXECVM" file d/f <big'
refused 'a limit, from a pipe' 'write d/f: File too large' 'cat big | (ulimit -f 1; exec "$EXECVM" file d/f)'
refused 'stdin is a directory' 'read stdin: Is a directory' '"$EXECVM" file d/f <d'
refused 'closed stdin' 'stdin is closed' '"$EXECVM" file d/f <&-'
refused 'a directory' 'open d: Is a directory' 'echo x | "$EXECVM" file d'
refused 'no directory' 'create no-such/f: No such file' 'echo x | "$EXECVM" file no-such/f'
refused 'a full device' 'write /dev/full: No space left' 'echo x | "$EXECVM" file /dev/full'
refused 'a full device, from a file' 'write /dev/full: No space left' '"$EXECVM" file /dev/full <big'
refused 'no name' 'one NAME of a file' '"$EXECVM" file <big'
refused 'two names' 'one NAME of a file' '"$EXECVM" file d/f d/g <big'
refused 'stdout' 'one NAME of a file' '"$EXECVM" file - <big'
refused 'an empty name' '' '"$EXECVM" file "" <big'

mkdir small
cat >try <<'END'
mount -t tmpfs -o size=1M none small || exit 99
echo old >small/f
"$EXECVM" file small/f <big
echo "$? $(cat small/f) $(ls -A small)" >said
cat big | "$EXECVM" file small/f
echo "$? $(cat small/f) $(ls -A small)" >>said
END
if [ "$(id -u)" = 0 ] && unshare -m sh -c 'mount -t tmpfs none small' 2>err; then
	status 'P8: a full disk' 0 unshare -m sh try
	is 'P8: a full disk: it is the old one, and alone' "$(cat said)" '125 old f
125 old f'
	is 'P8: a full disk: said' "$(sort -u err)" 'execvm file: write small/f: No space left on device'
else
	skip 'P8: a full disk' 'root: no mounts here'
fi
done_testing
