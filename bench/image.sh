#!/bin/sh
# SPDX-License-Identifier: MIT
# What an import costs over mksquashfs alone with the same words, and a load beside docker's:
# bench/image.sh [RUNS]. The root is a Debian one; mmdebstrap makes it once, in the cache. Medians of
# seconds, and the most memory. docker is left out where dockerd does not run.
set -eu
cd "$(dirname "$0")/.."
build=$(realpath "${BUILD:-build}")
runs=${1:-3}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/execvm/roots
tar=$cache/bench-debian.tar
work=$(mktemp -d -p "${TMPDIR:-/var/tmp}")
daemon=
end() {
	[ -z "$daemon" ] || { kill "$daemon" && wait "$daemon"; } || true
	rm -rf "$work"
}
trap end EXIT
export XDG_DATA_HOME="$work/data"

if [ ! -s "$tar" ]; then
	mkdir -p "$cache"
	SOURCE_DATE_EPOCH=0 mmdebstrap --quiet --variant=essential \
		--include=make,gcc,libc6-dev,musl-tools,linux-libc-dev bookworm "$work/debian.tar"
	mv "$work/debian.tar" "$tar"
fi

# timed NAME CMD...: seconds and KB of the largest process
timed() {
	name=$1
	shift
	/usr/bin/time -a -o "$work/$name" -f '%e %M' "$@" >/dev/null
}
median() { # NAME COLUMN
	cut -d ' ' -f "$2" "$work/$1" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}
row() { # TEXT NAME
	printf '| %s | %s | %s |\n' "$1" "$(median "$2" 1)" "$(median "$2" 2 | awk '{ printf "%.0f", $1 / 1024 }')"
}

alone() {
	: >"$work/alone.sqfs"
	timed alone mksquashfs - "$work/alone.sqfs" -tar -noappend -reproducible -exit-on-error -no-progress -quiet \
		-comp zstd -Xcompression-level 6 -noI -mkfs-time 0 <"$tar" 2>/dev/null
}
# As import does: on the disk in the end.
synced() {
	alone
	sync "$work/alone.sqfs"
}
pipe() {
	# shellcheck disable=SC2002 # a pipe is what is measured
	cat "$tar" | timed pipe "$build/host/execvm" image import pipe
}

with_docker() {
	command -v dockerd >/dev/null && [ "$(id -u)" = 0 ] || return 1
	export DOCKER_HOST="unix://$work/sock"
	dockerd --data-root "$work/docker.data" --exec-root "$work/exec" -H "$DOCKER_HOST" -p "$work/pid" \
		--iptables=false --bridge=none >"$work/log" 2>&1 &
	daemon=$!
	for _ in $(seq 100); do
		docker version >/dev/null 2>&1 && return 0
		sleep 0.1
	done
	return 1
}

for _ in $(seq "$runs"); do
	synced
	timed import "$build/host/execvm" image import file <"$tar"
	pipe
done
docker=no
if with_docker; then
	docker=yes
	docker import "$tar" bench:1 >/dev/null
	docker save -o "$work/image.tar" bench:1
	for _ in $(seq "$runs"); do
		docker rmi bench:1 >/dev/null
		timed docker docker load -q -i "$work/image.tar"
		timed load "$build/host/execvm" image load -i "$work/image.tar"
	done
fi
echo "| $(($(stat -c %s "$tar") / 1000000)) MB of Debian, median of $runs | seconds | MB of memory |"
echo "|---|---|---|"
row 'mksquashfs alone' alone
row 'import, from a file' import
row 'import, from a pipe' pipe
if [ $docker = yes ]; then
	row 'load of a docker archive' load
	row '`docker load` (the client)' docker
fi
printf '\nimport to mksquashfs alone: %s\n' "$(echo "$(median import 1) $(median alone 1)" | awk '{ printf "%.2f", $1 / $2 }')"
