#!/bin/sh
# SPDX-License-Identifier: MIT
# The same script over the same file, by each way in: bench/inputs.sh [RUNS [MIB]]. A Debian root, its
# perl; whole runs, and of these what the command took. They take turns, so that whatever else the
# machine does hits all alike.
set -eu
cd "$(dirname "$0")/.."
build=$(realpath "${BUILD:-build}")
runs=${1:-3}
mib=${2:-200}
root=$(demo/make-root debian)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/share"
base64 -w 76 /dev/urandom | head -c "${mib}M" >"$work/share/in"
truncate -s %512 "$work/share/in"
cat >"$work/script" <<'EOT'
while (read(STDIN, $_, 1 << 20)) { $lines += tr/\n//; $letters += tr/a-z//; }
print "$lines $letters\n";
EOT
script=$(cat "$work/script")
want=$(perl -e "$script" <"$work/share/in")

run() {
	"$build/host/execvm" run --root "$root" --timings "$@" 2>"$work/err" >"$work/out"
	[ "$(cat "$work/out")" = "$want" ] || {
		echo "inputs.sh: $(cat "$work/out" "$work/err")" >&2
		exit 1
	}
	awk '/command start/ { a = $3 } /command end/ { b = $3 } /machine gone/ { print $3, b - a }' "$work/err"
}

# The script reads its stdin; sh gives it the file that the way in has made.
from() { # FILE
	echo "exec perl -e '$script' <$1"
}

for _ in $(seq "$runs"); do
	run -- /usr/bin/perl -e "$script" <"$work/share/in" >>"$work/stdin"
	run -n --disk "$work/share/in=/dev/data,ro" -- /bin/sh -c "$(from /dev/data)" >>"$work/--disk"
	run -n -v "$work/share:/share:ro" -- /bin/sh -c "$(from /share/in)" >>"$work/-v, virtiofs"
	EXECVM_VIRTIOFSD=none run -n -v "$work/share:/share:ro" -- /bin/sh -c "$(from /share/in)" >>"$work/-v, 9p"
	run -n -m 1G --in "$work/share/in=/tmp/in" -- /bin/sh -c "$(from /tmp/in)" >>"$work/--in"
done

median() { # FILE FIELD
	sort -n -k "$2,$2" "$1" | awk -v f="$2" '{ v[NR] = $f } END { print v[int((NR + 1) / 2)] }'
}

echo "| $mib MiB, milliseconds, median of $runs | whole run | the command | to --disk |"
echo "|---|---|---|---|"
disk=$(median "$work/--disk" 1)
for way in --disk "-v, virtiofs" "-v, 9p" stdin --in; do
	all=$(median "$work/$way" 1)
	echo "| $way | $all | $(median "$work/$way" 2) | $(awk -v a="$all" -v b="$disk" 'BEGIN { printf "%.2f", a / b }') |"
done
