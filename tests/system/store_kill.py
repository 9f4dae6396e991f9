"""What store_kill.sh runs: start the writer, kill it, look at what it left; at last let it finish."""

import glob
import os
import random
import signal
import subprocess
import sys
import time

import h5py
import numpy as np

WRITER, SCRATCH, KILLS = sys.argv[1], sys.argv[2], int(sys.argv[3])
RANKS = 2
STAGES, POINT_EACH, VALUES, DELTA = 60000, 10, 128, 64  # as in tests/unit/store/writer_mpi_test.cpp
DONE = 2
COMMAND = ["mpirun", "--oversubscribe", "-n", str(RANKS), WRITER, "[.writer]"]


def start(folder):
    for path in glob.glob(f"{folder}/process.*"):
        os.remove(path)
    environment = dict(os.environ, FACTSWEEP_STORE_FOLDER=folder)
    with open(f"{folder}/output", "ab") as output:
        return subprocess.Popen(COMMAND, env=environment, stdout=output, stderr=output)


def processes(folder):
    texts = [open(path).read() for path in sorted(glob.glob(f"{folder}/process.*"))]
    return [int(text) for text in texts if text]


def send_kill(process):
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        pass


def kill(job, folder, whom):
    """Kills one rank, or every rank and mpirun itself; returns when all are gone."""
    ranks = processes(folder)
    if whom == "all":
        job.kill()
        for rank in ranks:
            send_kill(rank)
    elif ranks:
        send_kill(random.choice(ranks))
    else:
        job.kill()
    job.wait(timeout=60)
    for rank in processes(folder):  # mpirun killed before it could stop its ranks
        send_kill(rank)
        while os.path.exists(f"/proc/{rank}") and "\nState:\tZ" not in open(f"/proc/{rank}/status").read():
            time.sleep(0.01)


def acknowledged(folder):
    parts = []
    for path in glob.glob(f"{folder}/acknowledged.*"):
        data = open(path, "rb").read()
        parts.append(np.frombuffer(data[: len(data) // 8 * 8], np.int64))
    return np.unique(np.concatenate(parts)) if parts else np.array([], np.int64)


def expected_delta(rows):
    bits = ((7 * rows[:, None] + np.arange(DELTA)) & 0x3FFF).astype(np.uint32)
    return (bits << 16).view(np.float32)


def look(folder):
    """Everything said to be done, by the writer or by the file, must be there; returns how many stages are."""
    for name in ("sweep.h5", "sweep.weights.h5"):
        subprocess.run(["h5dump", "-A", f"{folder}/{name}"], check=True, stdout=subprocess.DEVNULL)
    rows = acknowledged(folder)
    with h5py.File(f"{folder}/sweep.h5") as results, h5py.File(f"{folder}/sweep.weights.h5") as weights:
        status = results["stages/status"][:]
        lost = rows[status[rows] != DONE]
        assert lost.size == 0, f"{lost.size} acknowledged stages lost, first {lost[:5]}"
        done = np.flatnonzero(status == DONE)
        # a point's byte precedes its stage's, so the points may be one stage a rank ahead
        points = results["points/status"][:] == DONE
        points_of_done = done[done % POINT_EACH == 0] // POINT_EACH
        assert points[points_of_done].all(), "a done stage whose point is not"
        assert points.sum() - points_of_done.size <= RANKS
        done = np.union1d(done, np.flatnonzero(points) * POINT_EACH)
        values = results["data/values"][:][done]
        assert (values == 1000.0 * done[:, None] + np.arange(VALUES)).all(), "wrong values in a done stage"
        assert (weights["data/delta"][:][done] == expected_delta(done)).all(), "wrong weights in a done stage"
        listed = np.flatnonzero(status == DONE)
        assert (results["stages/seconds"][:][listed] == 0.5 * (listed + 1)).all(), "wrong seconds"
        assert (results["stages/rank"][:][listed] == listed % RANKS).all(), "wrong rank"
        assert results["stages/key"][STAGES - 1] == f"{STAGES - 1:016x}".encode()
    return listed.size


def kill_while_writing():
    folder, before = "", STAGES
    for turn in range(KILLS):
        if before == STAGES:  # the last one finished: begin another
            folder, before = f"{SCRATCH}/writing{turn}", 0
            os.mkdir(folder)
        job = start(folder)
        count = len(acknowledged(folder))
        while job.poll() is None and len(acknowledged(folder)) == count:
            time.sleep(0.002)
        time.sleep(random.uniform(0, 0.05))
        whom = random.choice(["one rank", "all"])
        kill(job, folder, whom)
        done = look(folder)
        print(f"kill {turn + 1} ({whom}): {done} stages, all acknowledged ones whole", flush=True)
        assert done > before, open(f"{folder}/output").read()[-2000:]
        before = done
    finish(folder)


def kill_while_creating():
    for turn in range(max(KILLS // 4, 1)):
        folder = f"{SCRATCH}/creating{turn}"
        os.mkdir(folder)
        job = start(folder)
        while job.poll() is None and len(processes(folder)) < RANKS:
            time.sleep(0.001)
        time.sleep(random.uniform(0, 0.12))
        kill(job, folder, "all")
        left = sorted(name for name in os.listdir(folder) if name.startswith("sweep"))
        print(f"killed while creating: left {', '.join(left) or 'nothing'}", flush=True)
        if "sweep.weights.h5" in left:
            look(folder)
    finish(folder)


def finish(folder):
    job = start(folder)
    assert job.wait(timeout=300) == 0, open(f"{folder}/output").read()[-2000:]
    assert look(folder) == STAGES


random.seed(os.environ.get("FACTSWEEP_SEED", "1"))
kill_while_writing()
kill_while_creating()
