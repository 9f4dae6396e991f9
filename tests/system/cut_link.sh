#!/usr/bin/env bash
# Two hosts, each a network namespace with a name of its own, and a link between them that is cut while they train: the job ends
# within a minute, nothing of it runs on, and the same command goes on to the results of an undisturbed run.
# shellcheck source-path=SCRIPTDIR source=support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"
need_tool mpirun
need_tool ip
need_python "h5py, numpy, pandas"
near=chaos$$a far=chaos$$b
remove_hosts() {
  local host process
  for host in $near $far; do
    for process in $(ip netns pids $host 2>/dev/null); do kill -9 "$process" 2>/dev/null || true; done
    ip netns delete $host 2>/dev/null || true
  done
}
trap remove_hosts EXIT
ip netns add $near 2>ip.log && ip netns add $far 2>>ip.log || skip "network namespaces cannot be made here: $(head -n 1 ip.log)"
ip link add eth0 netns $near type veth peer name eth0 netns $far 2>ip.log || skip "no virtual link can be made here: $(head -n 1 ip.log)"
link() { # up|down
  ip -n $far link set eth0 "$1"
}
number=1
for host in $near $far; do
  ip -n $host address add 10.213.77.$number/24 dev eth0
  ip -n $host link set lo up
  ip -n $host link set eth0 up
  number=$((number + 1))
done

tiny_world
tiny_deck deck.ini 60
launch 1 run deck.ini --run.output=calm.h5 >calm.log 2>&1 || { cat calm.log; fail "the undisturbed run"; }

# mpirun's way to the other host, in place of ssh
cat >agent.sh <<AGENT
#!/bin/bash
shift
exec ip netns exec $far unshare --uts bash -c "hostname far && \$*"
AGENT
chmod +x agent.sh
on_two_hosts() {
  ip netns exec $near unshare --uts bash -c 'hostname near && exec "$0" "$@"' \
    "$FACTSWEEP_SOURCE/jobs/interruptible.sh" mpirun --bind-to none --host 10.213.77.1:1,10.213.77.2:1 -n 2 \
    --mca plm_rsh_agent "$PWD/agent.sh" --mca btl tcp,self --mca btl_tcp_if_include eth0 --mca oob_tcp_if_include eth0 \
    "$FACTSWEEP" run deck.ini --run.checkpoint_interval=0.1 "$@"
}
on_two_hosts --run.output=whole.h5 >whole.log 2>&1 || { cat whole.log; fail "two hosts with a link that holds"; }
same_results calm.h5 whole.h5 || fail "two hosts end with other results"

file=cut.h5
on_two_hosts --run.output=$file >$file.log 2>&1 &
job=$!
deadline=$((SECONDS + 60))
until [ -n "$(ls $file.checkpoints/*.safetensors 2>/dev/null)" ]; do
  kill -0 $job 2>/dev/null && [ $SECONDS -lt $deadline ] || { cat $file.log; fail "no training under way"; }
  sleep 0.05
done
link down
cut=$SECONDS
timeout 60 tail --pid=$job -f /dev/null || { cat $file.log; fail "the job still runs 60 s after its link was cut"; }
rc=0
wait $job || rc=$?
# 3 where the ranks were the first to notice, Open MPI's own code where its mpirun was
[ $rc = 3 ] || { [ $rc -gt 128 ] && grep -q "lost communication with a remote daemon" $file.log; } || { cat $file.log; fail "exit code $rc"; }
while pgrep -f "run.output=$file" >running.log; do
  [ $((SECONDS - cut)) -lt 60 ] || { ps -fp "$(paste -sd, running.log)"; fail "something of the job still runs 60 s after its link was cut"; }
  sleep 0.2
done
echo "ended $((SECONDS - cut)) s after the link was cut"
link up
on_two_hosts --run.output=$file >$file.log 2>&1 || { cat $file.log; fail "it does not go on"; }
same_results calm.h5 $file || fail "$file differs from the undisturbed run"
