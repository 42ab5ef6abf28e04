# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# For tests with a real Docker: a daemon of their own, in the directory of the test.

# docker_start [--network]: 0 when it answers. docker_why says why not. With --network it has a bridge
# of its own, and ports can be published; it leads nowhere else.
docker_start() {
	docker_why='no dockerd'
	PATH=$PATH:/usr/sbin:/sbin
	command -v dockerd >/dev/null || return 1
	docker_why='not root'
	[ "$(id -u)" = 0 ] || return 1
	docker_net=none
	if [ "${1-}" = --network ]; then
		docker_why='no bridge can be made here'
		docker_stale
		docker_net=execvm$$
		ip link add "$docker_net" type bridge &&
			ip addr add "10.$(($$ / 256 % 256)).$(($$ % 256)).1/24" dev "$docker_net" || return 1
	fi
	mkdir -p docker
	export DOCKER_HOST="unix://$PWD/docker/sock" DOCKER_CONFIG="$PWD/docker/config"
	dockerd --data-root "$PWD/docker/data" --exec-root "$PWD/docker/exec" -H "$DOCKER_HOST" -p "$PWD/docker/pid" \
		--iptables=false --bridge="$docker_net" >docker.log 2>&1 &
	docker_daemon=$!
	docker_home=$PWD
	for docker_try in 1 2 3 4 5; do
		wait_for docker version >/dev/null 2>&1 && return 0
	done
	docker_why="dockerd does not start here: $(tail -n 1 docker.log)"
	return 1
}

# Bridges of tests that were killed.
docker_stale() {
	for docker_bridge in /sys/class/net/execvm*; do
		[ ! -d "$docker_bridge" ] || kill -s 0 "${docker_bridge##*/execvm}" 2>/dev/null ||
			ip link del "${docker_bridge##*/}"
	done
}

# To be called on the way out: trap docker_stop EXIT.
docker_stop() {
	if [ -n "${docker_daemon-}" ]; then
		docker ps -aq 2>/dev/null | xargs -r docker rm -f >/dev/null 2>&1 # it would be patient with them
		kill "$docker_daemon" 2>/dev/null
		wait "$docker_daemon"
		rm -rf "$docker_home/docker"
	fi
	[ "${docker_net-none}" = none ] || ip link del "$docker_net"
}
