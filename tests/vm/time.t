#!/bin/sh
# SPDX-License-Identifier: MIT
# I34: guest time runs as fast as ours; I27: the clock is right without an RTC. The host may be busy,
# which makes what arrives late, never early: the best of some is what counts.
# timeout: 180
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

"$EXECVM" run --dry-run -- /bin/true >/dev/null 2>&1 # a warning that is said once
"$EXECVM" initrd build --no-check --add /bin/busybox=/bin/busybox --make /bin/sh=symlink:busybox \
	--add "$HELPERS/vm-clock=/bin/vm-clock" -o guest.cpio || skip_all 'no initrd'

# Lines "HERE THERE" into ./stamps: when a time stamp of the guest came, and what it said.
stamps() { # COUNT MS OPTIONS...
	count=$1 ms=$2
	shift 2
	"$EXECVM" run --initrd guest.cpio "$@" -- /bin/vm-clock "$count" "$ms" </dev/null | "$HELPERS/vm-clock" -s >stamps
}

speed() { # NAME COUNT MS OPTIONS...
	name=$1 want=$2
	shift
	stamps "$@"
	is "$name: all are there" "$(wc -l <stamps)" "$want"
	# shellcheck disable=SC2016 # awk's
	result=$(awk -v ms="$2" '
		NR > 1 {
			off = ($1 - here) * 1000 / ms - 1
			off = off < 0 ? -off : off
			if (!best || off < best)
				best = off
		}
		NR == 1 { first = $1; there = $2 }
		{ here = $1; last = $2 }
		END {
			printf "%.2f%% off at best, %.2f s here and %.2f s there in all\n", best * 100,
				here - first, last - there
			exit !(best <= 0.02)
		}' stamps)
	code=$?
	diag "$name: $result"
	is "$name: within 2 % seen from here" $code 0
}

# The smallest difference between the clocks, in ms.
offset() {
	awk '{ d = ($1 - $2) * 1000; a = d < 0 ? -d : d; if (NR == 1 || a < best) { best = a; say = d } }
	END { printf "%.1f\n", say }' stamps
}

clock_is_right() {
	for _ in 1 2 3 4 5; do
		stamps 20 10
		ms=$(offset)
		diag "the guest's clock is $ms ms behind right after the start"
		case ${ms#-} in
		[0-9].* | [1-4][0-9].*) break ;;
		esac
	done
	like 'I34, I27: the clock is within 50 ms right after the start' "$ms" '^-?([0-9]|[1-4][0-9])\.'
}

speed 'I34: five times sleep 2' 6 2000
ms=$(offset)
like 'I34: the clocks have not come apart meanwhile' "$ms" '^-?[0-9]{1,2}\.'
speed 'I34: two CPUs, three times sleep 1' 4 1000 --cpus 2
clock_is_right
done_testing
