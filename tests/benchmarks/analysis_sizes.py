"""How long the analysis takes on large files, and how much memory, on made-up ones.

    OMP_NUM_THREADS=1 python tests/benchmarks/analysis_sizes.py [--points 100000] [--stages 16] [--side 1024]

`points` on a file with so many points of 42 columns, as CSV and Parquet; `deltas` on a weights file of `--stages` points with 16
matrices of side x side float32 (1 GiB unless told otherwise). Wall time and peak memory are of the command as a process.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/analysis"))

import weights_file  # noqa: E402
from results_file import Stage, begin_points, set_roles, write_root, write_stages  # noqa: E402

METRICS = 33
MATRICES = ("self_attn.q_proj", "self_attn.o_proj", "mlp.up_proj", "mlp.down_proj")


def write_results(path, count):
    numbers, generator = np.arange(count), np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        write_root(file, study="slick", deck="")
        writer = begin_points(file, [f"unknown_ratio-0.5-s{k}" for k in numbers], numbers >= 0)
        for name, values in (
            ("variant", ["unknown_ratio"] * count),
            ("unknown_ratio", numbers % 11 / 10),
            ("seed", numbers),
            ("stage", numbers),
            ("seconds", generator.random(count)),
            ("rank", numbers % 4),
        ):
            writer.data(name, values, "point")
        for k in range(METRICS):
            writer.data(f"accuracy_{k}", generator.random(count), "point")
        set_roles(writer.group, ("variant", "unknown_ratio", "seed"))
        write_stages(file, [Stage("train", f"train {k}") for k in numbers])


def write_weights(results, stages, side):
    generator = np.random.default_rng(0)
    with weights_file.begin(results) as file:
        file["deltas/full/stage"] = np.arange(stages)
        for layer in range(4):
            for matrix in MATRICES:
                name = f"deltas/full/final/model.layers.{layer}.{matrix}.weight"
                data = file.create_dataset(name, (stages, side, side), "f4")
                for row in range(stages):
                    data[row] = generator.random((side, side), np.float32)
    return weights_file.weights_path(results).stat().st_size


def measure(*arguments):
    """Seconds that a command of the analysis takes."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "analysis", *map(str, arguments)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "MPLBACKEND": "Agg"})
    return time.perf_counter() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--stages", type=int, default=16)
    parser.add_argument("--side", type=int, default=1024)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        few = Path(folder) / "few.h5"
        write_results(few, options.stages)
        size = write_weights(few, options.stages, options.side)
        seconds = measure("deltas", few)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024  # the only child so far
        print(f"deltas of {size / 2**30:.2f} GiB: {seconds:.1f} s, {peak:.0f} MiB at most", flush=True)
        many = Path(folder) / "many.h5"
        write_results(many, options.points)
        for ending in ("csv", "parquet"):
            seconds = measure("points", many, "--output", Path(folder) / f"points.{ending}")
            print(f"{options.points} points as {ending}: {seconds:.1f} s", flush=True)


if __name__ == "__main__":
    main()
