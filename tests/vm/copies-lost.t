#!/bin/sh
# SPDX-License-Identifier: MIT
# D8, D9, X3: copies of a guest that breaks the rules, of one that is lost, and of halves that stand still.
# timeout: 120
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

"$EXECVM" run --dry-run -- /bin/true >/dev/null 2>&1 # a warning that is said once
export EXECVM_QEMU="$HELPERS/vm-fake"
command='start; out ready; exit 0 0; end'
last='start; out ready; exit 0 0; close'

run() {
	timeout -s KILL $((40 * ${EXECVM_TIME_FACTOR:-1})) "$EXECVM" run "$@"
}

played() { # NAME STATUS PATTERN SCRIPT OPTIONS...
	name=$1 want=$2 pattern=$3 script=$4
	shift 4
	rm -rf o o2
	VM_FAKE="hello; $script" status "$name: $want" "$want" run "$@" -- true </dev/null
	like "$name: why" "$(cat err)" "$pattern"
	ok "$name: at most one line" test "$(wc -l <err)" -le 1
}

mkdir t
echo one >t/f
"$EXECVM" pack t >t.tar
head -c 512 t.tar >cut.tar

# What comes out is there when the status is 0, and only then.
copied_out() {
	played 'D8: out' 0 '^$' "$command; start; file t.tar; exit 0 0; close" --out /t=o
	same 'D8: out: it is there' o/f t/f
	while IFS='|' read -r what pattern script; do
		played "D9: out, $what" 125 "^execvm run: $pattern" "$command; $script" --out /t=o
		ok "D9: out, $what: nothing is there" test ! -e o
	done <<-END
		no status|--out /t: guest: it ended without|start; file t.tar; close
		a whole archive and a status|--out /t: guest: boo|start; file t.tar; err boo; exit 0 3; close
		cut between members|--out /t: archive: cut off|start; file cut.tar; exit 0 0; close
		nothing|--out /t: archive: |start; exit 0 0; close
		refused|--out /t: guest: /x: No such file|refuse exec 2 /x; close
		lost at the begin|.*is lost|quit 0
		lost in the middle|.*is lost|start; file t.tar; quit 0
		lost before the end|.*is lost|start; file t.tar; exit 0 0; quit 0
		garbage|wire: |start; junk 1000; hang
		more than the window|wire: |start; many 16000000; hang
		two ends|wire: .*twice|start; exit 0 1; file t.tar; exit 0 0; close
	END
	played 'X3: garbage when all is here' 3 '^$' 'start; exit 0 3; raw 00000001fa; quit 0'
	played 'D9: control characters of its tar' 125 'a..2Jb' "$command; start; err $(printf 'a\033[2Jb'); exit 0 3; close" --out /t=o
	is 'D9: control characters of its tar do not get through' "$(tr -d '\n\040-\176' <err)" ''
	played 'D8: one of two' 125 '--out /u: archive' "$command; start; file t.tar; exit 0 0; end; start; exit 0 0; close" \
		--out /t=o --out /u=o2
	ok 'D8: one of two: the other is there' test -e o/f -a ! -e o2
}

copied_in() {
	played 'D8: in' 0 '^$' "start; get-eof; exit 0 0; end; $last" --in t/f=/f
	played 'D8: in, a directory' 0 '^$' "start; get-eof; exit 0 0; end; start; get-eof; exit 0 0; end; $last" --in t=/t
	head -c 3000000 /dev/zero >large
	while IFS='|' read -r what pattern script; do
		played "D9: in, $what" 125 "^execvm run: $pattern" "$script" --in large=/f
		is "D9: in, $what: no command has started" "$(cat out)" ''
	done <<-END
		not read|--in large: guest: it did not read|start; exit 0 0; end; $last
		no more of it|--in large: guest: it did not read|start; eow; exit 0 0; end; $last
		no status|--in large: guest: it ended without|start; get-eof; end; $last
		a status|--in large: guest: boo|start; err boo; exit 0 3; end; $last
		refused|--in large: guest: /x: No such file|refuse exec 2 /x; end; $last
		lost|.*is lost|start; quit 0
		garbage|wire: |start; junk 1000; hang
		a stage that fails|guest: root: boo|start; failed root 5 boo; serve
	END
	played 'D8: in: what it says goes nowhere' 0 '^$' "start; many 3000000; err x; get-eof; exit 0 0; end; $last" --in large=/f
	is 'D8: in: stdout is the command'"'"'s' "$(cat out)" ready
}

# A half that cannot begin is one that has failed.
begins() {
	for n in 11 12 16; do
		rm -rf o
		VM_FAKE="hello; $command; start; file t.tar; exit 0 0; close" prlimit --nofile=$n \
			timeout -s KILL 40 "$EXECVM" run --out /t=o -- true </dev/null >out 2>err
		code=$?
		diag "$n descriptors: $code: $(cat err)"
		ok "D8: with $n descriptors: 0 is a copy that is there" test $code -ne 0 -o -e o/f
	done
}

# Our half is never waited for: whoever ends the run ends it, also while it stands still.
stops() {
	mkfifo go
	printf '#!/bin/sh\necho $$ >pid\nexec %s "$@"\n' "$HELPERS/vm-fake" >fake
	chmod +x fake
	rm -rf o
	: >out
	EXECVM_QEMU=$PWD/fake VM_FAKE="hello; $command; start; file go; exit 0 0; end; serve" \
		run --out /t=o -- true </dev/null >out 2>err &
	timeout=$!
	wait_for sh -c "pgrep -f '^/proc/self/exe unpack .* o\$'" >/dev/null
	half=$(pgrep -f '^/proc/self/exe unpack .* o$')
	is 'D8: out: what our half has open' "$(find /proc/"$half"/fd -type l -printf '%l\n' | sed "s|^$PWD\$|(here)|; s/:.*//; s/ .*//" | LC_ALL=C sort | tr '\n' ' ')" \
		"(here) /dev/null /memfd /memfd anon_inode pipe "
	kill -s STOP "$half"
	cat t.tar >go
	run=$(cat pid)
	run=$(sed 's/.*) . \([0-9]*\) .*/\1/' /proc/"$run"/stat)
	kill -s TERM "$run"
	wait $timeout
	is 'D8: out: our half stands still: the run can be ended' $? 143
	is 'D8: out: our half stands still: why' "$(cat err)" 'execvm run: ended by SIGTERM'
	ok 'D8: out: our half stands still: nothing is left' test ! -e o -a ! -e "/proc/$half"
}

copied_out
copied_in
begins
stops
done_testing
