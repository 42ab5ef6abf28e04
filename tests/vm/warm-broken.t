#!/bin/sh
# SPDX-License-Identifier: MIT
# F6, F7: templates that are broken, that cannot be made, that several make, and that nobody finishes:
# every run has its own result.
# timeout: 240
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"
# shellcheck source=tests/vm/warm.sh
. "$SRCDIR/tests/vm/warm.sh"

QEMU_DOES=''
VM_FAKE=''
export QEMU_DOES VM_FAKE
seconds=$((8 * ${EXECVM_TIME_FACTOR:-1}))s # for a machine that never answers

# A run with something on stdin, which must be read once, and a status.
try() { # NAME WAYS DEBUG-PATTERN
	: >pids
	: >starts
	echo "for $1" | timeout -s KILL $((60 * ${EXECVM_TIME_FACTOR:-1})) \
		env EXECVM_DEBUG=1 "$EXECVM" run --warm -- /bin/sh -c 'cat; echo err >&2; exit 7' >out 2>err
	is "F6: $1: its own result" "$? $(cat out) $(grep -c -x err err)" "7 for $1 1"
	is "F6: $1: machines" "$(ways)" "$2"
	[ -z "$3" ] || like "F6: $1: EXECVM_DEBUG says so" "$(cat err)" "$3"
	ok "F6: $1: no machine is left" wait_for none_alive
}

# There is one, as it was when it was made.
id=$(template_id) || skip_all 'no template'
t=$templates/$id
cp -a "$t" good
fresh() {
	QEMU_DOES=''
	"$EXECVM" template prune --all >/dev/null
	cp -a good "$t"
}

quiet() { # NAME: the same, without EXECVM_DEBUG: nothing is said; and with -e, which takes the wire
	echo x | "$EXECVM" run --warm -e CODE=7 -- /bin/sh -c 'cat; exit $CODE' >out 2>err
	is "F6: $1: without EXECVM_DEBUG nothing is said" "$? $(cat out err)" '7 x'
}

# What can be seen at once is made anew by the same run.
seen() { # NAME REASON COMMAND...
	name=$1 reason=$2
	shift 2
	fresh
	"$@"
	try "$name" 'freeze restore' "template $id: $reason: removed\$"
}
other_shape() {
	sed -i 's/execvm template 1/execvm template 0/' "$t/about.json"
}
garbage() {
	head -c 5000 /dev/urandom >"$t/about.json"
}
much() {
	head -c 3000000 /dev/zero | tr '\0' '[' >"$t/about.json"
}

damage() {
	fresh
	try 'the premise: a copy is as good' restore ''
	seen 'state, cut' 'its files are not what they were' truncate_it state
	seen 'memory, cut' 'its files are not what they were' truncate_it memory
	seen 'state, gone' 'its files are not what they were' rm "$t/state"
	seen 'memory, gone' 'its files are not what they were' rm "$t/memory"
	seen 'memory, touched' 'its files are not what they were' touch "$t/memory"
	seen 'about.json, gone' 'about[.]json: No such file or directory' rm "$t/about.json"
	seen 'about.json, garbage' 'about[.]json cannot be read' garbage
	seen 'about.json, of another shape' 'it is of another shape' other_shape
	seen 'about.json, endless' 'about[.]json: File too large' much
}
truncate_it() {
	truncate -s 20000 "$t/$1"
}

# What can not: the machine boots, and the template is not tried again.
same_stat() { # FILE COMMAND...: changes it, but not its size and time
	touch -r "$t/$1" stamp
	file=$1
	shift
	"$@"
	touch -r stamp "$t/$file"
}
zero() {
	size=$(stat -c %s "$t/memory")
	: >"$t/memory"
	truncate -s "$size" "$t/memory"
}
unseen() { # NAME COMMAND...
	name=$1
	shift
	fresh
	"$@"
	try "$name" 'restore boot' '--warm: .*: this run boots$'
	ok "F6: $name: it is gone" test ! -e "$t"
	ok "F6: $name: and may be made again: it had worked" test ! -e "$t.bad"
}

# A QEMU that does not go on: the answer is one of bash's, on the monitor's descriptor.
answers() { # TEXT THEN
	# shellcheck disable=SC2016 # for the wrapper
	printf '%s' 'for w; do case $w in socket,id=control,fd=*) fd=${w##*=} ;; esac; done; '
	printf "printf '%s' >&\$fd; %s" "$1" "$2"
}
greeting='{"QMP": {}}\n{"return": {}}\n{"return": {}}\n'
never() { # NAME QEMU_DOES: one that has never worked
	"$EXECVM" template prune --all >/dev/null
	QEMU_DOES=$2
	try "$1" 'freeze restore boot' '--warm: .*: this run boots$'
	is "F6: $1: it is gone, with a word" "$(cd "$templates" && echo [0-9a-f]*)" "$id.bad"
	try "$1, once more" boot "--warm: template $id did not work before: this run boots\$"
	quiet "$1"
	QEMU_DOES=''
	try "$1, mended" boot "--warm: template $id did not work before: this run boots\$"
	"$EXECVM" template prune >/dev/null
	is "F6: $1: prune forgets it" "$(ls "$templates")" lock
	try "$1, after prune" 'freeze restore' ''
}
worked() { # NAME QEMU_DOES: one that has
	fresh
	QEMU_DOES=$2
	try "$1" 'restore boot' "${3---warm: .*: this run boots\$}"
	is "F6: $1: it is gone, without a word" "$(ls "$templates")" lock
	QEMU_DOES=''
}

# It goes on, and is $VM_FAKE from there.
goes_on=$(answers "$greeting"'{"event": "RESUME"}\n' "exec '$HELPERS/vm-fake' \"\$@\"")
told() { # NAME STEPS WANT
	VM_FAKE=$2
	QEMU_DOES=$goes_on
	: >starts
	"$EXECVM" run --warm -n -- /bin/sh -c 'echo it runs; exit 7' >out 2>err
	is "F6: $1: its status, once" "$? $(cat out) $(ways)" "$3"
	QEMU_DOES=''
}

restores() {
	unseen 'state, its first bytes' same_stat state dd if=/dev/zero of="$t/state" bs=4 count=1 conv=notrunc status=none
	unseen 'state, half of it zeros' same_stat state dd if=/dev/zero of="$t/state" bs=1000 seek=25 count=32 conv=notrunc status=none
	never 'a QEMU that refuses' 'exit 1'
	export EXECVM_BOOT_TIMEOUT=$seconds
	unseen 'memory, nothing but zeros' same_stat memory zero
	worked 'a QEMU that is silent' 'exec sleep 600'
	worked 'a QEMU that is killed' 'kill -9 $$'
	worked 'a QEMU that is killed after it was told' "$(answers "$greeting" 'kill -9 $$')"
	worked 'QEMU says no' "$(answers "$greeting"'{"error": {"desc": "no such thing"}}\n' 'exec sleep 600')" '--warm: QEMU: no such thing: this run boots$'
	worked 'QEMU says what is no JSON' "$(answers "$greeting"'what?\n' 'exec sleep 600')" "--warm: QEMU's monitor says no JSON: this run boots\$"
	worked 'killed as soon as it goes on' "$(answers "$greeting"'{"event": "RESUME"}\n' 'kill -9 $$')"
	worked 'it goes on and makes no contact' "$(answers "$greeting"'{"event": "RESUME"}\n' 'exec sleep 600')"
	for steps in 'raw 00112233; nap 100; quit 1' 'hello; quit 0' 'hello; log oops; die 9' 'hello; nap 100; raw ffffffff; hang'; do
		VM_FAKE=$steps
		worked "contact, then: $steps" "$goes_on"
	done
	fresh
	told 'the guest says what is wrong' 'hello; failed mounts 2 /no/such: No such file or directory' '125  restore'
	like 'F6: the guest says what is wrong: and is believed' "$(cat err)" '^execvm run: guest: mounts: /no/such: No such file'
	told 'the command cannot start' 'hello; refuse exec 2 /no/such: No such file or directory; close' '127  restore'
	ok 'F6: which is no reason to throw the template away' test -d "$t"
	"$EXECVM" template prune --all >/dev/null
	: >starts
	status 'F6: a copy that is refused' 125 \
		"$EXECVM" run --warm -n --in "stamp@sha256:$(printf %064d 0)=/stamp" -- /bin/true
	is 'F6: a copy that is refused: once' "$(ways)" 'freeze restore'
	is 'F6: nor is that, or to make none any more' "$(find "$templates" -mindepth 1 -maxdepth 1 -type d | wc -l)$(find "$templates" -name '*.bad' | wc -l)" 10
	VM_FAKE='hello; quit 1'
	QEMU_DOES=$goes_on
	: >starts
	status 'F6: lost while something is copied in: its status' 7 \
		"$EXECVM" run --warm -n --in stamp=/stamp -- /bin/sh -c 'echo it runs; exit 7'
	is 'F6: lost while something is copied in: it boots' "$(cat out) $(ways)" 'it runs restore boot'
	is 'F6: lost while something is copied in: the template is gone' "$(find "$templates" -mindepth 1 -maxdepth 1 -type d)" ''
	QEMU_DOES=''
	fresh
	# What has begun is not begun again, however near the end of the machine is to its beginning.
	for steps in 'out it runs; quit 1' 'quit 1' 'die 9' 'raw ffffffff; nap 100' 'out it runs; nap 100; die 11'; do
		for _ in 1 2 3 4; do
			VM_FAKE="hello; start; $steps"
			fresh
			QEMU_DOES=$goes_on
			: >starts
			"$EXECVM" run --warm -n -- /bin/sh -c 'echo it runs, twice; exit 7' >out 2>err
			case $? in
			125) grep -q twice out starts || [ "$(ways)" != restore ] || continue ;;
			esac
			echo "$steps: $(ways): $(paste -sd ' ' out err)"
		done
	done >wrong
	is 'F6: lost when the command had begun: 125, and never twice' "$(cat wrong)" ''
	QEMU_DOES=''
	# A real machine that is killed at about the time of its first contact.
	for ms in 15 40 80; do
		fresh
		: >starts
		QEMU_DOES="(sleep 0.0$ms; kill -9 \$\$) </dev/null >/dev/null 2>&1 &"
		echo x | "$EXECVM" run --warm -- /bin/sh -c 'cat; exit 7' >out 2>err
		echo "$? $(ways) $(cat out)"
		QEMU_DOES=''
	done >killed
	diag "killed early: $(paste -sd , killed)"
	is 'F6: killed early: the right result, or none and 125' "$(grep -v -x -e '7 restore boot x' -e '7 restore x' -e '125 restore *x*' killed)" ''
	unset EXECVM_BOOT_TIMEOUT
	quiet 'in the end'
}

# F7.
makers() {
	"$EXECVM" template prune --all >/dev/null
	: >starts
	: >pids
	for n in 1 2 3 4 5 6; do
		echo "for $n" | EXECVM_DEBUG=1 "$EXECVM" run --warm -- /bin/sh -c "cat; exit $n" >out.$n 2>err.$n &
		eval "pid$n=$!"
	done
	for n in 1 2 3 4 5 6; do
		eval "wait \$pid$n"
		echo "$? $(cat out.$n)"
	done >results
	is 'F7: six at once: their own results' "$(paste -sd , results)" '1 for 1,2 for 2,3 for 3,4 for 4,5 for 5,6 for 6'
	cat err.? >all
	is 'F7: six at once: one has made it' "$(made all)" 1
	is 'F7: six at once: all went on from it' "$(sort starts | uniq -c | tr -s ' ' | paste -sd ,)" ' 1 freeze, 6 restore'

	# Two that differ do not wait for each other, and both are there.
	"$EXECVM" template prune --all >/dev/null
	: >starts
	for m in 256M 200M 256M 200M; do
		"$EXECVM" run --warm -m $m -n -- /bin/true &
	done
	wait
	is 'F7: two kinds at once' "$(sort starts | uniq -c | tr -s ' ' | paste -sd ,)" ' 2 freeze, 4 restore'

	# A maker that stands still is not waited for, in the end (15 s); a maker that dies has its lock taken.
	"$EXECVM" template prune --all >/dev/null
	: >pids
	for ms in 005 010 020 050 100 200 300 500 700 900 110 140; do
		# The last two are 1.1 s and 1.4 s.
		case $ms in
		110) pause=1.1 ;;
		140) pause=1.4 ;;
		*) pause=0.$ms ;;
		esac
		"$EXECVM" run --warm -n -- /bin/true >out 2>err &
		pid=$!
		sleep $pause
		kill -KILL $pid 2>/dev/null
		wait $pid 2>/dev/null
		find "$templates" -mindepth 1 -maxdepth 1 -name '*.new' >>halves
		wait_for none_alive || echo "$ms: $(alive)"
		echo $ms | "$EXECVM" run --warm -- /bin/sh -c 'cat; exit 3' >out 2>err
		[ "$? $(cat out)$(cat err)" = "3 $ms" ] || echo "$ms: $(cat out err)"
		[ "$(ls "$templates" | paste -sd ' ')" = "$id lock" ] || echo "$ms: $(ls "$templates")"
		"$EXECVM" template rm "$id" >/dev/null
	done >wrong
	is 'F7: a maker that is killed: no machine, nothing that counts, the next is right' "$(cat wrong)" ''
	ok 'F7: a maker that is killed: the premise: some were in the middle' test "$(wc -l <halves)" -ge 3
	"$EXECVM" run --warm -n -- /bin/true >out 2>err &
	pid=$!
	wait_for test -e "$templates/$id.new"
	kill -KILL $pid
	wait $pid 2>/dev/null
	ok 'F7: half a template' test -d "$templates/$id.new"
	wait_for none_alive
	"$EXECVM" template prune >/dev/null
	is 'F7: is removed by prune' "$(ls "$templates")" lock
	"$EXECVM" run --warm -n -- /bin/true >out 2>err &
	pid=$!
	wait_for test -e "$templates/$id.new"
	"$EXECVM" template prune --all >/dev/null
	ok 'F7: but not while it is made' test -d "$templates/$id.new"
	wait $pid
	ok 'F7: and then it is there' test -d "$templates/$id"
}

# Places where none can be kept.
cold_there() { # NAME CACHE
	: >pids
	: >starts
	echo "for $1" | XDG_CACHE_HOME=$2 EXECVM_DEBUG=1 "$EXECVM" run --warm -- /bin/sh -c 'cat; exit 7' >out 2>err
	is "F7: $1: its own result" "$? $(cat out)" "7 for $1"
	is "F7: $1: it booted in the end" "$(tail -n 1 starts)" boot
	like "F7: $1: EXECVM_DEBUG says why" "$(cat err)" '--warm: .*: this run boots$'
	ok "F7: $1: no machine is left" wait_for none_alive
	echo x | XDG_CACHE_HOME=$2 "$EXECVM" run --warm -- /bin/cat >out 2>err
	is "F7: $1: without EXECVM_DEBUG nothing is said" "$? $(cat out err)" '0 x'
}
places() {
	mkdir -p file/execvm
	: >file/execvm/templates
	cp cache/execvm/tcg-warned file/execvm/ 2>/dev/null
	cold_there 'no directory' "$PWD/file"
	latin=$PWD/$(printf 'caf\351')
	mkdir -p "$latin/execvm"
	cp cache/execvm/tcg-warned "$latin/execvm/" 2>/dev/null
	cold_there 'a path that is not UTF-8' "$latin"
	is 'F7: a path that is not UTF-8: nothing is frozen for it' "$(grep -c freeze starts)" 0
	cat >mounted <<-'END'
		mount -t tmpfs -o size="$1" none small || exit 77
		mkdir -p small/execvm
		cp -r cache/execvm/initrd cache/execvm/t*-* small/execvm/
		[ -z "$2" ] || mount -o remount,ro small || exit 77
		shift 2
		for _ in 1 2; do
			echo x | XDG_CACHE_HOME=$PWD/small "$@"
			echo "$?"
		done
		find small -name '*.new' -o -name memory
	END
	mkdir small
	for how in '16M ' '64M ro'; do
		: >starts
		name="a disk of ${how% *}"
		[ "${how#* }" != ro ] || name='a directory that cannot be written'
		unshare -m sh ./mounted "${how% *}" "${how#* }" env EXECVM_DEBUG=1 "$EXECVM" run --warm -- /bin/cat >out 2>err
		if [ $? = 77 ]; then
			skip "F7: $name" 'mount: cannot'
			continue
		fi
		is "F7: $name: its own result, twice, and nothing is left" "$(paste -sd ' ' out)" 'x 0 x 0'
		is "F7: $name: both booted" "$(grep -c -x boot starts) $(grep -c restore starts)" '2 0'
		is "F7: $name: EXECVM_DEBUG says why, twice" "$(grep -c -e '--warm: .*: this run boots$' err)" 2
		diag "$(grep -e --warm: err)"
	done
}

for step in ${WARM_STEPS:-damage restores makers places}; do
	begin=$(date +%s)
	$step
	diag "$step: $(($(date +%s) - begin)) s"
done
done_testing
