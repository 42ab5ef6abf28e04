#!/bin/bash
# SPDX-License-Identifier: MIT
# E2: whatever ends a run, no container, volume or image is left; E3: what docker's options become;
# E10: the guard.
# timeout: 300
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"
# shellcheck source=tests/docker.sh
. "$SRCDIR/tests/docker.sh"
# shellcheck source=tests/runners.sh
. "$SRCDIR/tests/runners.sh"

trap docker_stop EXIT
docker_start --network || skip_all "docker: $docker_why"
runner_files
runner_use docker
docker import root.tar busy >/dev/null
docker import -c 'ENTRYPOINT ["/bin/sh", "-c"]' -c 'CMD ["echo \"own $GREETING\"; pwd; id -u"]' -c 'ENV GREETING="hello  there"' \
	-c 'WORKDIR /srv' -c 'USER worker' -c 'VOLUME /data' root.tar conf >/dev/null
mkdir alone && cp "$HELPERS/print-argv" alone/
tar -C alone -c print-argv | docker import - alone >/dev/null
mkdir shared
echo in >shared/in

images() {
	docker images -q --no-trunc | sort
}
images_before=$(images)

# Everything that the engine has: containers, volumes, images, networks of a container.
left() {
	docker ps -aq
	docker volume ls -q
	[ "$(images)" = "$images_before" ] || echo 'other images'
}

nothing_is_left() {
	[ -z "$(left)" ]
}

# The container of a run that goes on.
inspect() { # FORMAT
	docker inspect --format="$1" "$(docker ps -q)"
}

# A run that is looked at from outside: begin, look, end.
running() { # OPTIONS...
	begin "$@" -- /bin/sh -c 'echo ready; exec sleep 600'
}

ended() { # NAME
	kill -s TERM "$pid"
	ends
	is "E2: $1: ended by TERM" "$code" 143
	ok "E2: $1: nothing is left" nothing_is_left
}

limits() {
	running -m 100M --cpus 1.5 --hostname box -u 77:78 -w /tmp --read-only --tmpfs /t:size=1m \
		-v "$PWD/shared:/ro:ro" --mount "type=bind,source=$PWD/shared,target=/rw" --option=--label=mine=1
	is 'E3: --memory' "$(inspect '{{.HostConfig.Memory}}')" 104857600
	is 'E3: fractions of --cpus' "$(inspect '{{.HostConfig.NanoCpus}}')" 1500000000
	is 'E3: --hostname' "$(inspect '{{.Config.Hostname}}')" box
	is 'E3: --user' "$(inspect '{{.Config.User}}')" 77:78
	is 'E3: --workdir' "$(inspect '{{.Config.WorkingDir}}')" /tmp
	is 'E3: --read-only' "$(inspect '{{.HostConfig.ReadonlyRootfs}}')" true
	like 'E3: --tmpfs' "$(inspect '{{json .HostConfig.Tmpfs}}')" '"/t":"[^"]*size=1m'
	like 'E3: --volume :ro' "$(inspect '{{range .Mounts}}{{.Destination}} {{.RW}} {{.Source}}
{{end}}')" "^/ro false $PWD/shared\$"
	like 'E3: --mount' "$(inspect '{{range .Mounts}}{{.Destination}} {{.RW}} {{.Source}}
{{end}}')" "^/rw true $PWD/shared\$"
	like 'E3: execvm is always there, read-only' "$(inspect '{{range .Mounts}}{{.Destination}} {{.RW}}
{{end}}')" '^/bin/execvm false$'
	is 'E3: no network unless asked' "$(inspect '{{.HostConfig.NetworkMode}}')" none
	is 'E3: --option' "$(inspect '{{.Config.Labels.mine}}')" 1
	ok 'E3: a label says whose it is' test "$(docker ps -q --filter label=execvm | wc -l)" = 1
	is 'E3: docker keeps no log of the output' "$(inspect '{{.HostConfig.LogConfig.Type}}')" none
	is 'E3: no privileges' "$(inspect '{{.HostConfig.Privileged}}')" false
	ended options
	running --cpus 2 --network user
	is 'E3: whole CPUs' "$(inspect '{{.HostConfig.NanoCpus}}')" 2000000000
	is 'E3: --network user is the bridge' "$(inspect '{{.HostConfig.NetworkMode}}')" bridge
	ended 'a network'
}

inside() {
	status 'E3: /bin/execvm cannot be written, by root either' 1 run -- /bin/sh -c 'echo x >/bin/execvm' </dev/null
	like 'E3: /bin/execvm cannot be written: why' "$(cat err)" 'Read-only file system|Text file busy'
	status 'E3: nor removed' 1 run -- rm /bin/execvm </dev/null
	status 'E3: what is read-only is' 1 run -v "$PWD/shared:/ro:ro" -- touch /ro/x </dev/null
	ok 'E3: what is read-only is: nothing is here' test ! -e shared/x
	status 'E3: a chain, in an image of one static binary' 0 \
		run --image alone -- /bin/execvm chain -- /print-argv 1 -- /print-argv 2 '' </dev/null
	is 'E3: an image of one static binary' "$(paste -sd' ' out)" '/print-argv 1 /print-argv 2 '
	status 'E3: names that docker would split' 0 run -v "$PWD/shared:/a" \
		--mount "type=bind,source=$PWD/odd \"dir,target=/b" -- cat /a/in "/b/in" </dev/null
	is 'E3: a quote and a blank in a path' "$(paste -sd' ' out)" 'in odd'
	value=$(head -c 100000 /dev/zero | tr '\0' x)
	LONG=$value DOCKER_HOST_=1 status 'E3: variables that are long, or named as docker'\''s' 0 \
		run -e LONG -e 'DOCKER_CONTEXT=no
where' -e LD_PRELOAD= -e HOME=/h -- /bin/sh -c 'echo ${#LONG} "$DOCKER_CONTEXT" "$HOME"' </dev/null
	is 'E3: they arrive' "$(cat out)" '100000 no
where /h'
	TWO='of the caller' LONG=x status 'E3: such variables of the caller' 0 run -e LONG="$value" -e TWO='li
nes' -- /bin/sh -c 'echo ${#LONG} "$TWO"' </dev/null
	is 'E3: such variables of the caller: the plan wins' "$(cat out)" '100000 li
nes'
}

published() {
	port=$((16000 + $$ % 8000))
	printf 'HTTP/1.0 200 OK\r\n\r\nhello' >shared/answer
	begin -p $port:80 -v "$PWD/shared:/s:ro" -- /bin/sh -c 'echo ready; while nc -l -p 80 </s/answer; do :; done'
	ok 'E3: --publish: the port leads into it' wait_for answers $port
	like 'E3: --publish: on 127.0.0.1 alone' "$(inspect '{{json .HostConfig.PortBindings}}')" \
		"\"80/tcp\":\\[\\{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"$port\"\\}\\]"
	ended --publish
}

answers() { # PORT
	exec 8<>"/dev/tcp/127.0.0.1/$1" || return 1
	printf 'GET / HTTP/1.0\r\n\r\n' >&8
	grep -aq hello <&8
	found=$?
	exec 8>&-
	return $found
} 2>/dev/null

own_command() {
	status 'E3: without a command, the entrypoint and command of the image' 0 run --image conf </dev/null
	is 'E3: with its environment, directory and user' "$(paste -sd' ' out)$(cat err)" 'own hello  there /srv 77'
	status 'E3: a command is run as it is, without the entrypoint' 0 run --image conf -- /bin/echo '$GREETING' </dev/null
	is 'E3: a command is run as it is' "$(cat out)" '$GREETING'
	status 'E3: what is said goes over it' 0 \
		run --image conf -e GREETING=bye -w /tmp -u root -- /bin/sh -c 'echo $GREETING; pwd; id -u' </dev/null
	is 'E3: variable, directory, user' "$(paste -sd' ' out)" 'bye /tmp 0'
	ok 'E2: no anonymous volume is left of an image that has one' nothing_is_left
	status 'E3: an image without a command' 125 run </dev/null
	is 'E3: an image without a command: why' "$(cat err)" 'execvm run: no command, and busy has none'
}

failures() {
	status 'E5: an image that is not there' 125 run --image no-such-image:1 -- true </dev/null
	like 'E5: an image that is not there: which' "$(cat err)" 'no-such-image:1'
	status 'E5: no daemon' 125 env DOCKER_HOST=unix:///no/such/socket "$EXECVM" run -r docker --image busy -- true </dev/null
	like 'E5: no daemon: why' "$(cat err)" '/no/such/socket'
	status 'E5: no engine' 125 env EXECVM_DOCKER=/no/such/docker "$EXECVM" run -r docker --image busy -- true </dev/null
	is 'E5: no engine: why' "$(cat err)" 'execvm run: /no/such/docker: not found: is it installed?'
	status 'E5: an option that docker does not have' 125 run --option=--no-such-option -- true </dev/null
	like 'E5: an option that docker does not have: which' "$(cat err)" 'no-such-option'
	status 'E5: --tty without a terminal' 125 run -t -- true </dev/null
	is 'E5: --tty without a terminal: why' "$(cat err)" \
		'execvm run: runner docker: --tty: stdin is no terminal (--no-stdin: none at all)'
	status 'E5: a directory that is none' 125 run -w /etc/passwd -- true </dev/null
	ok 'E2: failures: nothing is left' wait_long nothing_is_left
}

engine() {
	cat >engine <<'END'
#!/bin/sh
printf '%s\n' "$@" >>"${0%/*}/engine.argv"
exec docker "$@"
END
	chmod +x engine
	status 'E3: another engine' 0 env EXECVM_DOCKER="$PWD/engine" "$EXECVM" run -r docker --image busy -n -- echo 4
	is 'E3: another engine gets docker'\''s words' "$(sed 's/^--name=execvm-[0-9a-f]*$/--name=N/; s/source=[^,]*execvm[^,]*"/source=G"/' engine.argv |
		paste -sd' ')" \
		'run --rm --label=execvm --log-driver=none --name=N --network=none --mount type=bind,"source=G","target=/bin/execvm",readonly --entrypoint=/bin/execvm -- busy init --container -- echo 4'
}

named() {
	docker run -d --network=none --name "taken$$" busy sleep 600 >/dev/null
	status 'E2: a name that another container has' 125 run --name "taken$$" -- true </dev/null
	is 'E2: a name that another container has: why' "$(cat err)" \
		"execvm run: --name taken$$: another container has this name"
	is 'E2: it survives that' "$(docker ps -q --filter "name=taken$$" | wc -l)" 1
	# It gets the name after we have looked.
	cat >late <<END
#!/bin/sh
[ "\$1" != ps ] || exit 0
exec docker "\$@"
END
	chmod +x late
	EXECVM_DOCKER=$PWD/late status 'E2: a name that is taken a moment later' 125 run --name "taken$$" -- true </dev/null
	is 'E2: that one survives, too' "$(docker ps -q --filter "name=taken$$" | wc -l)" 1
	docker rm -f "taken$$" >/dev/null
	running --name "mine$$"
	is 'E3: --name' "$(inspect '{{.Name}}')" "/mine$$"
	ended 'a name'
}

ways_out() {
	status 'E2: normal end' 0 run --image conf -- true </dev/null
	ok 'E2: normal end: nothing is left' nothing_is_left
	status 'E2: a failure' 9 run -- exit-with 9 </dev/null
	ok 'E2: a failure: nothing is left' nothing_is_left
	status 'E2: killed by a signal' 137 run -- kill-self 9 </dev/null
	ok 'E2: killed by a signal: nothing is left' nothing_is_left
	status 'E2: --timeout, of one that ignores TERM' 124 \
		run --timeout 1 -- /bin/sh -c 'trap "" TERM; sleep 600' </dev/null
	ok 'E2: --timeout: nothing is left' nothing_is_left
	for s in TERM:143 INT:130 HUP:129 QUIT:131; do
		running
		kill -s "${s%:*}" "$pid"
		ends
		is "E2: ${s%:*}" "$code" "${s#*:}"
		ok "E2: ${s%:*}: nothing is left" nothing_is_left
	done
	begin -- /bin/sh -c 'trap "" TERM; echo ready; sleep 600'
	kill -s TERM "$pid"
	sleep 0.4 # a second one counts when it is not the same
	kill -s TERM "$pid"
	ends
	is 'E2: a second TERM' "$code" 137
	ok 'E2: a second TERM: nothing is left' nothing_is_left
	{
		run -- /bin/sh -c 'while :; do echo y; done' 2>err
		echo $? >code
	} | head -n 1 >first
	is 'E2: a reader of stdout that goes away' "$(cat first code | paste -sd' ')" 'y 141'
	ok 'E2: a reader of stdout that goes away: nothing is left' nothing_is_left
	status 'E2: a full disk behind stdout' 125 sh -c '"$@" </dev/null >/dev/full' sh "$EXECVM" run -r docker --image busy -- yes
	ok 'E2: a full disk: nothing is left' nothing_is_left
	running
	docker kill "$(docker ps -q)" >/dev/null
	ends
	is 'E2: somebody else kills the container' "$code" 137
	ok 'E2: somebody else kills the container: nothing is left' nothing_is_left
}

killed_at() { # SECONDS
	"$EXECVM" run -r docker --image conf -- /bin/sh -c 'sleep 600' </dev/null >out 2>err &
	pid=$!
	sleep "$1" # the moment is the test
	kill -s KILL $pid
	wait $pid 2>/dev/null
	# The guard comes twice: at once, and when what was being made has been made.
	wait_long no_guard
	ok "E2, E10: KILL of the run after $1 s: nothing is left" wait_long nothing_is_left
}

# Processes with the words of a run: the guard has those of the run that it is of.
no_guard() {
	none_with_words 'conf--/bin/sh' && ! pgrep -f -- '-r docker --image conf' >/dev/null
}

kills() {
	for t in 0 0.05 0.1 0.15 0.25 0.4; do
		killed_at $t
	done
	running
	is 'E10: it is there' "$(docker ps -q | wc -l)" 1
	kill -s KILL "$pid"
	ends
	ok 'E2, E10: KILL of the run while the command runs: nothing is left' wait_long nothing_is_left
	running
	pkill -KILL -P "$pid" -x docker
	ends
	is 'E5: KILL of the client' "$code" 137
	ok 'E2: KILL of the client: nothing is left' nothing_is_left
}

terminal() {
	pty="$EXECVM run -r docker --image busy -t --"
	# The engine sets the size when the command has started already.
	# shellcheck disable=SC2086 # words
	"$HELPERS/vm-caller" pty ready 'type x^M' -- $pty \
		/bin/sh -c 'until stty size 2>/dev/null | grep -v "^0 0"; do sleep 0.1; done; test -t 0 && test -t 1 && test -t 2 && echo ready; read x; exit 6' >out
	like 'E3: --tty: all three are a terminal' "$(cat out)" '^ready'
	like 'E3: --tty: the status' "$(cat out)" '^exit 6'
	like 'E3: --tty: the terminal is as it was' "$(cat out)" '^modes kept'
	# shellcheck disable=SC2086 # words
	"$HELPERS/vm-caller" pty ready 'type ^C' -- $pty /bin/sh -c 'echo ready; exec sleep 600' >out
	like 'E3: --tty: Ctrl-C' "$(cat out)" '^exit 130'
	like 'E3: --tty: Ctrl-C: the terminal is as it was' "$(cat out)" '^modes kept'
	# shellcheck disable=SC2086 # words
	"$HELPERS/vm-caller" pty ready 'type ^P^Q' 'gone' nothing -- $pty \
		/bin/sh -c 'stty raw -echo; echo ready; head -c 2 >/dev/null; echo gone; exit 3' >out
	like 'E3: --tty: no key is docker'\''s' "$(cat out)" '^exit 3'
	ok 'E2: --tty: nothing is left' nothing_is_left
}

mkdir 'odd "dir' && echo odd >'odd "dir/in'
limits
inside
published
own_command
failures
engine
named
ways_out
kills
terminal
done_testing
