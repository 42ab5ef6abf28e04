# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# For tests with a real Docker: a daemon of their own, in the directory of the test, with no network.

# docker_start: 0 when it answers. docker_why says why not.
docker_start() {
	docker_why='no dockerd'
	command -v dockerd >/dev/null || return 1
	docker_why='not root'
	[ "$(id -u)" = 0 ] || return 1
	mkdir -p docker
	export DOCKER_HOST="unix://$PWD/docker/sock" DOCKER_CONFIG="$PWD/docker/config"
	dockerd --data-root "$PWD/docker/data" --exec-root "$PWD/docker/exec" -H "$DOCKER_HOST" -p "$PWD/docker/pid" \
		--iptables=false --bridge=none >docker.log 2>&1 &
	docker_daemon=$!
	docker_home=$PWD
	for docker_try in 1 2 3 4 5; do
		wait_for docker version >/dev/null 2>&1 && return 0
	done
	docker_why="dockerd does not start here: $(tail -n 1 docker.log)"
	return 1
}

# To be called on the way out: trap docker_stop EXIT.
docker_stop() {
	[ -n "${docker_daemon-}" ] || return 0
	kill "$docker_daemon" 2>/dev/null
	wait "$docker_daemon"
	rm -rf "$docker_home/docker"
}
