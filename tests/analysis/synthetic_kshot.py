"""Writes a synthetic K-shot results file, and its weights file, in the layout of docs/layout.md.

What each method reaches is planted in MEAN, so that tests can find it again. Run it to get a file:
    python tests/analysis/synthetic_kshot.py FILE
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from results_file import Stage, Writer, begin_points, set_roles, write_root, write_stages

# share of the test examples that are right
MEAN = {
    "base": 0.30,
    "expert_lora": 0.45,
    "source_best": 0.55,
    "lora": 0.40,
    "source_best_sft": 0.60,
    "uniform": 0.45,
    "lorahub": 0.45,
    "random": 0.35,
    "ours": 0.80,
    "arrow": 0.45,
    "arrow_trained": 0.50,
    "smear": 0.50,
    "phatgoose": 0.40,
    "phatgoose_data": 0.45,
    "mixlora_data": 0.40,
}
FIRST = {
    "shots": 50,
    "experts": 2,
    "top_k": 2,
    "budget": 100,
    "tau": 0.9,
    "signals": "pad",
    "data_selection": "cosine",
}
AXES_OF = {  # of each method; the others have none
    "lora": ("shots", "budget", "tau", "data_selection"),
    "source_best_sft": ("shots", "budget", "tau", "data_selection"),
    "uniform": ("shots", "experts", "signals"),
    "lorahub": ("shots", "experts", "signals"),
    "arrow": ("shots", "experts", "top_k", "signals"),
    "arrow_trained": tuple(FIRST),
    "smear": tuple(axis for axis in FIRST if axis != "top_k"),
    "phatgoose": ("shots", "experts", "top_k", "signals"),
    "phatgoose_data": tuple(FIRST),
    "mixlora_data": ("shots", "experts", "top_k", "budget", "tau", "data_selection"),
    "random": ("shots", "experts", "top_k", "budget"),
    "ours": tuple(FIRST),
}
NO_AXIS = {**dict.fromkeys(FIRST, -1), "tau": np.nan, "signals": "", "data_selection": ""}
OTHERS = {  # further values of `ours`, and what each adds to the mean
    "shots": {50: 0.0, 5: -0.1, 1: -0.3},
    "experts": {3: -0.05},
    "top_k": {1: -0.1},
    "budget": {50: -0.1, 200: 0.0},
    "tau": {1.0: -0.05, 0.8: -0.1},
    "signals": {"p": -0.1, "random": -0.3},
    "data_selection": {"random": -0.2, "none": -0.2},
}
BANK = ("arc_c", "gsm8k", "far", "near", "useless", "broken")
LAYERS, DIMENSION, POOL = 3, 8, 60
SHOTS, TRAIN = 50, 400  # of the largest draw, and what they are drawn from
FAILURE = "the loss is not finite at step 7"  # of the last adapter


@dataclass(frozen=True)
class World:
    tasks: tuple[str, ...] = ("arc_c", "gsm8k")  # the first has options
    methods: tuple[str, ...] = tuple(MEAN)
    kinds: tuple[str, ...] = ("letter", "number")  # of answer, a task
    axes: tuple[str, ...] = tuple(FIRST)  # those of OTHERS that are swept
    shots: tuple[int, ...] = (50, 5, 1)  # as in the deck: the first is every method's
    draws: tuple[int, ...] = (1, 2, 3)
    seeds: tuple[int, ...] = (1, 2)
    examples: int = 200
    evaluate: bool = True  # the bank
    weights: bool = True
    unfinished: int = 0  # points at the end that still wait
    counts: bool = True  # of what was left out; older files have none

    @property
    def first(self) -> dict:
        return {**FIRST, "shots": self.shots[0]}

    def values(self, axis: str) -> list:
        """Those of `ours` but the first."""
        values = self.shots if axis == "shots" else OTHERS[axis]
        return [value for value in values if value != self.first[axis]]


def write(path: Path, world: World = World(), random_seed: int = 0) -> Path:
    generator = np.random.default_rng(random_seed)
    points = _points(world)
    done = np.arange(len(points)) < len(points) - world.unfinished
    with h5py.File(path, "w") as file:
        shots = str(world.shots)[1:-1]
        write_root(file, study="kshot", deck=f"[run]\nstudy = kshot\n[grid]\nshots = {shots}\n")
        _write_sets(file, world)
        _write_tests(file, world, generator)
        _write_points(file, world, points, done, generator)
        _write_shots(file, world, points)
        _write_stages(file, points, done)
        set_roles(file["points"], [axis for axis in points[0] if axis != "mean"])
    if world.weights:
        _write_weights(path.with_suffix(".weights.h5"), world, generator)
    return path


def _points(world: World) -> list[dict]:
    rows = []
    for task in world.tasks:
        for method in world.methods:
            settings = [world.first]
            if method == "ours":
                settings += [{**world.first, a: v} for a in world.axes for v in world.values(a)]
            for setting in settings:
                rows += _of_setting(world, task, method, setting)
    return rows


def _of_setting(world: World, task: str, method: str, setting: dict) -> list[dict]:
    added = sum(OTHERS[a].get(v, 0) for a, v in setting.items() if v != world.first[a])
    row = NO_AXIS | {axis: setting[axis] for axis in AXES_OF.get(method, ())}
    if method == "random":
        row |= {"signals": "random", "data_selection": "random"}
    if row["data_selection"] == "none":
        row["budget"] = 0
    if row["data_selection"] in ("random", "none"):
        row["tau"] = np.nan
    drawn = method in AXES_OF
    seeded = drawn and method not in ("uniform", "arrow", "phatgoose")
    return [
        {"task": task, "method": method, **row, "draw": d, "seed": s, "mean": MEAN[method] + added}
        for d in (world.draws if drawn else (-1,))
        for s in (world.seeds if seeded else (-1,))
    ]


def _write_sources(file: h5py.File) -> None:
    """What was bad, and what was asked again."""
    sources = Writer(file.create_group("sources"))
    sources.scale("source", np.arange(2))
    for name, texts in {
        "name": ["one.json", "task 'arc_c', training examples"],
        "fate": ["left out", "used"],
        "reason": ["the record has an empty 'output'", "the same as an earlier example"],
        "first": ["one.json:3", "one.json:9; one.json:12"],
    }.items():
        sources.data(name, texts, "source")
    sources.data("records", np.array([1, 2]), "source")


def _write_sets(file: h5py.File, world: World) -> None:
    tasks, bank = (Writer(file.create_group(name)) for name in ("tasks", "bank"))
    tasks.scale("task", np.arange(len(world.tasks)))
    tasks.data("name", list(world.tasks), "task")
    tasks.data("pool", ["open"] * len(world.tasks), "task")
    tasks.data("rationales", ["file"] * len(world.tasks), "task")
    tasks.data("kind", list(world.kinds), "task")
    tasks.data("train_examples", np.full(len(world.tasks), TRAIN), "task")
    tasks.data("test_examples", np.full(len(world.tasks), world.examples), "task")
    bank.scale("adapter", np.arange(len(BANK)))
    bank.data("name", list(BANK), "adapter")
    bank.data("task", [name if name in world.tasks else "" for name in BANK], "adapter")
    bank.data("examples", np.array([-1 if name == "far" else 100 for name in BANK]), "adapter")
    bank.data("usable", np.array([name != "broken" for name in BANK], np.uint8), "adapter")
    if world.counts:
        _write_sources(file)
    pools = Writer(file.create_group("pools"))
    pools.scale("pool", np.arange(1))
    pools.data("name", ["open"], "pool")
    for name, value in (("examples", POOL), ("repeated", 2), ("tested", 0)):
        pools.data(name, np.array([value]), "pool")
    if world.counts:
        _write_counts(bank)


def _write_counts(bank: Writer) -> None:
    """The first adapter's training lost 10 examples, cut 3, and would have asked 4 of the test."""
    none = np.where(np.array(BANK) == "far", -1, 0)  # brought: not known
    for name, value in (("left_out", 10), ("shortened", 3), ("tested", 4)):
        bank.data(name, np.where(np.arange(len(BANK)) == 0, value, none), "adapter")
    bank.data("failure", [FAILURE if name == "broken" else "" for name in BANK], "adapter")


def _write_tests(file: h5py.File, world: World, generator) -> None:
    """Adapter a is right on the examples up to 0.7 - 0.1 a; reasons tell so, plain answers not.

    The last one's training diverged.
    """
    tasks, models = len(world.tasks), 1 + len(BANK)
    right = np.full((tasks, models, world.examples), 255, np.uint8)
    place = np.arange(world.examples) / world.examples
    if world.evaluate:
        for model in range(models - 1):
            right[:, model] = place < (MEAN["base"] if model == 0 else 0.799 - 0.1 * model)
    tests = Writer(file.create_group("tests"))
    tests.scale("task", np.arange(tasks))
    tests.scale("model", np.arange(models))
    tests.scale("example", np.arange(world.examples))
    tests.data("right", right, "task", "model", "example")
    asked = (right != 255).any(axis=2)
    tests.data("accuracy", np.where(asked, (right == 1).mean(axis=2), np.nan), "task", "model")
    if "code" in world.kinds and world.counts:
        code = np.array(world.kinds)[:, None] == "code"
        stopped = np.where(code, np.arange(models), 0)  # more of each model than of the last
        tests.data("stopped", np.where(asked, stopped, -1), "task", "model")
    shape = (tasks, len(world.draws), len(BANK), SHOTS)
    reasons = np.exp(0.5 + 0.3 * np.arange(len(BANK)))[:, None] + generator.normal(0, 0.01, shape)
    plain = generator.uniform(2, 3, shape)
    reasons[:, :, -1] = plain[:, :, -1] = np.nan
    signals = Writer(file.create_group("signals"))
    signals.scale("draw", np.array(world.draws))
    dimensions = ("task", "draw", "adapter", "shot")
    for name, length in zip(dimensions, shape, strict=True):
        if name != "draw":
            signals.scale(name, np.arange(length))
    signals.data("perplexity", plain.astype(np.float32), *dimensions)
    signals.data("reasoning_perplexity", reasons.astype(np.float32), *dimensions)


def _write_points(file: h5py.File, world: World, points: list[dict], done, generator) -> None:
    n = len(points)
    right = np.full((n, world.examples), 255, np.uint8)
    adapter = np.full((n, 3), -1, np.int32)
    row = np.full((n, 200), -1, np.int64)
    share = np.full((n, 2 * LAYERS, 3), np.nan, np.float32)
    for k, point in enumerate(points):
        if not done[k]:
            continue
        right[k] = generator.random(world.examples) < point["mean"]
        experts = point["experts"]
        if experts > 0:
            adapter[k, :experts] = np.arange(experts)
        if point["method"].startswith("source"):
            adapter[k, 0] = 0
        if point["top_k"] > 0:
            share[k, :, :experts] = 1 / experts
        if point["budget"] > 0:
            kept = np.sort(generator.permutation(POOL)[: point["budget"] // 5])
            row[k, : len(kept)] = kept
    accuracy = np.where(done, (right == 1).mean(axis=1), np.nan)
    options = np.array([p["task"] == world.tasks[0] for p in points])
    ids = [str(list(point.values())) for point in points]
    group = begin_points(file, ids, done)
    for axis in [name for name in points[0] if name != "mean"]:
        group.data(axis, np.array([point[axis] for point in points]), "point")
    group.data("accuracy", accuracy, "point")
    group.data("accuracy_by_sum", np.where(options, accuracy / 2, np.nan), "point")
    if world.counts:
        _write_point_counts(group, world, points, done)
    selected = (row >= 0).sum(axis=1)
    group.data("selected_data", np.where(selected > 0, selected, -1), "point")
    outcomes, selection, moe = (_of_points(file, g, n) for g in ("outcomes", "selection", "moe"))
    _matrix(outcomes, "right", right, "example")
    _matrix(selection, "adapter", adapter, "expert")
    _matrix(selection, "row", row, "sample")
    moe.scale("module", np.arange(2 * LAYERS))
    _matrix(moe, "share", share, "module", "expert")
    moe.data("layer", np.repeat(np.arange(LAYERS), 2), "module")


def _of_points(file: h5py.File, group: str, points: int) -> Writer:
    writer = Writer(file.create_group(group))
    writer.scale("point", np.arange(points))
    return writer


def _matrix(writer: Writer, name: str, values: np.ndarray, *dimensions: str) -> None:
    """[point, ...], with the scales that are not there yet."""
    for dimension, length in zip(dimensions, values.shape[1:], strict=True):
        if dimension not in writer.group:
            writer.scale(dimension, np.arange(length))
    writer.data(name, values, "point", *dimensions)


def _write_stages(file: h5py.File, points: list[dict], done) -> None:
    """The bank, which all points need, and a stage for each of them."""
    bank = [Stage("bank", f"bank {name}", 20.0) for name in BANK]
    leaves = [
        Stage("tune", f"tune {k}", 5.0, bool(done[k]), tuple(range(len(bank))))
        for k in range(len(points))
    ]
    file["points/stage"] = len(bank) + np.arange(len(points))
    write_stages(file, bank + leaves)


def _write_point_counts(group: Writer, world: World, points: list[dict], done) -> None:
    """lora lost `draw` examples in each draw; a program of every test of ours was stopped."""
    draw = np.array([p["draw"] if p["method"] == "lora" else 0 for p in points])
    stopped = np.array([p["method"] == "ours" for p in points])
    group.data("left_out", np.where(done, draw, -1), "point")
    group.data("shortened", np.where(done, 0, -1), "point")
    if "code" in world.kinds:
        kinds = np.array([world.kinds[world.tasks.index(p["task"])] for p in points])
        group.data("stopped", np.where(done, stopped & (kinds == "code"), -1), "point")


def records(task: str, draw: int, shots: int) -> np.ndarray:
    """Of the train file, ascending: few shots are part of many, and scattered among them."""
    generator = np.random.default_rng([*task.encode(), draw])
    return np.sort(generator.permutation(TRAIN)[:shots])


def shot_vectors(task: str, draw: int) -> np.ndarray:
    """Of the largest draw; the first number tells the record."""
    rows = records(task, draw, SHOTS)
    vectors = np.random.default_rng(draw).normal(size=(SHOTS, DIMENSION))
    vectors[:, 0] = 10 + rows / TRAIN  # away from the pool
    return vectors.astype(np.float32)


def _write_shots(file: h5py.File, world: World, points: list[dict]) -> None:
    mine = np.full((len(points), SHOTS), -1, np.int64)
    for k, point in enumerate(points):
        if point["shots"] > 0:
            mine[k, : point["shots"]] = records(point["task"], point["draw"], point["shots"])
    _matrix(Writer(file["selection"]), "shot_row", mine, "shot")
    rows = [[records(task, draw, SHOTS) for draw in world.draws] for task in world.tasks]
    Writer(file["signals"]).data("row", np.array(rows), "task", "draw", "shot")


def _write_weights(path: Path, world: World, generator) -> None:
    with h5py.File(path, "w") as file:
        write_root(file, "factsweep weights")
        file["embeddings/pools/open"] = generator.normal(size=(POOL, DIMENSION)).astype(np.float32)
        for task in world.tasks:
            for draw in world.draws:
                file[f"embeddings/shots/{task}/{draw}"] = shot_vectors(task, draw)


if __name__ == "__main__":
    print(write(Path(sys.argv[1])))
