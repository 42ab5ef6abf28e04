#!/bin/sh
# SPDX-License-Identifier: MIT
# C20: the static binary: alone in a root, small, quick.
# timeout: 30
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

unlike 'C20: it is static' "$(readelf -lW "$EXECVM_GUEST")" INTERP
size=$(wc -c <"$EXECVM_GUEST")
diag "$size bytes"
ok 'C20: it is smaller than 150 KB' test "$size" -lt 150000

# Nothing in the root but the programs: no /dev, no /proc, no /etc, no writable place.
mkdir root
cp "$EXECVM_GUEST" "$HELPERS/exit-with" "$HELPERS/print-argv" root/
chmod 555 root
if [ "$(id -u)" = 0 ]; then
	enter='chroot root'
else
	enter='unshare -r chroot root'
fi
if [ "$(id -u)" = 0 ] || unshare -r true 2>/dev/null; then
	# shellcheck disable=SC2086 # words
	status 'C20: in an empty root' 0 $enter /execvm chain -- /exit-with 0 -- /print-argv a b
	is 'C20: in an empty root: output' "$(paste -sd' ' out)" '/print-argv a b'
	# shellcheck disable=SC2086
	status 'C20: in an empty root: status' 44 $enter /execvm chain -- /exit-with 44 -- /print-argv
	# shellcheck disable=SC2086
	status 'C20: in an empty root: not found' 127 $enter /execvm chain -- sh -- /print-argv
	is 'C20: in an empty root: the line' "$(cat err)" 'execvm chain: sh: No such file or directory'
	# shellcheck disable=SC2086
	status 'C20: in an empty root, with nothing open' 3 \
		sh -c 'exec "$@" <&- >&- 2>&-' sh $enter /execvm chain -- /exit-with 0 -- /exit-with 3
	# shellcheck disable=SC2086
	status 'C20: in an empty root, without an environment' 5 \
		$enter /execvm chain -- /exit-with 0 -- /execvm chain -- /exit-with 0 -- /exit-with 5
else
	skip 'C20: in an empty root' 'root: neither root nor user namespaces'
fi
chmod 755 root

# From the start of the chain to CMD2's exec, without what the two commands cost themselves. The
# time on a CPU, and the least of many, because others may be using the machine.
"$HELPERS/time-exec" cpu:200 "$HELPERS/exit-with" 0 \; \
	"$EXECVM_GUEST" chain -- "$HELPERS/exit-with" 0 -- "$HELPERS/exit-with" 0 >./took
alone=$(sed -n '1s/ .*//p' took) chained=$(sed -n '2s/ .*//p' took)
diag "ns: one command $alone, a chain of two $chained"
ok 'C20: a chain costs less than 1 ms' test $((chained - 2 * alone)) -lt 1000000
done_testing
