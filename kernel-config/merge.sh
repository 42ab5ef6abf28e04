#!/bin/sh
# SPDX-License-Identifier: MIT
# merge.sh SOURCE up|smp [MAKE-WORD...]: write SOURCE/.config from the fragments beside this script
# and the one for a single CPU or for several.
#
# Everything that no fragment names is off (allnoconfig): a symbol's default in some later
# kernel cannot switch anything on. kconfig drops a wish whose dependencies are missing without
# a word, so afterwards every line of the fragments and of required.list is looked up in the
# result, and one that is not there is an error.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 2 ] || { echo "usage: merge.sh SOURCE up|smp [MAKE-WORD...]" >&2; exit 2; }
src=$1 cpus=$here/cpus/$2.config
shift 2
[ -f "$cpus" ] || { echo "merge.sh: $cpus: no such file" >&2; exit 2; }
[ -f "$src/Kconfig" ] || { echo "merge.sh: $src: not a kernel source tree" >&2; exit 2; }

wishes=$(mktemp)
trap 'rm -f "$wishes"' EXIT
trap 'exit 1' HUP INT TERM
cat "$here"/*.config "$cpus" >"$wishes"

make -s -C "$src" "$@" KCONFIG_ALLCONFIG="$wishes" allnoconfig >&2

awk '
function fault(text) {
	printf "merge.sh: %s:%d: %s\n", name, FNR, text | "cat >&2"
	bad = 1
}
FNR == 1 {
	name = FILENAME
	sub(/.*\//, "", name)
	file++
}
/^CONFIG_[A-Za-z0-9_]+=/ {
	symbol = substr($0, 1, index($0, "=") - 1)
	value = substr($0, index($0, "=") + 1)
}
/^# CONFIG_[A-Za-z0-9_]+ is not set$/ {
	symbol = $2
	value = "n"
}
!/^CONFIG_[A-Za-z0-9_]+=/ && !/^# CONFIG_[A-Za-z0-9_]+ is not set$/ {
	if ($0 != "" && $0 !~ /^# / && file > 1)
		fault("not a line of a configuration: " $0)
	next
}
file == 1 { got[symbol] = value; next }
{
	if (symbol in asked && asked[symbol] != value)
		fault(symbol " is wanted as " value " here and as " asked[symbol] " in " where[symbol])
	asked[symbol] = value
	where[symbol] = name
	found = symbol in got ? got[symbol] : "n"
	if (found != value)
		fault(symbol " lost: wanted " value ", got " found)
}
END { exit bad }
' "$src/.config" "$here"/*.config "$cpus" "$here/required.list"
