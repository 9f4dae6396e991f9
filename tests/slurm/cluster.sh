# Sourced: a Slurm of two nodes on this machine, with its own key, ports and folders under $PWD/slurm, gone when the shell ends.
# Each node is a slurmd with a host name of its own; a job is the real thing from sbatch to srun and PMIx.

start_cluster() {
  [ "$(id -u)" = 0 ] || skip "a Slurm of its own takes root"
  local tool
  for tool in munged slurmctld slurmd sbatch srun unshare; do need_tool $tool; done
  mkdir -p slurm/state slurm/run slurm/tmp
  local folder=$PWD/slurm port=$((20000 + $$ % 20000))
  head -c 128 /dev/urandom >slurm/key && chmod 600 slurm/key
  cat >slurm/slurm.conf <<CONF
ClusterName=test
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
SlurmdUser=root
# after which a job that went back into the queue may start: longer than PMIx tries to reach a dead rank
AuthInfo=socket=$folder/run/munge.socket,cred_expire=35
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SchedulerParameters=sched_interval=2,bf_interval=2
KillWait=20
SlurmdTimeout=30
ReturnToService=2
MpiParams=ports=$((port + 100))-$((port + 199))
StateSaveLocation=$folder/state
TmpFS=$folder/tmp
SlurmdSpoolDir=$folder/tmp
SlurmctldPidFile=$folder/run/slurmctld.pid
SlurmdPidFile=$folder/run/%n.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/%n.log
NodeName=node1 NodeAddr=127.0.0.1 Port=$((port + 1)) CPUs=2
NodeName=node2 NodeAddr=127.0.0.1 Port=$((port + 2)) CPUs=2
PartitionName=low Nodes=ALL Default=YES OverSubscribe=NO PriorityTier=1 PreemptMode=REQUEUE
PartitionName=high Nodes=ALL PriorityTier=2 PreemptMode=OFF
CONF
  export SLURM_CONF=$folder/slurm.conf
  trap stop_cluster EXIT
  srun --mpi=list 2>&1 | grep -q pmix || skip "needs a Slurm with PMIx"
  munged --force --key-file="$folder/key" --socket="$folder/run/munge.socket" --pid-file="$folder/run/munged.pid" \
    --log-file="$folder/munged.log" --seed-file="$folder/seed"
  slurmctld
  local node
  for node in node1 node2; do
    mkdir -p "slurm/$node"
    # PMIx knows the nodes' folders by one name, and names what it leaves there after the job alone
    unshare --uts --mount bash -c "hostname $node && mount --bind '$folder/$node' '$folder/tmp' && exec slurmd"
  done
  local deadline=$((SECONDS + 60))
  until [ "$(sinfo -h -p low -t idle -o %D 2>/dev/null)" = 2 ]; do
    [ $SECONDS -lt $deadline ] || { sinfo; tail -n 5 slurm/*.log; fail "the cluster did not come up within 60 s"; }
    sleep 0.5
  done
}

stop_cluster() {
  scancel --full --state=RUNNING --user=root 2>/dev/null
  local pid deadline=$((SECONDS + 20))
  until [ -z "$(squeue -h 2>/dev/null)" ] || [ $SECONDS -ge $deadline ]; do sleep 0.5; done
  for pid in slurm/run/node*.pid slurm/run/slurmctld.pid slurm/run/munged.pid; do
    [ ! -s "$pid" ] || kill "$(cat "$pid")" 2>/dev/null
  done
}

# JOB SECONDS STATE...: waits until the job is in one of these states, whose name it prints; "" for one that has left the queue's memory.
await() {
  local job=$1 deadline=$((SECONDS + $2)) state
  while :; do
    state=$(scontrol -o show job "$job" 2>/dev/null | grep -oE 'JobState=[A-Z_]+' | head -n 1)
    state=${state#JobState=}
    [[ " ${*:3} " != *" $state "* ]] || { echo "$state"; return; }
    [ $SECONDS -lt $deadline ] || { scontrol show job "$job"; cat ./*-"$job".log; fail "job $job is $state after $2 s, not one of ${*:3}"; }
    sleep 0.2
  done
}

# JOB FIELD
job_field() { scontrol -o show job "$1" | grep -oE "(^| )$2=[^ ]*" | head -n 1 | cut -d= -f2-; }
