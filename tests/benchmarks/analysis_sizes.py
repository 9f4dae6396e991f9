"""How long the analysis takes on large files, and how much memory, on made-up ones.

    OMP_NUM_THREADS=1 python tests/benchmarks/analysis_sizes.py [--points 100000] [--stages 16] [--side 1024] [--drawn 10000]

`points` on a file with so many points of 42 columns, as CSV and Parquet; `deltas` on a weights file of `--stages` points with 16
matrices of side x side float32 (1 GiB unless told otherwise); `report` on a SliCK sweep of about `--drawn` points and 50 epochs, and its page
in headless Chromium, where there is one, beside an empty page. Wall time, time of the processor (the same whatever else the machine
does) and peak memory are of the command as a process.
"""

import argparse
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/analysis"))

import synthetic_slick  # noqa: E402
import weights_file  # noqa: E402
from browser import NAMES  # noqa: E402
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


def apart(write, *arguments):
    """Writes a file in another process: the peak of a command counts that of the process that starts it, too."""
    process = multiprocessing.get_context("fork").Process(target=write, args=arguments)
    process.start()
    process.join()
    assert process.exitcode == 0


def measure(*arguments):
    """Runs a command of the analysis; what it took, in words."""
    seconds, used = timed([sys.executable, "-m", "analysis", *map(str, arguments)], None)
    computed = used.ru_utime + used.ru_stime
    return f"{seconds:.1f} s, {computed:.1f} s of them computing, {used.ru_maxrss / 1024:.0f} MiB at most"


def timed(command, errors):
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=errors)
    _, status, used = os.wait4(process.pid, 0)
    assert status == 0, command
    return time.perf_counter() - started, used


def print_report(path, points):
    seeds = tuple(range(1, max(1, points // len(synthetic_slick.RATIOS)) + 1))
    world = synthetic_slick.World(seeds=seeds, variants=("unknown_ratio",), answers=False)
    apart(synthetic_slick.write, path, world)
    print(f"report of {len(seeds) * len(synthetic_slick.RATIOS)} points: {measure('report', path)}")
    empty = path.with_name("empty.html")
    empty.write_text("<!DOCTYPE html><title>empty</title>")
    if not (browser := next(filter(None, map(shutil.which, NAMES)), None)):
        return print(f"no browser to open its page with: none of {', '.join(NAMES)}")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    for page in (path.with_name(f"{path.stem}_report") / "index.html", empty):
        took = [timed([browser, *flags, page.as_uri()], subprocess.DEVNULL)[0] for _ in range(5)]
        print(f"{page.name} until it is loaded: {np.median(took):.1f} s (median of five)")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--stages", type=int, default=16)
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--drawn", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        few = Path(folder) / "few.h5"
        apart(write_results, few, options.stages)
        apart(write_weights, few, options.stages, options.side)
        size = weights_file.weights_path(few).stat().st_size
        print(f"deltas of {size / 2**30:.2f} GiB: {measure('deltas', few)}", flush=True)
        many = Path(folder) / "many.h5"
        apart(write_results, many, options.points)
        for ending in ("csv", "parquet"):
            took = measure("points", many, "--output", Path(folder) / f"points.{ending}")
            print(f"{options.points} points as {ending}: {took}", flush=True)
        print_report(Path(folder) / "drawn.h5", options.drawn)


if __name__ == "__main__":
    main()
