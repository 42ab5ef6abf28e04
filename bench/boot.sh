#!/bin/sh
# SPDX-License-Identifier: MIT
# Where the time of a run goes: bench/boot.sh [RUNS]. Medians of what --timings prints, in
# milliseconds since the begin of the run, and of what init says in the kernel log of its stages. The
# kinds of run take turns, so that whatever else the machine does hits all alike.
set -eu
cd "$(dirname "$0")/.."
build=$(realpath "${BUILD:-build}")
runs=${1:-11}
root=$(demo/make-root busybox)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for _ in $(seq "$runs"); do
	"$build/host/execvm" run --timings -- /bin/true 2>>"$work/initrd"
	"$build/host/execvm" run --root "$root" --timings -- /bin/true 2>>"$work/root"
	"$build/host/execvm" run --debug -- /bin/true 2>>"$work/stages"
done

median() {
	sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

echo "| milliseconds, median of $runs | busybox in the initrd | squashfs root, overlay |"
echo "|---|---|---|"
for row in "QEMU start" "first contact" "command start" "command end" "machine gone"; do
	printf '| %s | %s | %s |\n' "$row" \
		"$(sed -n "s/.* \([0-9]*\) ms  $row\$/\1/p" "$work/initrd" | median)" \
		"$(sed -n "s/.* \([0-9]*\) ms  $row\$/\1/p" "$work/root" | median)"
done
printf '\ninit, from its first stage to its last: %s ms (median, by the kernel log)\n' "$(
	sed -n 's/^\[ *\([0-9.]*\)\] execvm: debug: \(early mounts\|network\): done.*/\2 \1/p' \
		"$work/stages" | awk '
			/^early/ { begin = $3 }
			/^network/ { printf "%.1f\n", ($2 - begin) * 1000 }' | median
)"
