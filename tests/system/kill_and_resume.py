"""What kill_and_resume.sh runs: disturbs sweeps in every way and lets each come to its end, in disturbed-NAME.h5."""

import glob
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import time
import zlib

import h5py
import numpy as np

PROGRAM, DECK, KILLS, CALM = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])  # CALM: seconds undisturbed
MARK = 0.1234567  # no accuracy of a sweep
SHORT = "--run.checkpoint_interval=0.05"
MOST_RUNS = 60


def start(output, ranks, *options):
    command = [PROGRAM, "run", DECK, f"--run.output={output}", *options]
    if ranks > 1:
        command = ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(ranks), *command]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=open(output + ".log", "ab"))


def processes(job, ranks):
    """Process ids of the ranks that have begun."""
    if ranks == 1:
        return [job.pid]
    listing = subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", str(job.pid)], stdout=subprocess.PIPE, text=True)
    return [int(line.split()[0]) for line in listing.stdout.splitlines() if line.split()[1] == os.path.basename(PROGRAM)[:15]]


def send(process, what):
    try:
        os.kill(process, what)
    except ProcessLookupError:
        pass


def wait_gone(found, seconds=30):
    """A rank that outlives its job would hold the sweep's lock and write on."""
    end = time.monotonic() + seconds
    for process in found:
        while os.path.exists(f"/proc/{process}/status") and "\nState:\tZ" not in open(f"/proc/{process}/status").read():
            assert time.monotonic() < end, f"rank (process {process}) still runs {seconds} s after its job was killed"
            time.sleep(0.02)


def checkpoints(output):
    return sorted(glob.glob(f"{output}.checkpoints/*.safetensors"))


def finish(output, ranks, *options):
    code = start(output, ranks, *options).wait(timeout=300)
    if code != 0:
        sys.exit(f"{output}: the last run ends with {code}:\n" + open(output + ".log").read()[-2000:])


def done_stages(output):
    with h5py.File(output) as file:
        return int((file["stages/status"][:] == 2).sum())


def kill(output, ranks, whom, wait):
    """Starts the sweep, waits as told, kills; True when the sweep was still running then."""
    job = start(output, ranks, SHORT)
    wait(job)
    found = processes(job, ranks)
    running = job.poll() is None
    if whom == "rank" and found:
        send(random.choice(found), signal.SIGKILL)
    elif whom == "mpirun":
        send(job.pid, signal.SIGKILL)
    else:
        for process in [job.pid, *found]:
            send(process, signal.SIGKILL)
    job.wait(timeout=60)
    wait_gone(found)
    if os.path.exists(output):  # whole at every moment
        status = subprocess.run([PROGRAM, "status", output], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert status.returncode == 0, status.stdout
    return running


def for_seconds(seconds):
    return lambda job: time.sleep(seconds)


def until_checkpoint(output, after=0.0):
    """Until a checkpoint is there that this run wrote."""
    begin = time.time()

    def there():
        for path in checkpoints(output):
            try:
                if os.stat(path).st_mtime > begin:
                    return True
            except FileNotFoundError:
                pass  # its training has just ended
        return False

    def wait(job):
        while job.poll() is None and not there():
            time.sleep(0.002)
        time.sleep(after)

    return wait


def kill_often(whom, ranks):
    output = f"disturbed-{whom}-{ranks}.h5"
    found = interrupted = 0
    for turn in range(KILLS):
        interrupted += kill(output, ranks, whom, until_checkpoint(output, random.uniform(0, 0.1)))
        found += bool(checkpoints(output))
        interrupted += kill(output, ranks, whom, for_seconds(random.uniform(0.2, 0.8) * CALM))
    print(f"{output}: {2 * KILLS} kills, {interrupted} in time, {found} with a checkpoint, {done_stages(output)} stages done")
    finish(output, ranks, SHORT)
    return found


def training_under_way(job, output):
    """Waits until trainings run: labels are soon done, so a stop then meets a training."""
    while job.poll() is None:
        try:
            with h5py.File(output, "r") as file:
                kinds, status = file["stages/kind"].asstr()[:], file["stages/status"][:]
                if ((kinds == "train") & (status == 1)).any():
                    return
        except OSError:
            pass
        time.sleep(0.02)


def stop(how, ranks):
    """A signal: exit code 5, with a checkpoint although the interval never passes; then on from there."""
    output = f"disturbed-{how.name}-{ranks}.h5"
    job = start(output, ranks)
    training_under_way(job, output)
    # a batch system signals every process of the job; mpirun passes SIGUSR1 on
    for process in [job.pid] if ranks == 1 or how == signal.SIGUSR1 else processes(job, ranks):
        send(process, how)
    code = job.wait(timeout=60)
    assert code == 5, f"{output}: exit code {code} after {how.name}, 5 expected"
    assert checkpoints(output), f"{output}: {how.name} left no checkpoint"
    assert "The same command goes on from here" in open(output + ".log").read()
    with h5py.File(output) as file:
        assert not (file["stages/status"][:] == 1).any(), f"{output}: a stopped stage still counts as running"
    finish(output, ranks)


def wall_limit(ranks):
    """Exit code 5 run after run, at last 0. A machine that became faster may need a shorter limit to stop at all, one that
    became slower a longer one to get further than its start."""
    output, limit = f"disturbed-wall-{ranks}.h5", 0.5 * CALM
    for _ in range(MOST_RUNS):
        first = start(output, ranks, f"--run.wall_limit={limit}").wait(timeout=60)
        if first != 0:
            break
        limit /= 2
        for path in [output, output.replace(".h5", ".weights.h5")]:
            os.remove(path)
    assert first == 5, f"{output}: exit code {first}, 5 expected"
    for turn in range(2, MOST_RUNS):
        limit *= 1.1
        code = start(output, ranks, f"--run.wall_limit={limit}").wait(timeout=60)
        if code != 5:
            break
    assert code == 0, f"{output}: exit code {code} in run {turn}; 5 and at last 0 expected"
    print(f"{output}: {turn} runs, the last of at most {limit:.1f} s")


def copy(source, target):
    for path in [source, source.replace(".h5", ".weights.h5")]:
        shutil.copy(path, path.replace(source[:-3], target[:-3]))
    shutil.copytree(source + ".checkpoints", target + ".checkpoints")


def tensor(content, name):
    """A float64 tensor of a safetensors file's bytes, to read and to change."""
    size = struct.unpack_from("<Q", content)[0]
    begin, end = json.loads(content[8 : 8 + size])[name]["data_offsets"]
    return np.frombuffer(content, np.float64, (end - begin) // 8, 8 + size + begin)


def change(path, name, at, value):
    content = bytearray(open(path, "rb").read())
    tensor(content, name)[at] = value
    content[-4:] = struct.pack("<I", zlib.crc32(content[:-4]))  # as if the program had written it
    open(path, "wb").write(content)


def begun_sweep():
    """A killed sweep whose checkpoint already remembers a best epoch. On a slow machine there are some of labellings, too."""
    for attempt in range(20):
        output = f"begun-{attempt}.h5"
        kill(output, 1, "all", until_checkpoint(output, random.uniform(0.1, 0.3)))
        contents = [bytearray(open(path, "rb").read()) for path in checkpoints(output)]
        if any(b'"best"' in content and tensor(content, "best")[0] >= 1 for content in contents):
            return output
    sys.exit("20 kills left no checkpoint with a finished epoch")


def checkpoint_use():
    """A checkpoint is what a resumed training goes on from; a damaged one costs time, nothing else."""
    output = begun_sweep()
    copy(output, "marked.h5")
    change(checkpoints("marked.h5")[0], "curves", 0, MARK)
    finish("marked.h5", 1)
    with h5py.File("marked.h5") as file:
        seen = sum(int((curve[:] == MARK).sum()) for curve in file["curves"].values())
    assert seen == 1, f"what the checkpoint said is {seen} times in the results: it was not used"

    copy(output, "disturbed-torn-1.h5")
    for path in checkpoints("disturbed-torn-1.h5"):
        os.truncate(path, os.path.getsize(path) * 2 // 3)
    finish("disturbed-torn-1.h5", 1)

    copy(output, "disturbed-garbage-1.h5")
    for path in checkpoints("disturbed-garbage-1.h5"):
        open(path, "wb").write(random.randbytes(5000))
    finish("disturbed-garbage-1.h5", 1)

    copy(output, "disturbed-flipped-1.h5")
    for path in checkpoints("disturbed-flipped-1.h5"):
        content = bytearray(open(path, "rb").read())
        content[len(content) // 2] ^= 64
        open(path, "wb").write(content)
    finish("disturbed-flipped-1.h5", 1)
    for damaged in ("torn", "garbage", "flipped"):
        said = open(f"disturbed-{damaged}-1.h5.log").read()
        assert "its checkpoint cannot be taken up, and it begins anew" in said, f"{damaged}: nothing is said"
    return output


def forgotten_checkpoints(begun):
    """Someone deletes the results and forgets the checkpoints: the weights of EARLY_STOP must not be missing."""
    shutil.copytree(begun + ".checkpoints", "orphan.h5.checkpoints")
    for path in checkpoints("orphan.h5"):
        change(path, "best", 1, 2.0)  # no later epoch is better
    finish("orphan.h5", 1)
    with h5py.File("orphan.weights.h5") as file:
        empty = [f"{key}/early_stop" for key, point in file["deltas"].items() if not any(d[:].any() for d in point["early_stop"].values())]
    assert not empty, f"weights never written: {empty}"


random.seed()
found = kill_often("all", 1) + kill_often("all", 2) + kill_often("rank", 2) + kill_often("mpirun", 2)
assert found > 0, "no kill met a checkpoint"
begun = checkpoint_use()
for ranks in (1, 2):
    stop(signal.SIGTERM, ranks)
    wall_limit(ranks)
stop(signal.SIGUSR1, 2)
forgotten_checkpoints(begun)
