#!/bin/sh
# SPDX-License-Identifier: MIT
# What an option costs a whole run of /bin/true: bench/options.sh [RUNS]. They take turns; "nothing" is
# measured twice, so that the difference of the two says what a difference is worth.
set -eu
cd "$(dirname "$0")/.."
build=$(realpath "${BUILD:-build}")
runs=${1:-15}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/dir"
echo hello >"$work/dir/file"
root=$(demo/make-root busybox)
truncate -s 1M "$work/disk"

took() { # NAME OPTIONS...
	name=$1
	shift
	begin=$(date +%s%N)
	"$build/host/execvm" run "$@" -- /bin/true </dev/null >/dev/null 2>&1
	echo "$((($(date +%s%N) - begin) / 1000000))" >>"$work/$name"
}

for _ in $(seq "$runs"); do
	took nothing
	took "--disk" --disk "$work/disk=/dev/vdb,ro"
	took "--root" --root "$root"
	took "--network user" --network user
	export EXECVM_VIRTIOFSD=none
	took "-v, 9p" -v "$work/dir:/x"
	unset EXECVM_VIRTIOFSD
	took "-v, virtiofs" -v "$work/dir:/x"
	took "--in a file" --in "$work/dir/file=/x"
	took "--in a directory" --in "$work/dir=/x"
	took "--out a file" --out /etc/passwd="$work/out"
	took "nothing, again"
done

median() {
	sort -n "$work/$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

echo "| whole run of /bin/true, milliseconds, median of $runs | |"
echo "|---|---|"
for name in nothing "nothing, again" --disk --root "--network user" "-v, 9p" "-v, virtiofs" \
	"--in a file" "--in a directory" "--out a file"; do
	echo "| $name | $(median "$name") |"
done
