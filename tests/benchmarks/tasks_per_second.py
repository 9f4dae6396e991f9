"""Tasks that do nothing, a second: factsweep's sweep beside Parsl's and libEnsemble's, in turn, on the same machine.

    python tests/benchmarks/tasks_per_second.py --program build/tests/sweep_scale --peers PYTHON --ranks 2 8 --turns 5

PYTHON: of an environment with parsl, libensemble and mpi4py. A turn runs each once; medians and their ratios are of all turns.
factsweep: stages that each have their rows of the journal written, on so many ranks of mpirun, all of which compute, with the
heartbeat. Parsl: HighThroughputExecutor with so many workers, from the first submission to the last result, after one task a
worker. libEnsemble: `give_pregenerated_sim_work` with so many workers, by processes (`local`) and by MPI (with one rank more for its
manager), from the first task's start to the last one's end; the better of the two counts.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

PEERS = {"parsl": 4000, "libensemble-local": 4000, "libensemble-mpi": 4000}  # tasks a turn


def parsl_rate(workers, tasks):
    import parsl
    from parsl.config import Config
    from parsl.executors import HighThroughputExecutor
    from parsl.providers import LocalProvider

    @parsl.python_app
    def nothing():
        return None

    executor = HighThroughputExecutor(
        max_workers_per_node=workers,
        cores_per_worker=1e-3,
        encrypted=False,
        provider=LocalProvider(init_blocks=1, max_blocks=1),
    )
    config = Config(executors=[executor], usage_tracking=0, initialize_logging=False)
    with parsl.load(config):
        for future in [nothing() for _ in range(workers)]:
            future.result()
        started = time.perf_counter()
        for future in [nothing() for _ in range(tasks)]:
            future.result()
        return tasks / (time.perf_counter() - started)


def nothing_for_libensemble(history, _, sim_specs, __):
    import numpy as np

    return np.zeros(1, dtype=sim_specs["out"]), {}


def libensemble_rate(workers, tasks):
    """None on the ranks of its workers."""
    import numpy as np
    from libensemble import Ensemble
    from libensemble.alloc_funcs.give_pregenerated_work import give_pregenerated_sim_work
    from libensemble.specs import AllocSpecs, ExitCriteria, LibeSpecs, SimSpecs

    settings = {"disable_log_files": True, "save_H_and_persis_on_abort": False, "safe_mode": False}
    if workers:
        specs = LibeSpecs(comms="local", nworkers=workers, **settings)
    else:
        specs = LibeSpecs(comms="mpi", **settings)
    given = np.zeros(tasks, dtype=[("x", float), ("sim_id", int), ("sim_started", bool)])
    given["sim_id"] = np.arange(tasks)
    ensemble = Ensemble(
        libE_specs=specs,
        H0=given,
        sim_specs=SimSpecs(
            sim_f=nothing_for_libensemble, inputs=["x"], out=[("f", float)]
        ),
        alloc_specs=AllocSpecs(alloc_f=give_pregenerated_sim_work),
        exit_criteria=ExitCriteria(sim_max=tasks),
    )
    ensemble.run()
    if not ensemble.is_manager:
        return None
    done = ensemble.H[ensemble.H["sim_ended"]]
    return len(done) / (done["sim_ended_time"].max() - done["sim_started_time"].min())


def output_of(command, folder, scripts=None):
    environment = dict(os.environ, OMP_NUM_THREADS="1")
    if scripts:
        environment["PATH"] = scripts + os.pathsep + environment["PATH"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
    return done.stdout


def mpirun(ranks):
    return ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(ranks)]


def rate_of_peer(options, name, ranks, folder):
    command = [options.peers, os.path.abspath(__file__), "--peer", name, "--ranks", str(ranks)]
    if name == "libensemble-mpi":
        command = mpirun(ranks + 1) + command
    told = output_of(command, folder, os.path.dirname(options.peers))  # Parsl starts programs of its own
    return float(re.search(r"^rate ([0-9.]+)$", told, re.M).group(1))


def our_rate(options, ranks, folder):
    command = [*mpirun(ranks), os.path.abspath(options.program), str(options.stages), folder]
    told = re.findall(r", with a heartbeat: ([0-9.]+) stages/s", output_of(command, folder))
    return statistics.median(map(float, told))


def compare(options, ranks):
    rates = {name: [] for name in ("factsweep", *PEERS)}
    for _ in range(options.turns):
        for name in rates:
            with tempfile.TemporaryDirectory() as folder:
                rates[name].append(
                    our_rate(options, ranks, folder)
                    if name == "factsweep"
                    else rate_of_peer(options, name, ranks, folder)
                )
    median = {name: statistics.median(values) for name, values in rates.items()}
    for name, values in rates.items():
        print(
            f"{ranks} ranks, {name}: {median[name]:.0f} tasks/s "
            f"({min(values):.0f} to {max(values):.0f}), factsweep / it {median['factsweep'] / median[name]:.1f}"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--program", help="build/tests/sweep_scale")
    parser.add_argument("--peers", help="a Python with parsl, libensemble and mpi4py")
    parser.add_argument("--ranks", type=int, nargs="+", default=[2, 8])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--stages", type=int, default=5000, help="of factsweep, ten times a turn")
    parser.add_argument("--peer", choices=list(PEERS), help="run this one alone, as the script does by itself")
    options = parser.parse_args()
    if options.peer:
        workers, tasks = options.ranks[0], PEERS[options.peer]
        if options.peer == "parsl":
            rate = parsl_rate(workers, tasks)
        else:
            rate = libensemble_rate(0 if options.peer == "libensemble-mpi" else workers, tasks)
        if rate is not None:
            print(f"rate {rate:.1f}")
        return
    print(f"load before: {', '.join(f'{load:.1f}' for load in os.getloadavg())}; {os.cpu_count()} cores")
    for ranks in options.ranks:
        compare(options, ranks)
    print(f"load after: {', '.join(f'{load:.1f}' for load in os.getloadavg())}")


if __name__ == "__main__":
    main()
