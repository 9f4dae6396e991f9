"""What chaos.sh runs: for each seed a sweep that is disturbed as the seed draws, run after run, and then left to finish.

Its files must then equal those of an undisturbed run to the last bit. The seed decides the faults and the moments at which they
are aimed, so a failing seed can be tried again by itself; what a fault meets at that moment still depends on the machine.
"""

import argparse
import glob
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
from analysis.compare import differing_datasets

PATIENCE = 60  # seconds after its fault, and the time that an undisturbed run takes, in which every run ends
ANY = set(range(-64, 256))
DISK = Path("disk")  # where the sweeps are: a small disk of its own, where root could make one
OUTPUT, CALM = DISK / "sweep.h5", Path("calm.h5")
WEIGHTS = OUTPUT.with_suffix(".weights.h5")
CHECKPOINTS = f"{OUTPUT}.checkpoints"


class Failure(Exception):
    """Its first word is its kind."""


@dataclass
class Fault:
    name: str
    codes: set = field(default_factory=lambda: {0})  # what the run may end with
    act: object = lambda job: None  # while it runs
    options: list = field(default_factory=list)
    environment: dict = field(default_factory=dict)


class Job:
    """A run of the program, and the processes that belong to it."""

    def __init__(self, options, deck, ranks, log, environment):
        command = [options.program, "run", deck, f"--run.output={OUTPUT}", "--run.checkpoint_interval=0.05"]
        self.ranks, self.folder, self.began = ranks, str(DISK.resolve()), time.monotonic()
        self.patience = PATIENCE + options.calm
        self.words = ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(ranks)] if ranks > 1 else []
        self.environment = {**os.environ, "CHAOS_FOLDER": self.folder, **environment}
        self.log = log
        self.base = [*self.words, *command]

    def start(self, *more):
        self.process = subprocess.Popen([*self.base, *more], stdout=self.log, stderr=self.log, env=self.environment)
        return self

    def processes(self):
        """All that still run, by process id: the rank as text, or nothing of mpirun and its like."""
        found = {}
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                words = Path(f"/proc/{entry}/environ").read_bytes().split(b"\0")
                state = Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()[0]
                name = Path(f"/proc/{entry}/comm").read_text().strip()
            except OSError:
                continue
            if f"CHAOS_FOLDER={self.folder}".encode() not in words or state in "ZX":
                continue
            rank = [word[21:].decode() for word in words if word.startswith(b"OMPI_COMM_WORLD_RANK=")] or ["0"]
            found[int(entry)] = rank[0] if name == "factsweep" else ""
        return found

    def send(self, what, whom):
        """To mpirun, to the ranks, to all, or to one rank."""
        found = self.processes()
        for process, rank in found.items():
            chosen = {"mpirun": process == self.process.pid, "ranks": rank != "", "all": True}.get(whom, rank == whom)
            if chosen:
                try:
                    os.kill(process, what)
                except ProcessLookupError:
                    pass

    def wait_until(self, moment):
        while self.process.poll() is None and time.monotonic() < self.began + moment:
            time.sleep(0.005)

    def finish(self):
        """The exit code, when nothing of it runs any more."""
        end = time.monotonic() + self.patience
        while self.process.poll() is None or self.processes():
            if time.monotonic() > end:
                left = self.processes()
                for process in left:
                    stack = subprocess.run(
                        ["gdb", "-p", str(process), "-batch", "-ex", "thread apply all bt"], capture_output=True, text=True, check=False
                    ) if shutil.which("gdb") else None  # fmt: skip
                    self.log.write((f"\nprocess {process}, rank {left[process]}:\n" + (stack.stdout if stack else "")).encode())
                self.send(signal.SIGKILL, "all")
                self.process.wait()
                raise Failure(f"hung: {len(left)} processes run {self.patience:.0f} s after the fault: {left}")
            time.sleep(0.03)
        return self.process.returncode


# --- what can happen ---------------------------------------------------------------------------


def during(draw, ranks, calm, calls):
    """A fault of a run on `ranks` ranks, which takes `calm` seconds and `calls` changes of files a rank undisturbed."""
    moment = calm * draw.choice([draw.uniform(0, 1.1), draw.uniform(0, 0.3), draw.uniform(0.8, 1.1)])
    rank = str(draw.randrange(ranks))
    whom = draw.choice([rank, rank, "mpirun" if ranks > 1 else "ranks", "ranks", "all"])
    limits = ["--run.silence_limit=4", "--run.hang_limit=6"]
    at = f"at {moment:.2f} s"
    call = str(draw.randint(1, max(1, int(1.1 * calls))))
    pause = draw.uniform(0.1, 2)
    free = int(10 ** draw.uniform(0, 7))
    kind = draw.choice(["kill"] * 3 + ["told"] * 2 + ["call"] * 8 + ["paused", "lost", "wall", "second", "full", "undisturbed"])

    def signals(what, *then):
        def act(job):
            job.wait_until(moment)
            job.send(what, whom)
            for seconds, next_one in then:
                time.sleep(seconds)
                job.send(next_one, whom)

        return act

    if kind == "kill":
        return Fault(f"KILL of {whom} {at}", ANY, signals(signal.SIGKILL))
    if kind == "told":
        what = draw.choice([signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
        # mpirun's own end after Ctrl-C or TERM is no orderly one, and before it knows of signals they end it
        orderly = ranks == 1 or whom not in ("mpirun", "all")
        return Fault(f"{what.name} to {whom} {at}", {0, 5, -what, 128 + what} if orderly else ANY, signals(what))
    if kind == "paused":
        return Fault(f"STOP of {whom} {at} for {pause:.1f} s", {0}, signals(signal.SIGSTOP, (pause, signal.SIGCONT)))
    if kind == "lost":
        whom = rank
        if ranks == 1:  # nobody is left to notice
            return Fault(f"STOP and KILL {at}", {0, -9}, signals(signal.SIGSTOP, (pause, signal.SIGKILL)))
        return Fault(f"STOP of {whom} {at} for good", {0, 3, 137}, stop_for_good(moment, whom), limits, {"FACTSWEEP_START_LIMIT": "20"})
    if kind == "wall":
        return Fault(f"wall limit of {moment:.2f} s", {0, 5}, options=[f"--run.wall_limit={max(moment, 0.01):.2f}"])
    if kind == "second":
        return Fault(f"a second job {at}", {0, 3}, second_job(moment))
    if kind == "full":
        # a stage that two ranks fell sick of is a failed one where a third rank goes on
        return Fault(f"disk full but for {free} bytes {at}", {0, 3} if ranks < 3 else {0, 3, 4}, fill_disk(moment, free))
    if kind == "undisturbed":
        return Fault("nothing")
    deed = draw.choice(["kill", "kill", "hang", "error", "full", "clock"])
    codes = {"kill": ANY, "clock": {0}}.get(deed, {0, 3})
    environment = {"CHAOS_DO": deed, "CHAOS_RANK": rank, "CHAOS_CALL": call, "LD_PRELOAD": os.path.abspath("chaos.so")}
    return Fault(f"{deed} of rank {rank} at change {call} of files", codes, options=limits if deed == "hang" else [], environment=environment)


def stop_for_good(moment, whom):
    """Who stands still when the sweep is over and the others have gone is nobody's to notice."""
    def act(job):
        job.wait_until(moment)
        job.send(signal.SIGSTOP, whom)
        alone, end = 0, time.monotonic() + job.patience
        while job.process.poll() is None and time.monotonic() < end and alone < 25:
            time.sleep(0.2)
            others = set(job.processes().values()) - {"", whom}
            alone = 0 if others or not is_done() else alone + 1
        if job.process.poll() is None and alone:
            job.send(signal.SIGKILL, whom)
        job.patience = max(1, end - time.monotonic())

    return act


def second_job(moment):
    """One of two has the sweep, mostly the first; the other may come after it."""
    def act(job):
        job.wait_until(moment)
        if job.process.poll() is not None:
            return
        other = subprocess.run(job.base, stdout=job.log, stderr=job.log, env=job.environment, timeout=job.patience, check=False)
        codes = [job.finish(), other.returncode]
        if sorted(codes) not in ([0, 0], [0, 3]):
            raise Failure(f"code: of two jobs at once the first ends with {codes[0]}, the second with {codes[1]}")

    return act


def fill_disk(moment, free):
    """Until the job ends; another disk than a small one of the test's own is left alone."""
    def act(job):
        disk = os.statvfs(DISK)
        if disk.f_blocks * disk.f_frsize > 1 << 28:
            return
        job.wait_until(moment)
        with open(DISK / "ballast", "wb", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(bytes(1 << 16))
            except OSError:
                ballast.truncate(max(0, os.fstat(ballast.fileno()).st_size - free))

    return act


def damage(draw):
    """What happens to files between two runs; the stages whose row of the journal is hit, to know what is computed again, and how many others may be."""
    kind = draw.choice(["none"] * 6 + ["flip", "truncate", "garbage", "remove", "journal", "journal", "lock", "value", "value"])
    where, which, bit = draw.random(), draw.random(), draw.randrange(8)
    files = sorted(glob.glob(f"{CHECKPOINTS}/*.safetensors"))
    if kind == "lock":
        Path(f"{OUTPUT}.lock").write_bytes(draw.randbytes(draw.randrange(300)))
        return "a lock of random bytes", set(), 0
    if kind == "journal" and OUTPUT.exists():
        name, offset, row = journal_byte(where, which)
        flip(OUTPUT, offset, bit)
        return f"bit {bit} of {name}[{row}] flipped", {row}, 0
    if kind == "value" and OUTPUT.exists() and (place := result_byte(where, which)):
        name, offset = place
        flip(OUTPUT, offset, bit)
        return f"bit {bit} of {name} flipped", set(), 1
    if kind in ("none", "journal", "value") or not files:
        return "", set(), 0
    path = files[int(which * len(files))]
    size = os.path.getsize(path)
    at = int(where * size)
    if kind == "flip" and size > 0:
        flip(path, at, bit)
    elif kind == "truncate":
        os.truncate(path, at)
    elif kind == "garbage":
        Path(path).write_bytes(draw.randbytes(at % 5000))
    else:
        os.remove(path)
    return f"checkpoint {files.index(path)} of {len(files)}: {kind} at {at}", set(), 0


def flip(path, offset, bit):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1 << bit]))


def journal_byte(where, which):
    """A byte of what a rerun reads of the journal: dataset, offset in the file, row."""
    with h5py.File(OUTPUT) as file:
        name = ["status", "seconds", "rank", "checksum"][int(4 * which)]
        data = file[f"stages/{name}"]
        at = int(where * data.shape[0] * data.dtype.itemsize)
        return f"/stages/{name}", data.id.get_offset() + at, at // data.dtype.itemsize


def result_byte(where, which):
    """A byte of a number that a stage has written: dataset, offset in the file."""
    with h5py.File(OUTPUT) as file:
        written = []

        def visit(name, data):
            if not isinstance(data, h5py.Dataset) or data.dtype.kind != "f" or name.startswith("stages/"):
                return
            if data.attrs.get("role") in ("axis", "time") or name.endswith("seconds"):
                return
            if data.size and not (numbers := np.isnan(data[()])).all():
                written.append((name, data.id.get_offset(), data.dtype.itemsize, np.flatnonzero(~numbers.ravel())))

        file.visititems(visit)
        if not written:
            return None
        name, begin, size, elements = written[int(which * len(written))]
        element = int(elements[int(where * len(elements))])
        return f"/{name} at {element}", begin + element * size + int(where * 997) % size


# --- what must hold ----------------------------------------------------------------------------


def finished(options, with_status):
    """Seconds of each finished stage: another number when it was computed again. The files must be whole at any moment."""
    if not OUTPUT.exists():
        return {}
    try:
        with h5py.File(OUTPUT) as file:
            status, seconds = file["stages/status"][:], file["stages/seconds"][:]
        if WEIGHTS.exists():
            h5py.File(WEIGHTS).close()
    except OSError as error:
        raise Failure(f"unreadable: {error}") from error
    said = subprocess.run([options.program if with_status else "true", "status", OUTPUT], capture_output=True, text=True, check=False)
    if said.returncode != 0 or "running on" in said.stdout:
        raise Failure(f"unreadable: status ends with {said.returncode}: {said.stdout}{said.stderr}")
    return {stage: seconds[stage] for stage in range(len(status)) if status[stage] == 2}


def is_done():
    try:
        with h5py.File(OUTPUT) as file:
            return bool((file["stages/status"][:] == 2).all())
    except OSError:
        return False


def check_end(before, slack):
    for name in ("sweep.h5", "sweep.weights.h5"):
        with h5py.File(CALM.with_name(name.replace("sweep", "calm"))) as calm, h5py.File(DISK / name) as disturbed:
            if differing := differing_datasets(calm, disturbed):
                raise Failure(f"different: {name}: {len(differing)} datasets, the first {differing[0]}")
    with h5py.File(OUTPUT) as file:
        again = [stage for stage, seconds in before.items() if file["stages/seconds"][stage] != seconds]
    if len(again) > slack:
        raise Failure(f"twice: finished stages {again} were computed again")
    left = sorted(path.name for path in DISK.iterdir())
    if left != ["sweep.h5", "sweep.weights.h5"]:
        raise Failure(f"left: {left} are left behind")


def run(options, deck, ranks, fault, log):
    log.write(f"\n=== {ranks} ranks, {fault.name}\n".encode())
    log.flush()
    job = Job(options, deck, ranks, log, fault.environment).start(*fault.options)
    try:
        fault.act(job)
    finally:
        code = job.finish()
        (DISK / "ballast").unlink(missing_ok=True)
    if code not in fault.codes:
        raise Failure(f"code: {fault.name} on {ranks} ranks ends with {code}")
    return code


def empty_disk():
    for path in DISK.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def sweep(options, deck, seed, calls):
    """One seed: what was done, and how many runs it took."""
    draw = random.Random(seed)
    empty_disk()
    story, before, runs, slack = [], {}, 0, 0
    name = f"{Path(options.deck).stem}-{seed}.log"
    with open(name, "wb") as log:
        try:
            for _ in range(draw.choice([1, 1, 2, 2, 3, 4])):
                ranks = draw.choice([2, 2, 2, 1, 3])
                fault = during(draw, ranks, options.calm, calls)
                story.append(f"{ranks}: {fault.name}")
                story[-1] += f" ({run(options, deck, ranks, fault, log)})"
                runs += 1
                done = finished(options, draw.random() < 0.3)
                lost = [stage for stage, seconds in before.items() if done.get(stage) != seconds]
                slack -= len(lost)
                if slack < 0:
                    raise Failure(f"twice: finished stages {lost} were begun again")
                before = done
                words, hit, more = damage(draw)
                slack += more
                if words:
                    story.append(words)
                for stage in hit:
                    before.pop(stage, None)
            ranks = draw.choice([1, 2])
            run(options, deck, ranks, Fault("the last run"), log)
            runs += 1
            check_end(before, slack)
        except Failure as failure:
            return str(failure), story, runs
    os.remove(name)
    return "equal", story, runs


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("deck")
    parser.add_argument("--seeds", default="1-4", help="one seed, or the first and the last: 1-100")
    options = parser.parse_args()
    first, _, last = options.seeds.partition("-")
    count = {"CHAOS_DO": "count", "CHAOS_CALL": "0", "LD_PRELOAD": os.path.abspath("chaos.so")}
    empty_disk()
    options.calm, began = 240, time.monotonic()
    with open("calm.log", "w+b") as log:
        run(options, options.deck, 2, Fault("undisturbed", environment=count), log)
        options.calm = time.monotonic() - began
        log.seek(0)
        calls = [int(line.split()[1]) for line in log.read().decode().splitlines() if line.startswith("chaos: ")]
    for name in ("sweep.h5", "sweep.weights.h5"):
        shutil.copy(DISK / name, name.replace("sweep", "calm"))
    print(f"{options.deck}, undisturbed: {options.calm:.1f} s, {calls} changes of files", flush=True)
    ends, runs = [], 0
    for seed in range(int(first), int(last or first) + 1):
        end, story, took = sweep(options, options.deck, seed, sum(calls) // len(calls))
        ends.append(end.partition(":")[0])
        runs += took
        print(f"seed {seed}: {end}; {'; '.join(story)}", flush=True)
    counts = ", ".join(f"{ends.count(kind)} {kind}" for kind in ("equal", "different", "hung", "unreadable", "twice", "code", "left"))
    print(f"{options.deck}, seeds {options.seeds}: {len(ends)} sweeps, {runs} runs: {counts}")
    sys.exit(0 if ends.count("equal") == len(ends) else 1)


main()
