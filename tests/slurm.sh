# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# For tests with a real Slurm: munged, slurmctld and slurmd of their own, one node, on loopback.

# slurm_start: 0 when a job runs. slurm_why says why not.
slurm_start() {
	slurm_why='no slurmctld'
	PATH=$PATH:/usr/sbin
	command -v slurmctld >/dev/null && command -v slurmd >/dev/null && command -v munged >/dev/null || return 1
	slurm_why='not root'
	[ "$(id -u)" = 0 ] || return 1
	slurm_home=$PWD/slurm
	slurm_port=$((21000 + $$ % 10000 * 2))
	mkdir -p "$slurm_home/state" "$slurm_home/spool"
	chmod 755 "$slurm_home"
	head -c 1024 /dev/urandom >"$slurm_home/munge.key"
	chmod 400 "$slurm_home/munge.key"
	munged --foreground --force --num-threads=4 --key-file="$slurm_home/munge.key" --socket="$slurm_home/munge.sock" \
		--pid-file="$slurm_home/munged.pid" --log-file="$slurm_home/munged.log" \
		--seed-file="$slurm_home/munge.seed" >/dev/null 2>&1 &
	slurm_daemons=$!
	slurm_host=$(hostname -s)
	cat >"$slurm_home/slurm.conf" <<END
ClusterName=test
SlurmctldHost=$slurm_host(127.0.0.1)
SlurmctldPort=$slurm_port
SlurmdPort=$((slurm_port + 1))
AuthType=auth/munge
AuthInfo=socket=$slurm_home/munge.sock
CryptoType=crypto/munge
SlurmUser=root
StateSaveLocation=$slurm_home/state
SlurmdSpoolDir=$slurm_home/spool
SlurmctldPidFile=$slurm_home/slurmctld.pid
SlurmdPidFile=$slurm_home/slurmd.pid
SlurmctldLogFile=$slurm_home/slurmctld.log
SlurmdLogFile=$slurm_home/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SlurmdParameters=config_overrides
MaxJobCount=2000
SchedulerParameters=sched_interval=1,batch_sched_delay=0,sched_min_interval=100000
KillWait=3
NodeName=$slurm_host NodeAddr=127.0.0.1 CPUs=${SLURM_TEST_CPUS-64} RealMemory=1000 State=UNKNOWN
PartitionName=debug Nodes=ALL Default=YES OverSubscribe=FORCE:8 MaxTime=INFINITE State=UP
END
	: >"$slurm_home/cgroup.conf"
	export SLURM_CONF="$slurm_home/slurm.conf"
	slurm_why='munged does not start here'
	wait_for test -S "$slurm_home/munge.sock" || return 1
	slurmctld -D -i >/dev/null 2>&1 &
	slurm_daemons="$! $slurm_daemons"
	slurmd -D >/dev/null 2>&1 &
	slurm_daemons="$! $slurm_daemons"
	slurm_why='no node comes up here'
	for slurm_try in 1 2 3 4 5 6; do
		wait_for slurm_idle && return 0
	done
	return 1
}

slurm_idle() {
	[ "$(sinfo -h -o %t 2>/dev/null)" = idle ]
}

# To be called on the way out: trap slurm_stop EXIT. Jobs first: a step outlives the daemon that made it.
slurm_stop() {
	[ -n "${slurm_daemons-}" ] || return 0
	scancel --user=root --signal=KILL >/dev/null 2>&1
	scancel --user=root >/dev/null 2>&1
	wait_for slurm_no_step
	for slurm_pid in $slurm_daemons; do
		kill "$slurm_pid" 2>/dev/null
		wait "$slurm_pid"
	done
	slurm_daemons=
}

# A step has a socket in the spool directory for as long as it is there.
slurm_no_step() {
	[ -z "$(squeue -h 2>/dev/null)" ] && ! ls "$slurm_home/spool/"*_*.* >/dev/null 2>&1
}
