#!/bin/bash
# SPDX-License-Identifier: MIT
# E4: words byte for byte through each login shell; E5: what ssh itself has to say is 125.
# timeout: 200
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"
# shellcheck source=tests/sshd.sh
. "$SRCDIR/tests/sshd.sh"
# shellcheck source=tests/runners.sh
. "$SRCDIR/tests/runners.sh"

sshd_start || skip_all "ssh: $sshd_why"
trap sshd_stop EXIT
runner_use ssh

# What a login shell is given arrives here, whatever the shell of the user is: a forced command has the
# line in SSH_ORIGINAL_COMMAND, and sshd gives it to the shell of the user as it gives any line.
shell_of_user() { # SHELL [WORD]
	cat >"shell-$1.sh" <<END
#!/bin/sh
exec $2 -c "\$SSH_ORIGINAL_COMMAND"
END
	chmod +x "shell-$1.sh"
	printf 'command="%s" %s\n' "$PWD/shell-$1.sh" "$(cat ssh/user.pub)" >ssh/authorized
}

any_shell() {
	cp ssh/user.pub ssh/authorized
}

odd=("" -x --help -- ' ' '  two  ' '*' '~' '~root' '!x' '!!' '#' '$HOME' '${x' '$(x' '`' '"' "'" '\' '\\' 'a\nb' '%s%%' ';' '&'
	'|' '>' '<' '(' ')' '{a,b}' '[x]' '?' '^' '=' 'a=b' '=ls' '@' ',' ':' $'a\nb\n\nc' $'\r\t' $'\303\050 \377\376' $'\001\033\177'
	"a'b\"c\\d\$e" 'ü' '-' $'\n' $'tail\n')
visible=('' -x '*' '~' '!!' '$HOME' '`' '"' "'" '\' '%' ';' '{a,b}' '[x]' '?' '^' '=ls' '  ')

through() { # NAME
	"$HELPERS/print-argv" "${odd[@]}" >want
	status "E4: $1: words of all bytes" 0 run -- "$HELPERS/print-argv" "${odd[@]}" </dev/null
	same "E4: $1: words of all bytes: as they are" <(tail -n +2 out) <(tail -n +2 want)
	"$HELPERS/print-argv" "${visible[@]}" >want
	status "E4: $1: visible words" 0 run -- "$HELPERS/print-argv" "${visible[@]}" </dev/null
	same "E4: $1: visible words: as they are" <(tail -n +2 out) <(tail -n +2 want)
	status "E4: $1: variables, directory, status" 7 \
		run -w / -e $'V=a\n!$\377' -e 'E=' -- /bin/sh -c 'printf "%s|%s|" "$V" "$E"; pwd; exit 7' </dev/null
	printf 'a\n!$\377||/\n' >want
	same "E4: $1: variables, directory" out want
	is "E4: $1: nothing is said" "$(cat err)" ''
	begin -- "$HELPERS/catch-signals" 2 9 10 15
	kill -s USR1 "$pid"
	ok "E4: $1: USR1" wait_long has out 'got 10$'
	kill -s TERM "$pid"
	ends
	is "E4: $1: and TERM" "$code$(grep -c got out)" 92
}

shells() {
	for shell in dash bash zsh tcsh fish 'busybox ash'; do
		program=$(command -v "${shell% *}") || {
			skip "E4: $shell" "ssh: no $shell here"
			continue
		}
		case $shell in
		*' '*) program="$program ${shell#* }" ;;
		esac
		shell_of_user "${shell% *}" "$program"
		through "$shell"
	done
	any_shell
	through "the user's own shell"
}

failures() {
	status 'E5: 255 of the command is 255' 255 run -- "$HELPERS/exit-with" 255 </dev/null
	is 'E5: 255 of the command: nothing is said' "$(cat out err)" ''
	status 'E5: 255 of the command, which says something' 255 run -- /bin/sh -c 'echo ssh: no >&2; exit 255' </dev/null
	is 'E5: 255 of the command: what it says is its own' "$(cat err)" 'ssh: no'
	# shellcheck disable=SC2086 # words
	set -- $SSH_OPTIONS
	why 'connection refused' "ssh: connect to host 127.0.0.1 port 1: Connection refused" \
		--host root@127.0.0.1 --option=-F/dev/null --option=-p1 -- true
	why 'a host that is not there' 'ssh: Could not resolve hostname no-such-host.invalid: .*' \
		--host no-such-host.invalid --option=-F/dev/null -- true
	why 'a key that is not taken' 'ssh: .*Permission denied \(publickey.*' \
		--host root@127.0.0.1 "$1" "$2" --option=-oIdentityFile=/dev/null --option=-oIdentitiesOnly=yes "$5" -- true
	why 'a host whose key is not known' 'ssh: Host key verification failed.' \
		--host root@127.0.0.1 "$1" "$2" "$3" --option=-oBatchMode=yes --option=-oUserKnownHostsFile=/dev/null -- true
	status 'E5: an option that ssh does not have: 125' 125 \
		"$EXECVM" run -r ssh --host root@127.0.0.1 --option=-oNoSuchOption=1 -- true </dev/null
	like 'E5: an option that ssh does not have: which' "$(cat err)" 'Bad configuration option: nosuchoption'
	EXECVM_SSH=/no/such/ssh why 'no ssh' '/no/such/ssh: not found: is it installed\?' --host x -- true
	why 'a command that env would take for a variable' "runner ssh: a command with '=' in its name" --host x -- a=b
}

why() { # NAME PATTERN WORDS...
	name=$1 pattern=$2
	shift 2
	status "E5: $name: 125" 125 "$EXECVM" run -r ssh "$@" </dev/null
	like "E5: $name: why" "$(cat err)" "^execvm run: $pattern\$"
	is "E5: $name: in one line" "$(cat out err | wc -l)" 1
}

# sshd's process of the session, from the command up.
session_of() { # PID
	p=$1
	until [ "$p" -le 1 ] || [ "$(cat "/proc/$p/comm")" = sshd ]; do
		p=$(sed 's/.*) . \([0-9]*\) .*/\1/' "/proc/$p/stat")
	done
	echo "$p"
}

lost() {
	begin -- /bin/sh -c 'echo $$; echo ready; exec sleep 600'
	kill -s KILL "$(session_of "$(head -n 1 out)")"
	ends
	is 'E5: a connection that is lost: 125' "$code" 125
	like 'E5: a connection that is lost: why' "$(cat err)" \
		'^execvm run: ssh: it ended without the status of the command$'
	kill -s KILL "$(head -n 1 out)" 2>/dev/null
	begin -- /bin/sh -c 'echo $PPID $$; echo ready; exec sleep 600'
	# shellcheck disable=SC2046 # two: the shell around the command, and what holds its streams
	kill -s KILL $(head -n 1 out)
	ends
	is 'E5: the shell around the command is killed: 125' "$code" 125
}

# Nothing of a command is left there, whatever ends the run here.
ways_out() {
	word=7710$$
	for s in TERM:143 INT:130 HUP:129 QUIT:131; do
		begin -- /bin/sh -c 'echo ready; exec sleep "$1"' sh $word
		kill -s "${s%:*}" "$pid"
		ends
		is "E1: ssh: ${s%:*} ends the command" "$code$(cat err)" "${s#*:}"
		ok "E1: ssh: ${s%:*}: nothing is left" nothing_left $word
	done
	for t in 0 0.05 0.1 0.2; do
		# shellcheck disable=SC2046 # words
		"$EXECVM" run -r ssh $(runner_words) -- sleep $word </dev/null >out 2>err &
		pid=$!
		sleep $t # the moment is the test
		kill -s KILL $pid
		wait $pid 2>/dev/null
		ok "E10: ssh: KILL after $t s: nothing is left" nothing_left $word
	done
	begin -- /bin/sh -c 'trap "" TERM; echo ready; sleep "$1"' sh $word
	kill -s KILL "$pid"
	wait "$pid" 2>/dev/null
	ok 'E10: ssh: KILL, and the command ignores TERM: nothing is left' nothing_left $word
}

shells
failures
lost
ways_out
done_testing
