#!/bin/bash
# SPDX-License-Identifier: MIT
# E1: one list of checks for every runner; E9: what it has not is refused by its name; E7: wrap.
# What each check finds is a cell of the table in docs/design/runners.md; --update rewrites it.
# timeout: 600
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"
# shellcheck source=tests/docker.sh
. "$SRCDIR/tests/docker.sh"
# shellcheck source=tests/sshd.sh
. "$SRCDIR/tests/sshd.sh"
# shellcheck source=tests/slurm.sh
. "$SRCDIR/tests/slurm.sh"
# shellcheck source=tests/runners.sh
. "$SRCDIR/tests/runners.sh"

page=$SRCDIR/docs/design/runners.md
begin_mark='<!-- tests/run --update tests/vm/runners.t -->'
end_mark='<!-- end of the table -->'
MB=1048576

# A check is a function; its row's name stands behind it. It sets $cell when it finds something else
# than "yes".
checks='streams:three streams, apart, every byte
end_of_stdin:end of stdin
stdin_open:the command ends while stdin is open
reader_gone:a reader that goes away is a SIGPIPE
stderr_exact:stderr is the command'\''s alone
words:words byte for byte, one of 100 KB
statuses:status 0 to 255
killed:killed by a signal: 128+N
not_found:not found: 127
not_startable:not startable: 126
signals:HUP, INT, TERM, USR1 reach the command
second_term:a second TERM kills
timed_out:--timeout ends the command
children:--timeout ends its children
runner_killed:KILL of the runner leaves nothing
dry_run:--dry-run starts nothing
no_stdin:--no-stdin
workdir:--workdir
workdir_missing:--workdir that is not there is refused
variables:--env byte for byte
env_file:--env-file
env_private:values of --env are on no command line
umask_said:umask of a description
chained:execvm chain
user:--user by name and number
tty:--tty
image:--image
root:--root
disk:--disk
volume:--volume
copy_in:--in
copy_out:--out
network:--network user
publish:--publish
passt:--network passt
tmpfs:--tmpfs
read_only:--read-only
root_rw:--root-mode rw
memory:--memory
cpus:--cpus
fractions:fractions of --cpus
hostname_said:--hostname
name:--name
strict:--strict
record:--record
host:--host
wrap:--wrap
option:--option
show_append:--show-append'

t() { # the name of an assertion
	echo "E1: $runner: $row${1:+: $1}"
}

exits() { # STATUS, of the last run, in $code
	is "$(t "${2-status}")" "$code" "$1"
}

go() { # run(), with what it says in ./out and ./err and its status in $code
	code=0
	run "$@" >out 2>err || code=$?
}

streams() {
	"$HELPERS/bytes" $MB 1 >want.out
	"$HELPERS/bytes" $MB 2 >want.err
	go -- /bin/sh -c "$bin/bytes $MB 2 >&2 & cat; wait" <want.out
	exits 0
	same "$(t stdout)" out want.out
	same "$(t stderr)" err want.err
}

end_of_stdin() {
	go -- /bin/sh -c 'cat; echo end' < <(printf abc)
	is "$(t 'a few bytes')" "$(cat out)" abcend
	go -- /bin/sh -c 'cat; echo end' </dev/null
	is "$(t none)" "$(cat out)" end
}

stdin_open() {
	exec 9<>hold
	go -- "$bin/exit-with" 3 <hold
	exec 9>&-
	exits 3
}

reader_gone() {
	{
		run -- /bin/sh -c 'exec yes' 2>err
		echo $? >code
	} | head -n 1 >first
	is "$(t 'what it read, and the status')" "$(cat first code | paste -sd' ')" 'y 141'
	ok "$(t 'nothing is left')" nothing_left "no such word"
}

stderr_exact() {
	go -- /bin/sh -c 'printf "no\nnewline" >&2; exit 3' </dev/null
	is "$(t 'of a failure')" "$code $(cat err)x" "3 no
newlinex"
	go -- /bin/sh -c 'printf gone >&2; kill -9 $$' </dev/null
	is "$(t 'of one that is killed')" "$code $(cat err)x" '137 gonex'
	is "$(t 'nothing on stdout')" "$(cat out)" ''
}

words() {
	set -- '' -x --help -- ' ' '  two  ' '*' '~' '!x' '!!' '#' '$HOME' '${x' '$(x' '`' '"' "'" '\' '\\' 'a\nb' \
		'%s%%' ';' '&' '|' '>' '<' '(' '{a,b}' '[x]' '?' '^' '=' 'a=b' "$(printf 'a\nb\n\nc')" "$(printf '\r\t')" \
		"$(printf '\303\050 \377\376')" "$(printf '\001\033\177')" "a'b\"c\\d\$e" 'ü' '{"base64":"eA=="}' '-'
	"$HELPERS/print-argv" "$@" | sed 1d >want
	go -- "$bin/print-argv" "$@" </dev/null
	exits 0
	sed 1d out >have
	same "$(t 'odd ones')" have want
	[ "$runner" != ssh ] || diag 'of ssh the whole line is one word of the login shell: 128 KB'
	go -- "$bin/print-argv" "$(head -c 100000 /dev/zero | tr '\0' x)" </dev/null
	is "$(t '100 KB')" "$(sed 1d out | tr -d '\n' | wc -c)" 100000
}

statuses() {
	for n in 0 1 2 7 124 125 126 127 128 137 254 255; do
		go -- "$bin/exit-with" $n </dev/null
		is "$(t "$n, and nothing is said")" "$code$(cat err)" $n
	done
}

killed() {
	for n in 9 11 15; do
		go -- "$bin/kill-self" $n </dev/null
		is "$(t "signal $n, and nothing is said")" "$code$(cat err)" $((128 + n))
	done
}

not_found() {
	for word in /no/such/program no-such-program; do
		go -- $word </dev/null
		exits 127 $word
		like "$(t "$word: why")" "$(cat err)" "$word.*: No such file or directory"
		is "$(t "$word: in one line")" "$(cat out err | wc -l)" 1
	done
}

not_startable() {
	plain=/bin/plain
	[ "$bin" = /bin ] || plain=$PWD/root/bin/plain
	go -- "$plain" </dev/null
	exits 126
	like "$(t why)" "$(cat err)" "$plain.*: Permission denied"
	is "$(t 'in one line')" "$(cat out err | wc -l)" 1
}

signals() {
	begin -- "$bin/catch-signals" 4 9 1 2 10 15
	for s in HUP:1 INT:2 USR1:10 TERM:15; do
		kill -s "${s%:*}" "$pid"
		ok "$(t "${s%:*}")" wait_long has out "got ${s#*:}\$"
	done
	ends
	exits 9 'the command ends as it wants'
	is "$(t 'each came once')" "$(grep -c got out)" 4
	if [ "$runner" = slurm ]; then
		cell='yes, but slurmstepd says a line'
		like "$(t 'of TERM, slurmstepd says a line')" "$(cat err)" '^slurmstepd-[^ ]*: error: .* CANCELLED AT '
		is "$(t 'and nothing else is said')" "$(wc -l <err)" 1
	else
		is "$(t 'nothing is said')" "$(cat err)" ''
	fi
}

second_term() {
	word=7700$$
	begin -- /bin/sh -c 'trap "" TERM; echo ready; exec sleep "$1"' sh $word
	kill -s TERM "$pid"
	sleep 0.6 # the time in which nothing is to happen
	ok "$(t 'the first does not')" kill -s 0 "$pid"
	kill -s TERM "$pid"
	ends
	exits 137
	ok "$(t 'nothing is left')" nothing_left $word
}

timed_out() {
	word=7701$$
	go --timeout 1 -- /bin/sh -c 'echo begun; exec sleep "$1"' sh $word </dev/null
	exits 124
	is "$(t 'it had begun')" "$(cat out)" begun
	ok "$(t 'nothing is left')" nothing_left $word
}

# A process here has children as any other: they are its own business.
children() {
	word=7703$$
	go --timeout 1 -- /bin/sh -c 'trap "" HUP; sleep "$1" & wait' sh $word </dev/null
	exits 124
	left=$(with_words $word)
	if [ "$runner" = local ] || [ "$runner" = wrap ]; then
		cell=no
		is "$(t 'it goes on')" "$(echo "$left" | wc -w)" 1
		kill -s KILL $left
	fi
	ok "$(t 'nothing is left')" nothing_left $word
}

runner_killed() {
	word=7702$$
	begin -- /bin/sh -c 'echo ready; sleep "$1"' sh $word
	[ "$runner" = vm ] || ok "$(t 'it is there before')" test -n "$(with_words $word)"
	kill -s KILL "$pid"
	ends
	exits 137
	if [ "$runner" = local ] || [ "$runner" = wrap ]; then
		cell=no # as a child of anybody who is killed
		for p in $(with_words $word); do
			kill -s KILL "$p"
		done
	fi
	ok "$(t 'nothing is left')" nothing_left $word
}

dry_run() {
	go --dry-run -- touch /tmp/dry-run.$$ </dev/null
	exits 0
	like "$(t 'it says what it would start')" "$(cat out)" '[a-z]'
	ok "$(t 'nothing has started')" test ! -e /tmp/dry-run.$$
	ok "$(t 'nothing is left')" nothing_left dry-run.$$
}

no_stdin() {
	printf 'one\ntwo\n' >lines
	{
		go -n -- cat
		cat >rest
	} <lines
	is "$(t 'the command gets the end')" "$code$(cat out err)" 0
	same "$(t 'nothing of it is read')" rest lines
}

workdir() {
	go -w /tmp -- /bin/sh -c pwd </dev/null
	is "$(t '')" "$(cat out err)" /tmp
	[ "$bin" = /bin ] || mkdir -p 'odd $dir "x'
	[ "$bin" = /bin ] || {
		go -w "$PWD/odd \$dir \"x" -- /bin/sh -c pwd </dev/null
		is "$(t 'an odd name')" "$(cat out err)" "$PWD/odd \$dir \"x"
	}
}

workdir_missing() {
	go -w /no/such/dir -- /bin/sh -c pwd </dev/null
	if [ "$runner" = docker ]; then
		cell='it is made'
		is "$(t 'the engine makes it')" "$code $(cat out err)" '0 /no/such/dir'
		return
	fi
	exits 125
	like "$(t why)" "$(cat err)" "(/no/such/dir: No such file or directory|cd: can't cd to /no/such/dir)\$"
	is "$(t 'in one line')" "$(cat out err | wc -l)" 1
}

variables() {
	value=$(printf 'a\nb =\377\303\050  c\n\n\td')
	FROM_HERE=here go -e "ODD=$value" -e EMPTY= -e 'EQUALS=a=b=' -e FROM_HERE -e NOT_SET -e 'BLANK= x ' -- \
		/bin/sh -c 'printf "<%s>" "$ODD" "$EMPTY" "$EQUALS" "$FROM_HERE" "${NOT_SET-none}" "$BLANK"' </dev/null
	exits 0
	printf '<%s>' "$value" '' 'a=b=' here none ' x ' >want
	same "$(t '')" out want
}

env_file() {
	printf '# a comment\nA=1 2\nB=x=y\n' >env.list
	go --env-file env.list -- /bin/sh -c 'echo "$A,$B"' </dev/null
	is "$(t '')" "$(cat out err)" '1 2,x=y'
}

env_private() {
	mkfifo -m 600 gate.$runner
	exec 9<>gate.$runner
	secret=private-$RANDOM-$$
	begin_stdin=gate.$runner SECRET=$secret begin -e SECRET -- /bin/sh -c 'echo ready; read x; echo "$SECRET"'
	seen=$(with_words $secret | wc -l)
	echo go >&9
	ends
	exec 9>&-
	is "$(t 'it arrives')" "$(tail -n 1 out)" $secret
	if [ "$runner" = ssh ]; then
		cell=no
		ok "$(t 'it is, there and here: as documented')" test "$seen" -gt 0
	else
		is "$(t '')" "$seen" 0
	fi
}

umask_said() {
	printf '{ "umask": "027" }\n' >umask.json
	go -c umask.json -- /bin/sh -c umask </dev/null
	is "$(t '')" "$(cat out err)" 0027
}

chained() {
	go -- "$chain" chain -- /bin/sh -c 'echo 1; exit 0' -- /bin/sh -c 'echo 2; exit 5' </dev/null
	is "$(t '')" "$code $(paste -sd' ' out)$(cat err)" '5 1 2'
}

# Is the option refused by its name? Then that is the cell, and the check is done.
refused() { # OPTION WORDS...
	option=$1
	shift
	rm -f ran
	go "$@" -- touch "$PWD/ran" </dev/null
	[ "$(cat err)" = "execvm run: runner $runner: it has no $option" ] || return 1
	cell=–
	is "E9: $runner: $option is refused by its name: 125, before anything runs" "$code$(cat out)$(ls ran 2>/dev/null)" 125
}

user() {
	refused --user -u 1:1 && return
	go -u 77:78 -- /bin/sh -c 'id -u; id -g' </dev/null
	is "$(t numbers)" "$(paste -sd: out)$(cat err)" 77:78
	go -u worker -- /bin/sh -c 'id -u; id -g' </dev/null
	is "$(t 'a name')" "$(paste -sd: out)$(cat err)" 77:78
}

tty() {
	refused --tty -n -t && return
	# shellcheck disable=SC2046 # words
	"$HELPERS/on-pty" -- "$EXECVM" run -r "$runner" $(runner_words) -t -- \
		/bin/sh -c 'until stty size 2>/dev/null | grep -v "^0 0"; do sleep 0.1; done; exit 6' >out 2>err
	is "$(t 'its size, the status')" "$(tr -d '\r' <out | grep . | paste -sd' ')" '24 80 exit 6'
}

image() {
	refused --image --image busy && return
	if [ "$runner" = vm ]; then
		XDG_DATA_HOME=$PWD/images "$EXECVM" image import busy <root.tar >/dev/null
		code=0
		XDG_DATA_HOME=$PWD/images "$EXECVM" run --image busy -- grep worker: /etc/passwd >out 2>err </dev/null || code=$?
	else
		go -- grep worker: /etc/passwd </dev/null
	fi
	is "$(t '')" "$(cat out err)" 'worker:x:77:78::/srv:/bin/sh'
}

root() {
	refused --root --root root.img && return
	if [ "$runner" = docker ]; then
		cell=–
		is "$(t 'the image is the root')" "$code $(cat err)" \
			'125 execvm run: --image: there is a root as well (root.img): give one of them'
		return
	fi
	go --root host -- cat "$PWD/want.root" </dev/null
	is "$(t '')" "$(cat out err)" 'of the root'
}

disk() {
	refused --disk --disk disk.img=/dev/vdb && return
	go --disk disk.img=/dev/vdb,ro -- sha256sum /dev/vdb </dev/null
	is "$(t '')" "$(cut -d' ' -f1 out)$(cat err)" "$(sha256sum <disk.img | cut -d' ' -f1)"
}

volume() {
	refused --volume -v "$PWD/shared:/shared" && return
	go -v "$PWD/shared:/s:ro" -v "$PWD/shared:/w" -- \
		/bin/sh -c "cat /s/in; echo out >/w/$runner; touch /s/bad 2>/dev/null || echo ro" </dev/null
	is "$(t 'read, written, read-only')" "$(paste -sd' ' out)$(cat err shared/$runner)" 'in roout'
}

copy_in() {
	refused --in --in shared/in=/in && return
	go --in shared/in=/tmp/in -- cat /tmp/in </dev/null
	is "$(t '')" "$(cat out err)" in
}

copy_out() {
	refused --out --out /in=copied && return
	go --out /tmp/x=copied.$runner -- /bin/sh -c 'echo copy >/tmp/x' </dev/null
	is "$(t '')" "$(cat err copied.$runner)" copy
}

network() {
	refused '--network user' --network user && return
	go --network none -- ls /sys/class/net </dev/null
	unlike "$(t 'without it there is none')" "$(cat out)" eth0
	go --network user -- ls /sys/class/net </dev/null
	like "$(t 'an interface')" "$(cat out err)" eth0
}

publish() {
	refused --publish -p 127.0.0.1:$((15000 + $$ % 5000)):80 && return
	go --dry-run -p 127.0.0.1:7654:80 -- true </dev/null
	like "$(t 'it is asked for')" "$(cat out err)" '127.0.0.1:7654[-:].*:?80'
}

passt() {
	refused '--network passt' --network passt && return
	go --dry-run --network passt -- true </dev/null
	like "$(t 'it is asked for')" "$(cat out err)" 'netdev.*(stream|socket)|--?dry-run'
}

tmpfs() {
	refused --tmpfs --tmpfs /t && return
	go --tmpfs /t:size=1m -- /bin/sh -c 'grep " /t " /proc/mounts' </dev/null
	like "$(t '')" "$(cat out err)" '^tmpfs /t tmpfs .*size=1024k'
}

read_only() {
	refused --read-only --read-only && return
	go --read-only -- /bin/sh -c 'echo x >/bin/new' </dev/null
	like "$(t '')" "$code $(cat err)" '^1 .*Read-only file system'
}

root_rw() {
	refused '--root-mode rw' --root-mode rw && return
	if [ "$runner" = docker ]; then
		cell=–
		is "$(t 'images never change')" "$code $(cat err | cut -d: -f-3)" '125 execvm run: --image: images never change'
		return
	fi
	cp root.img rw.img
	code=0
	"$EXECVM" run --root rw.img --root-mode rw -- /bin/sh -c 'echo kept >/srv/x' </dev/null >out 2>err || code=$?
	"$EXECVM" run --root rw.img -- cat /srv/x </dev/null >>out 2>>err
	is "$(t 'it is kept')" "$code$(cat out err)" 0kept
}

memory() {
	refused --memory -m 100M && return
	case $runner in
	docker)
		go -m 100M -- /bin/sh -c 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null' </dev/null
		is "$(t '')" "$(head -n 1 out)" 104857600
		;;
	slurm)
		go -m 100M -- sh -c 'scontrol show job $SLURM_JOB_ID' </dev/null
		like "$(t '')" "$(cat out err)" 'MinMemoryNode=100M'
		;;
	vm)
		go -m 100M -- grep MemTotal /proc/meminfo </dev/null
		ok "$(t '')" test "$(tr -dc 0-9 <out)" -lt 102400
		;;
	esac
}

cpus() {
	refused --cpus --cpus 2 && return
	case $runner in
	docker)
		go --cpus 2 -- /bin/sh -c 'cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu.max 2>/dev/null' </dev/null
		like "$(t '')" "$(cat out)" '^200000'
		;;
	slurm)
		go --cpus 2 -- sh -c 'echo $SLURM_CPUS_PER_TASK' </dev/null
		is "$(t '')" "$(cat out err)" 2
		;;
	vm)
		go --cpus 2 -- nproc </dev/null
		is "$(t '')" "$(cat out err)" 2
		;;
	esac
}

fractions() {
	refused --cpus --cpus 1.5 || refused 'fractions of --cpus' --cpus 1.5 && return
	[ "$runner" != vm ] || {
		cell=–
		is "$(t 'a machine has whole ones')" "$code $(cat err)" \
			"125 execvm run: --cpus: '1.5': a machine has whole CPUs only"
		return
	}
	go --cpus 1.5 -- /bin/sh -c 'cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu.max 2>/dev/null' </dev/null
	like "$(t '')" "$(cat out)" '^150000'
}

hostname_said() {
	refused --hostname --hostname box && return
	go --hostname box -- hostname </dev/null
	is "$(t '')" "$(cat out err)" box
}

name() {
	refused --name --name n$$ && return
	begin --name n$$ -- /bin/sh -c 'echo ready; exec sleep 600'
	cp out first
	go --name n$$ -- true </dev/null
	exits 125 'a second one is refused'
	like "$(t 'by its name')" "$(cat err)" "n$$"
	ok "$(t 'the first one goes on')" kill -s 0 "$pid"
	kill -s TERM "$pid"
	ends
	exits 143 'until it is ended'
}

strict() {
	refused --strict --strict && return
	go -n --record strict.json -- /bin/echo strict
	code=0
	"$EXECVM" run --strict -c strict.json >out 2>err </dev/null || code=$?
	is "$(t 'a recorded run again')" "$code$(cat out err)" 0strict
}

record() {
	refused --record --record r.json && return
	go -n --record r.json -- "$bin/exit-with" 4
	like "$(t '')" "$code $(tr -d '\n' <r.json)" '^4 .*sha256.*'
}

host() {
	refused --host --host x && return
	go -- true </dev/null
	exits 0
	# shellcheck disable=SC2086 # words
	"$EXECVM" run -r ssh -- true >out 2>err </dev/null || code=$?
	is "$(t 'is needed')" "$code $(cat err)" '125 execvm run: runner ssh: --host is missing'
}

wrap() {
	refused --wrap --wrap x && return
	go -- /bin/sh -c 'echo wrapped' </dev/null
	is "$(t '')" "$(cat out err)" wrapped
	"$EXECVM" run -r wrap --wrap /usr/bin/env --wrap WRAPPED=1 -- /bin/sh -c 'echo $WRAPPED' >out 2>err </dev/null
	is "E7: wrap: the words stand in front of the command" "$(cat out err)" 1
	"$EXECVM" run -r wrap --wrap /no/such/wrap -- true >out 2>err </dev/null
	is 'E7: wrap: a wrapper that is not there is 125, not 127' "$? $(cat err)" \
		'125 execvm run: /no/such/wrap: not found: is it installed?'
	"$EXECVM" run -r wrap -- true >out 2>err </dev/null
	is 'E7: wrap: it needs one' "$? $(cat err)" '125 execvm run: runner wrap: --wrap is missing'
}

show_append() {
	refused --show-append --show-append && return
	go --show-append -- "$bin/exit-with" 3
	is "$(t 'the command is not run')" "$code" 0
	like "$(t 'it is shown')" "$(cat out)" '^console='
}

option() {
	refused --option --option=-x && return
	case $runner in
	docker) go --option=--label=mine=1 --dry-run -- true </dev/null ;;
	ssh) go --option=-oConnectTimeout=9 --dry-run -- true </dev/null ;;
	slurm) go --option=--comment=mine --dry-run -- true </dev/null ;;
	esac
	like "$(t 'it stands among the options')" "$(cat out err)" ' (--label=mine=1|-oConnectTimeout=9|--comment=mine) '
}

# void does one thing.
nothing_run() {
	row=void
	for word in --image=busy --root=disk.img --disk=disk.img=/dev/vdb --volume=/:/x --in=shared=/x --out=/x=x --network=user --publish=1:1 \
		--tmpfs=/x --read-only --memory=1G --cpus=1.5 --user=x --tty --hostname=x --name=xx --host=x --wrap=x --option=x; do
		run "$word" -- touch ran </dev/null >out 2>err
		is "E1: void: $word is taken, nothing runs" "$?$(cat out err)$(ls ran 2>/dev/null)" 0
	done
	{
		run -- touch ran
		cat >rest
	} < <(head -c $MB /dev/zero)
	is 'E1: void: stdin is read to its end' "$(wc -c <rest)" 0
	run --debug -- a 'b c' </dev/null >out 2>err
	is 'E1: void: --debug shows the command' "$(cat out err)" "a 'b c'"
}

table() {
	printf '|'
	printf ' %s |' '' "${used[@]}"
	printf '\n|'
	printf -- '---|%.0s' '' "${used[@]}"
	echo
	while IFS=: read -r check row; do
		printf '| %s |' "$row"
		for runner in "${used[@]}"; do
			printf ' %s |' "$(cat "cells/$runner.$check")"
		done
		echo
	done <<<"$checks"
}

stop() {
	sshd_stop
	slurm_stop
	docker_stop
}

trap stop EXIT
runner_files || skip_all 'no initrd'
mkdir cells shared
mkfifo hold
echo in >shared/in
echo 'of the root' >want.root
head -c $MB /dev/urandom >disk.img
truncate -s 16M root.img && mke2fs -q -t ext4 -d root root.img
if docker_start --network && docker import root.tar busy >/dev/null; then docker_ready=1; else skip 'E1: docker' "docker: $docker_why"; fi
if sshd_start; then sshd_ready=1; else skip 'E1: ssh' "ssh: $sshd_why"; fi
if slurm_start; then slurm_ready=1; else skip 'E1: slurm' "slurm: $slurm_why"; fi

used=()
for runner in ${RUNNERS-vm docker local ssh slurm wrap}; do
	case $runner in
	docker) [ -n "${docker_ready-}" ] || continue ;;
	ssh) [ -n "${sshd_ready-}" ] || continue ;;
	slurm) [ -n "${slurm_ready-}" ] || continue ;;
	esac
	used+=("$runner")
	runner_use "$runner"
	while IFS=: read -r check row <&3; do
		failed=$tap_failed
		cell=yes
		"$check"
		[ "$failed" = "$tap_failed" ] || cell=FAILED
		echo "$cell" >"cells/$runner.$check"
	done 3<<<"$checks"
done
runner_use void
nothing_run
table >table
if [ ${#used[@]} != 6 ]; then
	diag "no table without all of them: ${used[*]}"
	done_testing
fi
if [ -n "${UPDATE-}" ]; then
	{
		sed "/^$(printf %s "$begin_mark" | tr / .)\$/q" "$page"
		cat table
		sed -n "/^$end_mark\$/,\$p" "$page"
	} >page.new && cp page.new "$page"
fi
awk -v begin="$begin_mark" -v end="$end_mark" '$0 == end { on = 0 } on { print } $0 == begin { on = 1 }' "$page" >in-page
same 'E1: the table in docs/design/runners.md is what was found' table in-page
done_testing
