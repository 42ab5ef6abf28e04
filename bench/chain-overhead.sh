#!/bin/sh
# SPDX-License-Identifier: MIT
# What a chain costs, beside a shell that does the same: `bench/chain-overhead.sh [RUNS]`. Each
# command is run in turn, so that whatever else the machine does hits all alike; the programs that
# they start are tiny and static. Build first: make build-black-box.
set -eu
cd "$(dirname "$0")/.."
build=$(realpath "${BUILD:-build}")
runs=${1:-1000}
t=$build/helpers/exit-with
guest=$build/guest/execvm
host=$build/host/execvm

"$build/helpers/time-exec" "$runs" \
	"$t" 0 \; \
	dash -c "$t 0 && exec $t 0" \; \
	"$guest" chain -- "$t" 0 -- "$t" 0 \; \
	"$host" chain -- "$t" 0 -- "$t" 0 \; \
	dash -c "$t 0 && $t 0 && $t 0 && exec $t 0" \; \
	"$guest" chain -- "$t" 0 -- "$guest" chain -- "$t" 0 -- "$guest" chain -- "$t" 0 -- "$t" 0 |
	awk -v runs="$runs" '
	BEGIN {
		split("one command|dash, two|execvm chain (static), two|execvm chain (host), two|" \
			"dash, four|execvm chain (static), four", name, "|")
		printf "| start to end, microseconds | least | median | median, to dash |\n|---|---|---|---|\n"
	}
	{
		if (NR == 2 || NR == 5)
			dash = $2
		printf "| %s | %.0f | %.0f | %s |\n", name[NR], $1 / 1000, $2 / 1000,
			NR == 1 ? "" : sprintf("%.2f", $2 / dash)
		least[NR] = $1
	}
	END {
		printf "\n%d runs each, in turn. A chain of two costs %.0f us over its two commands, ", runs,
			(least[3] - 2 * least[1]) / 1000
		printf "dash %.0f us (least times).\n", (least[2] - 2 * least[1]) / 1000
	}'
