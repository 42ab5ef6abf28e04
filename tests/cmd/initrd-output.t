#!/bin/sh
# SPDX-License-Identifier: MIT
# R14, R15, R16: little memory, no half archives, nothing that changes meanwhile.
# timeout: 60
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

build() {
	"$EXECVM" initrd build --no-check "$@"
}
left() {
	# shellcheck disable=SC2012 # names of our own
	ls -A "$1" | paste -sd' '
}

# R16: the file is there when it is complete.
mkdir dir
echo text >file
head -c 3000000 /dev/urandom >large
chmod 600 large
umask 027
build --add file=/f -o dir/out.cpio
is 'R16 only the output is there' "$(left dir)" out.cpio
is 'R16 mode by the umask' "$(stat -c %a dir/out.cpio)" 640
umask 022
build --add file=/g -o dir/out.cpio
is 'R16 replaced' "$(cpio -it <dir/out.cpio 2>/dev/null | tail -1)" g
cp dir/out.cpio before
status 'R16 a failure' 125 "$EXECVM" initrd build --no-check --add file=/f --add absent=/x -o dir/out.cpio
same 'R16 a failure leaves what was there' dir/out.cpio before
is 'R16 a failure leaves nothing else' "$(left dir)" out.cpio
build --archive dir/out.cpio --add file=/h -o dir/out.cpio
is 'R16 input and output may be the same' "$(cpio -it <dir/out.cpio 2>/dev/null | grep -v dev | paste -sd' ')" 'g h'
ln -s out.cpio dir/link
build --add file=/i -o dir/link
ok 'R16 through a symlink: it stays' test -L dir/link
is 'R16 through a symlink: its target is replaced' "$(cpio -it <dir/out.cpio 2>/dev/null | tail -1)" i
rm dir/link
status 'R16 no such directory' 125 "$EXECVM" initrd build --no-check -o absent/out.cpio
like 'R16 X6 no such directory: named' "$(cat err)" 'create absent/out.cpio: No such file'
status 'R16 the output is a directory' 125 "$EXECVM" initrd build --no-check -o dir
(cd dir && build --add ../file=/f -o plain)
ok 'R16 a name without a slash' test -s dir/plain
rm dir/plain

# Full: a limit of file size, a full file system, /dev/full.
limited() { # KIB WORDS...
	(
		# shellcheck disable=SC3045 # dash has it
		ulimit -f $(($1 * 2))
		shift
		exec "$@"
	)
}
status 'R16 the file size limit' 125 limited 1000 "$EXECVM" initrd build --no-check --add large=/l -o dir/big.cpio
like 'R16 the file size limit: the reason' "$(cat err)" 'write archive: File too large'
is 'R16 the file size limit: nothing is left' "$(left dir)" out.cpio
for c in gzip zstd lz4; do
	status "R16 the file size limit, $c" 125 limited 1000 "$EXECVM" initrd build --no-check --add large=/l --compress $c -o dir/big.cpio
	like "R16 the file size limit, $c: the reason" "$(cat err)" 'write archive: File too large'
	is "R16 the file size limit, $c: nothing is left" "$(left dir)" out.cpio
done
status 'R16 /dev/full' 125 sh -c 'exec "$0" initrd build --no-check --add large=/l >/dev/full' "$EXECVM"
like 'R16 /dev/full: the reason' "$(cat err)" 'write archive: No space left on device'
is 'R16 one line' "$(wc -l <err)" 1
status 'R16 -o /dev/full' 125 "$EXECVM" initrd build --no-check -o /dev/full
mkdir small
# shellcheck disable=SC2016 # for the inner shell
if unshare -rm sh -c 'mount -t tmpfs -o size=1m none small' 2>/dev/null; then
	# shellcheck disable=SC2016
	status 'R16 a full file system' 3 unshare -rm sh -c 'mount -t tmpfs -o size=1m none small
		"$0" initrd build --no-check --add large=/l -o small/out && exit 1
		[ $? = 125 ] && [ -z "$(ls -A small)" ] && exit 3' "$EXECVM"
	like 'R16 a full file system: the reason' "$(cat err)" 'No space left'
else
	skip 'R16 a full file system' 'no user namespaces'
fi
status 'R16 the spool is full' 125 limited 1000 sh -c 'tar -cf - large | "$0" initrd build --no-check --archive - -o dir/big.cpio' "$EXECVM"
like 'R16 the spool is full: the reason' "$(cat err)" 'stdin: write temporary file: File too large'
is 'R16 the spool is full: nothing is left' "$(left dir)" out.cpio
status 'R14 TMPDIR that is not there' 125 sh -c 'tar -cf - large | TMPDIR=$PWD/absent "$0" initrd build --no-check --archive - -o dir/big.cpio' "$EXECVM"
like 'R14 X6 TMPDIR that is not there is named' "$(cat err)" 'TMPDIR.*absent'

# Killed in the middle: the archive waits for stdin, nothing has a name yet.
mkfifo fifo
{ tar -cf - large && exec sleep 5; } >fifo 2>/dev/null &
feeder=$!
"$EXECVM" initrd build --no-check --archive fifo -o dir/killed.cpio 2>err &
builder=$!
sleep 0.3
kill -KILL $builder
is 'R16 killed: it was at work' $? 0
wait $builder 2>/dev/null
kill $feeder 2>/dev/null
wait $feeder 2>/dev/null
is 'R16 killed: nothing is left' "$(left dir)" out.cpio

# stdout
status 'R16 to stdout' 0 "$EXECVM" initrd build --no-check --add file=/f
build --add file=/f -o other
same 'R16 stdout gets the same bytes' out other
build --add file=/f -o - | cmp - other
is 'R16 -o - is stdout' $? 0
mkfifo pipe
cat pipe >got &
build --add file=/f -o pipe
wait
ok 'R16 a fifo stays one' test -p pipe
same 'R16 a fifo gets the bytes' got other
{ build --add large=/f; echo $? >code; } | head -c 100 >/dev/null
is 'R16 a reader that goes away: SIGPIPE, as for every program' "$(cat code)" 141
"$HELPERS/on-pty" -- "$EXECVM" initrd build --no-check >out
like 'R16 X6 a terminal is refused' "$(cat out)" 'the archive would go to a terminal; use -o FILE'
like 'R16 a terminal: the status' "$(cat out)" '^exit 125'
"$HELPERS/on-pty" -- "$EXECVM" initrd build --no-check --archive - -o dir/tty.cpio >out
like 'X6 a terminal as stdin is refused' "$(cat out)" 'stdin is a terminal'
tar -cf file.tar file
# shellcheck disable=SC2016
for closed in '>&-' '<&- >&-' '<&- >&- 2>&-'; do
	status "R16 stdout closed, $closed" 125 sh -c 'exec "$0" initrd build --no-check --archive file.tar --archive file.tar '"$closed" "$EXECVM"
	status "R16 --list, stdout closed, $closed" 125 sh -c 'exec "$0" initrd build --list --archive file.tar '"$closed" "$EXECVM"
done
status 'R16 stdin closed' 125 sh -c 'exec "$0" initrd build --no-check --archive file.tar --archive - -o dir/closed <&-' "$EXECVM"
like 'R16 X6 stdin closed: the reason' "$(cat err)" 'stdin is closed'
status 'R16 all closed, and nothing of them needed' 0 sh -c 'exec "$0" initrd build --no-check --archive file.tar -o closed.cpio <&- >&- 2>&-' "$EXECVM"
is 'R16 all closed: the archive is whole' "$("$EXECVM" initrd info closed.cpio | cut -d, -f1)" 'closed.cpio: 4 entries'

# R15
changes() { # NAME COMMAND: runs it while the archive is read from stdin, behind "file" in the plan
	name=$1
	shift
	cp large changing
	rm -f go
	{ wait_for test -e go && "$@" && tar -cf - file; } |
		{ { sleep 0.2 && touch go; } & status "R15 $name" 125 "$EXECVM" initrd build --no-check --add changing=/c --archive - -o dir/changed.cpio; }
}
grow() { echo more >>changing; }
shrink() { truncate -s 100 changing; }
rewrite() { printf x | dd of=changing conv=notrunc 2>/dev/null; }
replace() { cp large new && mv new changing; }
vanish() { rm changing; }
become_fifo() { rm changing && mkfifo changing; }
result() {
	changes "$@" >result.tap
	grep -q '^ok' result.tap
	is "R15 $1 fails the build" $? 0
	like "R15 $1: the file is named" "$(cat err)" 'changing: (changed during the build|No such file|became shorter)'
	is "R15 $1: no output" "$(left dir)" out.cpio
}
result 'a file that grows' grow
result 'a file that shrinks' shrink
result 'a file that is written to' rewrite
result 'a file that is replaced' replace
result 'a file that vanishes' vanish
rm -f changing
result 'a file that becomes a fifo' become_fifo
rm -f changing
cp large changing
mkfifo slow
"$EXECVM" initrd build --no-check --add changing=/c -o slow 2>err &
builder=$!
{ head -c 100000 && grow && cat; } <slow >/dev/null
wait $builder
is 'R15 a file that grows while it is read' $? 125
like 'R15 a file that grows while it is read: named' "$(cat err)" 'changing: changed during the build'

# R14: peak memory for 1 MB and for 100 MB.
peak() { # WORDS...
	# shellcheck disable=SC2016
	sh -c '"$@" & p=$!; m=0
		while r=$(sed -n "s/^VmHWM:[ \t]*\([0-9]*\) kB/\1/p" /proc/$p/status 2>/dev/null) && [ -n "$r" ]; do
			m=$r
			sleep 0.01
		done
		wait $p || echo failed
		echo $m' sh "$@"
}
truncate -s 100000000 huge
truncate -s 1000000 little
tar -cf huge.tar huge
tar -cf little.tar little
if grep -q __asan_init "$EXECVM"; then
	skip 'R14 memory' 'a sanitizer has memory of its own'
	build --archive huge.tar -o huge.cpio
else
	for c in none gzip zstd lz4; do
		a=$(peak "$EXECVM" initrd build --no-check --add huge=/h --compress $c -o huge.cpio)
		diag "R14 $c: $a kB"
		ok "R14 100 MB from a file, $c: under 60 MB of memory" test "$a" -lt 60000
	done
	a=$(peak "$EXECVM" initrd build --no-check --archive huge.tar -o huge.cpio)
	diag "R14 archive: $a kB"
	ok 'R14 100 MB from an archive: under 20 MB of memory' test "$a" -lt 20000
fi
is 'R14 and all of it arrives' "$("$EXECVM" initrd info huge.cpio | sed 's/.* bytes, \([0-9]*\) .*/\1/')" 100003840
rm -f huge*
done_testing
