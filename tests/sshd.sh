# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# For tests with a real sshd: one of their own, on loopback, with keys and a configuration of its own.

# sshd_start: 0 when it answers. sshd_why says why not. $SSH_HOST and $SSH_OPTIONS (words) lead there.
sshd_start() {
	sshd_why='no sshd'
	PATH=$PATH:/usr/sbin
	command -v sshd >/dev/null || return 1
	sshd_why='not root'
	[ "$(id -u)" = 0 ] || return 1
	mkdir -p ssh /run/sshd
	ssh-keygen -q -t ed25519 -N '' -f ssh/host && ssh-keygen -q -t ed25519 -N '' -f ssh/user || return 1
	cp ssh/user.pub ssh/authorized
	sshd_port=$((20000 + $$ % 20000))
	printf '%s\n' "ListenAddress 127.0.0.1" "HostKey $PWD/ssh/host" "AuthorizedKeysFile $PWD/ssh/authorized" \
		'StrictModes no' 'UsePAM no' 'PasswordAuthentication no' 'PermitRootLogin yes' \
		'PrintMotd no' 'MaxStartups 200' "PidFile $PWD/ssh/pid" >ssh/config
	"$(command -v sshd)" -D -e -f "$PWD/ssh/config" -p "$sshd_port" >sshd.log 2>&1 &
	sshd_daemon=$!
	printf '[127.0.0.1]:%s %s\n' "$sshd_port" "$(cat ssh/host.pub)" >ssh/known
	SSH_HOST=root@127.0.0.1
	SSH_OPTIONS="--option=-F/dev/null --option=-p$sshd_port --option=-i$PWD/ssh/user
		--option=-oIdentitiesOnly=yes --option=-oUserKnownHostsFile=$PWD/ssh/known"
	sshd_why='sshd does not start here'
	# shellcheck disable=SC2046 # words
	wait_for ssh $(printf '%s\n' "$SSH_OPTIONS" | sed 's/--option=//g') $SSH_HOST true 2>/dev/null
}

# To be called on the way out: trap sshd_stop EXIT.
sshd_stop() {
	[ -n "${sshd_daemon-}" ] || return 0
	kill "$sshd_daemon" 2>/dev/null
	wait "$sshd_daemon"
	sshd_daemon=
}
