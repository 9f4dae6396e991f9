"""Writes a synthetic F-Learning results file in the layout of docs/layout.md.

What each method reaches is planted in MEAN, so that tests can find it again. Run it to get a file:
    python tests/analysis/synthetic_flearning.py FILE
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from results_file import Stage, Writer, begin_points, fractions, set_roles, write_root, write_stages

# reliability, generality, locality of the new answers
MEAN = {
    "original": (0.30, 0.28, 1.0),
    "ft": (0.70, 0.60, 0.50),
    "lora": (0.45, 0.40, 0.60),
    "forget_ft": (0.20, 0.18, 0.70),
    "forget_lora": (0.29, 0.27, 0.95),
    "f_learning_ft": (0.80, 0.70, 0.50),
    "f_learning_lora": (0.45, 0.40, 0.60),
    "f_learning_lora_ft": (0.60, 0.60, 0.50),
    "ft_c": (0.35, 0.30, 0.40),
    "rome": (0.50, 0.40, 0.90),
    "rome_reset": (0.60, 0.50, 0.97),
    "memit": (0.55, 0.45, 0.70),
}
OLD = ("reliability_old", "generality_old")
FULL, LORA = (
    ("forget_ft", "f_learning_ft"),
    ("forget_lora", "f_learning_lora", "f_learning_lora_ft"),
)
EDITORS = ("ft_c", "rome", "rome_reset", "memit")
MODULES = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"]
MODULES += ["mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]
SECONDS = {
    "original": 30.0,
    "delta": 20.0,
    "search": 2.0,
    "learn": 25.0,
    "forget": 1.0,
    "edit": 9.0,
}
NORM = 2.5  # of delta_old's every matrix


@dataclass(frozen=True)
class World:
    seeds: tuple[int, ...] = (0, 1, 2)
    lambdas: tuple[float, ...] = (0.1, 0.3)
    lambdas_lora: tuple[float, ...] = (0.7, 3.0)
    methods: tuple[str, ...] = tuple(MEAN)
    layers: tuple[str, ...] = ("all",)
    models: tuple[str, ...] = ("tiny",)
    data_sets: tuple[str, ...] = ("counterfact-edit",)
    records: tuple[int, ...] = (80,)
    edited: int = 30  # records of ROME and MEMIT
    search: bool = True
    abilities: bool = False
    portability: bool = False  # every other record has such questions
    unfinished: int = 0  # points at the end that still wait


def write(path: Path, world: World = World(), random_seed: int = 0) -> Path:
    generator = np.random.default_rng(random_seed)
    points = _points(world)
    stages = _stages(points)
    with h5py.File(path, "w") as file:
        write_root(
            file,
            study="flearning",
            deck="[run]\nstudy = flearning\n[grid]\nmethod = ft\nlambda = 0.1, 0.3\n",
            science=json.dumps({"search.locality": "0.9"}),
        )
        done = np.arange(len(points)) < len(points) - world.unfinished
        _write_points(file, world, points, done, generator)
        _write_norms(file, points, done)
        _write_records(file, world)
        _write_cases(file, points, done)
        _write_stages(file, points, stages, done)
    return path


def _points(world: World) -> list[dict]:
    rows = []
    for model in world.models:
        for data_set in world.data_sets:
            for records in world.records:
                for method in world.methods:
                    rows += _of_method(world, method, model, data_set, records)
    return rows


def _of_method(world: World, method: str, model: str, data_set: str, records: int) -> list[dict]:
    lambdas = {m: world.lambdas for m in FULL} | {m: world.lambdas_lora for m in LORA}
    choices = [(np.nan, "")]
    if method in lambdas:
        searched = (np.nan,) if world.search else ()
        choices = [(v, layers) for layers in world.layers for v in (*lambdas[method], *searched)]
    return [
        {
            "method": method,
            "lambda": lambda_,
            "layers": layers,
            "preset": "paper" if method in EDITORS else "",
            "model": model,
            "data_set": data_set,
            "records": records,
            "seed": seed,
        }
        for lambda_, layers in choices
        for seed in world.seeds
    ]


def _stages(points: list[dict]) -> list[dict]:
    """As plan.cpp has them: shared ones once. Sets the row of each point's leaf."""
    rows: dict[tuple, dict] = {}

    def add(kind: str, title: str, upstream: list[int], *key) -> int:
        row = {"kind": kind, "title": title, "row": len(rows), "upstream": tuple(upstream)}
        return rows.setdefault((kind, title, *key), row)["row"]

    for point in points:
        place = f"{point['model']} {point['data_set']} n{point['records']} s{point['seed']}"
        method = point["method"]
        point["stage"] = add("original", f"original {place}", [])
        upstream = [point["stage"]]
        if method in FULL + LORA:
            how = "full" if method in FULL else "lora"
            upstream.append(add("delta", f"delta {how} {place}", upstream))
            if np.isnan(point["lambda"]):
                upstream.append(add("search", f"search {how} {point['layers']} {place}", upstream))
        if method != "original":
            kind = "edit" if method in EDITORS else "forget" if "forget" in method else "learn"
            point["stage"] = add(
                kind, f"{kind} {method}-{point['lambda']} {place}", upstream, *point.values()
            )
    return list(rows.values())


def _lambda(point: dict) -> float:
    """What a point forgets by; the search finds 0.25 + 0.05 seed."""
    if point["method"] not in FULL + LORA:
        return np.nan
    return 0.25 + 0.05 * point["seed"] if np.isnan(point["lambda"]) else point["lambda"]


def _write_points(file: h5py.File, world: World, points: list[dict], done, generator) -> None:
    n, most = len(points), max(world.records)
    difficulty = generator.normal(0, 0.15, most)  # of a record, whoever is asked
    names = ["reliability", "generality", "locality", *OLD]
    names += [f"{name}_exact" for name in names]
    if world.portability:
        names += ["portability", "portability_exact"]
    outcomes = {name: np.full((n, most), np.nan, np.float32) for name in names}
    edited = np.full(n, -1, np.int64)
    for k, point in enumerate(points):
        method = point["method"]
        if not done[k]:
            continue
        few = method in EDITORS and method != "ft_c"
        count = edited[k] = min(world.edited, point["records"]) if few else point["records"]
        means = dict(zip(names[:3], MEAN[method], strict=True))
        lambda_ = _lambda(point) if method in FULL + LORA else 0.0
        means |= dict.fromkeys(OLD, max(0.05, 0.95 - 0.8 * lambda_))
        for name, level in means.items():
            noise = generator.normal(0, 0.08, count)
            values = np.clip(np.round(4 * (level + difficulty[:count] + noise)) / 4, 0, 1)
            if method == "original" and name == "locality":
                values[:] = 1
            outcomes[name][k, :count] = values
            outcomes[f"{name}_exact"][k, :count] = values == 1
        if world.portability:
            for name in ("portability", "portability_exact"):
                outcomes[name][k, :count:2] = 0.25
        outcomes["generality"][k, 3] = np.nan  # a record without a rephrased question
    ids = [f"{p['method']}-{p['lambda']}-{p['layers']}-{p['data_set']}" for p in points]
    writer = begin_points(file, ids, done)
    for axis in points[0]:
        kind = np.int64 if axis in ("records", "seed", "stage") else None
        writer.data(axis, np.array([p[axis] for p in points], kind), "point")
    writer.data("n_records", edited, "point")
    writer.data("lambda_used", np.where(done, [_lambda(p) for p in points], np.nan), "point")
    seconds = [_edit_seconds(p, int(edited[k])) for k, p in enumerate(points)]
    writer.data("edit_seconds", np.where(done, seconds, np.nan), "point")
    with np.errstate(invalid="ignore"):
        for name, values in outcomes.items():
            asked = np.isfinite(values)
            mean = np.where(asked, values, 0).sum(axis=1) / asked.sum(axis=1)
            writer.data(name, mean.astype(np.float64), "point")
    fractions(writer.group, outcomes)
    if world.abilities:
        for task, value in (("gsm8k", 0.02), ("mmlu_college_physics", 0.25)):
            writer.data(f"ability_{task}", np.where(done, value, np.nan), "point")
    set_roles(writer.group, [a for a in points[0] if a != "stage"], ("edit_seconds",))
    writer = Writer(file.create_group("outcomes"))
    writer.scale("point", np.arange(n))
    writer.scale("record", np.arange(most))
    for name, values in outcomes.items():
        writer.data(name, values, "point", "record")


def _edit_seconds(point: dict, edited: int) -> float:
    """Full-FT 0.5 s an edit, F-Learning twice, editors twenty times."""
    method = point["method"]
    if method == "original":
        return 0.0
    each = 10.0 if method in EDITORS else 1.0 if method.startswith("f_learning") else 0.5
    return each * edited


def _write_norms(file: h5py.File, points: list[dict], done) -> None:
    """Four layers; delta_old has the norm NORM everywhere, LoRA's in q and v alone."""
    n, layers = len(points), 4
    shape = (n, layers, len(MODULES))
    forget, learn, cosine = (np.full(shape, np.nan, np.float32) for _ in range(3))
    for k, point in enumerate(points):
        method = point["method"]
        if not done[k] or method in (*EDITORS, "original"):
            continue
        adapted = np.array(
            [method in FULL or name.endswith(("q_proj", "v_proj")) for name in MODULES]
        )
        if method in FULL + LORA:
            first = 0 if point["layers"] == "all" else 2
            forget[k] = 0
            forget[k, first:] = np.where(adapted, abs(_lambda(point)) * NORM, 0)
        if "learn" in method or method in ("ft", "lora"):
            learn[k] = 1.0
        if "learn" in method:
            cosine[k] = np.where(adapted, 0.1 * np.arange(layers)[:, None] - 0.2, np.nan)
    writer = Writer(file.create_group("norms"))
    writer.scale("point", np.arange(n))
    writer.scale("layer", np.arange(layers))
    writer.scale("module", MODULES)
    for name, values in (("forget", forget), ("learn", learn), ("cosine", cosine)):
        writer.data(name, values, "point", "layer", "module")


def _write_records(file: h5py.File, world: World) -> None:
    for data_set in world.data_sets:
        writer = Writer(file.create_group(f"records/{data_set}"))
        count = max(world.records)
        writer.scale("record", np.arange(count))
        writer.data("row", np.arange(count), "record")
        writer.data("prompt", [f"Where is {k}\u00e9?" for k in range(count)], "record")
        for answer in ("old", "new"):
            writer.data(f"target_{answer}", [f"{answer} {k}" for k in range(count)], "record")
        writer.scale("reason", np.arange(1))
        writer.data("left_out_reason", ["no new answer"], "reason")
        writer.data("left_out", np.array([7]), "reason")
        writer.data("left_out_first", ["a.json:3; a.json:9"], "reason")
        writer.scale("further", np.arange(2))
        writer.data("not_used_reason", ["'portability'", "further rephrasings"], "further")
        writer.data("not_used", np.array([4, 2]), "further")


def _write_cases(file: h5py.File, points: list[dict], done) -> None:
    """Each method says its name, its lambda and its seed."""
    writer = Writer(file.create_group("cases"))
    writer.scale("point", np.arange(len(points)))
    writer.scale("case", np.arange(5))
    said = [f"{p['method']} {p['lambda']:g} s{p['seed']}" for p in points]
    answers = [[f"{words} {k}" * bool(done[r]) for k in range(5)] for r, words in enumerate(said)]
    writer.data("answer", answers, "point", "case")


def _write_stages(file: h5py.File, points: list[dict], stages: list[dict], done) -> None:
    waiting = {p["stage"] for k, p in enumerate(points) if not done[k]}
    write_stages(
        file,
        [
            Stage(s["kind"], s["title"], SECONDS[s["kind"]], s["row"] not in waiting, s["upstream"])
            for s in stages
        ],
    )
    for stage in stages:
        base = f"{stage['row']:016x}"
        if stage["kind"] == "search":
            search = Writer(file.create_group(f"search/{base}"))
            search.data("lambda", [0.25 + 0.05 * int(stage["title"].rpartition("s")[2])])
            tried = np.array([2.0, 1.0, 0.5, 0.25, np.nan])
            search.data("tried_lambda", tried)
            search.data("tried_locality", 1 - 0.4 * tried)
        if stage["kind"] in ("original", "delta"):
            Writer(file.create_group(f"tuning/{base}")).data(
                "seconds", [SECONDS[stage["kind"]] - 1]
            )


if __name__ == "__main__":
    print(write(Path(sys.argv[1])))
