#!/bin/sh
# SPDX-License-Identifier: MIT
# Throughput of three stages here, beside a shell's: bench/pipeline.sh [RUNS [MIB]]. Paired and in turn,
# so that whatever else the machine does hits both; the ratio is the median of those of the pairs.
set -eu
cd "$(dirname "$0")/.."
build=$(realpath "${BUILD:-build}")
runs=${1:-11}
mib=${2:-2000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

stage() { # WORDS, quoted; NODE or nothing
	printf '{"args": [%s], "runner": "local"%s}' "$1" "${2:+, \"output\": $2}"
}
wc=$(stage '"wc", "-c"')
printf '%s\n' "$(stage "\"head\", \"-c\", \"${mib}M\", \"/dev/zero\"" "$(stage '"cat"' "$wc")")" >"$work/cat.json"
printf '%s\n' "$(stage "\"head\", \"-c\", \"${mib}M\", \"/dev/zero\"" "$(stage '"tr", "x", "y"' "$wc")")" >"$work/tr.json"

now() {
	date +%s%N
}

# pair NAME CMD: "OURS THEIRS" in microseconds, a line each time.
pair() {
	for i in $(seq "$runs"); do
		a=$(now)
		"$build/host/execvm" pipeline "$work/$1.json" >"$work/ours"
		b=$(now)
		sh -c "$2" >"$work/theirs"
		c=$(now)
		cmp -s "$work/ours" "$work/theirs"
		echo "$(((b - a) / 1000)) $(((c - b) / 1000))" >>"$work/$1"
	done
}

median() {
	sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

pair cat "head -c ${mib}M /dev/zero | cat | wc -c"
pair tr "head -c ${mib}M /dev/zero | tr x y | wc -c"

echo "| $mib MiB, MB/s, median of $runs | sh | execvm pipeline | ratio |"
echo "|---|---|---|---|"
for name in cat tr; do
	ours=$(cut -d ' ' -f 1 "$work/$name" | median)
	theirs=$(cut -d ' ' -f 2 "$work/$name" | median)
	ratio=$(awk '{ print $2 / $1 }' "$work/$name" | median)
	printf '| head \\| %s \\| wc | %d | %d | %.2f |\n' "$name" "$(((mib << 20) / theirs))" "$(((mib << 20) / ours))" "$ratio"
done
