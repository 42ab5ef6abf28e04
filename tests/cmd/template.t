#!/bin/sh
# SPDX-License-Identifier: MIT
# F8: execvm template: what it may be told, what there is, and what is removed. No machine is started:
# the templates here are files of these names.
# timeout: 30
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

kernel=$("$EXECVM" kernel ls 2>/dev/null | head -n 1 | cut -f 1)
export XDG_CACHE_HOME="$PWD/cache" EXECVM_QEMU=/no/such/qemu
store=$XDG_CACHE_HOME/execvm/templates
unset EXECVM_TEMPLATE_LIMIT

template() {
	"$EXECVM" template "$@"
}

fails() { # NAME PATTERN WORDS...
	name=$1 pattern=$2
	shift 2
	status "F8: $name: 125" 125 template "$@"
	like "F8: $name: why" "$(cat err)" "^execvm template: ($pattern)"
	is "F8: $name: in one line, and nothing else" "$(wc -l <err) $(wc -c <out)" '1 0'
}

# One that was used at that time (seconds since 1970), with so many KB.
fake() { # ID TIME KB [ROOT]
	mkdir -p "$store/$1"
	head -c $(($3 * 1024)) /dev/zero >"$store/$1/memory"
	echo state >"$store/$1/state"
	printf '{ "accel": "tcg", "bytes": 268435456, "cpus": 2, "root": %s, "shape": "x" }' "${4-null}" >"$store/$1/about.json"
	touch -d "@$2" "$store/$1"
}

ids() {
	template ls "$@" | awk 'NR > 1 { print $1 }' | paste -sd ' '
}

stored() {
	ls "$store" | paste -sd ' '
}

# Words.
fails 'no verb' 'create, ls, rm or prune[?]'
fails 'another verb' "'remove': not create, ls, rm or prune" remove
fails 'ls: too many words' 'usage: execvm template ls' ls x
fails 'ls: an option of prune' 'usage: execvm template ls' ls --all
fails 'ls: an option of nobody' '.*--nothing' ls --nothing
fails 'rm: no word' 'usage: execvm template rm ID' rm
fails 'rm: an option of ls' 'usage: execvm template rm' rm --json x
fails 'prune: a word' 'usage: execvm template prune' prune x
fails 'prune: both' 'prune: --all or --limit, not both' prune --all --limit 5
for size in '' x -1 1.5.5 5Q 99999999999999999999; do
	fails "prune: no size: '$size'" "--limit: '.*' is no size" prune --limit "$size"
done
EXECVM_TEMPLATE_LIMIT=much fails 'prune: no size, environment' "EXECVM_TEMPLATE_LIMIT: 'much' is no size" prune
status 'F8: help' 0 template --help
like 'F8: help: on stdout' "$(cat out)" '^usage: execvm template'
for verb in create ls rm prune; do
	status "F8: $verb --help" 0 template $verb --help
	like "F8: $verb --help: on stdout" "$(cat out)" '^usage: execvm template'
done

# Nothing there.
status 'F8: ls of nothing' 0 template ls
is 'F8: ls of nothing: a head' "$(wc -l <out) $(cut -c 1-2 <out)" '1 ID'
is 'F8: ls of nothing, JSON' "$(template ls --json)" '[]'
is 'F8: prune of nothing' "$(template prune) $(template prune --all)" '0 removed, 0.0 MB 0 removed, 0.0 MB'
fails 'rm of nothing' "no template '0123'" rm 0123
fails 'rm of an empty word' "no template ''" rm ''
status 'F8: no place for a cache: 125' 125 env -u HOME -u XDG_CACHE_HOME "$EXECVM" template ls
like 'F8: no place for a cache: why' "$(cat err)" '^execvm template: .*XDG_CACHE_HOME'

# Three, and what is none.
fake aaaaaaaaaaaa 1000000000 100
fake aaaabbbbbbbb 1200000000 200 '"/some/root.img"'
fake cccccccccccc 1100000000 300 '"a root"'
mkdir "$store/README" "$store/AAAAAAAAAAAA" "$store/aaaaaaaaaaaaa"
echo x >"$store/dddddddddddd" # a file
mkdir keep
fake ../../../keep/inside 1 10
: >keep/memory
ln -s "$PWD/keep" "$store/eeeeeeeeeeee"
is 'F8: ls: last used first, and nothing else' "$(ids)" 'aaaabbbbbbbb cccccccccccc aaaaaaaaaaaa'
like 'F8: ls: when, and how large' "$(template ls)" '^aaaaaaaaaaaa +0[.]1 MB  2001-09-09 01:46 +256M +2  tcg    -$'
like 'F8: ls: of which root' "$(template ls)" '/some/root[.]img$'
template ls --json >json
is 'F8: ls --json' "$(python3 -c '
import json
for t in json.load(open("json")):
    print(t["id"], t["used"], t["size"] >= 100 * 1024, t["about"]["root"])' 2>&1)" 'aaaabbbbbbbb 1200000000 True /some/root.img
cccccccccccc 1100000000 True a root
aaaaaaaaaaaa 1000000000 True None'

# What is in about.json is data.
printf '{ "root": 5, "accel": [], "bytes": "x", "cpus": -1e300 }' >"$store/aaaaaaaaaaaa/about.json"
like 'F8: ls: words of another type' "$(template ls)" '^aaaaaaaaaaaa .* -$'
printf 'garbage' >"$store/aaaaaaaaaaaa/about.json"
like 'F8: ls: no JSON' "$(template ls)" '^aaaaaaaaaaaa .* -$'
is 'F8: ls --json: no JSON' "$(template ls --json | python3 -c '
import json, sys
print([t.get("about") for t in json.load(sys.stdin)][2])')" None
rm "$store/aaaaaaaaaaaa/about.json"
touch -d @1000000000 "$store/aaaaaaaaaaaa"
is 'F8: ls: none' "$(ids)" 'aaaabbbbbbbb cccccccccccc aaaaaaaaaaaa'

# rm.
fails 'rm: the beginning of several' "several templates begin with 'aaaa'" rm aaaa
fails 'rm: no such' "no template 'aab'" rm aab
fails 'rm: a file' "no template 'dddddddddddd'" rm dddddddddddd
fails 'rm: a link' "no template 'eeeeeeeeeeee'" rm eeeeeeeeeeee
fails 'rm: another name' "no template 'README'" rm README
fails 'rm: a path' "no template '[.][.]/keep'" rm ../keep
fails 'rm: more than an id' "no template 'aaaaaaaaaaaaa'" rm aaaaaaaaaaaaa
is 'F8: nothing was removed' "$(ids)" 'aaaabbbbbbbb cccccccccccc aaaaaaaaaaaa'
status 'F8: rm: some that are there and one that is not: 125' 125 template rm aaaab zzz ccc
is 'F8: rm: the others are removed, by their whole names' "$(paste -sd ' ' out)" 'aaaabbbbbbbb cccccccccccc'
is 'F8: rm: the one is named' "$(cat err)" "execvm template: no template 'zzz'"
is 'F8: rm: they are gone' "$(ids)" aaaaaaaaaaaa
status 'F8: rm: two that are not' 125 template rm yyy zzz
is 'F8: rm: both are named' "$(cat err)" "execvm template: no template 'yyy'
execvm template: no template 'zzz'"

# Links in one: their targets stay.
fake abcdefabcdef 1300000000 10
rm "$store/abcdefabcdef/memory"
ln -s "$PWD/keep/memory" "$store/abcdefabcdef/memory"
status 'F8: rm: one with a link in it' 0 template rm abcdef
ok 'F8: rm: its target stays' test -f keep/memory
is 'F8: rm: it does not' "$(ids)" aaaaaaaaaaaa
fake abcdefabcdef 1300000000 10
echo mine >"$store/abcdefabcdef/notes"
fails 'rm: one with files of somebody else' 'template abcdefabcdef.old: remove: Directory not empty' rm abcdef
is 'F8: rm: they stay' "$(cat "$store/abcdefabcdef.old/notes")" mine
rm -r "$store/abcdefabcdef.old"

# prune: the least recently used until the rest is small enough.
fill() {
	rm -rf "$store"
	fake 111111111111 1000000001 1000
	fake 222222222222 1000000005 1000
	fake 333333333333 1000000003 1000
	fake 444444444444 1000000004 1000
}
fill
is 'F8: prune: all fit' "$(template prune) $(ids)" '0 removed, 0.0 MB 222222222222 444444444444 333333333333 111111111111'
like 'F8: prune --limit' "$(template prune --limit 3M)" '^1 removed, 1[.]0 MB$'
is 'F8: prune --limit: the least recently used' "$(ids)" '222222222222 444444444444 333333333333'
touch "$store/333333333333"
is 'F8: prune --limit: one for one' "$(template prune --limit=1100K | cut -d , -f 1) $(ids)" '2 removed 333333333333'
is 'F8: prune --limit 0' "$(template prune --limit 0 | cut -d , -f 1) $(ids)" '1 removed '
fill
is 'F8: prune, EXECVM_TEMPLATE_LIMIT' "$(EXECVM_TEMPLATE_LIMIT=2100K template prune | cut -d , -f 1) $(ids)" '2 removed 222222222222 444444444444'
is 'F8: prune: --limit counts for more' "$(EXECVM_TEMPLATE_LIMIT=0 template prune --limit 1G | cut -d , -f 1) $(ids)" '0 removed 222222222222 444444444444'
is 'F8: prune: an empty limit is none' "$(EXECVM_TEMPLATE_LIMIT='' template prune | cut -d , -f 1) $(ids)" '0 removed 222222222222 444444444444'
fill
truncate -s 3G "$store/111111111111/memory" # a hole, which takes no place
is 'F8: prune: what counts is the place on the disk' "$(template prune | cut -d , -f 1)" '0 removed'
is 'F8: prune --all' "$(template prune -a | cut -d , -f 1) $(ids)" '4 removed '

# What was left half-made, and words about what did not work.
fill
fake 555555555555.new 1 10
fake 111111111111.new 1 10
echo x >"$store/666666666666.bad"
ln -s "$PWD/keep" "$store/777777777777.new"
ln -s "$PWD/keep/memory" "$store/888888888888.bad"
mkdir "$store/README.new"
echo x >"$store/other.bad"
ln -s "$PWD/keep" "$store/eeeeeeeeeeee"
is 'F8: ls: neither is a template' "$(ids | wc -w)" 4
fails 'rm: neither can be named' "no template '666666666666'" rm 666666666666
fake 999999999999.old 1 10
status 'F8: prune: what is left goes' 0 template prune
ok 'F8: prune: a link is not followed' test -e keep/memory
is 'F8: prune: and nothing else' "$(stored)" '111111111111 222222222222 333333333333 444444444444 README.new eeeeeeeeeeee lock other.bad'
status 'F8: prune --all with a link in the store' 0 template prune --all
is 'F8: prune --all: templates alone' "$(stored)" 'README.new eeeeeeeeeeee lock other.bad'
is 'F8: nothing behind a link was touched' "$(find keep | sort | paste -sd ' ')" 'keep keep/inside keep/inside/about.json keep/inside/memory keep/inside/state keep/memory'
rm -r "$store"
ln -s /no/such "$store"
status 'F8: a store that leads nowhere: 125' 125 template ls
rm "$store"
: >"$store"
status 'F8: a store that is a file: 125' 125 template prune
like 'F8: a store that is a file: why' "$(cat err)" '^execvm template: .*/templates/?: Not a directory'
rm "$store"

# stdout.
fill
for verb in ls 'ls --json' 'prune --limit 1G' --help; do
	code=0
	# shellcheck disable=SC2086 # words
	template $verb >/dev/full 2>err || code=$?
	is "F8: $verb >/dev/full" $code 125
	like "F8: $verb >/dev/full: why" "$(cat err)" '^execvm( template)?: .*No space left'
	code=0
	# shellcheck disable=SC2086 # words
	template $verb >&- 2>err || code=$?
	like "F8: $verb >&-: says so, or says nothing" "$code $(wc -l <err)" '^(125 1|0 0)$'
done
is 'F8: with stdout closed nothing of it lands in the store' "$(cat "$store/lock" 2>/dev/null)$(cat "$store"/*/state | sort -u)" state
code=0
template rm 1111 >/dev/full 2>err || code=$?
is 'F8: rm >/dev/full' "$code $(ids | wc -w)" '125 3'

# create: what it would be told by a run.
rm -rf "$store"
: >root.img
fails 'create: docker' '--runner docker: only machines have templates' create -r docker --image x
fails 'create: local' '--runner local: only machines have templates' create -r local
fails 'create: an option of nobody' '.*--nothing' create --nothing
fails 'create: a kernel that is not there' '.*no/such' create --kernel /no/such
fails 'create: a root that is not there' '.*/no/such' create --root /no/such
fails 'create: an image that is not there' ".*'nothing': no such image" create --image nothing
if [ -n "$kernel" ]; then
	export EXECVM_KERNEL="$kernel" XDG_CACHE_HOME="$PWD/other"
	store=$XDG_CACHE_HOME/execvm/templates
	"$EXECVM" run --dry-run -- /bin/true >/dev/null 2>&1 # a warning that is said once
	fails 'create: root-mode rw' 'root-mode rw: the image is changed: it cannot be frozen' create --root root.img --root-mode rw
	fails 'create: root host' 'the root is a directory of this host: it cannot be frozen' create --root host
	fails 'create: a QEMU that is not there' '/no/such/qemu: not found' create
	EXECVM_QEMU=/bin/false fails 'create: a QEMU that ends' "QEMU has ended|QEMU's monitor: Broken pipe" create
	EXECVM_BOOT_TIMEOUT=soon fails 'create: no time' "EXECVM_BOOT_TIMEOUT: 'soon' is no duration" create
else
	skip 'F8: create, with a kernel' 'vm: no kernel'
fi
is 'F8: create: nothing is left' "$(find "$store" -mindepth 1 ! -name lock 2>/dev/null)" ''
done_testing
