#!/bin/sh
# SPDX-License-Identifier: MIT
# What a runner costs beside the program that it starts: bench/runners.sh [RUNS]. Paired and in turn.
# Needs root: dockerd and sshd are started for it, on loopback, and end with it.
set -eu
cd "$(dirname "$0")/.."
SRCDIR=$PWD
build=$(realpath "${BUILD:-build}")
runs=${1:-15}
work=$(mktemp -d)
export EXECVM="$build/host/execvm" EXECVM_GUEST="$build/guest/execvm" HELPERS="$build/helpers" TMPDIR="$work" SRCDIR
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"
# shellcheck source=tests/docker.sh
. "$SRCDIR/tests/docker.sh"
# shellcheck source=tests/sshd.sh
. "$SRCDIR/tests/sshd.sh"
cd "$work"
clean() {
	docker_stop || true
	sshd_stop || true
	rm -rf "$work"
}
trap clean EXIT

now() {
	date +%s%N
}

# pair NAME WORDS... -- WORDS...: ours, then the program's own; what each takes, in microseconds.
pair() {
	name=$1
	shift
	a=$(now)
	"$EXECVM" run "$@" >/dev/null 2>&1 </dev/null
	b=$(now)
	# shellcheck disable=SC2086 # words
	case $name in
	local) "$HELPERS/exit-with" 0 ;;
	docker) docker run -i --rm --network=none bench /exit-with 0 >/dev/null 2>&1 </dev/null ;;
	ssh) ssh $words $SSH_HOST "$HELPERS/exit-with" 0 >/dev/null 2>&1 </dev/null ;;
	esac
	echo "$(((b - a) / 1000)) $((($(now) - b) / 1000))" >>"took-$name"
}

median() {
	sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# shellcheck disable=SC2119 # no network
if ! docker_start || ! sshd_start; then
	echo "cannot be measured here: ${docker_why-} ${sshd_why-}" >&2
	exit 1
fi
mkdir root
cp "$HELPERS/exit-with" root/
tar -C root -c . | docker import - bench >/dev/null
words=$(printf '%s\n' "$SSH_OPTIONS" | sed 's/--option=//g')
for _ in $(seq "$runs"); do
	pair local -r local -- "$HELPERS/exit-with" 0
	pair docker -r docker --image bench -- /exit-with 0
	# shellcheck disable=SC2086 # words
	pair ssh -r ssh --host $SSH_HOST $SSH_OPTIONS -- "$HELPERS/exit-with" 0
done
echo "| a command that does nothing, milliseconds, median of $runs | by hand | execvm run | ratio |"
echo "|---|---|---|---|"
for name in local docker ssh; do
	awk -v name="$name" -v o="$(cut -d ' ' -f 1 "took-$name" | median)" -v t="$(cut -d ' ' -f 2 "took-$name" | median)" \
		-v r="$(awk '{ print $1 / $2 }' "took-$name" | median)" \
		'BEGIN { printf "| %s | %.1f | %.1f | %.2f |\n", name, t / 1000, o / 1000, r }'
done
