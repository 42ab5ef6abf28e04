#!/bin/bash
# SPDX-License-Identifier: MIT
# F11: a runner is killed at any moment of a warm run, and of one that makes the template: no machine
# survives, no template is broken, the next run goes on from one and is right. KILLED_COUNT=40 makes
# it short, KILLED_SEED=N has the same moments again.
# timeout: 1200
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"
PATH=$PATH:/sbin:/usr/sbin

count=${KILLED_COUNT:-200}
seed=${KILLED_SEED:-$(date +%s)}
real=${EXECVM_QEMU:-qemu-system-x86_64}
kernels=${XDG_CACHE_HOME:-$HOME/.cache}/execvm/kernel
here=$PWD
LANES=4

cache() { # DIR
	mkdir -p "$1/execvm"
	[ ! -d "$kernels" ] || ln -s "$kernels" "$1/execvm/kernel"
	XDG_CACHE_HOME=$1 "$EXECVM" run --dry-run -- /bin/true >/dev/null 2>&1 # a warning that is said once
}

prepare() {
	mkdir tmp
	# Each start of QEMU is counted. It keeps its death signal through this exec.
	cat >qemu <<-END
		#!/bin/sh
		case "\$*" in
		*' -incoming '*) echo restored ;;
		*) echo booted ;;
		esac >>"\$KILLED_STARTED"
		exec '$real' "\$@"
	END
	chmod +x qemu
	export EXECVM_QEMU="$here/qemu" TMPDIR="$here/tmp" KILLED_STARTED="$here/started"
	cache "$here/cache"
	export XDG_CACHE_HOME="$here/cache"
	root=$("$SRCDIR/demo/make-root" busybox 2>make.err) || skip_all "no root: $(tail -n 1 make.err)"
	"$HELPERS/bytes" 100000 "$seed" >in
	head -c 30000 /bin/busybox | cat in - >want
}

files() { # of the cache that all lanes have
	find cache tmp -printf '%P %y' \( -type f -printf ' %s\n' -o -printf '\n' \) | sort
	find cache/execvm/templates -type f -exec sha256sum '{}' + | sort
}

# A lane does its kills one after another, in its own directory.

wrong() { # TEXT
	echo "kill $k ($kind, after $after s): $*" | tr '\n' ' ' >>"$here/wrong"
	echo >>"$here/wrong"
}

now() { # us
	echo "${EPOCHREALTIME/[.,]/}"
}

# Only a runner and what it starts has the word in its environment.
survivors() {
	grep -lsz "^KILLED_LANE=$PWD\$" /proc/[0-9]*/environ
}

nothing_survives() {
	local end
	end=$(($(now) + 2000000 * ${EXECVM_TIME_FACTOR:-1}))
	while [ -n "$(survivors)" ]; do
		[ "$(now)" -lt $end ] || return 1
		sleep 0.02
	done
}

options() {
	case $kind in
	root) opts=(--root "$root") ;;
	share) opts=(-v "$PWD/share:/w") ;;
	disk) opts=(--root "$root" --disk "$PWD/disk=/dev/to") ;;
	*) opts=() ;;
	esac
	case $kind in
	share) script='cat >/w/file; cat /w/file; head -c 30000 /bin/busybox; exit 7' ;;
	disk) script='cat >/dev/to; head -c 100000 /dev/to; head -c 30000 /bin/busybox; exit 7' ;;
	*) script='cat; head -c 30000 /bin/busybox; exit 7' ;;
	esac
}

start() {
	: >out
	: >err
	: >"$KILLED_STARTED"
	KILLED_LANE=$PWD "$EXECVM" run --warm "${opts[@]}" -- /bin/sh -c "$script" <"$here/in" >out 2>err &
	pid=$!
}

# Some are through before.
killed() {
	kill -s KILL $pid
	wait $pid 2>/dev/null
	code=$?
	how=killed
	[ $code = 137 ] || how=through
	[ $code = 137 ] || [ $code = 7 ] || wrong "status $code: $(head -c 300 err)"
	echo "$kind $how $(paste -sd, "$KILLED_STARTED")" >>"$here/kills"
	nothing_survives || {
		wrong "survives: $(survivors | xargs)"
		for p in $(survivors); do
			p=${p#/proc/}
			kill -s KILL "${p%/environ}"
		done
	}
	cmp -s -n "$(stat -c %s out)" out "$here/want" || wrong 'what had come is not the beginning of it'
	[ ! -s err ] || wrong "said: $(head -c 300 err)"
}

# The next one is right and warm. The longest that it may take is the next one's time.
next_run() { # STARTS...
	local begun starts
	begun=$(now)
	start
	wait $pid
	code=$?
	took=$(($(now) - begun))
	starts=$(paste -sd' ' "$KILLED_STARTED")
	[ $code = 7 ] || wrong "the next: status $code: $(head -c 300 err)"
	cmp -s out "$here/want" || wrong "the next: $(cmp out "$here/want" 2>&1)"
	[ ! -s err ] || wrong "the next: said: $(head -c 300 err)"
	for want in "$@"; do
		[ "$starts" != "$want" ] || return 0
	done
	wrong "the next: it is not warm: '$starts'"
}

# Any part of how long one takes; of five, one is before QEMU does anything, or nearly.
moment() { # US
	local us=$((RANDOM * 32768 + RANDOM)) all=$1
	[ $((k / LANES % 5)) != 2 ] || all=$((all / 20))
	us=$((us % (all + 1)))
	after=$((us / 1000000)).$(printf %06d $((us % 1000000)))
}

is_written() {
	local tries f
	for ((tries = 6000 * ${EXECVM_TIME_FACTOR:-1}; tries > 0; tries--)); do
		for f in cache/execvm/templates/*.new/state; do
			[ ! -s "$f" ] || return
		done
		sleep 0.005
	done
}

cold_kill() {
	kind=cold
	XDG_CACHE_HOME=$PWD/cache
	"$EXECVM" template prune --all >pruned 2>&1 || wrong "prune: $(cat pruned)"
	options
	# One of three when it is being written down, which is short.
	if [ $((k / LANES % 20)) = 13 ]; then
		moment 150000
		start
		is_written
	else
		moment "$cold_took"
		start
	fi
	sleep "$after" # the moment is the test
	killed
	find cache/execvm/templates -name '*.new' -printf 'left\n' >>"$here/left"
	# It may have been complete.
	next_run 'booted restored' restored
	cold_took=$(((3 * cold_took + took) / 4))
	next_run restored
	find cache/execvm/templates \( -name '*.new' -o -name '*.bad' \) >still
	[ ! -s still ] || wrong "half-made: $(cat still)"
	XDG_CACHE_HOME=$here/cache
}

warm_kill() {
	local kinds=(bare root share disk)
	kind=${kinds[k / LANES % 4]}
	options
	moment "$warm_took"
	start
	sleep "$after"
	killed
	next_run restored
	warm_took=$(((3 * warm_took + took) / 4))
}

lane() ( # N
	mkdir "lane$1"
	cd "lane$1" || exit
	RANDOM=$((seed + $1))
	KILLED_STARTED=$PWD/started
	mkdir share
	truncate -s 1M disk
	cache "$PWD/cache"
	k=-1 kind=first after=0
	options
	XDG_CACHE_HOME=$PWD/cache next_run 'booted restored'
	cold_took=$took
	next_run restored
	warm_took=$took
	for ((k = $1; k < count; k += LANES)); do
		case $((k / LANES % 20)) in
		0 | 7 | 13) cold_kill ;;
		*) warm_kill ;;
		esac
	done
	echo "lane $1: ${warm_took%???} ms for a warm run, ${cold_took%???} ms for one that makes the template" >took
)

is_half_made() {
	[ -n "$(find cache/execvm/templates -name '*.new')" ]
}

# What nobody makes any more is gone when somebody asks for it.
half_made() {
	mkdir half
	cache "$here/half/cache"
	cd half || exit
	export XDG_CACHE_HOME="$here/half/cache"
	k=$count kind=half after=-
	options
	start
	wait_for is_half_made
	kill -s KILL $pid
	wait $pid 2>/dev/null
	like 'F11: the premise: one is left half-made' "$(ls cache/execvm/templates)" '^[0-9a-f]{12}\.new$'
	ok 'F11: half-made: no machine survives' nothing_survives
	status 'F11: template ls' 0 "$EXECVM" template ls
	is 'F11: half-made is none' "$(sed 1d out)" ''
	status 'F11: template prune' 0 "$EXECVM" template prune
	is 'F11: half-made: nothing is left' "$(find cache/execvm/templates -type f -size +0 -o -name '*.new')" ''
	cd "$here" || exit
}

none_left() {
	! pgrep -f "$here/.*cache/execvm/"
}

found() { # NAME PATTERN
	is "F11: $1" "$(grep -E "$2" wrong | head -n 5)" ''
}

prepare
"$EXECVM" template create >ids
"$EXECVM" template create --root "$root" >>ids
is 'F11: the templates are made' "$(wc -l <ids)" 2
files >before
: >wrong
: >kills
: >left
diag "$count kills, KILLED_SEED=$seed"
SECONDS=0
lanes=()
for ((i = 0; i < LANES; i++)); do
	lane $i &
	lanes+=($!)
done
wait "${lanes[@]}"
diag "$SECONDS s"
diag "$(cat lane?/took)"
diag "$(sort kills | uniq -c)"
diag "half-made: $(wc -l <left)"
is 'F11: all kills' "$(wc -l <kills)" "$count"
ok 'F11: the premise: most of them hit a run' test $(($(grep -c ' killed ' kills) * 2)) -gt "$count"
found 'no machine survives' 'survives:'
found 'the next run is right, and warm' 'the next:'
found 'what had come is right' 'what had come'
found 'no half-made or bad template stays' 'half-made:'
is 'F11: nothing else' "$(grep -vE 'survives:|the next:|what had come|half-made:' wrong | head -n 5)" ''
files >after
is 'F11: the templates that all of them had are what they were' "$(diff before after)" ''
is 'F11: template ls: those, and no others' "$("$EXECVM" template ls | sed 1d | cut -d ' ' -f 1 | sort)" "$(sort ids)"
half_made
ok 'F11: no process of all these is left' wait_for none_left
done_testing
