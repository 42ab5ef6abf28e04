#!/bin/sh
# SPDX-License-Identifier: MIT
# Throughput of the three paths, in MB/s: bench/streams.sh [RUNS [MIB]]. The time is that of the
# command alone, by --timings (command start to command end).
set -eu
cd "$(dirname "$0")/.."
build=$(realpath "${BUILD:-build}")
runs=${1:-5}
mib=${2:-200}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
head -c "${mib}M" /dev/zero >"$work/in"

took() {
	awk '/command start/ { a = $3 } /command end/ { print $3 - a }' "$1"
}

for _ in $(seq "$runs"); do
	"$build/host/execvm" run --timings -- /bin/cat <"$work/in" 2>"$work/err" >/dev/null
	took "$work/err" >>"$work/echo"
	"$build/host/execvm" run --timings -- /bin/dd bs=128k of=/dev/null <"$work/in" \
		2>"$work/err" >/dev/null
	took "$work/err" >>"$work/to guest"
	"$build/host/execvm" run -n --timings -- /bin/dd if=/dev/zero bs=128k count=$((mib * 8)) \
		2>"$work/err" >/dev/null
	took "$work/err" >>"$work/to host"
done

echo "| path, $mib MiB | MB/s, median of $runs |"
echo "|---|---|"
for path in echo "to guest" "to host"; do
	ms=$(sort -n "$work/$path" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }')
	printf '| %s | %s |\n' "$path" "$(((mib << 20) / 1000 / ms))"
done
