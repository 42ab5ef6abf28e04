#!/bin/sh
# SPDX-License-Identifier: MIT
# M6, M7, M8, M9: names, pins, listing, removing, saving; two at once, and ends at bad moments.
# timeout: 90
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"
# shellcheck source=tests/image.sh
. "$SRCDIR/tests/image.sh"

status 'M6: a store that is not there is empty' 0 "$EXECVM" image ls
is 'M6: and is not made' "$(wc -l <out) $(ls -A)" '1 err
out'
is 'M6: as JSON' "$("$EXECVM" image ls --json)" '[]'
layer one.tar a
layer two.tar a b
one=$("$EXECVM" image import one <one.tar)
two=$("$EXECVM" image import reg.example:5000/team/two:v1 <two.tar)
again=$("$EXECVM" image import one:other <one.tar)
is 'M6: the same root, the same image' "$again" "$one"
is 'M6: once in the store' "$(find "$store" -name '*.sqfs' | wc -l) $(find "$store" -name '*.json' | wc -l)" '2 2'
is 'M6: names' "$(ls "$store/names")" 'one:latest
one:other
reg.example:5000+team+two:v1'
is 'M6: ls' "$("$EXECVM" image ls | awk 'NR > 1 { print $1 }')" 'one:latest
one:other
reg.example:5000/team/two:v1'
hex=${one#sha256:}
is 'M6: the digest is that of the record' "$(digest "$store/sha256-$hex.json")" "$hex"
is 'M6: the record is canonical' "$(cat "$store/sha256-$hex.json")" \
	"{\"config\":{\"Cmd\":[],\"Entrypoint\":[],\"Env\":[],\"User\":\"\",\"WorkingDir\":\"\"},\"root\":\"sha256:$(digest "$(root_of one)")\"}"
is 'M6: the root is under its own digest' "$(root_of one)" "$store/sha256-$(digest "$(root_of one)").sqfs"

# References.
finds() { # REFERENCE DIGEST
	is "M8: $1" "$("$EXECVM" image inspect "$1" 2>&1 | sed -n 's/.*"digest": "\(.*\)".*/\1/p')" "$2"
}
misses() { # REFERENCE PATTERN
	status "M8: $1: 125" 125 "$EXECVM" image inspect "$1"
	like "M8: $1: why" "$(cat err)" "^execvm image: $2"
}
finds one "$one"
finds one:latest "$one"
finds "one@$one" "$one"
finds "$one" "$one"
finds "$hex" "$one"
finds "$(echo "$hex" | cut -c 1-12)" "$one"
finds "sha256:$(echo "$hex" | cut -c 1-20)" "$one"
finds reg.example:5000/team/two:v1 "$two"
misses "one@$two" "'one:latest' is $one now"
misses one@sha256:abc "'one@sha256:abc': what follows '@'"
misses nothing "'nothing': no such image \\(execvm image ls\\)"
misses reg.example:5000/team/two "'reg.example:5000/team/two': no such image"
misses "$(echo "$hex" | cut -c 1-11)" '.*no such image'
misses sha256:0123456789ab '.*no such image'
misses ../names/one ".*it has '..' in it"

# Moving one.
status 'M9: save' 0 "$EXECVM" image save one -o one.oci
ok 'M9: without a word' test ! -s out
"$EXECVM" image save one >one.again
same 'M9: the same bytes' one.again one.oci
XDG_DATA_HOME=$PWD/elsewhere "$EXECVM" image load <one.oci >out
is 'M9: load names it' "$(cat out)" 'Loaded image: one:latest'
is 'M9: it has the same digest there' "$(XDG_DATA_HOME=$PWD/elsewhere "$EXECVM" image inspect one | grep '"digest"')" \
	"  \"digest\": \"$one\","
"$EXECVM" image save one | gzip | XDG_DATA_HOME=$PWD/elsewhere "$EXECVM" image load copy:1 >out
is 'M9: packed, under another name' "$(cat out)" 'Loaded image: copy:1'
status 'M9: one that was found by its digest' 0 "$EXECVM" image save "$one" -o nameless.oci
status 'M9: has no name' 125 "$EXECVM" image load <nameless.oci
like 'M9: which is said' "$(cat err)" 'does not name its image: give a NAME'
"$HELPERS/on-pty" -- "$EXECVM" image save one >pty
is 'M9: not to a terminal' "$(tr -d '\r' <pty | grep .)" 'execvm image: the image would go to a terminal; use -o FILE
exit 125'
status 'M9: a full disk' 125 sh -c '"$EXECVM" image save one >/dev/full'
like 'M9: is told' "$(cat err)" '^execvm image: write the archive: No space left'
status 'M9: save of nothing' 125 "$EXECVM" image save nothing -o nothing.oci
ok 'M9: leaves no file' test ! -e nothing.oci
size=$(stat -c %s one.oci)
for cut in 100 1500 $((size - 5000)); do
	head -c "$cut" one.oci >cut.oci
	before=$(store_files)
	status "M9: cut at $cut: 125" 125 "$EXECVM" image load cut <cut.oci
	is "M9: cut at $cut: nothing is left" "$(store_files)" "$before"
done
# One byte of the root: its blob is the last member.
cp one.oci bad.oci
printf X | dd of=bad.oci bs=1 seek=$((size - 3000)) conv=notrunc status=none
status 'M9: a byte of the root: 125' 125 "$EXECVM" image load bad <bad.oci
like 'M9: a byte of the root: why' "$(cat err)" 'damaged: the root is sha256:'
mkdir x && tar -C x -xf one.oci
sed -i 's/"User":""/"User":"root"/' x/blobs/sha256/"$hex"
tar -C x -cf bad.oci .
status 'M9: a changed record: 125' 125 "$EXECVM" image load bad <bad.oci
like 'M9: a changed record: why' "$(cat err)" 'its digest is sha256:'

# Removing.
status 'M7: rm of a name' 0 "$EXECVM" image rm one:other
is 'M7: what is said' "$(cat out)" 'Untagged: one:other'
status 'M7: rm of several, one of which is not there' 125 "$EXECVM" image rm nothing one
is 'M7: the others go' "$(cat out)" "Untagged: one:latest
Deleted: $one"
like 'M7: that one is named' "$(cat err)" "^execvm image: 'nothing': no such image"
is 'M7: its files are gone' "$(store_files | grep -c -e "$hex" -e one)" 0
is 'M7: others are not' "$("$EXECVM" image ls | awk 'NR > 1 { print $1 }')" reg.example:5000/team/two:v1
"$EXECVM" image import two:2 <two.tar >out
status 'M7: by digest, with several names' 125 "$EXECVM" image rm "$two"
like 'M7: say which' "$(cat err)" 'has several names: say which'
"$EXECVM" image rm two:2 >out
: >"$store/sha256-$(printf %064d 1).sqfs" # what one that was killed may leave
status 'M7: by digest, with one' 0 "$EXECVM" image rm "$two"
is 'M7: everything is gone' "$(store_files)" ''
: >"$store/.new" # what one that was killed may leave
"$EXECVM" image import two <two.tar >out
ok 'M10: a leftover is removed by the next import' test ! -e "$store/.new"
echo nonsense >"$store/names/bad:latest"
status 'M6: a damaged name' 125 "$EXECVM" image inspect bad
like 'M6: is named' "$(cat err)" 'names/bad:latest: not a digest'
rm "$store/names/bad:latest"
chmod 644 "$store/sha256-${two#sha256:}.json"
echo >>"$store/sha256-${two#sha256:}.json"
status 'M6: a damaged record' 125 "$EXECVM" image inspect two
like 'M6: is named' "$(cat err)" 'damaged: its digest is sha256:'
rm -rf "$store"

# Two at once: the same, and different ones; with rm in between.
head -c 3000000 /dev/urandom >random
tar -cf random.tar random
pids=
for i in 1 2 3 4; do
	"$EXECVM" image import "same$i" <random.tar >same.$i 2>&1 &
	pids="$pids $!"
	"$EXECVM" image import "other$i" <one.tar >other.$i 2>&1 &
	pids="$pids $!"
	"$EXECVM" image rm other1 >/dev/null 2>&1 &
	pids="$pids $!"
done
for p in $pids; do
	wait "$p"
done
is 'M10: at once: one digest' "$(cat same.? | sort -u | wc -l)" 1
is 'M10: at once: all names are there' "$("$EXECVM" image ls | grep -c '^same')" 4
is 'M10: at once: one file' "$(find "$store" -name '*.sqfs' -size +1M | wc -l)" 1
status 'M10: at once: all is whole' 0 "$EXECVM" image inspect other4
"$EXECVM" image rm same1 same2 same3 same4 other2 other3 other4 >/dev/null
"$EXECVM" image rm other1 >/dev/null 2>&1
is 'M10: nothing is left' "$(store_files)" ''

# Ends in the middle, while mksquashfs waits for more. Nothing has a name before the end.
mkfifo fifo
running() { # the child of the import has started
	pgrep -P "$1" mksquashfs >/dev/null
}
gone() {
	! kill -0 "$1" 2>/dev/null
}
mkdir -p deep && cp random deep/
for end in KILL:137 TERM:143 INT:130 HUP:129; do
	sig=${end%:*}
	before=$(store_files)
	"$HELPERS/with-signals" -d 2 "$EXECVM" image import killed <fifo >out 2>err &
	pid=$!
	exec 8>fifo
	head -c 1000000 random.tar >&8
	kill -s $sig $pid
	code=0
	wait $pid || code=$?
	exec 8>&-
	is "M10: $sig while it reads: status" $code "${end#*:}"
	is "M10: $sig while it reads: nothing is left" "$(store_files)" "$before"
done
head -c 60000000 /dev/urandom >random
tar -cf random.tar random
for sig in KILL TERM; do
	"$EXECVM" image import killed <random.tar >out 2>err &
	pid=$!
	wait_for running $pid
	child=$(pgrep -P $pid mksquashfs)
	kill -s $sig $pid
	wait $pid
	is "M10: $sig while it is made: nothing is left" "$(store_files)" ''
	ok "M10: $sig while it is made: mksquashfs goes, too" wait_for gone "$child"
done
"$EXECVM" image import killed <random.tar >out 2>err &
pid=$!
wait_for running $pid
kill -KILL "$(pgrep -P $pid mksquashfs)"
code=0
wait $pid || code=$?
is 'M10: mksquashfs is killed: 125' $code 125
like 'M10: mksquashfs is killed: that is said' "$(cat err)" '^execvm image: mksquashfs: killed by SIGKILL$'
is 'M10: mksquashfs is killed: nothing is left' "$(store_files)" ''

# No room.
status 'M10: a limit on files: 125' 125 sh -c 'ulimit -f 2000; exec "$EXECVM" image import limited <random.tar'
like 'M10: a limit on files: why' "$(cat err)" '^execvm image: mksquashfs: .*'
is 'M10: a limit on files: one line' "$(wc -l <err)" 1
is 'M10: a limit on files: nothing is left' "$(store_files)" ''
status 'M10: a limit on what is spooled: 125' 125 sh -c 'cat random.tar | (ulimit -f 2000; exec "$EXECVM" image import limited)'
like 'M10: a limit on what is spooled: why' "$(cat err)" '^execvm image: write to .*: File too large'
if [ "$(id -u)" = 0 ] && mkdir -p small && mount -t tmpfs -o size=20m none small 2>/dev/null; then
	status 'M10: a full disk: 125' 125 env XDG_DATA_HOME="$PWD/small" "$EXECVM" image import full <random.tar
	like 'M10: a full disk: why' "$(cat err)" '^execvm image: mksquashfs: Failed to write .*No space left on device\)$'
	is 'M10: a full disk: nothing is left' "$(find small -type f)" ''
	is 'M10: a full disk: no block is' "$(df --output=used small | tail -n 1 | tr -d ' ')" 0
	umount small
else
	skip 'M10: a full disk' 'not root, or no tmpfs'
fi
status 'M10: no mksquashfs: 125' 125 env PATH=/nowhere "$EXECVM" image import none <one.tar
like 'M10: no mksquashfs: what to install' "$(cat err)" 'mksquashfs: not found: install squashfs-tools'
status 'M10: a store that cannot be made' 125 env XDG_DATA_HOME=/dev/null "$EXECVM" image import none <one.tar
like 'M10: is named' "$(cat err)" '^execvm image: make /dev/null/execvm: Not a directory'

# Progress is for terminals: one line, written again and again, and gone at the end.
rm -f deep/random && mv random deep/
"$HELPERS/on-pty" -- "$EXECVM" image import progress --tree deep >pty 2>&1
like 'M11: a terminal is told how far it is' "$(tr '\r' '\n' <pty)" 'making the root: [0-9]+ MB$'
is 'M11: in one line, which is cleared' "$(tr '\r' '\n' <pty | grep -v '^$' | tail -n 2 | sed "s/$(printf '\033')\[K/K/g" | sed 's/[0-9]* MB/N MB/; s/:[0-9a-f]\{64\}/:DIGEST/')" \
	'Ksha256:DIGEST
exit 0'
"$HELPERS/on-pty" -- "$EXECVM" image import -q progress --tree deep >pty 2>&1
unlike 'M11: -q: nothing of it' "$(cat pty)" ' MB'
"$EXECVM" image import progress --tree deep >out 2>err
is 'M11: no terminal: nothing' "$(cat err)" ''
done_testing
