# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# For tests of runners: one way to run a command by any of them, and to see what it leaves. Needs
# tap.sh; docker.sh, sshd.sh and slurm.sh for those that are used.

# runner_files: one root, which is an initrd for vm ($guest) and a tar for docker (root.tar). The
# programs of $HELPERS that commands use are in its /bin.
runner_files() {
	mkdir -p root/bin root/tmp root/etc root/root root/srv
	cp /bin/busybox root/bin/
	for runner_word in bytes catch-signals exit-with kill-self print-argv; do
		cp "$HELPERS/$runner_word" root/bin/
	done
	for runner_word in cat df echo env false grep head hostname id ip kill ls mount mkdir nproc pwd readlink nc rm sh sha256sum \
		sleep stty touch true wc yes; do
		ln -s busybox "root/bin/$runner_word"
	done
	printf 'root:x:0:0::/root:/bin/sh\nworker:x:77:78::/srv:/bin/sh\n' >root/etc/passwd
	printf 'root:x:0:\nworkers:x:78:\n' >root/etc/group
	printf 'no program\n' >root/bin/plain
	chmod 644 root/bin/plain
	chmod 1777 root/tmp
	tar -C root --owner=0 --group=0 -cf root.tar . && "$EXECVM" initrd build --no-check --archive root.tar -o guest.cpio
	guest=$PWD/guest.cpio
	"$EXECVM" run --dry-run -- /bin/true >/dev/null 2>&1 # a warning that is said once
}

# runner_use NAME: what run() runs in from here on. $bin is where the helpers are in it, $chain what
# execvm is called.
runner_use() {
	runner=$1
	case $runner in
	vm | docker) bin=/bin chain=/bin/execvm ;;
	*) bin=$HELPERS chain=$EXECVM ;;
	esac
}

# The words that this runner needs before any others, one a line.
runner_words() {
	case $runner in
	vm) printf '%s\n' --initrd "$guest" ;;
	docker) printf '%s\n' --image busy ;;
	ssh) printf '%s\n' --host "$SSH_HOST" && printf '%s\n' "$SSH_OPTIONS" | tr -s ' \t' '\n\n' ;;
	wrap) printf '%s\n' --wrap /usr/bin/env --wrap -- ;;
	esac
}

# run OPTIONS... -- CMD...: a hang is a failure of one test, not of all.
run() {
	# shellcheck disable=SC2046 # words
	timeout -s KILL $((${LIMIT:-30} * ${EXECVM_TIME_FACTOR:-1})) "$EXECVM" run -r "$runner" $(runner_words) "$@"
}

# begin OPTIONS... -- CMD...: in the background, as if in the foreground, until it has said "ready".
# $pid is the process. What it says goes to ./out and ./err.
begin() {
	: >out
	begin_from="${begin_stdin:-/dev/null}"
	# shellcheck disable=SC2046 # words
	"$HELPERS/with-signals" -d 2 -d 3 "$EXECVM" run -r "$runner" $(runner_words) "$@" <"$begin_from" >out 2>err &
	pid=$!
	wait_long has out ready || diag "$runner: never ready: $(cat err)"
}

has() { # FILE TEXT
	grep -q -e "$2" "$1"
}

wait_long() { # at most 30 s
	for _ in 1 2 3 4 5 6; do
		wait_for "$@" && return 0
	done
	return 1
}

gone_or_zombie() {
	case $(sed 's/.*) \(.\).*/\1/' "/proc/$1/stat" 2>/dev/null) in
	'' | Z) true ;;
	*) false ;;
	esac
}

# Waits for $pid: its status is $code then; a run that does not end becomes 99.
ends() {
	code=0
	if wait_long gone_or_zombie "$pid"; then
		wait "$pid" 2>/dev/null || code=$?
	else
		kill -s KILL "$pid"
		wait "$pid" 2>/dev/null
		code=99
	fi
}

# Processes with this text among their words, ourselves left out: the text comes from a file.
with_words() { # TEXT
	printf '%s\n' "$1" >words.text
	for runner_proc in $(grep -a -l -F -f words.text /proc/[0-9]*/cmdline 2>/dev/null); do
		runner_proc=${runner_proc#/proc/}
		gone_or_zombie "${runner_proc%/cmdline}" || echo "${runner_proc%/cmdline}"
	done
}

none_with_words() {
	[ -z "$(with_words "$1")" ]
}

no_container() {
	[ -z "$(docker ps -aq)" ]
}

no_job() {
	[ -z "$(squeue -h)" ]
}

# nothing_left TEXT: no process with the text among its words, and nothing of the runner's own.
nothing_left() {
	case $runner in
	vm) wait_for none_with_words "$guest" ;;
	docker) wait_long none_with_words "$1" && wait_long no_container ;;
	slurm) wait_long none_with_words "$1" && wait_long no_job ;;
	*) wait_long none_with_words "$1" ;;
	esac
}
