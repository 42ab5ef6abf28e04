#!/bin/sh
# SPDX-License-Identifier: MIT
# F4, F9: machines that went on from one template: what they must not have in common, and what they do.
# timeout: 120
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"
# shellcheck source=tests/vm/warm.sh
. "$SRCDIR/tests/vm/warm.sh"

"$EXECVM" initrd build --no-check --add /bin/busybox=/bin/busybox --make /bin/sh=symlink:busybox \
	--make /bin/head=symlink:busybox --make /bin/cat=symlink:busybox --make /bin/od=symlink:busybox \
	--make /bin/hostname=symlink:busybox --make /bin/sleep=symlink:busybox --make /bin/stat=symlink:busybox \
	--add "$HELPERS/vm-clock=/bin/vm-clock" -o clock.cpio || skip_all 'no initrd'

# Fifty, four at a time.
cat >draw <<'EOT'
r=/proc/sys/kernel/random
echo "urandom $(head -c 16 /dev/urandom | od -An -tx1)"
echo "random $(head -c 16 /dev/random | od -An -tx1)"
echo "uuid $(cat $r/uuid)"
echo "boot_id $(cat $r/boot_id)"
echo "hostname $(hostname)"
read -r up _ </proc/uptime
echo "uptime $up"
EOT
twins() {
	warm 'F4: the template' 0 --initrd clock.cpio -n -- /bin/busybox true
	: >starts
	n=0
	while [ $n -lt 50 ]; do
		for _ in 1 2 3 4; do
			n=$((n + 1))
			[ $n -le 50 ] || continue
			"$EXECVM" run --warm --initrd clock.cpio -n --hostname "clone-$n" -- /bin/sh -c "$(cat draw)" >clone.$n 2>&1 &
		done
		wait
	done
	is 'F4: fifty clones of one template' "$(sort starts | uniq -c | tr -s ' ')" ' 50 restore'
	for what in urandom random uuid boot_id; do
		is "F4: fifty different: $what" "$(sed -n "s/^$what .*[0-9a-f]/&/p" clone.? clone.?? | sort -u | wc -l)" 50
	done
	# Nor is it the same in two places, as from a generator that began anew.
	is 'F4: nor one and the other' "$(sed -n 's/^u\{0,1\}random //p' clone.? clone.?? | sort -u | wc -l)" 100
	n=0
	while [ $n -lt 50 ]; do
		n=$((n + 1))
		grep -qx "hostname clone-$n" clone.$n || cat clone.$n
	done >wrong
	is 'F4: each has its own name' "$(cat wrong)" ''
	is 'F4: none is older than a boot' "$(sed -n 's/^uptime \([0-9]*\).*/\1/p' clone.? clone.?? |
		awk -v most=$((20 * ${EXECVM_TIME_FACTOR:-1})) '$1 < most { n++ } END { print n }')" 50
}

# Lines "HERE THERE" into ./stamps: when a time stamp of the guest came, and what it said.
stamps() { # COUNT MS OPTIONS...
	count=$1 ms=$2
	shift 2
	: >starts
	"$EXECVM" run --warm --initrd clock.cpio -n "$@" -- /bin/vm-clock "$count" "$ms" | "$HELPERS/vm-clock" -s >stamps
}

# The host may be busy, which makes what arrives late, never early: the best of some counts.
offset() {
	awk '{ d = ($1 - $2) * 1000; a = d < 0 ? -d : d; if (NR == 1 || a < best) { best = a; say = d } }
	END { printf "%.1f\n", say }' stamps
}

clock() { # NAME
	for _ in 1 2 3 4 5; do
		stamps 20 10
		ms=$(offset)
		diag "$1: the guest's clock is $ms ms behind"
		case ${ms#-} in
		[0-9].* | [1-4][0-9].*) break ;;
		esac
	done
	like "F4: $1: the clock is within 50 ms of the host's" "$ms" '^-?([0-9]|[1-4][0-9])\.'
	is "F4: $1: warm" "$(ways | tr ' ' '\n' | sort -u | grep -v freeze)" restore
}

runs_on() { # NAME
	for _ in 1 2 3; do
		stamps 4 1000
		ms=$(awk 'NR == 1 { a = $2 } END { printf "%.0f\n", ($2 - a) * 1000 }' stamps)
		here=$(awk 'NR == 1 { a = $1 } END { printf "%.0f\n", ($1 - a) * 1000 }' stamps)
		diag "$1: three seconds: $ms ms there, $here ms here"
		[ "$ms" -lt 2940 ] || [ "$ms" -gt 3200 ] || [ $here -gt 3300 ] || break
	done
	ok "F4: $1: sleep 1 is a second there" test "$ms" -ge 2940 -a "$ms" -le 3200
	ok "F4: $1: and here" test "$here" -ge 2900 -a "$here" -le $((3300 * ${EXECVM_TIME_FACTOR:-1}))
	warm "F4: $1: uptime" 0 --initrd clock.cpio -n -- /bin/sh -c 'read -r a _ </proc/uptime; sleep 1; read -r b _ </proc/uptime; echo $a $b'
	is "F4: $1: uptime goes on" "$(awk -v most="${EXECVM_TIME_FACTOR:-1}" \
		'{ d = $2 - $1; print ($1 < 20 * most && d >= 0.98 && d < 1 + most) ? "yes" : $0 }' out)" yes
}

# Made a day ago: the machine that is frozen believes so.
a_day_later() {
	sed "s|^exec .*|case \" \$* \" in *' -incoming '*) ;; *) set -- \"\$@\" -rtc base=$(date -u -d '25 hours ago' +%Y-%m-%dT%H:%M:%S) ;; esac\\n&|" qemu >qemu-yesterday
	chmod +x qemu-yesterday
	EXECVM_QEMU=$PWD/qemu-yesterday
	: >starts
	warm 'F4: a day later' 0 --initrd clock.cpio -n -- /bin/stat -c %Y /run/execvm/bin/execvm
	is 'F4: a day later: made' "$(ways)" 'freeze restore'
	ok 'F4: a day later: the premise: it was another day there' test "$(cat out)" -lt $(($(date +%s) - 86400))
	clock 'a day later'
	runs_on 'a day later'
	EXECVM_QEMU=$PWD/qemu
}

# F9: bytes that many have, counted once each.
memory() {
	: >pids
	rm -f held.*
	for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		"$EXECVM" run --warm --initrd clock.cpio -n -- /bin/sh -c 'echo ready; sleep 600' >held.$n 2>&1 &
		runs="${runs-} $!"
		[ $((n % 4)) != 0 ] || wait_for ready $n || diag "only some of $n are ready"
	done
	is 'F9: twenty clones at once' "$(cat held.* | grep -c -x ready) $(alive | wc -l)" '20 20'
	for p in $(alive); do
		cat "/proc/$p/smaps_rollup"
	done >rollup
	rss=$(awk '/^Rss:/ { n += $2 } END { print n }' rollup)
	pss=$(awk '/^Pss:/ { n += $2 } END { print n }' rollup)
	diag "20 clones: Rss $((rss / 1024)) MB, Pss $((pss / 1024)) MB"
	ok 'F9: they have at least a quarter of it in common' test $((pss * 100)) -le $((rss * 75))
	for p in $(alive); do
		awk '/^[0-9a-f]+-[0-9a-f]+ / { ours = $NF ~ /templates\/[0-9a-f]+\/memory$/ }
			ours && /^(Rss|Pss|Shared_Clean|Shared_Dirty|Private_Dirty):/ { n[$1] += $2 }
			END { print n["Shared_Clean:"] + 0, n["Shared_Dirty:"] + 0, n["Private_Dirty:"] + 0, n["Rss:"] + 0, n["Pss:"] + 0 }' \
			"/proc/$p/smaps"
	done >shares
	diag "of the template's file, kB: shared clean, shared dirty, private dirty, Rss, Pss: $(head -n 1 shares)"
	ok 'F9: each shares clean pages of the file' awk '$1 < 1024 { bad = 1 } END { exit bad || NR != 20 }' shares
	ok 'F9: and writes none of them' awk '$2 { bad = 1 } END { exit bad }' shares
	ok 'F9: most of the guest is shared' awk '{ pss += $5; rss += $4 } END { exit !(pss <= rss * 0.75) }' shares
	for p in $runs; do
		kill -TERM "$p"
	done
	for p in $runs; do
		wait "$p"
		echo $?
	done >codes
	is 'F9: they end' "$(sort codes | uniq -c | tr -s ' ')" ' 20 143'
	ok 'F9: and leave no machine' wait_for none_alive
}
ready() {
	[ "$(cat held.* | grep -c -x ready)" -ge "$1" ]
}

steps=${WARM_STEPS:-twins clocks a_day_later memory}
clocks() {
	clock 'right after the start'
	runs_on 'later on'
}
for step in $steps; do
	begin=$(date +%s)
	$step
	diag "$step: $(($(date +%s) - begin)) s"
done
done_testing
