#!/usr/bin/env bash
# Gives each rank of a node its own GPU, then becomes the program:  srun jobs/bind_gpu.sh build/factsweep run DECK
# With more ranks than GPUs, the ranks share them evenly. On a node without GPUs, where the scheduler has already shown each
# rank one GPU alone, or where CUDA_VISIBLE_DEVICES is set and empty (no GPU is wanted), it only starts the program.
set -euo pipefail
[ $# -gt 0 ] || { echo "usage: bind_gpu.sh PROGRAM [ARGUMENT ...]" >&2; exit 2; }

# The launcher's own variable first: a batch shell of Slurm has SLURM_LOCALID=0, which mpirun hands on to every rank.
rank=${OMPI_COMM_WORLD_LOCAL_RANK:-${MPI_LOCALRANKID:-${SLURM_LOCALID:-0}}}
if [ -n "${CUDA_VISIBLE_DEVICES+set}" ]; then
  IFS=, read -ra gpus <<<"$CUDA_VISIBLE_DEVICES"
elif command -v nvidia-smi >/dev/null; then
  mapfile -t gpus < <(nvidia-smi --query-gpu=index --format=csv,noheader 2>/dev/null || true)
else
  gpus=()
fi
if [ ${#gpus[@]} -gt 1 ]; then
  export CUDA_VISIBLE_DEVICES=${gpus[rank % ${#gpus[@]}]}
fi
exec "$@"
