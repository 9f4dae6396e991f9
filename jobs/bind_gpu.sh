#!/usr/bin/env bash
# Gives each rank of a node its own GPU, then becomes the program:  srun jobs/bind_gpu.sh build/factsweep run DECK
# With more ranks than GPUs, the ranks share them evenly. On a node without GPUs, or where the scheduler has already
# shown each rank one GPU alone, it only starts the program.
set -euo pipefail
[ $# -gt 0 ] || { echo "usage: bind_gpu.sh PROGRAM [ARGUMENT ...]" >&2; exit 2; }

rank=${SLURM_LOCALID:-${OMPI_COMM_WORLD_LOCAL_RANK:-${MPI_LOCALRANKID:-0}}}
if [ -n "${CUDA_VISIBLE_DEVICES:-}" ]; then
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
