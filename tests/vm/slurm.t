#!/bin/bash
# SPDX-License-Identifier: MIT
# E6: 200 jobs in flight, every status and every byte; E5: what srun itself has to say is 125; E10:
# no job is left; E11: a machine on a node.
# timeout: 200
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"
# shellcheck source=tests/slurm.sh
. "$SRCDIR/tests/slurm.sh"
# shellcheck source=tests/runners.sh
. "$SRCDIR/tests/runners.sh"

JOBS=200
export SLURM_TEST_CPUS=256
slurm_start || skip_all "slurm: $slurm_why"
trap slurm_stop EXIT
runner_use slurm

# None ends before all of them run: each waits for the gate.
all_run() {
	[ "$(ls started | wc -l)" = $JOBS ]
}

many() {
	mkdir started outs errs codes
	begin_at=$SECONDS
	pids=()
	for i in $(seq $JOBS); do
		{
			printf 'stdin of %s\n' "$i" | "$EXECVM" run -r slurm -e "N=$i" -- /bin/sh -c \
				'touch "started/$N"; until [ -e gate ]; do sleep 0.5; done; cat; echo "out $N"; echo "err $N" >&2; exit $((N % 256))' \
				>"outs/$i" 2>"errs/$i"
			echo $? >"codes/$i"
		} &
		pids+=($!)
	done
	for _ in $(seq 18); do
		! wait_for all_run || break
	done
	is "E6: $JOBS jobs run at once" "$(ls started | wc -l)" $JOBS
	touch gate
	wait "${pids[@]}"
	diag "$JOBS jobs: $((SECONDS - begin_at)) s"
	for i in $(seq $JOBS); do
		[ "$(cat "codes/$i")" = $((i % 256)) ] || echo "status $i: $(cat "codes/$i")"
		[ "$(cat "outs/$i")" = "stdin of $i
out $i" ] || echo "stdout $i: $(cat "outs/$i")"
		[ "$(cat "errs/$i")" = "err $i" ] || echo "stderr $i: $(cat "errs/$i")"
	done >wrong
	is 'E6: every status is counted, every stream is right' "$(cat wrong)" ''
	ok 'E6: no job is left' wait_long no_job
}

why() { # NAME PATTERN WORDS...
	name=$1 pattern=$2
	shift 2
	status "E5: $name: 125" 125 run "$@" </dev/null
	like "E5: $name: why" "$(cat err)" "^execvm run: $pattern\$"
	is "E5: $name: in one line" "$(cat out err | wc -l)" 1
}

failures() {
	why 'a partition that is not there' 'srun: error: .*[Ii]nvalid partition.*' --option=--partition=nope -- true
	why 'an option that srun does not have' 'srun: .*' --option=--no-such-option -- true
	why 'a node that is not there' 'srun: error: .*Invalid node name specified' --option=--nodelist=nosuch -- true
	echo Nonsense=1 >bad.conf
	SLURM_CONF=$PWD/bad.conf why 'a configuration that is none' 'srun: fatal: .*' -- true
	EXECVM_SRUN=/no/such/srun why 'no srun' '/no/such/srun: not found: is it installed\?' -- true
	status 'E5: 125 of the command is its own' 125 run -- /bin/sh -c 'echo said >&2; exit 125' </dev/null
	is 'E5: 125 of the command: what it says is its own' "$(cat err)" said
}

ways_out() {
	word=7720$$
	status 'E1: slurm: --timeout of a task that ignores TERM' 124 \
		run --timeout 1 -- /bin/sh -c 'trap "" TERM; echo begun; sleep "$1"' sh $word </dev/null
	is 'E1: slurm: --timeout of a task that ignores TERM: why' "$(tail -n 1 err)" \
		'execvm run: the command ran longer than its time'
	ok 'E1: slurm: --timeout of a task that ignores TERM: nothing is left' nothing_left $word
	{ run -- /bin/sh -c 'echo the task >&2' </dev/null && echo next >&2; } 2>both
	is 'E1: slurm: stderr is a file: what is said next stands behind' "$(cat both)" 'the task
next'
	run -- /bin/sh -c 'for i in 1 2 3 4; do echo out; sleep 0.2; echo err >&2; sleep 0.2; done' </dev/null >both 2>&1
	is 'E1: slurm: stdout and stderr in one file: nothing is lost' "$(grep -c -x out both)$(grep -c -x err both)" 44
	for s in TERM:143 INT:130 HUP:129 QUIT:131; do
		begin -- /bin/sh -c 'echo ready; exec sleep "$1"' sh $word
		kill -s "${s%:*}" "$pid"
		ends
		is "E1: slurm: ${s%:*} ends the command" "$code" "${s#*:}"
		ok "E1: slurm: ${s%:*}: nothing is left" nothing_left $word
	done
	for t in 0 0.05 0.1 0.2; do
		"$EXECVM" run -r slurm -- sleep $word </dev/null >out 2>err &
		pid=$!
		sleep $t # the moment is the test
		kill -s KILL $pid
		wait $pid 2>/dev/null
		ok "E10: slurm: KILL after $t s: no job is left" nothing_left $word
	done
	begin -- /bin/sh -c 'echo ready; exec sleep "$1"' sh $word
	scancel --user=root
	ends
	is 'E5: somebody cancels the job: not the command'\''s status' "$code" 143
	ok 'E5: somebody cancels the job: nothing is left' nothing_left $word
}

machine() {
	status 'E11: a machine on a node' 6 run -- "$EXECVM" run -- /bin/sh -c 'uname -n; cat; exit 6' < <(printf abc)
	is 'E11: a machine on a node: it is one' "$(cat out)" "execvm
abc"
	is 'E11: a machine on a node: nothing else is said' "$(cat err)" ''
}

"$EXECVM" run --dry-run -- /bin/true >/dev/null 2>&1 # a warning that is said once
machine
failures
ways_out
many
done_testing
