#!/bin/sh
# SPDX-License-Identifier: MIT
# P2, P4-P8, P10-P13, C18, C19: pipelines that run here.
# timeout: 90
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"
# shellcheck source=tests/pipeline.sh
. "$SRCDIR/tests/pipeline.sh"

MB=1048576

published() {
	wc=/bin/wc tar=/bin/tar
	[ -x $wc ] || wc=/usr/bin/wc
	[ -x $tar ] || tar=/usr/bin/tar
	sed "s,/bin/wc,$wc," >one.json <<-'END'
		Command{
		  "args": ["/bin/echo", "hello"],
		  "env": {},
		  "output": Command{
		    "args": ["/bin/wc", "-c"],
		    "env": {}
		  }
		}
	END
	sed "s,/bin/tar,$tar," >two.json <<-'END'
		Tar{
		  "files": ["file1", "file2"],
		  "compression": "gzip",
		  "output": Command{
		    "args": ["/bin/tar", "-tzf", "-"],
		    "env": {},
		    "output": Command{
		      "args": ["wc", "-l"],
		      "env": {},
		      "output": File{
		        "name": "output"
		      }
		    }
		  }
		}
	END
	echo 1 >file1
	echo 2 >file2
	for form in published bare; do
		status "P2: the first worked example, $form" 0 "$EXECVM" pipeline -r local one.json
		is "P2: the first worked example, $form: 6" "$(cat out)" 6
		rm -f output
		status "P2: the second worked example, $form" 0 "$EXECVM" pipeline -r local two.json
		is "P2: the second worked example, $form: 2" "$(cat output)" 2
		is "P2: the second worked example, $form: nothing on stdout" "$(cat out err)" ''
		sed -i 's/[A-Z][a-z]*{/{/' one.json two.json
		ok "P2: $form: it has no type" test "$(grep -c 'Command\|Tar\|File' two.json)" = 0
	done
}

statuses() {
	for a in 0 3; do for b in 0 4; do for c in 0 5; do
		bash -c "set -o pipefail; (exit $a) | (exit $b) | (exit $c)"
		want=$?
		status "P4: $a | $b | $c is as with pipefail" $want local_pipe -- "$(shell "exit $a")" "$(shell "exit $b")" \
			"$(shell "exit $c")"
	done; done; done
	status 'P4: 255' 255 local_pipe -- "$(shell 'exit 255')" '{"args": ["true"]}'
	status 'P4: a signal' 137 local_pipe -- "$(command_node "$HELPERS/kill-self" 9)" '{"args": ["cat"]}'
	status 'P4: not found' 127 local_pipe -- '{"args": ["no-such-command"]}' '{"args": ["cat"]}'
	is 'P4: not found: said once' "$(cat err)" 'execvm pipeline: no-such-command: No such file or directory'
	: >plain
	status 'P4: not startable' 126 local_pipe -- '{"args": ["./plain"]}' '{"args": ["cat"]}'
	status 'P4: an empty name' 127 local_pipe -- '{"args": [""]}'
	status 'P4: one stage alone' 7 local_pipe -- "$(shell 'exit 7')"
}

sigpipe() {
	status 'P4, C18: a reader that ends early is no failure' 0 local_pipe --report report -- '{"args": ["yes"]}' \
		'{"args": ["head", "-n", "1"]}'
	is 'P4, C18: its result' "$(cat out)" y
	is 'P4, C18: the writer ended by SIGPIPE' "$(field 0 status) $(field 0 failed)" '141 false'
	status 'P4, C18: nor is it when nothing is read' 0 local_pipe -- '{"args": ["yes"]}' '{"args": ["true"]}'
	status 'P4, C18: a chain of them' 0 local_pipe -- '{"args": ["yes"]}' '{"args": ["cat"]}' '{"args": ["cat"]}' \
		'{"args": ["head", "-n", "1"]}'
	status 'P4, C18: another failure of the reader counts' 3 local_pipe -- '{"args": ["yes"]}' "$(shell 'exit 3')"
	status 'P4, C18: SIGPIPE of a stage that is read is a failure' 141 local_pipe -- \
		"$(command_node "$HELPERS/kill-self" 13)" '{"args": ["cat"]}'
	status 'P4, C18: whatever its caller did with SIGPIPE' 0 "$HELPERS/with-signals" -i 13 -b 13 \
		"$EXECVM" pipeline -r local p-yes.json
	is 'P4, C18: nothing is said' "$(cat err)" ''
	for report in '' '--report report'; do
		{
			# shellcheck disable=SC2086 # words
			"$EXECVM" pipeline -r local $report p-last.json
			echo $? >code
		} | head -n 1 >out
		is "P4, C18: of the last stage it is one${report:+, with a report}" "$(cat code)" 141
	done
	status 'C18: what a stage finds open' 0 local_pipe -- '{"args": ["true"]}' "$(command_node "$HELPERS/print-fds" fds)" \
		'{"args": ["cat"]}'
	is 'C18: is 0, 1 and 2' "$(cut -d ' ' -f 1 fds | tr '\n' ' ')" '0 1 2 '
	status 'C18: and what the caller has' 0 local_pipe --report report --stderr-tail 1K -- \
		"$(command_node "$HELPERS/print-fds" fds)" '{"args": ["cat"]}' 7<p.json
	is 'C18: and what the caller has: nothing else' "$(cut -d ' ' -f 1 fds | tr '\n' ' ')" '0 1 2 7 '
	is 'C18: two pipes, not one' "$(sed -n 's/^[12] //p' fds | sort -u | grep -c pipe)" 2
	status 'C18: nothing is blocked or ignored' 0 local_pipe -- "$(command_node "$HELPERS/print-signals")"
	"$HELPERS/print-signals" >want
	same 'C18: nothing is blocked or ignored: as without' out want
}

reports() {
	echo 12 >file1
	status 'P5, C19: a report' 4 local_pipe --report report -- '{"files": ["file1"], "compression": "gzip"}' \
		"$(shell 'cat >/dev/null; printf 12345; exit 4')" '{"args": ["cat"]}' '{"name": "never"}'
	sed 's/"ms":[0-9]*/"ms":0/; 1s/"bytes":[0-9]*/"bytes":0/' report >got
	cat >want <<-'END'
		{"stage":0,"type":"Tar","files":["file1"],"status":0,"failed":false,"bytes":0,"ms":0,"error":null}
		{"stage":1,"type":"Command","runner":"local","args":["sh","-c","cat >/dev/null; printf 12345; exit 4"],"status":4,"failed":true,"bytes":5,"ms":0,"error":null}
		{"stage":2,"type":"Command","runner":"local","args":["cat"],"status":0,"failed":false,"bytes":5,"ms":0,"error":null}
		{"stage":3,"type":"File","name":"never","status":null,"failed":false,"bytes":5,"ms":0,"error":null}
	END
	same 'P5, C19: a line for each stage, in order' got want
	status 'P5: bytes that are no text' 0 local_pipe --report report -- '{"args": ["echo", {"base64": "/wo"}]}'
	is 'P5: bytes that are no text: in the report' "$(field 0 args)" '["echo"'
	ok 'P5: bytes that are no text: by base64' grep -q '\["echo",{"base64":"/wo="}\]' report
	status 'P5: exact counts' 0 local_pipe --report report -- "$(command_node "$HELPERS/bytes" 7654321)" \
		"$(command_node head -c 3000001)" "$(shell 'cat; printf x')"
	is 'P5: exact counts: of all, the last one too' "$(field 1 bytes) $(field 2 bytes)" '3000001 3000002'
	is 'P5: exact counts: stdout' "$(wc -c <out)" 3000002
	status 'P5: with a File' 0 local_pipe --report report -- "$(command_node "$HELPERS/bytes" 7654321)" '{"name": "f"}'
	is 'P5: with a File: both' "$(field 0 bytes) $(field 1 bytes) $(wc -c <f)" '7654321 7654321 7654321'
	local_pipe --report report -- '{"args": ["no-such-command"]}' 2>err
	is 'P5: a sentence of ours' "$(field 0 error)" '"no-such-command: No such file or directory"'
	status 'P5: a report of what was refused' 125 local_pipe --report report -- '{"args": ["echo"]}' '{"args": []}'
	is 'P5: a report of what was refused: one line, about no stage' "$(wc -l <report) $(field 0 error)" \
		'1 "p.json: $.output.args: must not be empty"'
	status 'P5: a report to stdout' 125 local_pipe --report - -- "$(shell 'touch marker')"
	status 'P5: a report that cannot be written' 125 local_pipe --report no-such/report -- "$(shell 'touch marker')"
	ok 'P5: a report that cannot be written: nothing ran' test ! -e marker
	echo old >report
	"$HELPERS/with-signals" -d 15 "$EXECVM" pipeline -r local --report report p-sleep.json >out 2>err &
	pid=$!
	wait_for lines pids 3
	is 'P5: it is written at the end' "$(cat report)" old
	kill $pid
	wait $pid
	is 'P5: and tells of a signal' "$(field 0 status) $(field 2 status)" '143 143'
	rm -f pids
	status 'P5: stdout behind what is in a file' 0 sh -c 'echo a >log; "$EXECVM" pipeline -r local --report report p-b.json >>log'
	is 'P5: stdout behind what is in a file: both' "$(cat log)" 'a
b'
}

tails() {
	status 'P5: --stderr-tail' 0 local_pipe --report report --stderr-tail 10 -- "$(shell 'echo 0123456789abcdef >&2')" \
		"$(shell 'cat >/dev/null; printf xy >&2')" '{"args": ["true"]}'
	is 'P5: --stderr-tail: exact' "$(field 0 stderr) $(field 1 stderr) $(field 2 stderr)" '"789abcdef\n" "xy" ""'
	is 'P5: --stderr-tail: passed on all the same' "$(cat err)" '0123456789abcdef
xy'
	status 'P5: --stderr-tail, binary' 0 local_pipe --report report --stderr-tail 10000 -- \
		"$(shell "exec $HELPERS/bytes 3000000 >&2")"
	"$HELPERS/bytes" 3000000 >want
	same 'P5: --stderr-tail, binary: passed on in order' err want
	field 0 stderr | sed 's/.*:"\(.*\)".*/\1/' | base64 -d >tail
	tail -c 10000 want >want-tail
	same 'P5: --stderr-tail, binary: by base64' tail want-tail
	status 'P5: --stderr-tail without a report' 0 local_pipe --stderr-tail 5 -- "$(shell 'echo said >&2')"
	is 'P5: --stderr-tail without a report: passed on' "$(cat err)" said
	status 'P5: --stderr-tail 16M' 0 local_pipe --report report --stderr-tail 16M -- '{"args": ["true"]}'
	for bad in 16777217 17M x -1 ''; do
		pipe "$(shell 'touch marker')" >p.json
		status "P5: --stderr-tail '$bad'" 125 "$EXECVM" pipeline -r local --stderr-tail "$bad" p.json
	done
	ok 'P5: --stderr-tail of nonsense: nothing ran' test ! -e marker
	status 'P5: --stderr-tail: sentences of ours' 127 local_pipe --report report --stderr-tail 1K -- '{"args": ["no-such-command"]}'
	is 'P5: --stderr-tail: sentences of ours are in it' "$(field 0 stderr)" \
		'"execvm pipeline: no-such-command: No such file or directory\n"'
}

sleeping() { # STATE PID
	[ "$(sed 's/.*) \(.\).*/\1/' "/proc/$2/stat")" = "$1" ]
}

back_pressure() {
	pipe "$(shell 'echo $$ >writer; exec yes')" "$(shell 'until test -e go; do sleep 0.02; done; head -c 1')" >p.json
	"$EXECVM" pipeline -r local --report report p.json >out &
	wait_for test -s writer
	# Asleep, and still so a little later: there is nothing else that it could wait for.
	full() {
		sleeping S "$(cat writer)" && sleep 0.1 && sleeping S "$(cat writer)"
	}
	ok 'P7: a writer waits for its reader' wait_for full
	: >go
	wait $!
	is 'P7: a writer waits for its reader: status' $? 0
	ok 'P7: what is on the way is bounded' test "$(field 0 bytes)" -le $((4 * MB))
	mkfifo slow
	pipe "$(shell "$HELPERS/bytes 900000; touch ended")" >p.json
	for report in '' '--report report'; do
		rm -f ended
		# shellcheck disable=SC2086 # words
		"$EXECVM" pipeline -r local $report p.json >slow &
		exec 8<slow
		[ -z "$report" ] || wait_for test -e ended
		"$HELPERS/bytes" -c 900000 <&8
		is "P7: a reader that is slower than the stages has everything${report:+, with a report}" $? 0
		exec 8<&-
		wait $!
		is "P7: and the status is 0${report:+, with a report}" $? 0
	done
	"$EXECVM" pipeline -r local --report report p.json >slow 2>err &
	pid=$!
	exec 8<slow
	# Until the stage has been waited for, the signal is for the stage.
	rm -f ended
	wait_for test -e ended
	wait_for sh -c "! pgrep -P $pid"
	kill $pid
	wait $pid
	is 'P6, P7: a signal ends the waiting for a reader' $? 143
	is 'P6, P7: and it is said that something is missing' "$(cat err)" 'execvm pipeline: write stdout: interrupted'
	is 'P6, P7: in the report, too' "$(field 0 failed) $(field 0 error)" 'true "write stdout: interrupted"'
	exec 8<&-
	for report in '' '--report report'; do
		# shellcheck disable=SC2086 # words
		status "P7: a full stdout is no success${report:+, with a report}" 1 sh -c '"$EXECVM" pipeline -r local $1 p-b.json >/dev/full;
			test $? != 0 && exit 1' sh "$report"
	done
	is 'P7: a full stdout, with a report: said' "$(cat err)" 'execvm pipeline: write stdout: No space left on device'
	is 'P7: a full stdout, with a report: there' "$(field 0 status) $(field 0 failed)" '125 true'
	status 'P7: stdout with a limit' 125 sh -c 'ulimit -f 1; "$EXECVM" pipeline -r local --report /dev/null p-much.json >limited'
	is 'P7: stdout with a limit: said' "$(cat err)" 'execvm pipeline: write stdout: File too large'
}

# begin OPTIONS...: p.json in the background, as if in the foreground. $pid is the process.
begin() {
	rm -f pids out err # what another one has said
	"$HELPERS/with-signals" -d 2 -d 3 "$EXECVM" pipeline -r local "$@" p.json </dev/null >out 2>err &
	pid=$!
}

sleeper=$(shell 'echo $$ >>pids; exec sleep 86400')

ways_out() {
	for sig in HUP:129 INT:130 QUIT:131 TERM:143; do
		want=${sig#*:} sig=${sig%:*}
		pipe "$sleeper" "$sleeper" "$sleeper" '{"name": "f-never"}' >p.json
		begin
		wait_for lines pids 3
		kill -s "$sig" $pid
		wait $pid
		is "P6: $sig: the status" $? "$want"
		ok "P6: $sig: nobody is left" all_gone pids
	done
	begin
	wait_for lines pids 3
	kill -s KILL $pid
	wait $pid 2>/dev/null
	ok 'P6: KILL: nobody is left' wait_for all_gone pids
	ok 'P6, P8: no file' test ! -e f-never
	is 'P6, P8: nor a half of one' "$(find . -name '.execvm*')" ''

	pipe "$(shell 'echo ready >&2; exec sleep 86400')" "$(shell 'echo $$ >>pids; exec sleep 86400')" >p.json
	rm -f pids
	"$HELPERS/on-pty" ready '^C' -- "$EXECVM" pipeline -r local p.json >out
	is 'P6: Ctrl-C: the status' "$(tail -n 1 out)" 'exit 130'
	ok 'P6: Ctrl-C: nobody is left' all_gone pids

	pipe "$(command_node "$HELPERS/catch-signals" 2 0 10 12)" >p.json
	begin
	wait_for grep -q ready out
	kill -s USR1 $pid
	wait_for grep -q 'got 10' out
	kill -s USR2 $pid
	wait $pid
	is 'P6: USR1 and USR2 reach the stages' "$? $(tail -n 1 out)" '0 got 12'

	pipe "$(command_node "$HELPERS/catch-signals" 9 0 15)" >p.json
	begin
	wait_for grep -q ready out
	kill $pid
	wait_for grep -q 'got 15' out
	sleep 0.3
	kill $pid
	wait $pid
	is 'P6: the second TERM is a KILL' $? 137

	pipe "$(shell 'trap \"echo last words; exit 3\" TERM; echo $$ >>pids; while :; do sleep 0.02; done')" >p.json
	begin --report report
	wait_for lines pids 1
	kill $pid
	wait $pid
	is 'P6: a stage that ends in its own way' "$? $(cat out)" '3 last words'

	mkfifo blocked
	pipe "$(shell 'echo $$ >>pids; yes >&2')" '{"args": ["cat"]}' >p.json
	rm -f pids
	exec 8<>blocked
	"$EXECVM" pipeline -r local --stderr-tail 1K p.json 2>blocked >out 8>&- &
	pid=$!
	wait_for lines pids 1
	sleep 0.2
	kill $pid
	ok 'P6: TERM while nobody reads stderr' wait_for gone_or_zombie $pid
	kill -s KILL $pid 2>/dev/null
	wait $pid
	is 'P6: TERM while nobody reads stderr: the status' $? 143
	exec 8<&-
}

# Stages that cannot be started because there are no more descriptors.
too_many() {
	awk 'BEGIN { for (i = 0; i < 40; i++) printf "{\"args\":[\"sh\",\"-c\",\"echo $$ >>pids; exec cat\"],\"output\":"
		printf "{\"args\":[\"cat\"]}"; for (i = 0; i < 40; i++) printf "}" }' >p.json
	rm -f pids && : >pids
	echo through >in
	status 'P6: descriptors for some of the stages' 125 sh -c 'ulimit -n 40; exec "$EXECVM" pipeline -r local p.json <in'
	is 'P6: descriptors for some of the stages: said' "$(cat err)" 'execvm pipeline: pipe: Too many open files'
	is 'P6: descriptors for some of the stages: nothing came' "$(cat out)" ''
	ok 'P6: descriptors for some of the stages: nobody is left' all_gone pids
	status 'P6: just enough descriptors' 0 sh -c 'ulimit -n 95; exec "$EXECVM" pipeline -r local p.json <in'
	is 'P6: just enough descriptors: it went through' "$(cat out)" through
}

# What a background process of a stage holds, it holds as in a shell.
orphans() {
	"$HELPERS/leave-child" 1 0 | wc -l >want
	pipe "$(command_node "$HELPERS/leave-child" 1 0)" '{"args": ["wc", "-l"]}' >p.json
	status 'P6: an orphan with the pipe: its reader waits for it' 0 "$EXECVM" pipeline -r local p.json
	same 'P6: an orphan with the pipe: as in a shell' out want
	for report in '' '--report report --stderr-tail 1K'; do
		pipe "$(command_node "$HELPERS/leave-child" 86400 0)" >p.json
		# shellcheck disable=SC2086 # words
		status "P6: an orphan of the last stage holds nobody${report:+, with a report}" 0 timeout 5 "$EXECVM" pipeline -r local $report p.json
		kill "$(cat out)"
	done
}

files() {
	mkdir d
	echo old >d/f
	chmod 600 d/f
	status 'P8: a File' 0 local_pipe -- '{"args": ["echo", "new"]}' '{"name": "d/f"}'
	is 'P8: a File: is replaced' "$(cat d/f)" new
	is 'P8: a File: nothing is on stdout' "$(cat out err)" ''
	is 'P8: a File: its mode is that of a new one' "$(stat -c %a d/f)" 644
	(umask 077 && local_pipe -- '{"args": ["echo", "new"]}' '{"name": "d/private"}')
	is 'P8: a File: less the umask' "$(stat -c %a d/private)" 600
	echo old >d/f
	status 'P8: an early stage fails' 3 local_pipe --report report -- "$(shell 'echo x; exit 3')" '{"args": ["cat"]}' '{"name": "d/f"}'
	is 'P8: an early stage fails: the file is what it was' "$(cat d/f)" old
	is 'P8: an early stage fails: the report' "$(field 2 status) $(field 2 failed)" 'null false'
	status 'P8: the last one in front fails' 3 local_pipe -- "$(shell 'echo x; exit 3')" '{"name": "d/new"}'
	status 'P8: a reader that ended early is no failure' 0 local_pipe -- '{"args": ["yes"]}' '{"args": ["head", "-n", "2"]}' '{"name": "d/yes"}'
	is 'P8: a reader that ended early is no failure: there' "$(cat d/yes)" 'y
y'
	status 'P8: an empty file' 0 local_pipe -- '{"args": ["true"]}' '{"name": "d/empty"}'
	is 'P8: only what should be there' "$(ls -A d | tr '\n' ' ')" 'empty f private yes '
	: >in
	pipe '{"name": "d/f"}' >p.json
	"$HELPERS/bytes" 3000000 >want
	status 'P8: a File alone is stdin' 0 sh -c '"$EXECVM" pipeline p.json <want'
	same 'P8: a File alone is stdin: whole' d/f want
	ln -s d/f link
	status 'P8: through a symlink' 0 local_pipe -- '{"args": ["echo", "through"]}' '{"name": "link"}'
	is 'P8: through a symlink: it stays one' "$(readlink link) $(cat d/f)" 'd/f through'
	status 'P8: a limit' 125 sh -c 'ulimit -f 1; "$EXECVM" pipeline -r local p-limit.json'
	is 'P8: a limit: said' "$(cat err)" 'execvm pipeline: write d/f: File too large'
	is 'P8: a limit: the file is what it was' "$(cat d/f)" through
	status 'P8: a device that is full' 125 local_pipe -- '{"args": ["echo", "x"]}' '{"name": "/dev/full"}'
	is 'P8: a device that is full: said' "$(cat err)" 'execvm pipeline: write /dev/full: No space left on device'
	mkfifo fifo
	cat fifo >read &
	status 'P8: a fifo' 0 local_pipe -- '{"args": ["echo", "x"]}' '{"name": "fifo"}'
	wait
	is 'P8: a fifo: read' "$(cat read)" x
	is 'P8: nothing else is left' "$(ls -A d | tr '\n' ' ')" 'empty f private yes '
}

full_disk() {
	mkdir small
	pipe "$(command_node "$HELPERS/bytes" 3000000)" '{"name": "small/f"}' >p.json
	cat >try <<-'END'
		mount -t tmpfs -o size=1M none small || exit 99
		echo old >small/f
		"$EXECVM" pipeline -r local p.json
		echo "$? $(cat small/f) $(ls -A small)" >said
	END
	if [ "$(id -u)" = 0 ] && unshare -m sh -c 'mount -t tmpfs none small' 2>err; then
		status 'P8: a full disk' 0 unshare -m sh try
		is 'P8: a full disk: the file is what it was, and alone' "$(cat said)" '125 old f'
		is 'P8: a full disk: said' "$(cat err)" 'execvm pipeline: write small/f: No space left on device'
	else
		skip 'P8: a full disk' 'root: no mounts here'
	fi
}

chains() {
	a=$HELPERS/print-argv
	chain='{"commands": [["'$a'", "--", "---"], {"commands": [["'$a'", "----"], ["'$a'", "--"]]}, {"args": ["'$a'", "", "chain"]},
		["sh", "-c", "cat"]]}'
	echo stdin >in
	pipe "$chain" >p.json
	status 'P10: a Chain in a Chain' 0 sh -c '"$EXECVM" pipeline -r local --report report p.json <in'
	printf '%s\n' "$a" -- --- "$a" ---- "$a" -- "$a" '' chain stdin >want
	same 'P10: a Chain in a Chain: every word' out want
	ok 'P10: it is execvm chain, this one' grep -qF "\"args\":[\"$(realpath "$EXECVM")\",\"chain\",\"-----\",\"$a\",\"--\",\"---\",\"-----\"," report
	status 'P10: one that fails ends it' 5 local_pipe -- '{"commands": [["echo", "1"], ["sh", "-c", "exit 5"], ["echo", "3"]]}' '{"args": ["cat"]}'
	is 'P10: one that fails ends it: before the next' "$(cat out)" 1
	awk 'BEGIN { printf "{\"commands\": ["; for (i = 0; i < 500; i++) printf "%s[\"echo\", \"%d\"]", i ? "," : "", i; print "]}" }' >p.json
	status 'P10: 500 commands' 0 "$EXECVM" pipeline -r local p.json
	is 'P10: 500 commands, in order' "$(sha256sum <out)" "$(seq 0 499 | sha256sum)"
}

each_stage() {
	mkdir -p p/sub elsewhere
	status 'P11: env of a stage' 0 local_pipe -- '{"args": ["sh", "-c", "echo $A"], "env": {"A": "one", "B": {"base64": "/w"}}}' \
		'{"args": ["sh", "-c", "cat; echo ${A-none}"]}'
	is 'P11: env of a stage is its own' "$(cat out)" 'one
none'
	status 'P11: cwd' 0 local_pipe -- "{\"args\": [\"pwd\"], \"cwd\": \"$PWD/p\"}" '{"args": ["sh", "-c", "cat; pwd"]}'
	is 'P11: cwd of a stage is its own' "$(cat out)" "$PWD/p
$PWD"
	status 'P11: a cwd that is not there' 125 local_pipe --report report -- '{"args": ["pwd"], "cwd": "/no/such"}' '{"args": ["cat"]}'
	is 'P11: a cwd that is not there: said' "$(cat err)" 'execvm pipeline: chdir /no/such: No such file or directory'
	printf '{"env": {"A": "config", "B": "config", "C": "config"}}' >p/sub/c.json
	printf '{"args": ["sh", "-c", "echo $A $B $C"], "env": {"A": "node"}, "runner": {"runner": "local", "config": "sub/c.json", "env": {"A": "runner", "B": "runner"}}}' >p/p.json
	status 'P11: a runner with a config' 0 "$EXECVM" pipeline p/p.json
	is 'P11: the node, then the runner, then its config, which is relative to the file' "$(cat out)" 'node runner config'
	(cd p && "$EXECVM" pipeline - <p.json >../out)
	is 'P11: without a file it is relative to here' "$(cat out)" 'node runner config'
	status 'P11: -c is for commands without a runner' 0 local_pipe -c p/sub/c.json -- '{"args": ["sh", "-c", "echo $A"]}' \
		'{"args": ["sh", "-c", "cat; echo ${A-none}"], "runner": "local"}'
	is 'P11: and not for others' "$(cat out)" 'config
none'
	echo here >file1
	echo there >p/file1
	pipe '{"files": ["file1"]}' "$(shell 'tar -xOf -')" '{"name": "result"}' >p/p.json
	status 'P11: files of stages' 0 "$EXECVM" pipeline -r local p/p.json
	is 'P11: files of stages are relative to here' "$(cat result)" here
	status 'P11: void' 0 local_pipe -- '{"args": ["echo", "x"]}' '{"args": ["no-such-command"], "runner": "void"}'
	is 'P11: void reads, and writes nothing' "$(cat out err)" ''
	status 'P11: wrap' 0 local_pipe -- '{"args": ["sh", "-c", "echo $W"], "runner": {"runner": "wrap", "wrap": ["env", "W=w"]}}'
	is 'P11: wrap: what is in front' "$(cat out)" w
	status 'P11: a time limit' 124 local_pipe --report report -- '{"args": ["sleep", "60"], "runner": {"runner": "local", "timeout": "0.2s"}}' '{"args": ["cat"]}'
	is 'P11: a time limit: whose' "$(field 0 status) $(field 1 status)" '124 0'
	pipe '{"args": ["'"$HELPERS/print-argv"'", {"base64": "gP8KIg=="}]}' >p.json
	status 'P1: bytes that are no UTF-8 arrive' 0 "$EXECVM" pipeline -r local p.json
	is 'P1: byte for byte' "$(tail -n 1 out)" '\x80\xff\x0a"'
}

streams() {
	"$HELPERS/bytes" 1000000 >in
	pipe '{"args": ["cat"]}' '{"args": ["cat"]}' >p.json
	status 'P11: stdin is the first one'"'"'s' 0 sh -c '"$EXECVM" pipeline -r local p.json <in'
	same 'P11: stdin is the first one'"'"'s: whole' out in
	status 'P11: from stdin: the first one has none' 0 sh -c '"$EXECVM" pipeline -r local - <p.json'
	is 'P11: from stdin: the first one has none: nothing came' "$(cat out err)" ''
	status 'P11: /dev/fd/N' 0 sh -c '"$EXECVM" pipeline -r local /dev/fd/5 5<p.json <in'
	same 'P11: /dev/fd/N: stdin is free' out in
	for closed in '<&-' '>&-' '2>&-'; do
		sh -c "cat </dev/null $closed" >want 2>&1
		want=$?
		pipe '{"args": ["cat"]}' >p.json
		status "P11: with $closed: cat" $want sh -c '"$EXECVM" pipeline -r local p.json </dev/null '"$closed"
		pipe "$(command_node "$HELPERS/print-fds" fds)" >p.json
		sh -c '"$HELPERS/print-fds" want-fds </dev/null '"$closed"
		sh -c '"$EXECVM" pipeline -r local p.json </dev/null '"$closed"
		is "P11: with $closed: what is open" "$(cut -d ' ' -f 1 fds | tr '\n' ' ')" "$(cut -d ' ' -f 1 want-fds | tr '\n' ' ')"
	done
	status 'P11: closed stdout, with a report' 1 sh -c '"$EXECVM" pipeline -r local --report report p-b.json >&-'
	is 'P11: closed stdout, with a report: the stage failed' "$(field 0 status)" 1
	status 'P11: closed stdin, and from there' 125 sh -c '"$EXECVM" pipeline - <&-'
	status 'P11: all closed' 0 sh -c '"$EXECVM" pipeline -r local p-file.json <&- >&- 2>&-'
	is 'P11: all closed: the file is there' "$(cat closed)" b
}

progress() {
	esc=$(printf '\033')
	pipe "$(shell 'head -c 3000 /dev/zero; sleep 3')" "$(shell 'cat >/dev/null')" >p.json
	"$HELPERS/on-pty" -- "$EXECVM" pipeline -r local p.json | tr '\r' '\n' >out
	like 'P12: how far it is' "$(cat out)" "^$esc\[K0:02  sh 2.9K  sh\$"
	is 'P12: nothing of it stays' "$(tail -n 2 out | tr '\n' ' ')" "${esc}[K exit 0 "
	pipe "$(shell 'sleep 0.5')" "$(shell 'echo done >&2')" >p.json
	"$HELPERS/on-pty" -- "$EXECVM" pipeline -r local p.json | tr '\r' '\n' >out
	unlike 'P12: not when it is done soon' "$(cat out)" "$esc"
	pipe "$(shell 'sleep 2.2')" >p.json
	status 'P12: not without a terminal' 0 "$EXECVM" pipeline -r local p.json
	is 'P12: not without a terminal: nothing' "$(cat out err)" ''
}

dry_run() {
	cat >p.json <<-'END'
		{ "files": ["file1", "two words"], "compression": "gzip", "deterministic": true,
		  "output": { "commands": [["/bin/tar", "-xzf", "-"], { "commands": [["make", "all"], ["--", "it's"]] }, ["cat", "pkg"]],
		    "runner": { "runner": "void", "image": "debian:12" },
		  "output": { "args": ["wc", "-l"], "env": { "A": "1" },
		  "output": { "name": "output file" } } } }
	END
	: >'two words'
	status 'P13: --dry-run' 0 "$EXECVM" pipeline --dry-run -r local p.json
	golden 'P13: --dry-run prints the tree' out pipeline-tree.txt
	ok 'P13: --dry-run makes nothing' test ! -e 'output file'
	status 'P13: --dry-run of what is wrong' 125 "$EXECVM" pipeline --dry-run -r local --config no-such p.json
	mkfifo unread
	echo '{"name": "unread"}' >p-unread.json
	status 'P13: --dry-run opens no fifo' 0 timeout 10 "$EXECVM" pipeline --dry-run p-unread.json
	echo '{"name": "no/such"}' >p-no-such.json
	status 'P13: --dry-run of a file that cannot be made' 125 "$EXECVM" pipeline --dry-run p-no-such.json
	like 'P13: --dry-run of a file that cannot be made: why' "$(cat err)" 'create no/such: No such file or directory$'
}

echo '{"args": ["yes"], "output": {"args": ["head", "-n", "1"]}}' >p-yes.json
echo '{"args": ["yes"]}' >p-last.json
echo '{"args": ["echo", "b"]}' >p-b.json
pipe "$(command_node "$HELPERS/bytes" 300000)" >p-much.json
pipe "$(command_node "$HELPERS/bytes" 300000)" '{"name": "d/f"}' >p-limit.json
pipe '{"args": ["echo", "b"]}' "{\"name\": \"$PWD/closed\"}" >p-file.json
pipe "$sleeper" "$sleeper" "$sleeper" >p-sleep.json

published
statuses
sigpipe
reports
tails
back_pressure
ways_out
too_many
orphans
files
full_disk
chains
each_stage
streams
progress
dry_run
done_testing
