#!/usr/bin/env bash
# Lets Ctrl-C end a sweep under mpirun without loss:  jobs/interruptible.sh mpirun -n 2 build/factsweep run DECK
# mpirun kills its ranks a second after Ctrl-C. Here Ctrl-C, TERM and a closed terminal become USR1, on which the ranks save their
# work, however long that takes, and end with exit code 5. A second Ctrl-C ends mpirun at once.
set -uo pipefail
[ $# -gt 0 ] || { echo "usage: interruptible.sh mpirun [ARGUMENT ...]" >&2; exit 2; }

# A link between hosts that is cut: mpirun notices within 35 s. By default it takes 8 minutes, and a quarter of an hour when the
# ranks have noticed before it (run.silence_limit) and it waits to end the other host's.
export OMPI_MCA_oob_tcp_keepalive_time=20 OMPI_MCA_oob_tcp_keepalive_intvl=5 OMPI_MCA_oob_tcp_keepalive_probes=3
export PRTE_MCA_oob_tcp_keepalive_time=20 PRTE_MCA_oob_tcp_keepalive_intvl=5 PRTE_MCA_oob_tcp_keepalive_probes=3   # of Open MPI 5

# a session of its own: the terminal's Ctrl-C would reach mpirun as well
setsid "$@" </dev/null &
pid=$! signal=USR1
trap 'kill -$signal $pid 2>/dev/null; signal=TERM' INT TERM HUP
wait "$pid"; rc=$?
while kill -0 "$pid" 2>/dev/null; do
  wait "$pid"; rc=$?
done
exit "$rc"
