#!/bin/sh
# SPDX-License-Identifier: MIT
# P2, P4, P6, P8, P10, P14, P15: pipelines through a machine, a container and this host.
# timeout: 300
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"
# shellcheck source=tests/docker.sh
. "$SRCDIR/tests/docker.sh"
# shellcheck source=tests/pipeline.sh
. "$SRCDIR/tests/pipeline.sh"

GB=1073741824
MEMORY=200 # MB of all processes together, but for QEMU

"$EXECVM" run --dry-run -- /bin/true >/dev/null 2>&1 # a warning that is said once

# A hang is a failure of one test, not of all.
pipeline() {
	timeout -s KILL $((240 * ${EXECVM_TIME_FACTOR:-1})) "$EXECVM" pipeline "$@"
}

# "PID KB NAME" of a process and what it has started, the largest that each has been.
family() {
	awk -v pid="$1" '/^Name:/ { name = $2 } /^VmHWM:/ { print pid, $2, name }' "/proc/$1/status" 2>/dev/null
	for family_child in $(cat "/proc/$1/task/"*/children 2>/dev/null); do
		(family "$family_child")
	done
}

# measure PID: until it has ended. The sum is in MB.
measure() {
	: >sizes
	until gone_or_zombie "$1"; do
		family "$1" >>sizes
		sleep 0.3
	done
	awk '$3 !~ /^qemu/ { if ($2 > size[$1]) size[$1] = $2 } END { for (p in size) sum += size[p]; print int(sum / 1024) }' sizes
}

machine() {
	# Where the initrd has wc.
	cat >p.json <<-'END'
		Command{
		  "args": ["/bin/echo", "hello"],
		  "env": {},
		  "output": Command{
		    "args": ["/usr/bin/wc", "-c"],
		    "env": {}
		  }
		}
	END
	status 'P2: in two machines, which is the default' 0 pipeline p.json
	is 'P2: in two machines: 6' "$(cat out)" 6
	mkdir src
	echo made >src/pkg
	pipe '{"files": ["src"], "compression": "gzip"}' '{"commands": [["/bin/tar", "-xzf", "-"], ["/bin/cat", "src/pkg"]], "runner": "vm"}' \
		'{"name": "pkg"}' >p.json
	status 'P10: a Chain in a machine' 0 pipeline --report report p.json
	is 'P10: a Chain in a machine: its end' "$(cat pkg)" made
	ok 'P10: a Chain in a machine: its own execvm' grep -q '"args":\["/bin/execvm","chain","--","/bin/tar",' report
	pipe '{"args": ["/usr/bin/yes"]}' '{"args": ["head", "-n", "1"], "runner": "local"}' >p.json
	status 'P4: a machine whose reader ends early' 0 pipeline --report report p.json
	is 'P4: a machine whose reader ends early: as a process' "$(cat out) $(field 0 status) $(field 0 failed)" 'y 141 false'
	pipe '{"args": ["/bin/sh", "-c", "echo x; exit 9"]}' '{"name": "never"}' >p.json
	status 'P4, P8: a command that fails in a machine' 9 pipeline p.json
	ok 'P8: a command that fails in a machine: no file' test ! -e never
	pipe '{"args": ["/bin/sh", "-c", "echo ready >&2; sleep 1000"]}' '{"args": ["/bin/cat"]}' >p.json
	for sig in TERM KILL; do
		"$HELPERS/with-signals" -d 15 "$EXECVM" pipeline p.json >out 2>err &
		pid=$!
		for _ in 1 2 3 4; do wait_for grep -q ready err && break; done
		family $pid | cut -d ' ' -f 1 >pids
		ok "P6: $sig: there were machines" test "$(wc -l <pids)" -ge 5
		kill -s $sig $pid
		wait $pid 2>/dev/null
		code=$?
		[ $sig = KILL ] || is "P6: $sig: the status" $code 143
		ok "P6: $sig: nobody is left" wait_for all_gone pids
	done
}

through_all() {
	openssl enc -aes-128-ctr -pass pass:1 -nosalt </dev/zero 2>/dev/null | head -c $GB >data
	cat >p.json <<-'END'
		{ "type": "Tar", "files": ["data"],
		  "output": { "type": "Command", "args": ["/bin/cat"], "runner": "vm",
		  "output": { "type": "Command", "args": ["cat"], "runner": { "runner": "docker", "image": "busy" },
		  "output": { "type": "Command", "args": ["tar", "-xOf", "-"], "runner": "local",
		  "output": { "type": "File", "name": "copy" } } } } }
	END
	began=$(date +%s)
	"$EXECVM" pipeline --report report p.json >out 2>err &
	pid=$!
	memory=$(measure $pid)
	wait $pid
	is 'P14: Tar, machine, container, here, File: the status of 1 GB' $? 0
	diag "$(($(date +%s) - began)) s, $memory MB: $(awk '{ if ($2 > s[$1]) { s[$1] = $2; n[$1] = $3 } } END { for (p in s) print n[p], s[p] }' sizes | sort | uniq -c | tr '\n' ',')"
	is 'P14: nothing is said' "$(cat out err)" ''
	is 'P14: the file is the same' "$(sha256sum <copy)" "$(sha256sum <data)"
	is 'P14: every stage passed on what it should' "$(for i in 0 1 2 3 4; do field $i bytes; done | tr '\n' ' ')" \
		"$((GB + 1536)) $((GB + 1536)) $((GB + 1536)) $GB $GB "
	ok 'P14: memory was measured' test "$memory" -gt 10
	ok "P14: and is bounded: less than $MEMORY MB" test "$memory" -lt $MEMORY
	rm -f data copy
}

builds() {
	mkdir context
	printf 'FROM scratch\nCOPY hello /hello\n' >context/Dockerfile
	printf 'FROM scratch\nCOPY hello /other\n' >context/Other
	echo hello >context/hello
	cd context || exit 1
	pipe '{"files": ["Dockerfile", "Other", "hello"], "compression": "gzip"}' '{"tag": "built:1"}' >../p.json
	status 'P15: DockerBuild of a Tar' 0 pipeline ../p.json
	is 'P15: its output is the identifier' "$(cat out)" "$(docker image inspect -f '{{.Id}}' built:1)"
	unlike 'P15: and nothing of ours is said' "$(cat err)" execvm
	is 'P15: the file is in the image' "$(docker save built:1 | tar -xO --wildcards '*/layer.tar' | tar -xO hello)" hello
	pipe '{"files": ["."]}' '{"tag": "built:2", "file": "Other"}' '{"name": "../id"}' >../p.json
	status 'P15: another Dockerfile' 0 pipeline --report ../report ../p.json
	is 'P15: another Dockerfile: the identifier in a file' "$(cat ../id)" "$(docker image inspect -f '{{.Id}}' built:2)"
	is 'P15: another Dockerfile: the file' "$(docker save built:2 | tar -xO --wildcards '*/layer.tar' | tar -tf -)" other
	printf 'FROM scratch\nNONSENSE\n' >Dockerfile
	pipe '{"files": ["Dockerfile"]}' '{"tag": "built:3"}' '{"name": "../never"}' >../p.json
	status 'P15: a bad Dockerfile' 1 pipeline ../p.json
	like 'P15: a bad Dockerfile: docker says why' "$(cat err)" 'NONSENSE'
	ok 'P15: a bad Dockerfile: no image' sh -c '! docker image inspect built:3 >inspect 2>&1'
	ok 'P8, P15: a bad Dockerfile: no file' test ! -e ../never
	pipe '{"args": ["echo", "no tar"], "runner": "local"}' '{"tag": "built:4"}' >../p.json
	status 'P15: what is no context' 1 pipeline ../p.json
	cd .. || exit 1
	is 'P15: no container is left' "$(docker ps -aq)" ''
}

containers() {
	status 'P2: the first worked example in containers' 0 sh -c 'echo "Command{\"args\": [\"/bin/echo\", \"hello\"], \"env\": {},
		\"output\": Command{\"args\": [\"/bin/wc\", \"-c\"], \"env\": {}}}" |
		"$EXECVM" pipeline -r docker -c docker.json -'
	is 'P2: the first worked example in containers: 6' "$(cat out)" 6
	pipe '{"args": ["yes"], "runner": {"runner": "docker", "image": "busy"}}' '{"args": ["head", "-n", "1"], "runner": "local"}' >p.json
	status 'P4: a container whose reader ends early' 0 pipeline --report report p.json
	is 'P4: a container whose reader ends early: its result' "$(cat out) $(field 0 failed)" 'y false'
	is 'P6: no container is left' "$(docker ps -aq)" ''
}

machine
trap docker_stop EXIT
if docker_start; then
	mkdir -p root/bin
	cp /bin/busybox root/bin/
	for applet in sh cat echo yes wc head tar; do
		ln -s busybox "root/bin/$applet"
	done
	tar -C root -cf - . | docker import - busy >/dev/null
	echo '{"runner": "docker", "image": "busy"}' >docker.json
	builds
	containers
	through_all
else
	skip 'P14, P15: containers, and 1 GB through all' "docker: $docker_why"
fi
done_testing
