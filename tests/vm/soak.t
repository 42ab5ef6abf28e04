#!/bin/sh
# SPDX-License-Identifier: MIT
# F10: thousands of warm runs, eight at a time, of all kinds: every status and every byte, no run
# that boots, and nothing left: no process, no file, no template that is not what it was.
# W12, W14, F3, X3 on the way. SOAK_RUNS=200 makes it short, SOAK_SEED=N has the same runs again.
# timeout: 1800
set -u

GUEST_OUT='head -c "$1" /bin/busybox; head -c "$2" /bin/busybox >&2'
PROGRAM=/bin/busybox # what GUEST_OUT takes its bytes from is the same file here

# One run, in a process of its own: this script with its row of the table. ./runs/N stays when
# something is wrong.

run() { # OPTIONS -- CMD...; stdin is the caller's
	"$EXECVM" run --warm "$@" >"$dir/out" 2>"$dir/err"
	code=$?
}

wrong() { # TEXT
	echo "run $n: $kind $want $in $out $err $ms: $*" | tr '\n' ' ' | tr -c ' -~' '?' >>"$dir/wrong"
	echo >>"$dir/wrong"
}

# equal NAME GOT FILE...: GOT is all of these files, one behind the other.
equal() {
	equal_name=$1 got=$2
	shift 2
	cat "$@" | cmp - "$got" >"$dir/cmp" 2>&1 ||
		wrong "$equal_name: $(cat "$dir/cmp"); $(wc -c <"$got") bytes: $(head -c 200 "$got" | tr '\0' '?')"
}

has_size() { # FILE BYTES
	[ "$(stat -c %s "$1")" = "$2" ]
}

# By a signal from outside: when all output is there, or after ms.
end_it() { # OPTIONS -- CMD...
	: >"$dir/out"
	: >"$dir/err"
	"$EXECVM" run --warm "$@" </dev/null >"$dir/out" 2>"$dir/err" &
	pid=$!
	if [ "$ms" = - ]; then
		tries=$((1500 * ${EXECVM_TIME_FACTOR:-1}))
		until has_size "$dir/out" "$out" && has_size "$dir/err" "$err"; do
			tries=$((tries - 1))
			[ $tries -gt 0 ] || break
			sleep 0.02
		done
	else
		sleep "$ms" # the moment is the test
	fi
	kill -s TERM $pid
	wait $pid 2>/dev/null # it says so when it was the shell that was ended
	code=$?
}

play() {
	echoed="cat; $GUEST_OUT; exit \$3"
	silent="$GUEST_OUT; exit \$3"
	case $kind in
	echo) run -- /bin/sh -c "$echoed" sh "$out" "$err" "$want" <"in.$in" ;;
	root) run --root "$root" -- /bin/sh -c "$echoed" sh "$out" "$err" "$want" <"in.$in" ;;
	ro) run --root "$root" --root-mode ro -- /bin/sh -c "$echoed" sh "$out" "$err" "$want" <"in.$in" ;;
	unread)
		{
			run -n -- /bin/sh -c "$silent" sh "$out" "$err" "$want"
			cat >"$dir/rest"
		} <"in.$in"
		equal 'stdin is not left alone' "$dir/rest" "in.$in"
		;;
	signal)
		run -- /bin/sh -c "$GUEST_OUT; kill -\$3 \$\$; sleep 20" sh "$out" "$err" $((want - 128)) </dev/null
		;;
	missing) run -- /no/such/program <"in.$in" ;;
	closed) run --root "$root" -- /etc/passwd <"in.$in" ;;
	share)
		mkdir "$dir/w"
		run -v "$PWD/shared:/d:ro" -v "$PWD/$dir/w:/w" -- /bin/sh -c \
			"cat /d/$out; head -c \$1 /bin/busybox >&2; cat >/w/file; exit \$2" sh "$err" "$want" <"in.$in"
		equal 'the file in the directory' "$dir/w/file" "in.$in"
		;;
	many)
		run -v "$PWD/shared:/a:ro" -v "$PWD/shared:/b:ro" -v "$PWD/shared:/c:ro" -v "$PWD/shared:/d:ro" \
			-- /bin/sh -c "cat; cat /d/$out; cat /a/$err >&2; exit \$1" sh "$want" <"in.$in"
		;;
	disk)
		truncate -s 1M "$dir/disk"
		run --root "$root" --disk "$PWD/disk=/dev/from,ro" --disk "$PWD/$dir/disk=/dev/to" -- /bin/sh -c \
			'head -c "$1" /dev/from; head -c "$2" /bin/busybox >&2; cat >/dev/to; exit $3' \
			sh "$out" "$err" "$want" <"in.$in"
		head -c "$in" "$dir/disk" >"$dir/written"
		equal 'what is on the disk' "$dir/written" "in.$in"
		;;
	timeout)
		run --timeout $((3 * ${EXECVM_TIME_FACTOR:-1}))s -- /bin/sh -c "$GUEST_OUT; exec sleep 1000" \
			sh "$out" "$err" </dev/null
		;;
	term) end_it -- /bin/sh -c "$GUEST_OUT; exec sleep 1000" sh "$out" "$err" ;;
	early) end_it -- /bin/sh -c "$GUEST_OUT; exec sleep 1000" sh "$out" "$err" ;;
	esac
}

judge() {
	[ "$code" = "$want" ] || wrong "status $code; $(head -c 500 "$dir/err" | tr '\0' '?')"
	case $kind in
	echo | root | ro) equal stdout "$dir/out" "in.$in" "shared/$out" ;;
	many) equal stdout "$dir/out" "in.$in" "shared/$out" ;;
	early) cmp -s -n "$(stat -c %s "$dir/out")" "$dir/out" "shared/$out" || wrong 'stdout is no beginning' ;;
	missing | closed) equal stdout "$dir/out" /dev/null ;;
	*) equal stdout "$dir/out" "shared/$out" ;;
	esac
	case $kind in
	early) ;;
	missing) echo 'execvm run: /no/such/program: No such file or directory' | equal stderr "$dir/err" - ;;
	closed) echo 'execvm run: /etc/passwd: Permission denied' | equal stderr "$dir/err" - ;;
	timeout) echo 'execvm run: the command ran longer than its time' | equal stderr "$dir/err" "shared/$err" - ;;
	*) equal stderr "$dir/err" "shared/$err" ;;
	esac
}

if [ "${1-}" = --one ]; then
	n=$2 kind=$3 want=$4 in=$5 out=$6 err=$7 ms=$8
	root=$SOAK_ROOT dir=runs/$n
	export SOAK_N="$n"
	mkdir "$dir" || exit 0 # it is missed when they are counted
	play
	judge
	if [ -e "$dir/wrong" ]; then
		cat "$dir/wrong" >>wrong
	else
		rm -r "$dir"
	fi
	echo "$kind $code" >>ended
	exit 0
fi

# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"
PATH=$PATH:/sbin:/usr/sbin

count=${SOAK_RUNS:-2000}
seed=${SOAK_SEED:-$(date +%s)}
real=${EXECVM_QEMU:-qemu-system-x86_64}
kernels=${XDG_CACHE_HOME:-$HOME/.cache}/execvm/kernel

prepare() {
	mkdir -p cache/execvm tmp home runtime runs shared
	[ ! -d "$kernels" ] || ln -s "$kernels" cache/execvm/kernel
	export XDG_CACHE_HOME="$PWD/cache" TMPDIR="$PWD/tmp" HOME="$PWD/home" XDG_RUNTIME_DIR="$PWD/runtime"
	# Each start of QEMU is counted. It keeps its death signal through this exec.
	cat >qemu <<-END
		#!/bin/sh
		case "\$*" in
		*' -incoming '*) how=restored ;;
		*) how=booted ;;
		esac
		echo "\$\$ \$how \${SOAK_N:-template}" >>'$PWD/started'
		exec '$real' "\$@"
	END
	chmod +x qemu
	export EXECVM_QEMU="$PWD/qemu"
	: >started
	: >wrong
	: >ended
	for size in $sizes; do
		"$HELPERS/bytes" "$size" "$size" >"in.$size"
		head -c "$size" $PROGRAM >"shared/$size"
	done
	ln "shared/1048576" disk
	SOAK_ROOT=$("$SRCDIR/demo/make-root" busybox 2>make.err) || skip_all "no root: $(tail -n 1 make.err)"
	export SOAK_ROOT
	"$EXECVM" run --dry-run -- /bin/true >/dev/null 2>&1 # a warning that is said once
}

# All templates are there before the first run.
templates() {
	"$EXECVM" template create
	"$EXECVM" template create --root "$SOAK_ROOT"
	"$EXECVM" template create --root "$SOAK_ROOT" --root-mode ro
	"$EXECVM" template create -v /:/a:ro -v /:/b:ro -v /:/c:ro -v /:/d:ro
}

# N KIND STATUS IN OUT ERR MS
sizes='0 1 2 3 100 1000 4095 4096 4097 20000 65535 65536 65537 131072 131073 262144 1000000 1048575 1048576'
table() {
	awk -v count="$count" -v seed="$seed" -v sizes="$sizes" '
	function any(n) { return int(rand() * n) }
	# Small ones are frequent.
	function size() { return s[1 + int((rand() < 0.25 ? rand() : rand() * 0.55) * k)] }
	function small() { return s[1 + any(9)] }
	BEGIN {
		srand(seed)
		k = split(sizes, s, " ")
		# Each that ends a shell: without those that stop it or that nobody notices, and QUIT.
		m = split("1 2 4 5 6 7 8 9 10 11 12 13 14 15 16 24 25 26 27 29 30 31 34 35 50 63 64", sig, " ")
		split("echo 30 root 18 ro 5 unread 8 signal 8 missing 2 closed 2 share 10 many 3 disk 10 timeout 1 term 1.5 early 1.5", w, " ")
		for (n = 1; n <= count; n++) {
			at = rand() * 100
			for (i = 1; at >= w[i + 1]; i += 2)
				at -= w[i + 1]
			kind = w[i]
			in_ = size(); out = size(); err = size(); ms = "-"
			if (kind == "signal")
				status = 128 + sig[1 + next_signal++ % m]
			else if (kind == "missing")
				status = 127
			else if (kind == "closed")
				status = 126
			else if (kind == "timeout")
				status = 124
			else if (kind == "term" || kind == "early")
				status = 143
			else
				status = next_status++ % 256
			if (kind == "timeout" || kind == "term" || kind == "early") {
				out = small()
				err = small()
			}
			while (kind == "term" && out == 0) # its output says that it runs
				out = small()
			if (kind == "early")
				ms = sprintf("%.3f", rand() * 0.6)
			print n, kind, status, in_, out, err, ms
		}
	}'
}

files() {
	find cache tmp home runtime -printf '%P %y' \( -type f -printf ' %s\n' -o -printf '\n' \) | sort
	find cache/execvm/templates -type f -exec sha256sum '{}' + | sort
}

ours() { # processes that have anything of these runs
	pgrep -f -- "$PWD/cache/execvm/"
	grep -ls "$PWD/cache/execvm/" /proc/[0-9]*/maps
}

none_left() {
	ours >alive
	[ ! -s alive ]
}

prepare
templates >ids 2>templates.err
is 'F10: the templates are made' "$(wc -l <ids) $(cat templates.err)" '4 '
is 'F10: one boot each' "$(cut -d ' ' -f 2 started | sort | uniq -c | xargs)" '4 booted'
files >before
table >table
diag "$count runs, SOAK_SEED=$seed"
begun=$(date +%s)
xargs -P 8 -L 1 "$0" --one <table >worker.out 2>&1
diag "$(($(date +%s) - begun)) s"
for kind in $(cut -d ' ' -f 2 table | sort -u); do
	grep " $kind " table | cut -d ' ' -f 2 | sort | uniq -c | xargs >planned
	grep "^$kind " ended | cut -d ' ' -f 1 | sort | uniq -c | xargs >came
	grep ": $kind " wrong | head -n 5 >those
	is "F10, W12: $kind: every run, every status, every byte" "$(cat came those)" "$(cat planned)"
done
is 'F10: all of them' "$(wc -l <ended)" "$count"
is 'F10: nothing else is said' "$(head -n 5 worker.out)" ''
if [ "$count" -ge 1000 ]; then
	is 'F10: all statuses have been there' "$(cut -d ' ' -f 2 ended | sort -un | wc -l)" 256
fi
is 'F10: none has booted' "$(grep ' booted ' started | grep -v template | head -n 5)" ''
# Some that were ended early had none.
awk '$2 != "early" { print $1 }' table | sort >must
awk '$2 == "restored" { print $3 }' started | sort >restored
is 'F10, F3: each has gone on from a template' "$(comm -23 must restored | head -n 5 | xargs)" ''
is 'F10: and once' "$(uniq -d restored | xargs)" ''
ok 'F10, W14: no process is left' wait_for none_left
diag "$(cat alive)"
files >after
is 'F10, W14: no file is left, and the templates are what they were' "$(diff before after)" ''
is 'F10: no half-made and no bad template' "$(find cache \( -name '*.new' -o -name '*.bad' -o -name '*.tmp*' \))" ''
is 'F10: template ls: those, and no others' "$("$EXECVM" template ls | sed 1d | cut -d ' ' -f 1 | sort)" "$(sort ids)"
is 'F10: and they work' "$("$EXECVM" run --warm -- /bin/echo yes 2>&1; tail -n 1 started | cut -d ' ' -f 2)" 'yes
restored'
done_testing
